// Compute a graph again from other numbers of its leaves: recompute(nodes, new Map([[leaf, number], ...])).
//
// `rules`, `said` and `m` come from javascript.py: the rules of the table as functions of numbers, Python's words, and
// the elementary functions. Nothing here touches the page.

// A number as Python's repr writes it: 1e-07, 1e+16, -0.0, nan.
function repr(x) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
  const sign = x < 0 || Object.is(x, -0) ? "-" : "";
  const [written, power] = Math.abs(x).toExponential().split("e"), exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    return `${sign}${written}e${power[0]}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  const digits = written.replace(".", "");
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${digits.slice(exponent + 1) || "0"}`;
}

// The message of Python's error. `failing` are its pieces for the node, as formulas.py gives them, `values` the
// operands' numbers; `doing` is empty in forward.
function failureText([formula, names, needs, needsAtMost], values, { kind, name, given }, doing = "") {
  const seen = new Set(names.map((each, i) => `${each} = ${repr(values[i])}`));
  const start = `${doing}${formula}, where ${[...seen].join(", ")}: `;
  if (kind === "overflow") return start + said.tooLarge + (doing ? "" : needsAtMost);
  const words = said[kind][name].replace("{}", () => repr(given));
  return start + (doing ? said.missing.replace("{}", () => words) : needs || words);
}

// A node has
//     operands   the indices of its operands, all before its own
//     rule       its place in `rules`; null for a leaf, and for an operation that cannot be computed here
//     constant   whether it is a constant, for which no derivative is needed
//     failing    the pieces of its errors; null where it cannot fail
//     data, locals   what was recorded: kept where there is no rule
// The result has `data` and `locals` for each node, null where not computed: a derivative for a constant is null; and
// `failure`, null or { index, kind, text, backward }. As in Python, forward goes to the result, or to the first
// operation that fails, and then backward, results first, to the first whose derivatives do not exist.
function recompute(nodes, leaves) {
  const data = nodes.map(() => null), locals = nodes.map(() => null), later = nodes.map(() => null);
  const valuesOf = (node) => node.operands.map((i) => data[i]);
  const stopped = (index, error, doing) => {
    if (!(error instanceof Failure)) throw error;
    const node = nodes[index], text = failureText(node.failing, valuesOf(node), error, doing);
    return { data, locals, failure: { index, kind: error.kind, text, backward: doing !== "" } };
  };
  for (const [index, node] of nodes.entries()) {
    if (node.rule === null) {
      data[index] = leaves.get(index) ?? node.data;
      continue;
    }
    try {
      [data[index], later[index]] = rules[node.rule](...valuesOf(node));
    } catch (error) {
      return stopped(index, error, "");
    }
  }
  for (let index = nodes.length - 1; index >= 0; index -= 1) {
    const node = nodes[index], wanted = node.operands.map((i) => !nodes[i].constant);
    try {
      const found = node.rule === null ? node.locals : derivatives(node, later[index], valuesOf(node), wanted);
      locals[index] = found?.map((local, i) => wanted[i] ? local : null) ?? null;
    } catch (error) {
      return stopped(index, error, said.doing);
    }
  }
  return { data, locals, failure: null };
}

// The local derivatives. Where one does not exist, those that are wanted may: what fails is nan then.
function derivatives(node, closure, values, wanted) {
  try {
    return closure();
  } catch (error) {
    if (!(error instanceof Failure) || wanted.every(Boolean)) throw error;
    quiet = true;
    try {
      const found = rules[node.rule](...values)[1]();
      if (found.every((local, i) => !wanted[i] || Number.isFinite(local))) return found;
    } finally {
      quiet = false;
    }
    throw error;
  }
}
