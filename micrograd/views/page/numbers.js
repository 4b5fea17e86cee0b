"use strict";
// Numbers as text, as Python writes them. In the picture and in sentences the minus sign is a real one.
const word = (x) => Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
const minus = (x) => x < 0 ? "-" : "";

// JavaScript rounds a half up, to the text `up`; Python rounds it to even. So if only a 5 is cut off and the digit
// before it is even, that digit stays.
function halfToEven(up, exact, digits) {
  const kept = exact.slice(0, digits);
  return /^50*(e|$)/.test(exact.slice(digits)) && "02468".includes(kept.at(-1)) ? kept : up;
}

// As words.short: f"{x:.4g}", and 0 for -0.
function short(x) {
  if (!Number.isFinite(x)) return word(x);
  const [up, power] = Math.abs(x).toExponential(3).split("e");
  const digits = halfToEven(up, Math.abs(x).toExponential(40), 5);
  const trimmed = (text) => minus(x) + (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (power >= -4 && power < 4) return trimmed(Number(`${digits}e${power}`).toFixed(3 - power));
  return `${trimmed(digits)}e${power[0]}${power.slice(1).padStart(2, "0")}`;
}

// As many digits as tell the number from its neighbours.
const full = (x) => Number.isFinite(x) ? (x < 0 || Object.is(x, -0) ? "-" : "") + Math.abs(x) : word(x);

const many = (n, what) => `${n.toLocaleString("en-US")} ${what}${String(n) === "1" ? "" : "s"}`;
const cut = (text, length) => text.length <= length ? text : `${text.slice(0, length - 1)}…`;
// Of a path such as layers.0.neurons.2.w.1, the end says most.
const ending = (text, length) => text.length <= length ? text : `…${text.slice(1 - length)}`;
const typeset = (text) => text.replace(/(^|[^\w.)])-(?=[\d.a-z])|(e)-(?=\d)/g, "$1$2−");

// A number where it follows a sign: a negative one stands in parentheses.
const after = (x) => x < 0 ? `(${short(x)})` : short(x);
