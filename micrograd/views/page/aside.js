// What stands beside the picture: the step as a sentence and as arithmetic, the reason, and the details of a node.
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const GRADIENTS = ["upstream", "contribution", "contribution now", "sum"];
const signOf = ([role, text]) => !GRADIENTS.includes(role) || /^\(?(0\)?$|nan)/.test(text) ? "" : /^\(?-/.test(text) ? "negative" : "positive";

function piece(each) {
  if (typeof each === "string") return typeset(each);
  const [role, said] = each, inside = typeof said === "string" ? [typeset(said)] : said.map(piece);
  return make(role === "strong" ? "strong" : "span", { class: `${role} ${signOf(each)}`.trim() }, ...inside);
}

const paragraph = (pieces) => make("p", {}, ...pieces.map(piece));

function tell(at) {
  const box = boxAt(at), inside = box && stepsInside(at);
  byId("stage").textContent = stageAt(at);
  byId("heading").textContent = typeset(box ? boxHeading(box, at, inside) : headingAt(at));
  byId("arithmetic").replaceChildren(...linesAt(at).map((line) => make("div", { class: "line" }, ...line.map(piece))));
  const said = failure && computed[at - 1] !== failedNode() ? failure.text : "";
  if (byId("failure").textContent !== said) byId("failure").textContent = said;
  byId("remark").replaceChildren(...(box ? [paragraph([`Above: the last of ${many(inside, "step")} inside this box. A click on the box opens it.`])] : reasonsAt(at).map(paragraph)),
    ...tryIt(at));
  byId("remark").classList.toggle("first", at === 0);
  tellDetails(at);
}

function stepsInside(at) {
  let start = at;
  while (start > 1 && sameBox(start - 1, at)) start -= 1;
  return at - start + 1;
}

function boxHeading({ box }, at, inside) {
  return stepAt(at) ? `${box.title} has sent ${many(inside, "contribution")} backward.` : `${box.title} has computed ${many(inside, "value")}.`;
}

// What a nudge would do: along each path, together, and really.
function tryIt(at) {
  const step = stepAt(at), node = step?.receiver;
  if (!node || !LEAVES.includes(node.kind) || step.arrival < stepsTo[node.index].length || !canRecompute) return [];
  const nudge = 0.05 * Math.max(1, Math.abs(node.data)), moved = Number((node.data + nudge).toPrecision(4));
  const there = resultWith(node, moved), by = moved - node.data;
  if (there === null || !Number.isFinite(there)) return [];
  const parts = stepsTo[node.index].map((each) => `${short(each.contribution * by)} ${through(each)}`);
  const foretold = parts.length > 1 && parts.length < 4 ? `${listed(parts)}, together about ${short(step.after * by)}` : `about ${short(step.after * by)}`;
  return [paragraph([`Try it: ${node.name} from ${short(node.data)} to ${short(moved)}. ${root.name} should change by ${foretold}. Really it goes from `,
    `${short(root.data)} to `, ["strong", short(there)], `, by ${short(there - root.data)}: the smaller the nudge, the closer.`])];
}

// The details follow the node that changes, unless one was chosen by a click.
function tellDetails(at) {
  const step = stepAt(at), node = pinned ?? step?.receiver ?? computed[at - 1] ?? root, grads = gradsAt(at);
  const panel = byId("details"), facts = make("dl", {});
  const fact = (term, value) => facts.append(make("dt", {}, term), make("dd", {}, typeset(value)));
  const complete = (stepsTo[node.index].at(-1)?.number ?? 0) <= at - forward;
  fact("kind", node.kind);
  if (node.formula) fact("formula", node.formula);
  fact("data", node === failedNode() ? "failed" : isThere(node, at) ? full(node.data) : "·");
  fact("grad", grads[node.index] === null ? "·" : full(grads[node.index]) + (complete || at < forward ? "" : " so far"));
  const parts = [...(node !== root && at > forward && complete ? whyParts(node, at) : []), facts, ...(LEAVES.includes(node.kind) && !byId("inputs").querySelector(`[data-node="${node.index}"]`) ? [inputFor(node)] : [])];
  if (node.locals.length && isThere(node, at)) {
    const locals = node.locals.flatMap((local, i) => local === null ? [] : [localPieces(node, i)]);
    parts.push(make("h3", {}, "Local derivatives"), make("ul", {}, ...locals.map((line) => make("li", {}, ...line.map(piece)))));
  }
  const heading = byId("details-name");
  heading.textContent = node.name;
  byId("unpin").hidden = pinned === null;
  panel.replaceChildren(...parts);
}

function whyParts(node, at) {
  const title = make("h3", {}, `Why is ${node.name}.grad what it is?`);
  if (failure) return [];
  const { count, found, byHand } = pathsFrom(node);
  if (byHand) return [title, paragraph(["A backward written by hand is on the way and hides the paths."])];
  if (!count) return [title, paragraph([`${node.name} does not reach ${root.name}: its gradient is 0.`])];
  const total = gradsAt(last)[node.index];
  const list = make("ul", { class: "ways" }, ...found.map((way) => make("li", {}, wayButton(way, at))));
  if (count > found.length) list.append(make("li", {}, typeset(`and ${many(count - BigInt(found.length), "more path")}: ${short(found.reduce((rest, way) => rest - way.product, total))} together`)));
  return [title, paragraph([`The sum over ${many(count, "path")}: `, ["strong", short(total)]]), list];
}

const WAY = 10;
const shortened = (items, joint) => (items.length <= WAY ? items : [...items.slice(0, WAY / 2), "…", ...items.slice(-WAY / 2)]).join(joint);

function wayButton(way, at) {
  const names = shortened(way.nodes.map((node) => node.name), " → ");
  const factors = shortened(way.steps.map((step, i) => i ? after(step.local) : short(step.local)), " × ");
  const text = `${names}: ${way.steps.length > 1 ? `${factors} = ` : ""}${short(way.product)}`;
  const button = make("button", { type: "button", class: "way-button" }, typeset(text));
  const lights = new Set(way.steps.map(edgeOf).concat(way.nodes.map((node) => cardOf.get(node))));
  const on = () => paint(position, lights), off = () => paint(position, heldWay);
  button.addEventListener("pointerenter", on);
  button.addEventListener("focus", on);
  button.addEventListener("pointerleave", off);
  button.addEventListener("blur", off);
  button.addEventListener("click", () => {
    heldWay = heldWay && heldText === text ? null : lights;
    heldText = text;
    paint(position, heldWay);
  });
  return button;
}

let heldWay = null, heldText = "";

// A click on a card: a folded box opens; a node's details stay until the next click on it.
function choose({ box }) {
  const opened = layoutOpening(box);
  if (opened !== undefined) {
    relayout(opened);
    byId("nodes").firstChild?.focus();
    return;
  }
  if (!box.node) return;
  pinned = pinned === box.node ? null : box.node;
  heldWay = null;
  show(position);
}
