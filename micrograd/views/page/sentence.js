// A step in words: as the trace prints it, in two lines; and as a heading with a reason.
//
// A line is a list of pieces: a text, or a role and a text, which the style sheet colours by the role.

// ∂z/∂s; by operand where an operand repeats.
function partial(node, position) {
  const operand = node.operands[position];
  const repeats = node.operands.filter((each) => each === operand).length > 1;
  return `∂${node.name}/∂${repeats ? `(operand ${position + 1})` : nodes[operand].name}`;
}

function localPieces(node, position) {
  const formula = node.derivatives[position];
  return [["name", partial(node, position)], " = ", ...(formula === "" || Number.isFinite(Number(formula)) ? [] : [["formula", formula], " = "]),
    ["local", short(node.locals[position])]];
}

function productPieces(step) {
  const { sender, receiver, position, local, upstream, contribution } = step;
  if (local === null) {
    return [["name", sender.name], "'s backward, written by hand, adds ", ["contribution", short(contribution)], " to ",
      ["name", `${receiver.name}.grad`]];
  }
  return [...localPieces(sender, position), ["break", "; "], "times ", ["name", `${sender.name}.grad`], ": ", ["local", short(local)],
    " × ", ["upstream", after(upstream)], " = ", ["contribution", short(contribution)]];
}

// What a receiver has after a step, and from whom; of many earlier arrivals, their sum.
function sumPieces(step) {
  const { receiver, arrival } = step, earlier = stepsTo[receiver.index].slice(0, arrival - 1);
  const pieces = [["name", `${receiver.name}.grad`], " = "];
  if (arrival > 3) pieces.push(["contribution", short(step.before)], ` from ${arrival - 1} before`);
  else earlier.forEach((each, i) => pieces.push(i ? " + " : "", ["contribution", (i ? after : short)(each.contribution)], ` from ${each.sender.name}`));
  pieces.push(arrival > 1 ? " + " : "", ["contribution now", (arrival > 1 ? after : short)(step.contribution)], ` from ${step.sender.name}`);
  if (arrival > 1) pieces.push(" = ", ["sum", short(step.after)]);
  return pieces.filter((piece) => piece !== "");
}

const numbersIn = (node) => written(node.how, node.operands.map((i) => short(nodes[i].data)));

function forwardPieces(node) {
  if (node === failedNode()) return [["name", node.head], ": failed: ", failure.text];
  return [["name", node.name], " = ", ["formula", node.formula], " = ", cut(numbersIn(node), 400), " = ",
    ["sum", short(node.data)]];
}

// The lines at a position.
function linesAt(at) {
  const step = stepAt(at), node = computed[at - 1];
  if (step) return [productPieces(step), sumPieces(step)];
  return node ? [forwardPieces(node)] : [["Nothing is computed yet; the inputs have their numbers."]];
}

const textOf = (pieces) => pieces.map((piece) => typeof piece === "string" ? piece : piece[1]).join("");
const textAt = (at) => linesAt(at).map(textOf).join("\n");

function stageAt(at) {
  if (at > forward) return `Backward, step ${at - forward} of ${steps.length}`;
  return at ? `Forward, step ${at} of ${forward}` : "Start";
}

const through = (step) => step.sender === root ? "directly" : `through ${step.sender.name}`;
const listed = (items) => items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
const times = (n) => n === 2 ? "twice" : `${n} times`;
const COUNTS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

// What happens at a position, as one sentence.
function headingAt(at) {
  const step = stepAt(at), node = computed[at - 1];
  if (!at) return failure && !forward ? "This could not be computed." : `Step through ${root.name}, forward and then backward.`;
  if (!step) {
    if (node === failedNode()) return `${node.name} cannot be computed.`;
    return at === forward ? `${node.name} is the result.` : `${node.name} is computed from ${listed([...new Set(node.operands)].map((i) => nodes[i].name))}.`;
  }
  const { sender, receiver, arrival } = step, all = stepsTo[receiver.index].length;
  const gives = sender === root ? `${sender.name} gives ${receiver.name} its share` : `${sender.name} hands its gradient on to ${receiver.name}`;
  const paths = `${COUNTS[all] ?? all} paths`;
  if (all === 1) return `${gives}.`;
  return arrival === all ? `${gives}, where ${paths} have met.` : arrival === 1 ? `${gives}, where ${paths} will meet.` : `${gives}, where ${paths} meet.`;
}

// Why, in a few words: lists of pieces, one for each paragraph.
function reasonsAt(at) {
  const step = stepAt(at);
  if (failure?.backward && at >= forward) return [["So there is no backward here."]];
  if (failure && at >= last) return [["Forward stopped here, so there is no backward."]];
  if (!at) return [["First time here? ", ["strong", "Guide me"], " takes a minute. Or step: → and ← go a step, space plays, n and p go by node, m to the next sum."]];
  if (at < forward) return [];
  if (at === forward) {
    return [[`Now backward: how much does ${root.name} change when a node changes a little? For ${root.name} itself that is `, ["strong", "1"], "."]];
  }
  const { sender, receiver, local, upstream, contribution, arrival } = step, all = stepsTo[receiver.index].length;
  if (local === null) return [[`The backward of ${sender.name} was written by hand: it adds what it likes.`]];
  const reasons = [];
  if (arrival > 1) {
    const ways = stepsTo[receiver.index].slice(0, arrival).map(through);
    const said = new Set(ways).size === ways.length ? listed(ways) : `each time ${ways[0]}`;
    reasons.push([`${receiver.name} reaches ${root.name} `, ["strong", times(arrival)], `: ${said}. Nudge ${receiver.name} a little, and ${root.name} feels `,
      arrival === 2 ? "both" : "all of them", ", so the contributions are ", ["strong", "added"], "."]);
  } else if (sender === root) {
    reasons.push([`Nudge ${receiver.name} a little: ${root.name} changes `, ["strong", short(local)], " times as much, all else held still."]);
  } else {
    reasons.push([`Nudge ${receiver.name} a little: ${sender.name} changes ${short(local)} times as much, and ${root.name} changes ${short(upstream)} times as much as ${sender.name}. One after the other: `, ["strong", "multiply"], "."]);
  }
  if (arrival < all) reasons.push([`${COUNTS[all - arrival] ?? all - arrival} more to come.`.replace(/^./, (c) => c.toUpperCase())]);
  return reasons;
}
