// The guided minute: a few moments of this very graph, each with one sentence about why.
let guide = null;
const guiding = () => guide !== null;

// A chapter is a position, a title, the pieces of its text, and the input that it asks to be moved.
function chapters() {
  const { name } = root, found = [[0, "Numbers that remember", [forward
    ? `Each card is a number. The lines say what it is computed from, from left to right, up to the result, ${name}.`
    : `The card is a number. Nothing is computed from it yet, so it is itself the result.`]]];
  const computes = "Forward computes them one after the other";
  if (failedNode()) return [...found, [last, "Forward", [`${computes}, until ${failedNode().name} fails.`]]];
  if (forward) found.push([forward, "Forward", [`${computes}. ${name} is ${short(root.data)}.`]]);
  if (failure) return found;
  found.push([forward, "The question", [`How fast does ${name} change when a number changes a little? That is the `,
    `number's gradient, grad for short. ${name} changes exactly as fast as itself: 1. There backward starts.`]]);
  return [...found, ...multiplyChapter(), ...addChapter(), ...moveChapter()];
}

function multiplyChapter() {
  const known = steps.filter((step) => step.local !== null), inner = known.filter((step) => step.sender !== root);
  const step = inner.find(({ local }) => local !== 1) ?? inner[0] ?? known[0];
  if (!step) return [];
  const { sender, receiver, position, local, upstream, number, contribution } = step;
  const by = moving(sender, position), capital = (text) => text.replace(/^./, (c) => c.toUpperCase());
  return [[forward + number, "Why multiply?", [`${capital(slope(sender, by, local))}. `,
    `${capital(slope(root, sender.name, upstream))}. `, "One after the other, along a path, the two ", ["strong", "multiply"],
    `: ${short(local)} × ${after(upstream)} = ${short(contribution)}.`]]];
}

const firstMerge = () =>
  steps.find(({ arrival, receiver }) => arrival > 1 && arrival === stepsTo[receiver.index].length);

function addChapter() {
  const merge = firstMerge();
  if (!merge) return [];
  const { receiver, arrival, number } = merge;
  return [[forward + number, "Why add?", [
    `${receiver.name} is used ${times(arrival)}, so it reaches ${root.name} along ${counting(arrival)} ways. `,
    `A nudge of ${receiver.name} goes along all of them at once, so what they give is `, ["strong", "added"], "."]]];
}

function moveChapter() {
  const merged = firstMerge()?.receiver, node = topInputs.includes(merged) ? merged : topInputs[0];
  if (!canRecompute || !node || !forward) return [];
  const grad = short(gradsAt(last)[node.index] ?? 0);
  return [[last, "Now you", [`Move ${node.name} at the top and watch ${root.name}: `,
    `near here it changes by ${grad} for each 1 of ${node.name}. That is ${node.name}.grad.`], node]];
}

function startGuide() {
  guide = chapters();
  turn(0);
}

function turn(to) {
  if (to >= guide.length) return endGuide();
  const [at, title, pieces, node] = guide[to], before = guide[to - 1]?.[0] ?? 0, final = to === guide.length - 1;
  const next = make("button", { class: "primary", id: "guide-next" }, final ? "Done" : "Next");
  const skip = make("button", {}, "Skip");
  listen(next, "click", () => turn(to + 1));
  listen(skip, "click", endGuide);
  byId("guide").replaceChildren(make("small", {}, `Guide, ${to + 1} of ${guide.length}`), make("h2", {}, title),
    paragraph(pieces), make("p", { class: "guide-buttons" }, next, ...(final ? [] : [skip])));
  byId("guide").hidden = false;
  pause();
  // from the position before, so that the contribution travels
  if (at !== before && stepAt(at)) show(at - 1);
  show(at, true);
  const slider = node && byId("inputs").querySelector(`[data-node="${node.index}"] input`);
  (slider ?? next).focus();
}

function endGuide() {
  guide = null;
  byId("guide").hidden = true;
  byId("guide-me").focus();
}
