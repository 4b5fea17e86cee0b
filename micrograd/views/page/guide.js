// The guided minute: a few moments of this very graph, each with one sentence about why.
let guide = null;
const guiding = () => guide !== null;

function chapters() {
  const found = [], first = nodes.find((node) => LEAVES.includes(node.kind));
  found.push([0, "Numbers that remember", [`Each card is a number. The lines say what it is computed from, from left to right, up to the result, ${root.name}.`]]);
  found.push([forward, "Forward", [`Forward computes them one after the other. ${root.name} is ${short(root.data)}.`]]);
  if (failure) return found;
  found.push([forward, "The question", [`If a number changes a little, how much does ${root.name} change? The answer is its gradient. ${root.name} changes just as much as itself: that is 1, where we start.`]]);
  const multiply = steps.find((step) => step.sender !== root && step.local !== null && step.local !== 1) ?? steps.find((step) => step.sender !== root && step.local !== null) ?? steps[0];
  if (multiply?.local !== undefined && multiply.local !== null) {
    const { sender, receiver, local, upstream } = multiply;
    found.push([forward + multiply.number, "Why multiply?", [`A small change of ${receiver.name} makes ${sender.name} change ${short(local)} times as much. A change of ${sender.name} makes ${root.name} change ${short(upstream)} times as much. One after the other, they `, ["strong", "multiply"], `: ${short(local)} × ${after(upstream)} = ${short(multiply.contribution)}.`]]);
  }
  const merge = steps.find((step) => step.arrival > 1 && step.arrival === stepsTo[step.receiver.index].length);
  if (merge) {
    const { receiver, arrival } = merge;
    found.push([forward + merge.number, "Why add?", [`${receiver.name} is used ${times(arrival)}, so it reaches ${root.name} along ${COUNTS[arrival] ?? arrival} ways. A nudge of ${receiver.name} goes along all of them at once, so what they give is `, ["strong", "added"], "."]]);
  }
  if (canRecompute && first) {
    const node = merge && LEAVES.includes(merge.receiver.kind) ? merge.receiver : first;
    found.push([last, "Now you", [`Move ${node.name} at the top and watch ${root.name}: for small moves it changes ${short(gradsAt(last)[node.index] ?? 0)} times as much, which is ${node.name}.grad.`], node]);
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
