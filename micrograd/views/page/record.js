// The record: nodes, and the steps of backward, replayed from the local derivatives.
//
// All text enters the page by textContent and setAttribute, so a label is always text.

const FAILED = "failed operation", LEAVES = ["input", "parameter"];
const byId = (id) => document.getElementById(id);
const record = JSON.parse(byId("record").content.textContent);

const [CALL, INFIX, PREFIX, POSTFIX] = [0, 1, 2, 3];
const plain = /^([\p{L}\p{N}_.[\]]+|[\d.]+e[+-]\d+|[\p{L}\p{N}_]+\(.*\))$/u;
const grouped = (name) => plain.test(name) ? name : `(${name})`;

// As formulas.formula: an operation with its operands' names, or their numbers, put in.
function written([style, symbol, settings], names) {
  if (style === CALL) return `${symbol}(${names.join(", ")}${settings})`;
  const minusFirst = names.length === 2 && names[0].startsWith("-") && symbol !== "**";
  const first = minusFirst ? names[0] : grouped(names[0]);
  if (style === INFIX) return `${first}${symbol}${grouped(names[1])}`;
  return style === PREFIX ? symbol + first : first + symbol;
}

const nodes = [];
record.nodes.forEach((entry, index) => nodes.push(readNode(entry, index)));
const root = nodes.at(-1);
const computed = nodes.filter((node) => node.operands.length);
computed.forEach((node, i) => { node.when = i + 1; });
const forward = computed.length;
let steps = [], stepsTo = [], last = 0;
let failure = record.error ? { index: root.index, text: record.error, backward: false } : null;
replay();

// `when` is the step of forward that computes the node. nan and inf come as words, because JSON has neither.
function readNode(entry, index) {
  const [kind, name, data, operands = [], op, derivatives, locals = [], changes] = entry;
  const how = op === undefined ? null : record.ops[op], rule = how && how[3] >= 0 ? how[3] : null;
  const formula = how ? cut(written(how, operands.map((i) => nodes[i].name)), 400) : "";
  return { index, kind: record.kinds[kind], name, data: Number(data), recorded: Number(data), operands, how, rule, formula,
    constant: record.kinds[kind] === "constant", failing: record.failing[index] ?? null, derivatives, locals: locals.map((local) => local === null ? null : Number(local)), changes, when: 0,
    head: formula ? `${name} = ${formula}` : name };
}

// The same products and sums in the same order as the engine's own sweep: results first, operands from left to right.
function replay() {
  const grads = nodes.map((node) => node === root ? 1 : 0);
  steps = [];
  stepsTo = nodes.map(() => []);
  last = failure && !failure.backward ? nodes[failure.index].when : forward;
  if (failure) return;
  for (const sender of [...nodes].reverse()) {
    const upstream = grads[sender.index];
    const add = (index, position, local, after) => {
      const before = grads[index];
      grads[index] = after ?? before + local * upstream;
      const step = { number: steps.length + 1, sender, receiver: nodes[index], position, local, upstream, before,
        after: grads[index], contribution: local === null ? grads[index] - before : local * upstream,
        arrival: stepsTo[index].length + 1 };
      steps.push(step);
      stepsTo[index].push(step);
    };
    sender.locals.forEach((local, i) => local === null || add(sender.operands[i], i, local));
    sender.changes?.forEach(([index, after]) => add(index, -1, null, Number(after)));
  }
  last = forward + steps.length;
}

// Position 0 is before forward; then comes one position for each step.
const stepAt = (at) => steps[at - forward - 1];
const activeNode = (at) => stepAt(at)?.sender ?? computed[at - 1];
const stopped = (node) => failure !== null && !failure.backward && node.when > 0 && node.index >= failure.index;
const isThere = (node, at) => node.when <= at && !stopped(node);
const failedNode = () => failure && !failure.backward ? nodes[failure.index] : null;

function gradsAt(at) {
  const grads = nodes.map(() => null);
  if (at >= forward && !failure) grads[root.index] = 1;
  for (const step of steps.slice(0, Math.max(0, at - forward))) grads[step.receiver.index] = step.after;
  return grads;
}

// Every path from a node to the result, with the product of the local derivatives along it. Their sum is the gradient.
const SOUGHT = 500, LISTED = 20;

function pathsFrom(node) {
  const counts = countPaths(), found = [], stack = [{ node, step: null, before: null }];
  while (stack.length && found.length < SOUGHT) {
    const here = stack.pop();
    if (here.node === root) found.push(wayOf(here));
    for (const step of [...stepsTo[here.node.index]].reverse()) {
      if (counts[step.sender.index]) stack.push({ node: step.sender, step, before: here });
    }
  }
  const rank = (way) => Number.isNaN(way.product) ? Infinity : Math.abs(way.product);
  found.sort((a, b) => rank(b) - rank(a));
  return { count: counts[node.index], found: found.slice(0, LISTED), byHand: steps.some((step) => step.local === null) };
}

// Whole numbers of any size, because each node can double the number of paths.
function countPaths() {
  const counts = nodes.map((node) => node === root ? 1n : 0n);
  for (let i = root.index - 1; i >= 0; i -= 1) {
    for (const step of stepsTo[i]) counts[i] += counts[step.sender.index];
  }
  return counts;
}

function wayOf(end) {
  const way = { nodes: [], steps: [], product: 1 };
  for (let here = end; here; here = here.before) {
    way.nodes.unshift(here.node);
    if (!here.step) continue;
    way.steps.unshift(here.step);
    way.product *= here.step.local;
  }
  return way;
}
