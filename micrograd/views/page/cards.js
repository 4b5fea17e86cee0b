// The cards: what stands in each box of the picture, and its colours, at a position.
const NAME = 18, FORMULA = 22, PAD = 12, HEAD = 32, ROW = 25, DIGIT = 8.2;
const TINTS = 6;

function svgElement(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const textAtPlace = (kind, x, y, text = "", end = false) =>
  svgElement("text", { class: kind, x, y, ...(end ? { "text-anchor": "end" } : {}) }, text);

const boxes = record.boxes.map((entry) => {
  if (typeof entry === "number") return { folded: false, members: [nodes[entry]], node: nodes[entry], title: nodes[entry].name };
  const members = [];
  for (let i = 0; i < entry[1].length; i += 2) members.push(...nodes.slice(entry[1][i], entry[1][i] + entry[1][i + 1]));
  return { folded: true, members, node: entry[2] ? members.at(-1) : null, title: entry[0].replace(/\n/g, " "), lines: entry[0].split("\n") };
});

// A card, empty of numbers: `parts` are what paintCard writes into.
function makeCard(box, x, y, width, height, opens) {
  const parts = {}, right = width - PAD;
  const card = svgElement("g", { class: box.folded ? "card folded" : "card", transform: `translate(${x} ${y})`, role: "button", tabindex: 0 });
  const put = (name, element) => { parts[name] = element; card.append(element); };
  put("frame", svgElement("rect", { class: "frame", width, height, rx: 10 }));
  if (box.folded) {
    const { lines } = box, top = HEAD + ROW * (lines.length - 1);
    lines.forEach((line, i) => card.append(textAtPlace("name", PAD, 22 + ROW * i, line)));
    if (opens) card.append(textAtPlace("open", right, 22, "⊕", true));
    put("tint", svgElement("path", { class: "tint", d: bottomOf(width, top + ROW - 6, height) }));
    card.append(textAtPlace("label", PAD, top + 12, many(box.members.length, "value")));
    card.append(textAtPlace("label low", PAD, height - 9, "mean |grad|"));
    put("data", textAtPlace("number", right, top + 12, "", true));
    put("grad", textAtPlace("number", right, height - 9, "", true));
  } else {
    const { node } = box;
    const beside = node === failedNode() ? "failed" : node.formula ? cut(node.formula, FORMULA) : node.kind;
    card.append(textAtPlace("name", PAD, 22, ending(node.name, NAME)));
    put("kind", textAtPlace("kind", right, 21, beside, true));
    put("tint", svgElement("path", { class: "tint", d: bottomOf(width, HEAD + ROW - 2, height) }));
    parts.halves = height > HEAD + 2.5 * ROW ? [`M.5 ${HEAD + ROW - 2}h${width - 1}v${ROW}h${1 - width}Z`, bottomOf(width, HEAD + ROW - 2, height)] : null;
    card.append(textAtPlace("label", PAD, HEAD + 15, "data"), textAtPlace("label low", PAD, HEAD + ROW + 15, "grad"));
    put("data", textAtPlace("number", right, HEAD + 16, "", true));
    put("grad", textAtPlace("number", right, HEAD + ROW + 16, "", true));
    if (height > HEAD + 2.5 * ROW) put("sum", textAtPlace("number total", right, HEAD + 2 * ROW + 14, "", true));
  }
  card.prepend(svgElement("title", {}));
  return { box, card, parts, x, y, width, height };
}

// The lower part of a card, with its round corners.
const bottomOf = (width, top, height) =>
  `M.5 ${top}H${width - .5}V${height - 10}q0 9.5 -9.5 9.5H10q-9.5 0 -9.5 -9.5Z`;

// A text that shrinks when it would leave its card.
function fill(element, text, room) {
  const shown = typeset(text);
  if (element.textContent !== shown) element.textContent = shown;
  const needed = shown.length * DIGIT;
  if (needed > room) element.setAttribute("font-size", Math.max(7, 15 * room / needed).toFixed(1));
  else element.removeAttribute("font-size");
}

function tintOf(grad, largest) {
  if (!grad || !Number.isFinite(grad) || !largest) return "";
  const strength = Math.max(1, Math.ceil(TINTS * Math.sqrt(Math.min(1, Math.abs(grad) / largest))));
  return `${grad > 0 ? "positive" : "negative"} s${strength}`;
}

// The numbers of a card at a position. `grads` are those of that moment, `largest` the largest there will be.
function paintCard({ box, card, parts, width }, at, grads, largest) {
  const there = isThere(box.node ?? box.members.at(-1), at), failed = box.node !== null && box.node === failedNode();
  card.classList.toggle("ahead", !there);
  card.classList.toggle("failed", failed);
  card.classList.toggle("result", box.members.at(-1) === root);
  let grad = box.node ? grads[box.node.index] : null, label;
  if (box.folded) {
    const sizes = box.members.map((node) => grads[node.index]).filter((x) => x !== null);
    const mean = sizes.length ? sizes.reduce((sum, x) => sum + Math.abs(x), 0) / sizes.length : null;
    fill(parts.grad, mean === null ? "·" : short(mean), width - 110);
    fill(parts.data, box.node && there ? short(box.node.data) : "", width - 110);
    grad = sizes.length && sizes.every((x) => x <= 0) ? -mean : mean;
    label = `${box.title}: ${many(box.members.length, "value")} folded`;
  } else {
    const { node } = box, taken = stepsTo[node.index].slice(0, Math.max(0, at - forward)).filter((step) => step.number <= at - forward);
    const shown = grad === null ? "·" : short(grad);
    fill(parts.data, failed ? "failed" : there ? short(node.data) : "·", width - 62);
    fill(parts.grad, parts.sum && taken.length > 1 ? termsOf(taken) : shown, width - 62);
    if (parts.halves) parts.tint.setAttribute("d", parts.halves[Number(taken.length > 1)]);
    if (parts.sum) fill(parts.sum, taken.length > 1 ? `= ${shown}` : "", width - 2 * PAD);
    label = `${node.head}: ${node.kind}`;
    if (!failed) label += `, ${there ? `data ${short(node.data)}` : "not computed yet"}, ${grad === null ? "no gradient yet" : `gradient ${shown}`}`;
  }
  parts.tint.setAttribute("class", `tint ${tintOf(grad, largest)}`);
  card.classList.toggle("odd", grad !== null && !Number.isFinite(grad) || there && !Number.isFinite(box.node?.data ?? 0));
  card.setAttribute("aria-label", label);
  card.firstChild.textContent = label;
}

// What has arrived: `-0.5 + (-0.5)`; of many contributions, the sum of the earlier ones and the last.
function termsOf(taken) {
  const numbers = taken.length > 3 ? [taken.at(-1).before, taken.at(-1).contribution] : taken.map((step) => step.contribution);
  return numbers.map((x, i) => i ? after(x) : short(x)).join(" + ");
}
