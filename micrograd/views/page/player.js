// Moving through the steps, and playing them.
const SPEEDS = [0.5, 1, 2, 4], FORWARD_PACE = 1100, BACKWARD_PACE = 1900, QUICKEST = 60, WHOLE = 60000;
let position = 0, timer = 0, pace = 0, speed = 1, wholeView = false, pinned = null, heldWay = null, painting = 0;

// Steps inside one folded box are one stop.
const boxAt = (at) => { const card = cardOf.get(activeNode(at)); return card?.box.folded ? card : null; };
const sameBox = (a, b) => boxAt(a) !== null && boxAt(a) === boxAt(b) && !stepAt(a) === !stepAt(b);

function nextStop(at) {
  let next = min(last, at + 1);
  while (next < last && sameBox(next, next + 1)) next += 1;
  return next;
}

function previousStop(at) {
  let before = max(0, at - 1);
  while (before > 0 && sameBox(before, at)) before -= 1;
  return before;
}

const sameNode = (a, b) => activeNode(a) === activeNode(b) && !stepAt(a) === !stepAt(b);

function nextNode(at) {
  let next = at + 1;
  while (next < last && sameNode(next, at)) next += 1;
  return next;
}

function previousNode(at) {
  let before = at;
  while (before > 0 && sameNode(before, at)) before -= 1;
  while (before > 1 && sameNode(before - 1, before)) before -= 1;
  return before;
}

// The next place where a gradient gets a further contribution.
function nextMerge(at) {
  for (let next = at + 1; next <= last; next += 1) if (stepAt(next)?.arrival > 1) return next;
  return last;
}

const ACTIONS = {
  first: () => go(0),
  previous: () => go(previousStop(position)),
  play: () => timer ? pause() : play(),
  next: () => go(nextStop(position), true),
  last: () => go(last),
  speed: () => setSpeed(SPEEDS[(SPEEDS.indexOf(speed) + 1) % SPEEDS.length]),
  whole: () => {
    wholeView = !wholeView;
    byId("whole").setAttribute("aria-pressed", wholeView);
    look(aim(position), true);
  },
};
function go(at, slowly = false) {
  pause();
  show(at, slowly);
}

// Show a position. Slowly: the contribution travels first, and then counts.
function show(at, slowly = false) {
  const before = position, token = painting += 1;
  position = max(0, min(last, at));
  heldWay = null;
  const step = stepAt(position), travels = slowly && step && position === before + 1;
  paint(travels ? before : position);
  look(aim(position), true);
  tell(position);
  stop("travel");
  if (travels) {
    // the cards show what was before until it arrives; only the light is already there
    paintEdges(position);
    light(position);
    const duration = 0.45 * (timer ? pace : BACKWARD_PACE / max(1, speed));
    travel(step, duration, () => token === painting && paint(position));
  }
  byId("scrubber").value = position;
  byId("scrubber").setAttribute("aria-valuetext", stageAt(position));
  mark(byId("forward"), { here: position > 0 && position <= forward });
  mark(byId("backward"), { here: position > forward });
  remember();
}

function play() {
  if (position === last) show(0);
  byId("play").textContent = "Pause";
  const stops = countStops();
  const again = () => {
    const usual = (position >= forward ? BACKWARD_PACE : FORWARD_PACE) / speed;
    pace = max(QUICKEST, min(usual, WHOLE / speed / stops));
    show(nextStop(position), true);
    if (position === last) return pause();
    timer = setTimeout(again, pace);
  };
  // steps that pass too quickly to be read out are not announced
  if (stops > 60 || speed > 2) byId("arithmetic").setAttribute("aria-live", "off");
  timer = setTimeout(again, min(400, WHOLE / stops));
}

function countStops() {
  let stops = 1;
  for (let at = 0; at < last; at = nextStop(at)) stops += 1;
  return stops;
}

function pause() {
  clearTimeout(timer);
  timer = 0;
  byId("play").textContent = "Play";
  byId("arithmetic").setAttribute("aria-live", "polite");
}

function setSpeed(to) {
  speed = to;
  byId("speed").textContent = `${to === 0.5 ? "½" : to}×`;
  byId("speed").setAttribute("aria-label", `Speed: ${to} times`);
}
