// The cards: what stands in each box of the picture, and its colours, at a position.
//
// NAME, FORMULA, OWNED, PAD, HEAD, ROW, DIGIT and TINTS come from document.py, which places the cards by the same sizes.

function svgElement(tag, attributes, ...children) {
  return dressed(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function dressed(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const svgText = (kind, x, y, text = "") => svgElement("text", { class: kind, x, y }, text);

const boxes = record.boxes.map((entry) => {
  if (typeof entry === "number") {
    return { folded: false, members: [nodes[entry]], node: nodes[entry], title: nodes[entry].name };
  }
  const [title, ranges, hasResult] = entry, members = [], lines = title.split("\n");
  for (let i = 0; i < ranges.length; i += 2) members.push(...nodes.slice(ranges[i], ranges[i] + ranges[i + 1]));
  return { folded: true, members, node: hasResult ? members.at(-1) : null, title: lines.join(" "), lines };
});

// A card, empty of numbers: `parts` are what paintCard writes into.
function makeCard(box, x, y, width, height, opens) {
  const place = `translate(${x} ${y})`, made = (box.folded ? foldedParts : nodeParts)(box, width, height, opens);
  const card = svgElement("g", { class: "card", transform: place, role: "button", tabindex: 0 },
    svgElement("title", {}), svgElement("rect", { class: "frame", width, height, rx: 10 }),
    ...Object.values(made).flat());
  mark(card, { folded: box.folded });
  return { box, card, parts: made, x, y, width, height };
}

const tintPart = (width, top, height) => svgElement("path", { class: "tint", d: bottomOf(width, top, height) });

function foldedParts({ lines, members }, width, height, opens) {
  const right = width - PAD, top = HEAD + ROW * (lines.length - 1);
  return {
    name: lines.map((line, i) => svgText("name", PAD, 22 + ROW * i, line)),
    open: opens ? [svgText("open end", right, 22, "⊕")] : [],
    tint: tintPart(width, top + ROW - 6, height),
    labels: [svgText("label", PAD, top + 12, many(members.length, "value")),
      svgText("label low", PAD, height - 9, "mean |grad|")],
    data: svgText("number end", right, top + 12),
    grad: svgText("number end", right, height - 9),
  };
}

// A node that gets several contributions has a row more, for their sum.
function nodeParts({ node }, width, height) {
  const right = width - PAD, sums = height > HEAD + 2.5 * ROW;
  return {
    name: svgText("name", PAD, 22),
    kind: svgText("kind end", right, 21),
    tint: tintPart(width, HEAD + ROW - 2, height),
    labels: [svgText("label", PAD, HEAD + 15, "data"), svgText("label low", PAD, HEAD + ROW + 15, "grad")],
    data: svgText("number end", right, HEAD + 16),
    grad: svgText("number end", right, HEAD + ROW + 16),
    sum: sums ? svgText("number total end", right, HEAD + 2 * ROW + 14) : [],
  };
}

// The lower part of a card, with its round corners.
const bottomOf = (width, top, height) =>
  `M.5 ${top}H${width - .5}V${height - 10}q0 9.5 -9.5 9.5H10q-9.5 0 -9.5 -9.5Z`;

// Fonts differ, so a text that may be too wide is measured.
const widthOf = (element) => element.getComputedTextLength();

// A text that shrinks when it would leave its card. `size` is that of page.css, which is stronger than an attribute.
function fill(element, text, room, size = 15) {
  const shown = typeset(text), { style } = element;
  if (element.textContent !== shown) element.textContent = shown;
  style.fontSize = "";
  const needed = shown.length * DIGIT > 0.75 * room ? widthOf(element) : 0;
  if (needed > room) style.fontSize = `${max(7, size * room / needed).toFixed(1)}px`;
}

// The end of a node's name and the start of what stands beside it, as much of both as there is room for.
function fillHead({ name, kind }, own, said, room) {
  if (kind.said === said) return;
  kind.said = said;
  for (let left = NAME, right = FORMULA; right > 3; left > 8 ? left -= 1 : right -= 1) {
    name.textContent = ending(own, left);
    kind.textContent = cut(said, right);
    if (widthOf(name) + widthOf(kind) < room - 8) break;
  }
}

function tintOf(grad, largest) {
  if (!grad || !finite(grad) || !largest) return "";
  const strength = max(1, Math.ceil(TINTS * Math.sqrt(min(1, abs(grad) / largest))));
  return `${grad > 0 ? "positive" : "negative"} s${strength}`;
}

// The numbers of a card at a position. `grads` are those of that moment, `largest` the largest there will be.
function paintCard(each, at, grads, largest) {
  const { box, card, parts } = each, there = isThere(box.node ?? box.members.at(-1), at);
  const chosen = box.node !== null && box.node === pinned;
  const [grad, label] = (box.folded ? paintFolded : paintNode)(each, at, grads);
  const odd = grad !== null && !finite(grad) || there && !finite(box.node?.data ?? 0);
  mark(card, { odd, ahead: !there, pinned: chosen, result: box.members.at(-1) === root,
    failed: box.node !== null && box.node === failedNode() });
  card.setAttribute("aria-pressed", chosen);
  card.setAttribute("aria-label", label);
  card.firstChild.textContent = label;
  parts.tint.setAttribute("class", `tint ${tintOf(grad, largest)}`);
}

// A folded box shows the mean size of its parameters' gradients, or of all that it has without parameters; its tint
// is that of their sign, and there is none where they have both.
function paintFolded({ box, parts, width }, at, grads) {
  const own = box.members.filter((node) => node.kind === "parameter");
  const known = (own.length ? own : box.members).map((node) => grads[node.index]).filter((x) => x !== null);
  const mean = known.length ? known.reduce((sum, x) => sum + abs(x), 0) / known.length : null;
  for (const line of parts.name) fill(line, line.textContent, width - 2 * PAD - 20, 16);
  fill(parts.grad, gradText(mean, short), width - 110);
  fill(parts.data, box.node && isThere(box.node, at) ? short(box.node.data) : "", width - 110);
  const sign = known.every((x) => x >= 0) ? 1 : known.every((x) => x <= 0) ? -1 : 0;
  return [mean === null ? null : sign * mean, `${box.title}: ${many(box.members.length, "value")} folded`];
}

function paintNode({ box: { node }, parts, width, height }, at, grads) {
  const grad = grads[node.index], taken = stepsTo[node.index].filter((step) => step.number <= at - forward);
  const shown = gradText(grad, short), data = dataText(node, at, short), adds = parts.sum.tagName && taken.length > 1;
  const awaits = parts.sum.tagName && taken.length === 1 && stepsTo[node.index].length > 1;
  // a parameter of a net is called as it is in its neuron, w.1, and beside it stands whose it is
  const [, owner, own] = node.kind === "parameter" && node.name.match(OWNED) || [, node.kind, node.name];
  fillHead(parts, own, data === "failed" ? data : node.formula || owner, width - 2 * PAD);
  fill(parts.data, data, width - 62);
  fill(parts.grad, adds ? termsOf(taken) : awaits ? `${shown} + …` : shown, width - 62);
  if (parts.sum.tagName) {
    fill(parts.sum, adds ? `= ${shown}` : "", width - 2 * PAD);
    const top = HEAD + ROW - 2;
    parts.tint.setAttribute("d", adds ? bottomOf(width, top, height) : `M.5 ${top}h${width - 1}v${ROW}h${1 - width}Z`);
  }
  const said = [kindOf(node)];
  if (data !== "failed") {
    said.push(data === "·" ? "not computed yet" : `data ${data}`);
    said.push(grad === null ? "no gradient yet" : `gradient ${shown}`);
  }
  return [grad, `${node.head}: ${said.join(", ")}`];
}

// What has arrived: `-0.5 + (-0.5)`; of many contributions, the sum of the earlier ones and the last.
function termsOf(taken) {
  const newest = taken.at(-1);
  const terms = taken.length > NAMED ? [newest.before, newest.contribution] : taken.map((step) => step.contribution);
  return terms.map((x, i) => i ? after(x) : short(x)).join(" + ");
}
