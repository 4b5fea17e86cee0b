// The picture: cards and edges of a layout, what is lit at a step, and the camera that follows it.
const svg = byId("picture"), stage = byId("stage-area");
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const CLOSEST = 1.7, READABLE = 0.82, MARGIN = 26;

let shown = 0, cards = [], edges = [], cardOf = new Map(), camera = null, moving = 0, travelling = 0;

function openLayout(number) {
  shown = number;
  const [, placed, links, , frame] = record.layouts[number];
  cards = placed.map(([which, x, y, width, height, opens]) =>
    ({ ...makeCard(boxes[which], x, y, width, height, layoutOpening(boxes[which]) !== undefined), opens }));
  cardOf = new Map(cards.flatMap((each) => each.box.members.map((node) => [node, each])));
  cards.forEach((each, number) => { each.number = number; });
  edges = links.map(([source, target, position, count, path]) => makeEdge(cards[source], cards[target], position, count, path));
  edgeAt = new Map(edges.map((edge) => [keyOf(edge.source, edge.target, edge.position), edge]));
  const layers = [svgElement("g", { id: "edges" }, ...edges.map((edge) => edge.line)),
    svgElement("g", { id: "nodes" }, ...cards.map((each) => each.card)),
    svgElement("g", { id: "chips", "aria-hidden": "true" }, ...edges.map((edge) => edge.chip))];
  if (frame) layers.unshift(makeFrame(frame));
  byId("world").replaceChildren(...layers);
  for (const each of cards) {
    each.card.addEventListener("click", () => choose(each));
    each.card.addEventListener("focus", () => reveal(each));
  }
}

// The layout in which a box is open: the same box may stand in several layouts.
function layoutOpening(box) {
  if (!box.folded) return undefined;
  for (const [, placed] of record.layouts) {
    const found = placed.find(([which, , , , , opens]) => boxes[which] === box && opens !== undefined);
    if (found) return found[5];
  }
  return undefined;
}

function makeFrame([title, x, y, width, height]) {
  const close = svgElement("g", { class: "close", role: "button", tabindex: 0, "aria-label": `Close ${title}`, transform: `translate(${x + width - 12} ${y + 12})` },
    svgElement("circle", { r: 11 }), textAtPlace("open", 0, 5, "×"));
  close.addEventListener("click", closeFrame);
  return svgElement("g", { class: "opened" }, svgElement("rect", { x, y, width, height, rx: 14 }),
    textAtPlace("label", x + 14, y + 15, cut(title, 60)), close);
}

function closeFrame() {
  if (record.layouts[shown][3] >= 0) relayout(record.layouts[shown][3]);
}

function relayout(number) {
  openLayout(number);
  show(position);
  const [, , , , frame] = record.layouts[number];
  if (frame) look(around({ x: frame[1], y: frame[2], width: frame[3], height: frame[4] }), true);
}

// A view that has a box in its middle.
function around({ x, y, width, height }) {
  const { clientWidth: wide, clientHeight: high } = stage;
  const scale = Math.max(0.45, Math.min(CLOSEST, wide / (width + 2 * MARGIN), high / (height + 2 * MARGIN)));
  return [x + width / 2 - wide / scale / 2, y + height / 2 - high / scale / 2, wide / scale, high / scale];
}

function makeEdge(source, target, position, count, path) {
  const line = svgElement("path", { class: "edge", d: path });
  const chip = svgElement("g", { class: "chip" }, svgElement("rect", { rx: 11, height: 22, y: -11 }), textAtPlace("chip-text", 0, 4.5));
  if (count > 1) line.setAttribute("class", "edge many");
  return { source, target, position, line, chip, length: 0, where: NaN, said: "" };
}

// The edge of a step: of an operand's place between two single nodes, else the one between two boxes.
function edgeOf({ sender, receiver, position }) {
  const source = cardOf.get(receiver), target = cardOf.get(sender);
  return edgeAt.get(keyOf(source, target, position)) ?? edgeAt.get(keyOf(source, target, -1));
}

const keyOf = (source, target, position) => `${source?.number} ${target?.number} ${position}`;
let edgeAt = new Map();

// Where along an edge a chip stands: 1 at the sender, 0 at the receiver.
function placeChip(edge, where) {
  if (edge.where === where) return;
  edge.where = where;
  edge.length ||= edge.line.getTotalLength();
  const { x, y } = edge.line.getPointAtLength(edge.length * where);
  edge.chip.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
}

function writeChip(edge, text, kind) {
  if (edge.said === kind + text) return;
  edge.said = kind + text;
  const shownText = typeset(text), width = Math.max(34, shownText.length * 7 + 18);
  edge.chip.setAttribute("class", `chip ${kind}`);
  edge.chip.firstChild.setAttribute("width", width);
  edge.chip.firstChild.setAttribute("x", -width / 2);
  edge.chip.lastChild.textContent = shownText;
}

const chipKind = ({ contribution }) => contribution < 0 ? "negative" : contribution > 0 ? "positive" : "zero";
const chipText = (step) => `${short(step.contribution)} from ${ending(step.sender.name, 14)}`;
const REST = 0.5;

// Contributions on the edges that backward has gone along, local derivatives on those to come.
function paintEdges(at, way) {
  const current = stepAt(at), done = at - forward, sent = new Map();
  for (const step of steps.slice(0, Math.max(0, done))) {
    const edge = edgeOf(step);
    if (edge && !edge.target.box.folded) sent.set(edge, step);
  }
  const lit = new Set(current ? [edgeOf(current)] : []);
  const node = at <= forward ? computed[at - 1] : null;
  for (const edge of edges) {
    const { source, target, line } = edge, mine = target.box.node;
    const feeding = node && !target.box.folded && mine === node;
    line.classList.toggle("now", lit.has(edge) || Boolean(feeding));
    line.classList.toggle("backward", lit.has(edge));
    line.classList.toggle("sent", sent.has(edge));
    line.classList.toggle("ahead", !isThere(target.box.members.at(-1), at));
    line.classList.toggle("way", Boolean(way?.has(edge)));
    const step = sent.get(edge), local = mine && edge.position >= 0 ? mine.locals[edge.position] : undefined;
    if (step) writeChip(edge, chipText(step), chipKind(step) + (step === current ? " now" : ""));
    else if ((done >= 0 || way?.has(edge)) && local !== undefined && local !== null) writeChip(edge, `× ${short(local)}`, "local");
    else writeChip(edge, "", "none");
    if (edge.said !== "none") placeChip(edge, REST);
  }
}

// The cards that matter at a position: the one that changes first.
function actorsAt(at) {
  const step = stepAt(at), node = step?.receiver ?? computed[at - 1];
  if (!node) return [];
  const others = step ? [step.sender] : node.operands.map((i) => nodes[i]);
  return [node, ...others].map((each) => cardOf.get(each)).filter(Boolean);
}

function paint(at, way) {
  const grads = gradsAt(at), all = gradsAt(forward + steps.length).filter(Number.isFinite);
  const largest = all.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const [to, ...from] = actorsAt(at);
  for (const each of cards) {
    paintCard(each, at, grads, largest);
    each.card.classList.toggle("to", each === to);
    each.card.classList.toggle("from", from.includes(each) && each !== to);
    each.card.classList.toggle("way", Boolean(way?.has(each)));
    each.card.setAttribute("aria-pressed", each.box.node !== null && each.box.node === pinned);
    each.card.classList.toggle("pinned", each.box.node !== null && each.box.node === pinned);
  }
  paintEdges(at, way);
}

// A contribution travels from the sender to the receiver; `then` paints what it does there.
function travel(step, duration, then) {
  cancelAnimationFrame(travelling);
  const edge = edgeOf(step);
  if (calm.matches || !edge || document.hidden || duration < 120) return then();
  writeChip(edge, chipText(step), `${chipKind(step)} now`);
  const start = performance.now();
  const frame = (now) => {
    const t = Math.min(1, (now - start) / duration), eased = t < 0.5 ? 2 * t * t : 1 - 2 * (1 - t) ** 2;
    placeChip(edge, 1 - eased);
    if (t < 1) travelling = requestAnimationFrame(frame);
    else then();
  };
  travelling = requestAnimationFrame(frame);
}

// The part of the picture that the window shows: all of it where it can be read, else what the step is about.
function aim(at) {
  const { clientWidth: wide, clientHeight: high } = stage;
  if (!wide || !high) return null;
  const [width, height] = record.layouts[shown][0];
  const fits = Math.min(wide / (width + 2 * MARGIN), high / (height + 2 * MARGIN));
  let scale = Math.min(CLOSEST, fits), x = width / 2, y = height / 2;
  const actors = wholeView ? [] : actorsAt(at);
  if (fits < READABLE && !wholeView) {
    const about = actors.length ? actors : [cardOf.get(at ? root : nodes.find((node) => cardOf.has(node)))];
    const left = Math.min(...about.map((c) => c.x)), right = Math.max(...about.map((c) => c.x + c.width));
    const top = Math.min(...about.map((c) => c.y)), bottom = Math.max(...about.map((c) => c.y + c.height));
    scale = Math.min(1, wide / (right - left + 2 * MARGIN), high / (bottom - top + 2 * MARGIN));
    const small = scale < 0.5, first = about[0];
    if (small) scale = READABLE;
    x = small ? first.x + first.width / 2 : (left + right) / 2;
    y = small ? first.y + first.height / 2 : (top + bottom) / 2;
    scale = Math.max(scale, fits);
    const within = (c, visible, size) => visible >= size + 2 * MARGIN ? size / 2 : Math.min(Math.max(c, visible / 2 - MARGIN), size + MARGIN - visible / 2);
    x = within(x, wide / scale, width);
    y = within(y, high / scale, height);
  }
  return [x - wide / scale / 2, y - high / scale / 2, wide / scale, high / scale];
}

// Move the window until a card is in it.
function reveal({ x, y, width, height }) {
  if (!camera) return;
  const [left, top, wide, high] = camera;
  const shift = (start, size, low, room) => size > room ? start + size / 2 - room / 2 : Math.min(start - MARGIN / 2, Math.max(low, start + size + MARGIN / 2 - room));
  look([shift(x, width, left, wide), shift(y, height, top, high), wide, high], false);
}

function look(view, smoothly) {
  cancelAnimationFrame(moving);
  if (!view) return;
  const from = camera ?? view, start = performance.now();
  const set = (now) => {
    camera = now;
    svg.setAttribute("viewBox", now.map((n) => n.toFixed(1)).join(" "));
  };
  if (!smoothly || calm.matches || document.hidden || from.every((n, i) => Math.abs(n - view[i]) < 0.5)) return set(view);
  const frame = (now) => {
    const t = Math.min(1, (now - start) / 320), eased = 1 - (1 - t) ** 3;
    set(from.map((n, i) => n + (view[i] - n) * eased));
    if (t < 1) moving = requestAnimationFrame(frame);
  };
  moving = requestAnimationFrame(frame);
}

// The picture can be dragged, until the next step.
function dragPicture() {
  let start = null;
  svg.addEventListener("pointerdown", (event) => { if (event.button === 0 && !event.target.closest(".card, .close")) start = [event.clientX, event.clientY, camera]; });
  addEventListener("pointermove", (event) => {
    if (!start?.[2]) return;
    const scale = start[2][2] / stage.clientWidth;
    look([start[2][0] - (event.clientX - start[0]) * scale, start[2][1] - (event.clientY - start[1]) * scale, start[2][2], start[2][3]], false);
  });
  addEventListener("pointerup", () => { start = null; });
}
