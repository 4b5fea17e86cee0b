"use strict";
// Numbers as text, as Python writes them. In the picture and in sentences the minus sign is a real one.
const { max, min, abs } = Math, { isFinite: finite } = Number;
const minus = (x) => x < 0 ? "-" : "";

// JavaScript rounds a half up, to the text `up`; Python rounds it to even. So if only a 5 is cut off and the digit
// before it is even, that digit stays.
function halfToEven(up, exact, digits) {
  const kept = exact.slice(0, digits);
  return /^50*(e|$)/.test(exact.slice(digits)) && "02468".includes(kept.at(-1)) ? kept : up;
}

// As words.short: f"{x:.4g}", and 0 for -0.
function short(x) {
  if (!finite(x)) return repr(x);
  const [up, power] = abs(x).toExponential(3).split("e");
  const digits = halfToEven(up, abs(x).toExponential(40), 5);
  const trimmed = (text) => minus(x) + (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (power >= -4 && power < 4) return trimmed(Number(`${digits}e${power}`).toFixed(3 - power));
  return `${trimmed(digits)}e${power[0]}${power.slice(1).padStart(2, "0")}`;
}

// As many digits as tell the number from its neighbours; a whole number without a point.
const full = (x) => repr(x).replace(/\.0$/, "");

// A count of paths can have thousands of digits.
const counted = (n) => n < 1e15 ? n.toLocaleString("en-US") : `about 10^${String(n).length - 1}`;
const many = (n, what) => `${counted(n)} ${what}${String(n) === "1" ? "" : "s"}`;
const cut = (text, length) => text.length <= length ? text : `${text.slice(0, length - 1)}…`;
// Of a path such as layers.0.neurons.2.w.1, the end says most.
const ending = (text, length) => text.length <= length ? text : `…${text.slice(1 - length)}`;
const typeset = (text) => text.replace(/(^|[^\w.)])-(?=[\d.a-z])|(e)-(?=\d)/g, "$1$2−");

// A number that someone has typed, as this page or Python writes it, or as in an address; null for anything else.
function typed(text) {
  const said = text.trim().replace("−", "-").replace(/^([+-]?)inf(inity)?$/i, "$1Infinity");
  const number = Number(said);
  return said && (!Number.isNaN(number) || /^[+-]?nan$/i.test(said)) ? number : null;
}

// A number where it follows a sign: a negative one stands in parentheses.
const after = (x) => x < 0 ? `(${short(x)})` : short(x);
