// Moving through the steps: each move is a button, and a key; the address holds the step.
const SPEEDS = [0.5, 1, 2, 4], FORWARD_PACE = 1100, BACKWARD_PACE = 1900, QUICKEST = 60, WHOLE = 60000;
let position = 0, timer = 0, speed = 1, wholeView = false, pinned = null, painting = 0;

// Steps inside one folded box are one stop.
const boxAt = (at) => { const card = cardOf.get(activeNode(at)); return card?.box.folded ? card : null; };
const sameBox = (a, b) => boxAt(a) !== null && boxAt(a) === boxAt(b) && !stepAt(a) === !stepAt(b);

function nextStop(at) {
  let next = Math.min(last, at + 1);
  while (next < last && sameBox(next, next + 1)) next += 1;
  return next;
}

function previousStop(at) {
  let before = Math.max(0, at - 1);
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
  whole: () => { wholeView = !wholeView; byId("whole").setAttribute("aria-pressed", wholeView); look(aim(position), true); },
};
const KEYS = {
  Home: ACTIONS.first, ArrowLeft: ACTIONS.previous, ArrowRight: ACTIONS.next, End: ACTIONS.last, " ": ACTIONS.play,
  n: () => go(nextNode(position)), p: () => go(previousNode(position)), m: () => go(nextMerge(position), true),
  ".": () => go(position + 1, true), ",": () => go(position - 1), f: ACTIONS.whole,
  Escape: () => guiding() ? endGuide() : closeFrame(),
};

function go(at, slowly = false) {
  pause();
  show(at, slowly);
}

// Show a position. Slowly: the contribution travels first, and then counts.
function show(at, slowly = false) {
  const before = position, token = painting += 1;
  position = Math.max(0, Math.min(last, at));
  const step = stepAt(position), travels = slowly && step && position === before + 1;
  paint(travels ? before : position);
  if (travels) {
    paintEdges(position);
    light(position);
  }
  look(aim(position), true);
  tell(position);
  const arrive = () => { if (token === painting) paint(position); };
  if (travels) travel(step, 0.45 * BACKWARD_PACE / Math.max(1, speed), arrive);
  else cancelAnimationFrame(travelling);
  byId("scrubber").value = position;
  byId("scrubber").setAttribute("aria-valuetext", stageAt(position));
  byId("forward").classList.toggle("here", position > 0 && position <= forward);
  byId("backward").classList.toggle("here", position > forward);
  remember();
}

// While a contribution is on its way, the cards show what was before; only the light is already there.
function light(at) {
  const [to, ...from] = actorsAt(at);
  for (const each of cards) {
    each.card.classList.toggle("to", each === to);
    each.card.classList.toggle("from", from.includes(each) && each !== to);
  }
}

function play() {
  if (position === last) show(0);
  byId("play").textContent = "Pause";
  const stops = countStops();
  const again = () => {
    show(nextStop(position), true);
    if (position === last) return pause();
    schedule();
  };
  const schedule = () => {
    const usual = (position >= forward ? BACKWARD_PACE : FORWARD_PACE) / speed;
    timer = setTimeout(again, Math.max(QUICKEST, Math.min(usual, WHOLE / speed / stops)));
  };
  // steps that pass too quickly to be read out are not announced
  if (stops > 60 || speed > 2) byId("arithmetic").setAttribute("aria-live", "off");
  timer = setTimeout(again, Math.min(400, WHOLE / stops));
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

// The address: `#step=5&x=2.1`, so that a link opens this step with these numbers.
let remembering = 0;

function remember() {
  clearTimeout(remembering);
  remembering = setTimeout(() => {
    const said = new URLSearchParams();
    if (position) said.set("step", position);
    for (const node of changedLeaves()) said.set(node.name, full(node.data));
    try {
      history.replaceState(null, "", said.size ? `#${said}` : location.pathname + location.search);
    } catch {
      // a page inside another page may not change its address
    }
  }, 120);
}

function recall() {
  const said = new URLSearchParams(location.hash.slice(1)), numbers = new Map();
  for (const [name, text] of said) {
    const leaf = nodes.find((node) => node.name === name && LEAVES.includes(node.kind));
    if (leaf && text.trim() && !Number.isNaN(Number(text))) numbers.set(leaf, Number(text));
  }
  setLeaves(numbers, true);
  show(/^\d+$/.test(said.get("step") ?? "") ? Number(said.get("step")) : 0);
}

// Space always plays. Other keys belong to a focused control that has a use for them.
function onKey(event) {
  const { key, target } = event, control = target.closest?.("button, [role=button]");
  if (event.ctrlKey || event.altKey || event.metaKey || (target.tagName === "INPUT" && target.type !== "range" && key !== "Escape")) return;
  if (target.type === "range" && target.id !== "scrubber" && !["n", "p", "m", "f", " ", "Escape"].includes(key)) return;
  let action = Object.hasOwn(KEYS, key) && KEYS[key];
  if (key === "Enter" && control && control.tagName !== "BUTTON") action = () => control.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  if (!action) return;
  event.preventDefault();
  action();
}
