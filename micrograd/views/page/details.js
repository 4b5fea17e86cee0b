// The details of a node: its numbers, its local derivatives, and the paths behind its gradient. They follow the node
// that changes, unless one was chosen by a click.
function tellDetails(at) {
  const step = stepAt(at), node = pinned ?? step?.receiver ?? computed[at - 1] ?? root;
  const complete = at >= forward && (stepsTo[node.index].at(-1)?.number ?? 0) <= at - forward;
  const grad = gradText(gradsAt(at)[node.index], full);
  const facts = [["kind", kindOf(node)], ["formula", node.formula], ["data", dataText(node, at, full)],
    ["grad", complete || grad === "·" || at < forward ? grad : `${grad} so far`]];
  byId("details-name").textContent = node.name;
  byId("unpin").hidden = pinned === null;
  lend(isLeaf(node) && !topInputs.includes(node) ? node : null);
  byId("details").replaceChildren(...((pinned || boxAt(at)) && node !== root && at > forward && complete ? whyParts(node) : []),
    make("dl", {}, ...facts.filter(([, said]) => said).flatMap(([term, said]) =>
      [make("dt", {}, term), make("dd", {}, typeset(said))])),
    ...(isThere(node, at) ? localParts(node) : []));
}

function localParts(node) {
  const lines = node.locals.flatMap((local, i) => local === null ? [] : [row("li", localPieces(node, i))]);
  return lines.length ? [make("h3", {}, "Local derivatives"), make("ul", {}, ...lines)] : [];
}

function whyParts(node) {
  if (failure) return [];
  const { count, found, byHand } = pathsFrom(node), title = make("h3", {}, `Why is ${node.name}.grad what it is?`);
  if (byHand) return [title, paragraph(["A backward written by hand is on the way and hides the paths."])];
  if (!count) return [title, paragraph([`${node.name} does not reach ${root.name}: its gradient is 0.`])];
  const total = gradsAt(last)[node.index];
  const list = make("ul", { class: "ways" }, ...found.map((way) => make("li", {}, wayButton(way))));
  if (count > found.length) {
    const rest = found.reduce((left, way) => left - way.product, total);
    list.append(row("li", [`and ${many(count - BigInt(found.length), "more path")}: ${short(rest)} together`]));
  }
  const said = count > 1n ? [`${typeset(short(total))} is the sum over ${many(count, "path")}:`] : ["There is one path:"];
  return [title, paragraph(said), list];
}

const WAY = 10;
const shortened = (items, joint) =>
  (items.length <= WAY ? items : [...items.slice(0, WAY / 2), "…", ...items.slice(-WAY / 2)]).join(joint);

// A path lights up under the pointer, and stays lit after a click until the next one.
function wayButton(way) {
  const names = shortened(way.nodes.map((node) => node.name), " → ");
  const factors = shortened(way.steps.map((step, i) => i ? after(step.local) : short(step.local)), " × ");
  const text = `${names}: ${way.steps.length > 1 ? `${factors} = ` : ""}${short(way.product)}`;
  const button = make("button", { class: "way-button" }, typeset(text));
  const lights = () => new Set([...way.steps.map(edgeOf), ...way.nodes.map((node) => cardOf.get(node))]);
  for (const on of ["pointerenter", "focus"]) listen(button, on, () => paint(position, lights()));
  for (const off of ["pointerleave", "blur"]) listen(button, off, () => paint(position, heldWay?.lights()));
  listen(button, "click", () => {
    heldWay = heldWay === way ? null : Object.assign(way, { lights });
    paint(position, heldWay?.lights());
  });
  return button;
}

// A click on a card: a folded box opens; a node's details stay until the next click on it.
function choose({ box, opens }) {
  if (opens !== undefined) openBox(opens);
  else if (box.node) pin(pinned === box.node ? null : box.node);
}

function pin(node) {
  pinned = node;
  show(position);
}
