// The camera: which part of the picture the window shows. It follows the steps, and can be dragged and zoomed.
//
// A view is [left, top, width, height]; `camera` is the one that is shown, `wanted` the one to which it moves.
const CLOSEST = 1.7, READABLE = 0.82, MARGIN = 26, WIDE = 600;
let camera = null, wanted = null;

// How large the picture can be drawn so that a part of this size is all in the window.
const fitting = (width, height) =>
  min(stage.clientWidth / (width + 2 * MARGIN), stage.clientHeight / (height + 2 * MARGIN));

function viewOf(x, y, scale) {
  const width = stage.clientWidth / scale, height = stage.clientHeight / scale;
  return [x - width / 2, y - height / 2, width, height];
}

// A view that has a box in its middle, and words that can be read.
const around = ({ x, y, width, height }) =>
  viewOf(x + width / 2, y + height / 2, max(0.62, min(CLOSEST, fitting(width, height))));

// The part of the picture that a step needs: all of it where it can be read, else what the step is about. The start
// shows all of it on a wide screen, as a map; on a narrow one, where words would be dots, it shows the first card and
// those that it leads to.
function aim(at) {
  if (!stage.clientWidth || !stage.clientHeight) return null;
  const [width, height] = record.layouts[shown][0], fits = fitting(width, height);
  if (fits >= READABLE || wholeView || !at && stage.clientWidth > WIDE) {
    return viewOf(width / 2, height / 2, min(CLOSEST, fits));
  }
  const actors = actorsAt(at), first = cards.reduce((a, b) => b.x < a.x ? b : a);
  const about = actors[0] ? actors : at ? [cardOf.get(root)]
    : [first, ...edges.flatMap(({ source, target }) => source === first ? target : [])];
  const part = bounds(about), needed = min(1, fitting(part.width, part.height)), enough = needed > (at ? 0.5 : 0.66);
  const focus = enough ? part : about[0], scale = max(enough ? needed : READABLE, fits);
  return viewOf(within(focus.x + focus.width / 2, stage.clientWidth / scale, width),
    within(focus.y + focus.height / 2, stage.clientHeight / scale, height), scale);
}

function bounds(cards) {
  const x = min(...cards.map((c) => c.x)), y = min(...cards.map((c) => c.y));
  return { x, y, width: max(...cards.map((c) => c.x + c.width)) - x,
    height: max(...cards.map((c) => c.y + c.height)) - y };
}

// A view's middle, moved so that the view does not leave the picture.
const within = (middle, visible, size) => visible >= size + 2 * MARGIN ? size / 2
  : min(max(middle, visible / 2 - MARGIN), size + MARGIN - visible / 2);

// Move the window until a card is in it.
function reveal({ x, y, width, height }) {
  if (!wanted) return;
  const [left, top, wide, high] = wanted;
  const shift = (start, size, low, room) => size > room ? start + size / 2 - room / 2
    : min(start - MARGIN / 2, max(low, start + size + MARGIN / 2 - room));
  look([shift(x, width, left, wide), shift(y, height, top, high), wide, high], true);
}

function look(view, smoothly) {
  if (!view) return;
  stop("look");
  wanted = view;
  const from = camera ?? view;
  const set = (now) => {
    camera = now;
    svg.setAttribute("viewBox", now.map((n) => n.toFixed(1)).join(" "));
  };
  if (!smoothly || still() || from.every((n, i) => abs(n - view[i]) < 0.5)) set(view);
  else animate("look", 320, (t) => set(view.map((n, i) => n + (from[i] - n) * (1 - t) ** 3)));
}

// Make the picture larger or smaller, while a point of the window, in its pixels, stays where it is.
function zoom(factor, x, y) {
  if (!camera) return;
  const [left, top, width, height] = camera, box = stage.getBoundingClientRect();
  const scale = stage.clientWidth / width, by = max(0.05, min(4, scale * factor)) / scale;
  const keep = (start, size, part) => start + size * part * (1 - 1 / by);
  look([keep(left, width, (x - box.left) / box.width), keep(top, height, (y - box.top) / box.height),
    width / by, height / by], false);
}

// The picture can be dragged and pinched, until the next step: one finger moves it, two also zoom. A drag that starts
// on a card is not a click on it.
function movePicture() {
  const fingers = new Map();
  const middle = () => [0, 1].map((i) => [...fingers.values()].reduce((sum, each) => sum + each[i], 0) / fingers.size);
  const spread = () => {
    const [a, b] = fingers.values();
    return b ? Math.hypot(a[0] - b[0], a[1] - b[1]) : 0;
  };
  let dragged = 0;
  listen(svg, "pointerdown", (event) => {
    if (event.button || !camera) return;
    if (!fingers.size) dragged = 0;
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
  });
  listen(window, "pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    const from = middle(), apart = spread();
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    const to = middle(), scale = camera[2] / stage.clientWidth;
    dragged += Math.hypot(to[0] - from[0], to[1] - from[1]);
    if (dragged < 5 && fingers.size < 2) return;
    look([camera[0] - (to[0] - from[0]) * scale, camera[1] - (to[1] - from[1]) * scale, camera[2], camera[3]], false);
    if (apart) zoom(spread() / apart, ...to);
  });
  for (const end of ["pointerup", "pointercancel"]) listen(window, end, ({ pointerId }) => fingers.delete(pointerId));
  listen(svg, "click", (event) => {
    if (event.detail && dragged >= 5) event.stopPropagation();
  }, true);
  listen(svg, "wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 300), event.clientX, event.clientY);
  }, { passive: false });
}
