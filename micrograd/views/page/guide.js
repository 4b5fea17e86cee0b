// The guided minute: a few moments of this very graph, each with one sentence about why.
let guide = null;
const guiding = () => guide !== null;

function chapters() {
  const found = [], first = nodes.find((node) => LEAVES.includes(node.kind));
  found.push([0, "Numbers that remember", [`Each card is a number. The lines say what it is computed from, from left to right, up to the result, ${root.name}.`]]);
  found.push([forward, "Forward", [`Forward computes them one after the other. ${root.name} is ${short(root.data)}.`]]);
  if (failure) return found;
  found.push([forward, "The question", [`How fast does ${root.name} change when a number changes a little? That is the number's gradient, grad for short. ${root.name} changes exactly as fast as itself: 1. There backward starts.`]]);
  const multiply = steps.find((step) => step.sender !== root && step.local !== null && step.local !== 1) ?? steps.find((step) => step.sender !== root && step.local !== null) ?? steps[0];
  if (multiply?.local !== undefined && multiply.local !== null) {
    const { sender, receiver, local, upstream } = multiply;
    found.push([forward + multiply.number, "Why multiply?", [`${slope(sender, receiver, local)}. ${slope(root, sender, upstream)}. One after the other, along a path, the two `, ["strong", "multiply"], `: ${short(local)} × ${after(upstream)} = ${short(multiply.contribution)}.`]]);
  }
  const merge = steps.find((step) => step.arrival > 1 && step.arrival === stepsTo[step.receiver.index].length);
  if (merge) {
    const { receiver, arrival } = merge;
    found.push([forward + merge.number, "Why add?", [`${receiver.name} is used ${times(arrival)}, so it reaches ${root.name} along ${COUNTS[arrival] ?? arrival} ways. A nudge of ${receiver.name} goes along all of them at once, so what they give is `, ["strong", "added"], "."]]);
  }
  if (canRecompute && first) {
    const node = merge && LEAVES.includes(merge.receiver.kind) ? merge.receiver : first;
    found.push([last, "Now you", [`Move ${node.name} at the top, with the mouse or the arrow keys, and watch ${root.name}: near here it changes by ${short(gradsAt(last)[node.index] ?? 0)} for each 1 of ${node.name}. That is ${node.name}.grad.`], node]);
  }
  return found;
}

function startGuide() {
  guide = { pages: chapters(), at: 0 };
  turn(0);
}

function turn(to) {
  if (to >= guide.pages.length) return endGuide();
  guide.at = to;
  const [at, title, pieces, node] = guide.pages[to], before = guide.pages[to - 1]?.[0] ?? 0;
  const final = to === guide.pages.length - 1;
  const next = make("button", { type: "button", class: "primary", id: "guide-next" }, final ? "Done" : "Next");
  const skip = make("button", { type: "button" }, "Skip");
  next.addEventListener("click", () => turn(to + 1));
  skip.addEventListener("click", endGuide);
  byId("guide").replaceChildren(make("small", {}, `Guide, ${to + 1} of ${guide.pages.length}`), make("h2", {}, title), paragraph(pieces),
    make("p", { class: "guide-buttons" }, next, ...(final ? [] : [skip])));
  byId("guide").hidden = false;
  document.body.classList.add("guided");
  pause();
  if (at !== before) show(at - (stepAt(at) ? 1 : 0));
  show(at, true);
  if (node) byId("inputs").querySelector(`[data-node="${node.index}"] input`)?.focus();
  else next.focus();
}

function endGuide() {
  guide = null;
  byId("guide").hidden = true;
  document.body.classList.remove("guided");
  byId("guide-me").focus();
}
