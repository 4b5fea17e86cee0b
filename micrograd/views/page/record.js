// The record: nodes, and the steps of backward, replayed from the local derivatives.
//
// All text enters the page by textContent and setAttribute, so a label is always text.

const isLeaf = ({ kind }) => kind === "input" || kind === "parameter";
const byId = (id) => document.getElementById(id);
const listen = (where, what, then, how) => where.addEventListener(what, then, how);

function mark(element, classes) {
  for (const [name, on] of Object.entries(classes)) element.classList.toggle(name, on);
}

const record = JSON.parse(byId("record").content.textContent);

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
  const how = op === undefined ? null : record.ops[op < 0 ? ~op : op];
  // a negative op: data was assigned after it was computed, so its numbers do not follow from its operands
  const stale = op < 0, rule = how && !stale && how[3] >= 0 ? how[3] : null;
  const formula = how ? cut(written(how, operands.map((i) => nodes[i].name)), 400) : "";
  return {
    index, name, operands, how, stale, rule, formula, derivatives, changes,
    kind: record.kinds[kind],
    data: Number(data),
    recorded: Number(data),
    locals: locals.map((local) => local === null ? null : Number(local)),
    constant: record.kinds[kind] === "constant",
    failing: record.failing[index] ?? null,
    head: formula ? `${name} = ${formula}` : name,
    when: 0,
  };
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
const dataText = (node, at, write) => node === failedNode() ? "failed" : isThere(node, at) ? write(node.data) : "·";
const gradText = (grad, write) => grad === null ? "·" : write(grad);
// An operation that failed when it was recorded may succeed with other numbers, and the other way round.
const kindOf = (node) => node === failedNode() ? "failed operation" : node.operands.length ? "operation" : node.kind;

function gradsAt(at) {
  const grads = nodes.map(() => null);
  if (at >= forward && !failure) grads[root.index] = 1;
  for (const step of steps.slice(0, max(0, at - forward))) grads[step.receiver.index] = step.after;
  return grads;
}

// Every path from a node to the result, with the product of the local derivatives along it. Their sum is the gradient.
// Of more paths than are sought, or of very long ones, the first that are found; of these, the largest are listed.
const SOUGHT = 500, SOUGHT_STEPS = 50000, LISTED = 20;

function pathsFrom(node) {
  const { counts, byHand } = countPaths(), found = [], stack = [{ node, step: null, before: null }];
  let room = SOUGHT_STEPS;
  while (stack.length && found.length < SOUGHT && room > 0 && !byHand[node.index]) {
    const here = stack.pop();
    if (here.node === root) {
      found.push(wayOf(here));
      room -= found.at(-1).steps.length;
    }
    for (const step of [...stepsTo[here.node.index]].reverse()) {
      if (counts[step.sender.index]) stack.push({ node: step.sender, step, before: here });
    }
  }
  const rank = (way) => Number.isNaN(way.product) ? Infinity : abs(way.product);
  found.sort((a, b) => rank(b) - rank(a));
  return { count: counts[node.index], found: found.slice(0, LISTED), byHand: byHand[node.index] };
}

// Whole numbers of any size, because each node can double the number of paths; and whether a backward written by hand
// is on one of them.
function countPaths() {
  const counts = nodes.map((node) => node === root ? 1n : 0n), byHand = nodes.map(() => false);
  for (let i = root.index - 1; i >= 0; i -= 1) {
    for (const { sender, local } of stepsTo[i]) {
      counts[i] += counts[sender.index];
      byHand[i] ||= local === null || byHand[sender.index];
    }
  }
  return { counts, byHand };
}

function wayOf(end) {
  const way = { nodes: [], steps: [], product: 1 };
  for (let here = end; here; here = here.before) {
    way.nodes.push(here.node);
    if (!here.step) continue;
    way.steps.push(here.step);
    way.product *= here.step.local;
  }
  way.nodes.reverse();
  way.steps.reverse();
  return way;
}
