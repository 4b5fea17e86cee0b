// Live numbers: inputs that can be dragged and typed. Everything follows at once: forward, backward and the picture.
const canRecompute = nodes.every((node) => !node.operands.length || node.rule !== null);
const leaves = nodes.filter((node) => LEAVES.includes(node.kind));
const SHOWN_INPUTS = 12;
const fields = new Map();

const changedLeaves = () => leaves.filter((node) => !Object.is(node.data, node.recorded));

// Set some leaves, all others staying as they are; `fresh` starts from the recorded numbers.
function setLeaves(numbers, fresh = false) {
  if (!canRecompute || (fresh && !numbers.size && !changedLeaves().length)) return;
  for (const node of leaves) node.data = numbers.get(node) ?? (fresh ? node.recorded : node.data);
  const found = recompute(nodes, new Map(leaves.map((node) => [node.index, node.data])));
  failure = found.failure;
  nodes.forEach((node, i) => {
    if (node.operands.length) node.data = found.data[i] ?? NaN;
    if (node.operands.length) node.locals = found.locals[i] ?? node.operands.map(() => null);
  });
  replay();
  byId("scrubber").max = last;
  byId("backward").style.flexGrow = steps.length;
  for (const [node, field] of fields) field(node);
}

// What the result would be if one leaf had another number; null where that fails.
function resultWith(node, number) {
  const found = recompute(nodes, new Map(leaves.map((leaf) => [leaf.index, leaf === node ? number : leaf.data])));
  return found.failure ? null : found.data[root.index];
}

function change(node, number) {
  if (Number.isNaN(number) || Object.is(number, node.data)) return;
  const atEnd = position === last;
  pause();
  setLeaves(new Map([[node, number]]));
  show(atEnd ? last : Math.min(position, last));
  tellChange();
}

// z moved from -1 to -1.105 because x did: the gradient's meaning, in numbers.
function tellChange() {
  const changed = changedLeaves(), line = byId("change");
  byId("reset").hidden = !changed.length;
  if (!changed.length || failure) { line.replaceChildren(); return; }
  const said = changed.map((node) => `${node.name} ${short(node.recorded)} → ${short(node.data)}`).join(", ");
  line.replaceChildren(...[`${said}: `, ["strong", `${root.name} ${short(root.recorded)} → ${short(root.data)}`]].map(piece));
}

// A slider goes to twice the number on either side of 0, and at least to 2.
function makeInput(node) {
  const reach = Number.isFinite(node.recorded) ? Math.max(2, 2 * Math.abs(node.recorded)) : 10;
  const slider = make("input", { type: "range", min: -reach, max: reach, step: "any", "aria-label": `${node.name}, slider` });
  const field = make("input", { type: "text", inputmode: "decimal", autocomplete: "off", spellcheck: "false", "aria-label": node.name });
  slider.disabled = field.disabled = !canRecompute;
  slider.addEventListener("input", () => change(node, Number(slider.valueAsNumber.toPrecision(3))));
  field.addEventListener("change", () => {
    const text = field.value.replace("−", "-").trim(), number = Number(text);
    if (text && !Number.isNaN(number)) change(node, number);
    show(position);
    write(node);
  });
  const write = ({ data }) => {
    if (document.activeElement !== field) field.value = full(data);
    if (slider.valueAsNumber !== data) slider.value = data;
  };
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") { field.blur(); field.focus(); }
  });
  fields.set(node, write);
  write(node);
  return make("label", { class: "input", "data-node": node.index }, make("span", {}, ending(node.name, 16)), slider, field);
}

// The slider of a leaf that has none at the top; kept while the details are written anew, because it may be in use.
let lent = null;

function inputFor(node) {
  if (lent?.node !== node) {
    if (lent) fields.delete(lent.node);
    lent = { node, element: makeInput(node) };
  }
  return lent.element;
}

function makeInputs() {
  const own = leaves.filter((node) => node.kind === "input"), chosen = own.length || leaves.length > SHOWN_INPUTS ? own.slice(0, SHOWN_INPUTS) : leaves;
  byId("inputs").append(...chosen.map(makeInput));
  if (!canRecompute) {
    const node = nodes.find((each) => each.operands.length && each.rule === null);
    byId("inputs").title = `${node.head} cannot be computed again here: it was not made by a rule of the table.`;
  }
  byId("reset").addEventListener("click", () => {
    setLeaves(new Map(), true);
    show(Math.min(position, last));
    tellChange();
  });
}
