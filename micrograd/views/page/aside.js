// What stands beside the picture: the step as a sentence and as arithmetic, and the reason.
const make = (tag, attributes, ...children) => dressed(document.createElement(tag), attributes, children);

const GRADIENTS = ["upstream", "contribution", "contribution now", "sum"];

function signOf([role, text]) {
  if (!GRADIENTS.includes(role) || /^\(?(0\)?$|nan)/.test(text)) return "";
  return /^\(?-/.test(text) ? "negative" : "positive";
}

function piece(each) {
  if (typeof each === "string") return typeset(each);
  const [role, said] = each;
  return row(role === "strong" ? role : "span", [said].flat(), { class: `${role} ${signOf(each)}`.trim() });
}

const row = (tag, pieces, attributes = {}) => make(tag, attributes, ...pieces.map(piece));
const paragraph = (pieces) => row("p", pieces);

function tell(at) {
  const card = boxAt(at), inside = card && stepsInside(at);
  byId("stage").textContent = stageAt(at);
  byId("heading").textContent = typeset(card ? boxHeading(card, at, inside) : headingAt(at));
  byId("arithmetic").replaceChildren(...linesAt(at).map((line) => row("div", line, { class: "line" })));
  const said = failure && computed[at - 1] !== failedNode() ? failure.text : "";
  if (byId("failure").textContent !== said) byId("failure").textContent = said;
  const reasons = card ? boxReasons(card, inside) : reasonsAt(at);
  byId("remark").replaceChildren(...[...reasons, ...tryIt(at)].map(paragraph));
  byId("why").replaceChildren(...(card || pinned ? [] : whyAt(at)));
  tellDetails(at);
}

// The paths of a gradient that has just become complete.
function whyAt(at) {
  const step = stepAt(at), all = step && stepsTo[step.receiver.index].length;
  return step && step.arrival === all && (all > 1 || step.sender !== root) ? whyParts(step.receiver) : [];
}

function stepsInside(at) {
  let start = at;
  while (start > 1 && sameBox(start - 1, at)) start -= 1;
  return at - start + 1;
}

const boxHeading = ({ box: { title } }, at, inside) => stepAt(at)
  ? `${title}: ${many(inside, "contribution")} sent backward.` : `${title}: ${many(inside, "value")} computed.`;

function boxReasons({ opens }, inside) {
  const above = inside > 1 ? `Above: the last of ${many(inside, "step")} inside this box. ` : "";
  return [[above, opens === undefined ? "" : "A click on the box opens it."]];
}

// What a move would do: along each path, together, and really; or that there is a corner.
function tryIt(at) {
  const step = stepAt(at), node = step?.receiver;
  if (!node || !isLeaf(node) || step.arrival < stepsTo[node.index].length || !canRecompute) return [];
  const slopeOver = (by) => (resultWith(node, node.data + by) - root.data) / by;
  // from 0.1 for numbers around 1, down to where the result follows its slope
  const first = 10 ** max(-9, Math.floor(Math.log10(abs(node.data) || 1) + 0.3) - 1);
  for (let by = first; by > 1e-6 * first; by /= 10) {
    const told = step.after * by, really = slopeOver(by) * by;
    if (finite(really) && abs(really - told) <= 0.12 * abs(told)) return [movedBy(node, by, told, really)];
  }
  const [left, right] = [-1e-7 * first, 1e-7 * first].map(slopeOver);
  if (!finite(left) || !finite(right) || abs(left - right) <= 1e-3 * max(abs(left), abs(right))) return [];
  return [[`There is a corner at ${node.name} = ${short(node.data)}: to the left the slope is `, ["strong", shortSlope(left)],
    ", to the right ", ["strong", shortSlope(right)], `. Backward takes ${short(step.after)} there, by convention.`]];
}

const shortSlope = (x) => short(Number(x.toPrecision(3)));

function movedBy(node, by, told, really) {
  const parts = stepsTo[node.index].map((each) => `${short(each.contribution * by)} ${through(each)}`);
  const total = `about ${short(told)}`;
  const foretold = parts.length > 1 && parts.length < 4 ? `${listed(parts)}, together ${total}` : total;
  return [`Try it: move ${node.name} by ${short(by)}. ${root.name} should change by ${foretold}. Really it changes by `,
    ["strong", short(really)], ": the smaller the move, the closer."];
}
