// Live numbers: inputs that can be dragged and typed. Everything follows at once: forward, backward and the picture.
const unruled = nodes.find((node) => node.operands.length && node.rule === null), canRecompute = !unruled;
const leaves = nodes.filter(isLeaf);
const SHOWN_INPUTS = 12, FURTHEST = 1e300;
const fields = new Map();

// Those at the top: all leaves where they are few and none is an input.
const own = leaves.filter((node) => node.kind === "input");
const topInputs = own.length || leaves.length > SHOWN_INPUTS ? own.slice(0, SHOWN_INPUTS) : leaves;

const computedFrom = (numberOf) => recompute(nodes, new Map(leaves.map((leaf) => [leaf.index, numberOf(leaf)])));

// Set some leaves, all others staying as they are; `fresh` starts from the recorded numbers.
function setLeaves(numbers, fresh = false) {
  const changed = leaves.some((leaf) => !Object.is(leaf.data, leaf.recorded));
  if (!canRecompute || (fresh && !numbers.size && !changed)) return;
  for (const leaf of leaves) leaf.data = numbers.get(leaf) ?? (fresh ? leaf.recorded : leaf.data);
  const found = computedFrom((leaf) => leaf.data);
  failure = found.failure;
  for (const node of computed) {
    node.data = found.data[node.index] ?? NaN;
    node.locals = found.locals[node.index] ?? node.operands.map(() => null);
  }
  replay();
  byId("scrubber").max = last;
  byId("backward").style.flexGrow = steps.length;
  for (const write of fields.values()) write();
}

// What the result would be if one leaf had another number; null where that fails.
function resultWith(node, number) {
  const found = computedFrom((leaf) => leaf === node ? number : leaf.data);
  return found.failure ? null : found.data[root.index];
}

function change(node, number) {
  if (Object.is(number, node.data)) return;
  const atEnd = position === last;
  pause();
  setLeaves(new Map([[node, number]]));
  show(atEnd ? last : position);
  tellChange();
}

// z moved from -1 to -1.105 because x did: the gradient's meaning, in numbers.
function tellChange() {
  const changed = leaves.filter((leaf) => !Object.is(leaf.data, leaf.recorded));
  const move = ({ name, recorded, data }) => `${name} ${short(recorded)} → ${short(data)}`;
  const moves = changed.length > 4 ? `${changed.length} inputs have moved` : changed.map(move).join(", ");
  const before = record.error ? "failed" : short(root.recorded);
  byId("reset").hidden = !changed.length;
  byId("change").replaceChildren(...!changed.length || failure && !failure.backward ? []
    : [`${moves}: `, ["strong", `${root.name} ${before} → ${short(root.data)}`]].map(piece));
}

// A slider goes to twice the number on either side of 0, and at least to 2.
function makeInput(node) {
  const reach = finite(node.recorded) ? min(FURTHEST, max(2, 2 * abs(node.recorded))) : 10;
  const slider = make("input",
    { type: "range", min: -reach, max: reach, step: "any", "aria-label": `${node.name}, slider` });
  const field = make("input",
    { type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false", "aria-label": node.name });
  const write = () => {
    if (document.activeElement !== field) field.value = full(node.data);
    if (slider.valueAsNumber !== node.data) slider.value = node.data;
  };
  slider.disabled = field.disabled = !canRecompute;
  listen(slider, "input", () => change(node, Number(slider.valueAsNumber.toPrecision(3))));
  listen(field, "change", () => {
    const number = typed(field.value);
    if (number !== null) change(node, number);
    field.value = full(node.data);
  });
  fields.set(node, write);
  write();
  const name = make("span", {}, ending(node.name, 22));  // layers.0.neurons.0.w.0
  return make("label", { class: "input", "data-node": node.index }, name, slider, field);
}

// The slider of a leaf that has none at the top stands with the details; it stays in its place while the details are
// written anew, because it may be in use.
let lent = null;

function lend(node) {
  if (node === lent) return;
  if (lent) fields.delete(lent);
  lent = node;
  byId("lent").replaceChildren(...(node ? [makeInput(node)] : []));
}

function makeInputs() {
  byId("inputs").append(...topInputs.map(makeInput));
  if (unruled) {
    byId("inputs").title = `${unruled.head} cannot be computed again here: it was made by hand, or data was changed since.`;
  }
  listen(byId("reset"), "click", () => {
    pause();
    setLeaves(new Map(), true);
    show(position);
    tellChange();
  });
}
