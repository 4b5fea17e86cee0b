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
  if (arrival > 1) pieces.push(" ", ["together", ["= ", ["sum", short(step.after)]]]);
  return pieces.filter((piece) => piece !== "");
}

const numbersIn = (node) => written(node.how, node.operands.map((i) => short(nodes[i].data)));

function forwardPieces(node) {
  if (node === failedNode()) return [["name", node.head], ": failed: ", failure.text];
  return [["name", node.name], " = ", ["formula", node.formula], " = ", cut(numbersIn(node), 400), " = ",
    ["data", short(node.data)]];
}

// The lines at a position.
function linesAt(at) {
  const step = stepAt(at), node = computed[at - 1];
  if (step) return [productPieces(step), sumPieces(step)];
  return node ? [forwardPieces(node)] : [["Nothing is computed yet; the inputs have their numbers."]];
}

const textOf = (pieces) => pieces.map((piece) => typeof piece === "string" ? piece : typeof piece[1] === "string" ? piece[1] : textOf(piece[1])).join("");
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

// How fast one number changes with another, in words for people who know a slope.
const slope = (of, by, number) => `${of.name} changes by ${short(number)} for each 1 of ${by.name}`;

// Why, in a few words: lists of pieces, one for each paragraph.
function reasonsAt(at) {
  const step = stepAt(at);
  if (failure?.backward && at >= forward) return [["So there is no backward here."]];
  if (failure && at >= last) return [["Forward stopped here, so there is no backward."]];
  if (!at) {
    return [["First time here? ", ["strong", "Guide me"], " takes a minute. Or step: → and ← go a step, space plays, ",
      "n and p go by node, m to the next sum."]];
  }
  if (at < forward) return [];
  if (at === forward) {
    return [["Now backward answers a question: how fast does ", ["strong", root.name], " change when another number changes",
      ` a little? That is its gradient, grad for short. ${root.name} changes exactly as fast as itself: `,
      ["strong", `${root.name}.grad = 1`], "."]];
  }
  return step.local === null ? [] : [stepReason(step), ...mergeReason(step)];
}

function stepReason({ sender, receiver, local, upstream, contribution }) {
  const others = [...new Set(sender.operands)].map((i) => nodes[i]).filter((node) => node !== receiver && !node.constant);
  if (sender === root) {
    const still = others.length ? ` while ${listed(others.slice(0, 3).map((node) => node.name))} stayed as it is` : "";
    return [`If ${receiver.name} moved${still}: ${slope(root, receiver, local)}.`];
  }
  return [["strong", "Along a path, multiply"], `: ${slope(sender, receiver, local)}, and ${slope(root, sender, upstream)}. `,
    `So through ${sender.name}, ${slope(root, receiver, contribution)}.`];
}

function mergeReason({ receiver, arrival }) {
  const all = stepsTo[receiver.index], come = all.slice(0, arrival), rest = all.slice(arrival);
  const ways = (some) => new Set(some.map(through)).size === some.length ? listed(some.map(through)) : `${some.length} times`;
  if (rest.length) return [[`But ${receiver.name} also reaches ${root.name} ${ways(rest)}: more comes.`]];
  if (arrival < 2) return [];
  return [[["strong", "Across paths, add"], `: ${receiver.name} reaches ${root.name} ${times(arrival)}, ${ways(come)}. `,
    `A nudge of ${receiver.name} goes ${arrival === 2 ? "both" : "all"} ways at once.`]];
}
