// The picture: cards and edges of a layout, and what is lit at a step.
const svg = byId("picture"), stage = byId("stage-area");
const calm = matchMedia("(prefers-reduced-motion: reduce)");

let shown = 0, cards = [], edges = [], cardOf = new Map(), edgeAt = new Map();

function openLayout(number) {
  shown = number;
  const [, placed, links, , frame] = record.layouts[number];
  cards = placed.map(([which, x, y, width, height], number) => {
    const opens = layoutOpening(boxes[which]);
    return { ...makeCard(boxes[which], x, y, width, height, opens !== undefined), opens, number };
  });
  cardOf = new Map(cards.flatMap((each) => each.box.members.map((node) => [node, each])));
  edges = links.map(([source, target, ...rest]) => makeEdge(cards[source], cards[target], ...rest));
  edgeAt = new Map(edges.map((edge) => [keyOf(edge.source, edge.target, edge.position), edge]));
  byId("world").replaceChildren(...(frame ? [makeFrame(frame)] : []),
    svgElement("g", { id: "edges" }, ...edges.map((edge) => edge.line)),
    svgElement("g", { id: "nodes" }, ...cards.map((each) => each.card)),
    svgElement("g", { id: "chips", "aria-hidden": "true" }, ...edges.map((edge) => edge.chip)));
  for (const each of cards) {
    listen(each.card, "click", () => choose(each));
    listen(each.card, "focus", () => reveal(each));
  }
}

// The layout in which a box is open: the same box may stand in several layouts, and only one of them may say so.
function layoutOpening(box) {
  const placed = box.folded ? record.layouts.flatMap((each) => each[1]) : [];
  return placed.find(([which, , , , , opens]) => boxes[which] === box && opens !== undefined)?.[5];
}

function makeFrame([title, x, y, width, height]) {
  const place = `translate(${x + width - 12} ${y + 12})`;
  const close = svgElement("g",
    { class: "close", role: "button", tabindex: 0, "aria-label": `Close ${title}`, transform: place },
    svgElement("circle", { r: 11 }), svgText("open", 0, 5, "×"));
  listen(close, "click", closeFrame);
  return svgElement("g", { class: "opened" }, svgElement("rect", { x, y, width, height, rx: 14 }),
    svgText("label", x + 14, y + 15, cut(title, 60)), close);
}

// Another layout, with the camera on its opened box.
function relayout(number) {
  openLayout(number);
  show(position);
  const frame = record.layouts[number][4];
  if (!frame) return null;
  const [, x, y, width, height] = frame;
  look(around({ x, y, width, height }), true);
  return cards.find((card) => card.x > x && card.x < x + width && card.y > y && card.y < y + height);
}

function openBox(number) {
  relayout(number)?.card.focus();
}

function closeFrame() {
  const closed = shown, parent = record.layouts[closed][3];
  if (parent < 0) return;
  relayout(parent);
  cards.find((card) => card.opens === closed)?.card.focus();
}

function makeEdge(source, target, position, count, path) {
  const line = svgElement("path", { class: count > 1 ? "edge many" : "edge", d: path });
  const chip = svgElement("g", { class: "chip" }, svgElement("rect", { rx: 11, height: 22, y: -11 }),
    svgText("chip-text", 0, 4.5));
  return { source, target, position, line, chip, length: 0, where: NaN, said: "" };
}

const keyOf = (source, target, position) => `${source?.number} ${target?.number} ${position}`;

// The edge of a step: of an operand's place between two single nodes, else the one between two boxes. A backward
// written by hand does not say for which place it adds: the first.
function edgeOf({ sender, receiver, position }) {
  const source = cardOf.get(receiver), target = cardOf.get(sender);
  const place = position < 0 ? sender.operands.indexOf(receiver.index) : position;
  return edgeAt.get(keyOf(source, target, place)) ?? edgeAt.get(keyOf(source, target, -1));
}

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
  const shownText = typeset(text), width = max(34, shownText.length * 7 + 18);
  edge.chip.setAttribute("class", `chip ${kind}`);
  edge.chip.firstChild.setAttribute("width", width);
  edge.chip.firstChild.setAttribute("x", -width / 2);
  edge.chip.lastChild.textContent = shownText;
}

function writeContribution(edge, step, now) {
  const { contribution, sender } = step;
  const sign = contribution < 0 ? "negative" : contribution > 0 ? "positive" : "zero";
  writeChip(edge, `${short(contribution)} from ${ending(sender.name, 14)}`, sign + (now ? " now" : ""));
}

// Contributions on the edges that backward has gone along, local derivatives on those to come.
function paintEdges(at, way) {
  const current = stepAt(at), done = at - forward, sent = new Map();
  for (const step of steps.slice(0, max(0, done))) {
    const edge = edgeOf(step);
    if (edge && !edge.target.box.folded) sent.set(edge, step);
  }
  const lit = current ? edgeOf(current) : undefined, node = done <= 0 ? computed[at - 1] : undefined;
  for (const edge of edges) {
    const { target: { box }, line } = edge, step = sent.get(edge), local = box.node?.locals[edge.position] ?? null;
    const feeds = node !== undefined && !box.folded && box.node === node;
    mark(line, { now: edge === lit || feeds, backward: edge === lit, sent: step !== undefined,
      ahead: !isThere(box.members.at(-1), at), way: Boolean(way?.has(edge)) });
    if (step) writeContribution(edge, step, step === current);
    else if ((done >= 0 || way?.has(edge)) && local !== null) writeChip(edge, `slope ${short(local)}`, "local");
    else writeChip(edge, "", "none");
    if (edge.said !== "none") placeChip(edge, 0.5);
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
  const grads = gradsAt(at);
  const largest = gradsAt(last).reduce((most, x) => finite(x) ? max(most, abs(x)) : most, 0);
  for (const each of cards) {
    paintCard(each, at, grads, largest);
    mark(each.card, { way: Boolean(way?.has(each)) });
  }
  light(at);
  paintEdges(at, way);
}

function light(at) {
  const [to, ...from] = actorsAt(at);
  for (const each of cards) {
    mark(each.card, { to: each === to, from: from.includes(each) && each !== to });
  }
}

// A contribution travels from the sender to the receiver; `then` paints what it does there.
function travel(step, duration, then) {
  const edge = edgeOf(step);
  if (still() || !edge || duration < 120) return then();
  writeContribution(edge, step, true);
  animate("travel", duration, (t) => {
    placeChip(edge, t < 0.5 ? 1 - 2 * t * t : 2 * (1 - t) ** 2);
    if (t === 1) then();
  });
}

// Draw what `draw` makes of the share of the time that has passed, from 0 to 1. One animation of a name at a time.
const animations = {}, still = () => calm.matches || document.hidden;

function animate(name, duration, draw) {
  const start = performance.now();
  stop(name);
  draw(0);
  const frame = (now) => {
    const t = max(0, min(1, (now - start) / duration));  // a frame can be older than the start
    if (t < 1) animations[name] = requestAnimationFrame(frame);
    draw(t);
  };
  animations[name] = requestAnimationFrame(frame);
}

const stop = (name) => cancelAnimationFrame(animations[name]);
