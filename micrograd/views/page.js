// The page of a trace: steps through forward and backward, lights the drawing, and answers why.
//
// Comments stand on lines of their own, and are left out of the page. All text enters the page by textContent and
// setAttribute, so a label is always text.
"use strict";

// How many paths, members of a box, and nodes of one path are listed; and the pace of play, in milliseconds.
const PATHS = 20, MEMBERS = 60, WAY = 12;
const SLOWEST = 1000, QUICKEST = 60, WHOLE = 60000;
const FAILED = "failed operation";

const byId = (id) => document.getElementById(id);
const record = JSON.parse(byId("record").content.textContent);
const nodes = record.nodes.map(readNode);
const root = nodes.at(-1);
const computed = nodes.filter((node) => node.formula);
computed.forEach((node, i) => { node.when = i + 1; });
const steps = replayBackward();
const forward = computed.length, last = forward + steps.length;
const stepsTo = nodes.map(() => []);
steps.forEach((step) => stepsTo[step.receiver.index].push(step));
const boxes = record.boxes.map(readBox);
const boxOf = new Map(boxes.flatMap((box) => box.members.map((node) => [node, box])));
const largest = gradsAt(last).filter(Number.isFinite).reduce((most, x) => Math.max(most, Math.abs(x)), 0);

let position = 0, timer = 0, lit = [], chosen = null, refreshDetails = () => {};

// `when` is the step of forward that computes the node. nan and inf come as words, because JSON has neither.
function readNode(entry, index) {
  const [kind, name, data, operands = [], formula = "", numbers, symbol, derivatives, locals = [], changes] = entry;
  return { index, kind: record.kinds[kind], name, data: Number(data), operands, formula, numbers, symbol, derivatives,
    locals: locals.map((local) => local === null ? null : Number(local)), changes, when: 0, head: formula ? `${name} = ${formula}` : name };
}

// `node` is the one whose numbers the box shows: its only one, or the result of those that are folded.
function readBox(entry, index) {
  const folded = typeof entry[0] === "string", members = (folded ? entry[1] : entry).map((i) => nodes[i]);
  const node = folded ? (entry[2] ? members.at(-1) : undefined) : members[0], element = byId(`b${index}`);
  return { index, folded, members, node, title: folded ? entry[0] : node.name, element,
    line: element.querySelectorAll("text")[folded ? 2 : 1] };
}

// The same products and sums in the same order as the engine's own sweep: results first, operands from left to right.
function replayBackward() {
  const found = [], reached = new Set(), grads = nodes.map((node) => node === root ? 1 : 0);
  for (const sender of [...nodes].reverse()) {
    const upstream = grads[sender.index];
    const add = (index, position, local, after) => {
      const before = grads[index];
      grads[index] = after ?? before + local * upstream;
      found.push({ number: found.length + 1, sender, receiver: nodes[index], position, local, upstream, before,
        after: grads[index], accumulates: reached.has(index) });
      reached.add(index);
    };
    sender.locals.forEach((local, i) => local === null || add(sender.operands[i], i, local));
    sender.changes?.forEach(([index, after]) => add(index, -1, null, Number(after)));
  }
  return found;
}

// Position 0 is before forward; then comes one position for each step.
const stepAt = (at) => steps[at - forward - 1];
const activeNode = (at) => stepAt(at)?.sender ?? computed[at - 1];
const sameNode = (a, b) => activeNode(a) === activeNode(b) && !stepAt(a) === !stepAt(b);

function gradsAt(at) {
  const grads = nodes.map(() => null);
  if (at >= forward && root.kind !== FAILED) grads[root.index] = 1;
  for (const step of steps.slice(0, Math.max(0, at - forward))) grads[step.receiver.index] = step.after;
  return grads;
}

// Numbers, written as Python writes them.
const word = (x) => Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
const minus = (x) => x < 0 || Object.is(x, -0) ? "-" : "";

// JavaScript rounds a half up, to the text `up`; Python rounds it to even. So if only a 5 is cut off and the digit
// before it is even, that digit stays.
function halfToEven(up, exact, digits) {
  const kept = exact.slice(0, digits);
  return /^50*(e|$)/.test(exact.slice(digits)) && "02468".includes(kept.at(-1)) ? kept : up;
}

// As decimal() in record.py: four decimals, or four digits for very small and very large numbers.
function fixed(x) {
  if (!Number.isFinite(x)) return word(x);
  const size = Math.abs(x);
  if (x && (size < 5e-4 || size >= 1e6)) return short(x);
  if (!x) return "0.0000";
  if (size >= 1e21) return `${minus(x)}${BigInt(size)}.0000`;
  const exact = size.toFixed(40);
  return minus(x) + halfToEven(size.toFixed(4), exact, exact.indexOf(".") + 5);
}

// As f"{x:.4g}".
function short(x) {
  if (!Number.isFinite(x)) return word(x);
  const [up, power] = Math.abs(x).toExponential(3).split("e");
  const digits = halfToEven(up, Math.abs(x).toExponential(40), 5);
  const trimmed = (text) => minus(x) + (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (power >= -4 && power < 4) return trimmed(Number(`${digits}e${power}`).toFixed(3 - power));
  return `${trimmed(digits)}e${power[0]}${power.slice(1).padStart(2, "0")}`;
}

// As many digits as tell the number from its neighbours.
const full = (x) => Number.isFinite(x) ? minus(x) + Math.abs(x) : word(x);
const many = (n, what) => `${n.toLocaleString("en-US")} ${what}${String(n) === "1" ? "" : "s"}`;

// The three lines about a step: which it is, its arithmetic, and a remark.
function stageAt(at) {
  if (at > forward) return `Backward, step ${at - forward} of ${steps.length}`;
  return at ? `Forward, step ${at} of ${forward}` : "Start";
}

function arithmeticAt(at) {
  const step = stepAt(at), node = computed[at - 1];
  if (step) return backwardLine(step);
  if (!node) return "Nothing is computed yet; the inputs have their numbers.";
  if (node.kind === FAILED) return `${node.head}: failed: ${record.error}`;
  return `${node.head} = ${node.numbers} = ${short(node.data)}`;
}

function backwardLine({ number, sender, receiver, local, upstream, before, after, accumulates }) {
  const by = local === null ? "by hand" : `local ${fixed(local)} x upstream ${fixed(upstream)}`;
  const contribution = local === null ? after - before : local * upstream;
  return `[${number}/${steps.length}] ${sender.symbol} ${sender.name} -> ${receiver.name}:  ${by} = ` +
    `${fixed(contribution)};  ${receiver.name}.grad ${fixed(before)} -> ${fixed(after)}` +
    (accumulates ? "   (accumulates)" : "");
}

function remarkAt(at) {
  const step = stepAt(at);
  if (step) {
    const box = boxOf.get(step.sender), inside = box.folded ? `in ${box.title}: ` : "";
    return inside + (step.local === null ? "written by hand" : localText(step.sender, step.position));
  }
  if (at < forward) return "";
  if (root.kind === FAILED) return "Forward stopped here, so there is no backward.";
  return `Forward is done. Backward starts at the result, with d ${root.name} / d ${root.name} = 1.`;
}

function localText(node, i) {
  const formula = node.derivatives[i], number = full(node.locals[i]);
  return `d ${node.name} / d ${nodes[node.operands[i]].name} = ${formula}${formula === number ? "" : ` = ${number}`}`;
}

// The drawing: each box shows the numbers known by then, with the colour and border of its gradient.
function paintBox(box, at, grads) {
  const { element, node } = box, grad = node ? grads[node.index] : null, there = node?.when <= at;
  element.classList.toggle("ahead", box.members.at(-1).when > at);
  element.setAttribute("aria-label", labelOf(box, there, grad));
  if (node && node.kind !== FAILED) {
    const shown = grad === null ? "·" : Number.isFinite(grad) ? short(grad) : `⚠ ${word(grad)}`;
    box.line.textContent = `data ${there ? short(node.data) : "·"} \u00a0 grad ${shown}`;
  }
  if (box.folded) return;
  const strength = grad && Number.isFinite(grad) ? Math.min(1, Math.abs(grad) / largest) : 0;
  element.classList.toggle("positive", strength > 0 && grad > 0);
  element.classList.toggle("negative", strength > 0 && grad < 0);
  for (const shape of element.querySelectorAll("ellipse, polygon")) {
    shape.setAttribute("fill-opacity", strength ? 0.15 + 0.85 * Math.sqrt(strength) : 1);
    shape.setAttribute("stroke-width", 1 + 2 * strength);
  }
}

function labelOf(box, there, grad) {
  if (box.folded) return `${box.title}: ${many(box.members.length, "value")} folded`;
  const { head, kind, data } = box.node;
  if (kind === FAILED) return `${head}: ${kind}`;
  const numbers = there ? `data ${short(data)}` : "not computed yet";
  return `${head}: ${kind}, ${numbers}, ${grad === null ? "no gradient yet" : `gradient ${short(grad)}`}`;
}

// The box that changes is outlined, the boxes that it is computed from are dashed, and the edges between them thick.
function light(at) {
  lit.forEach((element) => element.classList.remove("from", "to", "lit"));
  lit = [];
  if (!at) return;
  const mark = (element, name) => {
    if (element) lit.push(element);
    element?.classList.add(name);
  };
  const step = stepAt(at), to = step?.receiver ?? computed[at - 1], target = boxOf.get(to);
  const sources = (step ? [step.sender] : to.operands.map((i) => nodes[i])).map((node) => boxOf.get(node));
  mark(target?.element, "to");
  for (const source of sources.filter((each) => each && each !== target)) {
    mark(source.element, "from");
    if (target) mark(byId(step ? `e${target.index}_${source.index}` : `e${source.index}_${target.index}`), "lit");
  }
  // a constant is drawn inside formulas and has no box of its own: the box that sends to it is lit
  reveal((target ?? sources[0]).element);
}

// Scroll the drawing, and never the page, until a box is in sight.
function reveal(element) {
  const frame = byId("scroller"), outer = frame.getBoundingClientRect(), inner = element.getBoundingClientRect();
  const off = (low, high, start, end) => low < start ? low - start - 24 : high > end ? high - end + 24 : 0;
  frame.scrollLeft += off(inner.left, inner.right, outer.left, outer.right);
  frame.scrollTop += off(inner.top, inner.bottom, outer.top, outer.bottom);
}

function show(at) {
  position = Math.max(0, Math.min(last, at));
  const grads = gradsAt(position);
  boxes.forEach((box) => paintBox(box, position, grads));
  light(position);
  byId("stage").textContent = stageAt(position);
  byId("arithmetic").textContent = arithmeticAt(position);
  byId("remark").textContent = remarkAt(position);
  byId("scrubber").value = position;
  byId("scrubber").setAttribute("aria-valuetext", stageAt(position));
  byId("forward").classList.toggle("here", position > 0 && position <= forward);
  byId("backward").classList.toggle("here", position > forward);
  refreshDetails(grads);
}

// Moving: each of these is a button, and a key.
const ACTIONS = {
  first: () => go(0),
  previous: () => go(position - 1),
  play: () => timer ? pause() : play(),
  next: () => go(position + 1),
  last: () => go(last),
};
const KEYS = {
  Home: ACTIONS.first, ArrowLeft: ACTIONS.previous, " ": ACTIONS.play, ArrowRight: ACTIONS.next, End: ACTIONS.last,
  n: () => go(nextNode()), p: () => go(previousNode()),
};

function go(at) {
  pause();
  show(at);
}

function nextNode() {
  let at = position + 1;
  while (at < last && sameNode(at, position)) at += 1;
  return at;
}

function previousNode() {
  let at = position;
  while (at > 0 && sameNode(at, position)) at -= 1;
  while (at > 1 && sameNode(at - 1, at)) at -= 1;
  return at;
}

function play() {
  if (position === last) show(0);
  const pace = Math.max(QUICKEST, Math.min(SLOWEST, WHOLE / (last + 1)));
  timer = setInterval(() => {
    show(position + 1);
    if (position === last) pause();
  }, pace);
  byId("play").textContent = "Pause";
  // steps that pass too quickly to be read out are not announced
  if (pace < SLOWEST) byId("arithmetic").setAttribute("aria-live", "off");
}

function pause() {
  clearInterval(timer);
  timer = 0;
  byId("play").textContent = "Play";
  byId("arithmetic").setAttribute("aria-live", "polite");
}

// The details of a node or of a folded box.
function make(tag, text, ...children) {
  const element = document.createElement(tag);
  element.textContent = text;
  element.append(...children);
  return element;
}

const list = (items) => make("ul", "", ...items.map((item) => make("li", "", item)));

function openDetails(title, box, ...parts) {
  const heading = byId("details").firstElementChild;
  heading.textContent = title;
  byId("details").replaceChildren(heading, ...parts);
  const choose = (element, is) => {
    element?.classList.toggle("chosen", is);
    element?.setAttribute("aria-pressed", is);
  };
  choose(chosen, false);
  chosen = box?.element;
  choose(chosen, true);
}

function openNode(node) {
  const box = boxOf.get(node), facts = make("dl", ""), grad = make("dd", "");
  const fact = (term, value) => facts.append(make("dt", term), make("dd", "", value));
  fact("kind", node.kind);
  if (box?.folded) fact("part of", buttonTo(box.title, () => openBox(box)));
  if (node.formula) fact("formula", node.formula);
  fact("data", node.kind === FAILED ? record.error : full(node.data));
  facts.append(make("dt", "grad"), grad);
  const locals = node.changes ? ["written by hand"] : 
    node.locals.flatMap((local, i) => local === null ? [] : [localText(node, i)]);
  const [summary, ways] = why(node);
  openDetails(node.name, box, facts, ...(locals.length ? [make("h3", "Local derivatives"), list(locals)] : []),
    make("h3", "Why"), make("p", summary), list(ways));
  refreshDetails = (grads) => {
    grad.textContent = grads[node.index] === null ? "· (not computed yet)" : full(grads[node.index]);
  };
  refreshDetails(gradsAt(position));
}

function openBox(box) {
  if (!box.folded) return openNode(box.node);
  const rest = box.members.length - MEMBERS;
  const members = box.members.slice(0, MEMBERS).map((node) => buttonTo(node.head, () => openNode(node)));
  if (rest > 0) members.push(`and ${many(rest, "more value")}`);
  openDetails(box.title, box, make("h3", `${many(box.members.length, "value")} folded`), list(members));
  refreshDetails = () => {};
}

function buttonTo(text, action) {
  const button = make("button", text);
  button.type = "button";
  button.addEventListener("click", () => {
    action();
    // the button is gone now: the keyboard's focus stays in the details
    byId("details").querySelector("button").focus();
  });
  return button;
}

// Every path from a node to the result, with the product of the local derivatives along it. Their sum is the gradient.
function why(node) {
  const { name, index } = node;
  if (root.kind === FAILED) return [`${root.name} could not be computed, so nothing has a gradient.`, []];
  if (steps.some((step) => step.local === null)) {
    return ["A backward written by hand is on the way and hides the paths.", []];
  }
  const counts = countPaths();
  if (!counts[index]) return [`${name} does not reach ${root.name}: its gradient is 0.`, []];
  const found = [], stack = [{ node, step: null, before: null }];
  while (stack.length && found.length < PATHS) {
    const here = stack.pop();
    if (here.node === root) found.push(wayText(here));
    for (const step of [...stepsTo[here.node.index]].reverse()) {
      if (counts[step.sender.index]) stack.push({ node: step.sender, step, before: here });
    }
  }
  const rest = counts[index] - BigInt(found.length);
  if (rest) found.push(`and ${many(rest, "more path")}, too many to list; all of them sum to the gradient`);
  return [`${name}.grad = ${full(gradsAt(last)[index])}, the sum over ${many(counts[index], "path")}:`, found];
}

// Whole numbers of any size, because each node can double the number of paths.
function countPaths() {
  const counts = nodes.map((node) => node === root ? 1n : 0n);
  for (let i = root.index - 1; i >= 0; i -= 1) {
    for (const step of stepsTo[i]) counts[i] += counts[step.sender.index];
  }
  return counts;
}

function wayText(end) {
  const names = [], factors = [];
  let product = 1;
  for (let here = end; here; here = here.before) {
    names.push(here.node.name);
    if (!here.step) continue;
    factors.push(fixed(here.step.local));
    product *= here.step.local;
  }
  const cut = (items, joint) => (items.length <= WAY ? items :
    [...items.slice(0, WAY / 2), `(${items.length - WAY} more)`, ...items.slice(-WAY / 2)]).join(joint);
  return `${cut(names.reverse(), " -> ")}:  ${cut(factors.reverse(), " x ") || "1"} = ${full(product)}`;
}

// A focused control keeps its own keys: arrows move the scrubber, space presses a button.
function onKey(event) {
  const { key, target } = event, presses = key === "Enter" || key === " ";
  if (event.ctrlKey || event.altKey || event.metaKey || (presses && target.tagName === "BUTTON")) return;
  if (target.id === "scrubber" && !["n", "p", " "].includes(key)) return;
  const box = boxes.find((each) => each.element === target);
  const action = presses && box ? () => openBox(box) : Object.hasOwn(KEYS, key) && KEYS[key];
  if (!action) return;
  event.preventDefault();
  action();
}

for (const box of boxes) {
  box.element.setAttribute("role", "button");
  box.element.setAttribute("tabindex", 0);
  box.element.setAttribute("aria-pressed", false);
  box.element.classList.toggle("folded", box.folded);
  box.element.addEventListener("click", () => openBox(box));
}
Object.entries(ACTIONS).forEach(([id, action]) => byId(id).addEventListener("click", action));
byId("scrubber").addEventListener("input", (event) => go(event.target.valueAsNumber));
document.addEventListener("keydown", onKey);
// the two phases under the scrubber are as wide as their steps; and a drawing is never shrunk, so it stays readable
byId("forward").style.flexGrow = forward;
byId("backward").style.flexGrow = steps.length;
byId("graph").style.minWidth = `${byId("graph").viewBox.baseVal.width}px`;
show(0);
