// A step in words: as the trace prints it, in two lines; and as a heading with a reason.
//
// A line is a list of pieces: a text, or a role and a text, which the style sheet colours by the role.

const repeats = (node, position) =>
  node.operands.indexOf(node.operands[position]) !== node.operands.lastIndexOf(node.operands[position]);

// ∂z/∂s; by operand where an operand repeats.
function partial(node, position) {
  const by = repeats(node, position) ? `(operand ${position + 1})` : nodes[node.operands[position]].name;
  return `∂${node.name}/∂${by}`;
}

function localPieces(node, position) {
  const formula = node.derivatives[position], isNumber = formula === "" || finite(Number(formula));
  return [["name", partial(node, position)], " = ", ...(isNumber ? [] : [["formula", formula], " = "]),
    ["local", short(node.locals[position])]];
}

function productPieces({ sender, receiver, position, local, upstream, contribution }) {
  if (local === null) {
    return [["name", sender.name], "'s backward, written by hand, adds ", ["contribution", short(contribution)], " to ",
      ["name", `${receiver.name}.grad`]];
  }
  return [...localPieces(sender, position), ["break", "; "], "times ", ["name", `${sender.name}.grad`], ": ",
    ["local", short(local)], " × ", ["upstream", after(upstream)], " = ", ["contribution", short(contribution)]];
}

// What a receiver has after a step, and from whom; of many earlier arrivals, their sum.
function sumPieces({ sender, receiver, arrival, before, after: sum, contribution }) {
  const pieces = [["name", `${receiver.name}.grad`], " = "], first = arrival === 1;
  if (arrival > NAMED) {
    pieces.push(["contribution", short(before)], ` from ${arrival - 1} before`);
  } else {
    stepsTo[receiver.index].slice(0, arrival - 1).forEach((each, i) => pieces.push(
      i ? " + " : "", ["contribution", (i ? after : short)(each.contribution)], ` from ${each.sender.name}`));
  }
  pieces.push(first ? "" : " + ", ["contribution now", (first ? short : after)(contribution)], ` from ${sender.name}`);
  if (!first) pieces.push(" ", ["together", ["= ", ["sum", short(sum)]]]);
  return pieces.filter((piece) => piece !== "");
}

const numbersIn = (node) => node.stale ? "(before data changed)" : written(node.how, node.operands.map((i) => short(nodes[i].data)));

function forwardPieces(node) {
  if (node === failedNode()) return [["name", node.head], ": failed: ", failure.text];
  return [["name", node.name], " = ", ["formula", node.formula], " = ", cut(numbersIn(node), 400), " = ",
    ["data", short(node.data)]];
}

// The lines at a position.
function linesAt(at) {
  const step = stepAt(at), node = computed[at - 1];
  if (step) return [productPieces(step), sumPieces(step)];
  return node ? [forwardPieces(node)] : [["Nothing is computed yet."]];
}


function stageAt(at) {
  if (at > forward) return `Backward, step ${at - forward} of ${steps.length}`;
  return at ? `Forward, step ${at} of ${forward}` : "Start";
}

const through = (step) => step.sender === root ? "directly" : `through ${step.sender.name}`;
const listed = (items) =>
  items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
const times = (n) => n === 2 ? "twice" : `${n} times`;
const COUNTS = ["no", "one", "two", "three", "four"];
const ORDINALS = ["", "first", "second", "third", "fourth"];
const counting = (n) => COUNTS[n] ?? n;

// What happens at a position, as one sentence.
function headingAt(at) {
  const step = stepAt(at), node = computed[at - 1];
  if (step) return arrivalHeading(step);
  if (!node) {
    return failure && !forward ? "This could not be computed."
      : `Step through ${root.name}, forward and then backward.`;
  }
  if (node === failedNode()) return `${node.name} cannot be computed.`;
  if (at === forward) return `${node.name} is the result.`;
  return `${node.name} is computed from ${listed([...new Set(node.operands)].map((i) => nodes[i].name))}.`;
}

function arrivalHeading({ sender, receiver, contribution, arrival }) {
  const all = stepsTo[receiver.index].length, sends = `${sender.name} sends ${short(contribution)} to ${receiver.name}`;
  return all === 1 ? `${sends}.` : `${sends}: the ${ORDINALS[arrival] ?? `${arrival}th`} of ${counting(all)} parts of ${receiver.name}.grad.`;
}

// How fast one number changes with another, in words for people who know a slope.
const slope = (of, by, number) => `a tiny move of ${by} moves ${of.name} ${short(number)} times as far`;
// x * x has two slopes, each as if the other x were another number
const moving = (node, position) => {
  const name = nodes[node.operands[position]].name;
  return repeats(node, position) ? `${name} as operand ${position + 1} alone` : name;
};

// Why, in a few words: lists of pieces, one for each paragraph.
function reasonsAt(at) {
  const step = stepAt(at);
  if (failure?.backward && at >= forward) return [["So there is no backward here."]];
  if (failure && at >= last) return [["Forward stopped here, so there is no backward."]];
  if (!at) {
    return [["New here? ", ["strong", "Guide me"], " takes a minute.", matchMedia("(pointer: coarse)").matches ? ""
      : " Keys: → and ← step, space plays, n and p go by node, m to the next sum."]];  // a phone has none
  }
  if (at < forward) return [];
  if (at === forward) {
    return [["Now backward asks: how fast does ", ["strong", root.name], " change when a number changes a little? That is",
      ` the number's gradient, grad for short. ${root.name} changes exactly as fast as itself: `,
      ["strong", `${root.name}.grad = 1`], "."]];
  }
  return step.local === null ? [] : [stepReason(step), ...mergeReason(step)];
}

function stepReason({ sender, receiver, position, local, upstream, contribution }) {
  const others = [...new Set(sender.operands)].map((i) => nodes[i])
    .filter((node) => node !== receiver && !node.constant);
  const alone = repeats(sender, position), moved = moving(sender, position);
  if (sender === root) {
    const names = others.slice(0, 3).map((node) => node.name);
    const still = !alone && names.length ? ` and ${listed(names)} stay${names.length > 1 ? "" : "s"} as it is` : "";
    return [["name", partial(sender, position)], ` is the slope of ${root.name} when only ${moved} moves`,
      `${still}: ${slope(root, moved, local)}.`];
  }
  return [["strong", "Along a path, multiply"],
    `: ${slope(sender, moved, local)}, and ${slope(root, sender.name, upstream)}. `,
    `So, through ${sender.name}: ${short(local)} × ${after(upstream)} = ${short(contribution)} times as far.`];
}

function mergeReason({ receiver, arrival }) {
  const all = stepsTo[receiver.index], come = all.slice(0, arrival), rest = all.slice(arrival);
  const ways = (some) => {
    const said = some.map(through);
    return said.length < 6 && new Set(said).size === said.length ? listed(said) : `${said.length} times`;
  };
  if (rest.length) return [[`${receiver.name}.grad is not complete: ${receiver.name} also reaches ${root.name} ${ways(rest)}.`]];
  if (arrival < 2) return [];
  const said = ways(come), together = said === `${arrival} times` ? "" : `, ${said}`;
  return [[["strong", "Across paths, add"], `: ${receiver.name} reaches ${root.name} ${times(arrival)}${together}. `,
    `A nudge of ${receiver.name} goes ${arrival === 2 ? "both" : "all"} ways at once.`]];
}
