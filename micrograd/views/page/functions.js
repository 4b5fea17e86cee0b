// The elementary functions of the table, as Python's floats have them: the same nan, inf and -0, and a Failure where
// Python raises an error. A page holds those that its rules call, and what these call themselves.
//
// Each paragraph is one function; the paragraphs that define none are in every page.

// `kind` is "zero" for Python's ZeroDivisionError, "domain" for its ValueError, "overflow" for its OverflowError;
// `name` is the function that failed, and `given` what it was given.
class Failure {
  constructor(kind, name, given) {
    Object.assign(this, { kind, name, given });
  }
}

// While `quiet`, what fails gives nan.
let quiet = false;

function fail(kind, name, given) {
  if (quiet) return NaN;
  throw new Failure(kind, name, given);
}

const m = {};

// The result of a function that is infinite for infinite operands only.
m.bounded = (name, x, out) => Number.isFinite(out) || !Number.isFinite(x) ? out : fail("overflow", name, x);

m.abs = Math.abs;

m.acos = (x) => Math.abs(x) > 1 ? fail("domain", "acos", x) : Math.acos(x);

m.asin = (x) => Math.abs(x) > 1 ? fail("domain", "asin", x) : Math.asin(x);

m.atan = Math.atan;

m.cos = (x) => Math.abs(x) === Infinity ? fail("domain", "cos", x) : Math.cos(x);

m.cosh = (x) => m.bounded("cosh", x, Math.cosh(x));

m.div = (x, y) => y === 0 ? fail("zero", "div", x) : x / y;

m.exp = (x) => m.bounded("exp", x, Math.exp(x));

m.expm1 = (x) => m.bounded("expm1", x, Math.expm1(x));

m.log = (x) => x <= 0 ? fail("domain", "log", x) : Math.log(x);

m.log1p = (x) => x <= -1 ? fail("domain", "log1p", x) : Math.log1p(x);

// Python's x ** y. Where y is inf or nan and x is 1 or -1, JavaScript gives nan; a negative number to a power that is
// not whole is a complex number in Python, which overflows as its size does.
m.pow = (x, y) => {
  if (x === 1 || (x === -1 && Math.abs(y) === Infinity)) return 1;
  if (x === 0 && y < 0 && y > -Infinity) return fail("zero", "pow", x);
  const finite = Number.isFinite(x) && Number.isFinite(y), whole = !finite || x >= 0 || Number.isInteger(y);
  const out = Math.pow(whole ? x : -x, y);
  if (finite && !Number.isFinite(out)) return fail("overflow", "pow", x);
  return whole ? out : fail("domain", "pow", x);
};

m.sin = (x) => Math.abs(x) === Infinity ? fail("domain", "sin", x) : Math.sin(x);

m.sinh = (x) => m.bounded("sinh", x, Math.sinh(x));

m.sqrt = (x) => x < 0 ? fail("domain", "sqrt", x) : Math.sqrt(x);

m.tan = (x) => Math.abs(x) === Infinity ? fail("domain", "tan", x) : Math.tan(x);

m.tanh = Math.tanh;

// The error function, which JavaScript lacks: its series near 0, and elsewhere 1 - erfc(x).
m.erf = (x) => {
  if (Math.abs(x) < 1) return m.series(x);
  return x < 0 ? m.tail(-x) - 1 : 1 - m.tail(x);
};

m.erfc = (x) => {
  if (Math.abs(x) < 0.5) return 1 - m.series(x);
  return x < 0 ? 2 - m.tail(-x) : m.tail(x);
};

// 2 / sqrt(pi) * (x - x**3 / 3 + x**5 / (2! * 5) - ...), innermost term first. The first term is added last, as
// x + 0.128... * x, which rounds less.
m.series = (x) => {
  let rest = 0;
  for (let n = 20; n > 0; n -= 1) rest = 1 / (2 * n + 1) - x * x / (n + 1) * rest;
  return x + x * (0.12837916709551257 - 2 / Math.sqrt(Math.PI) * x * x * rest);
};

// erfc(x) for x from 0.5, and nan: exp(-x * x) / (1 + 2 * x) times a polynomial in (x - 3) / (x + 3), highest power
// first. The form is that of M. M. Shepherd and J. G. Laframboise, Chebyshev approximation of (1 + 2x) exp(x^2) erfc x,
// Mathematics of Computation 36 (1981), 249-253; the coefficients interpolate in Chebyshev's points from 0.5 to 28.
// x * x would be rounded, so x is split: the square of `near` is exact, and the rest is small. `lost` is what rounding
// took from 1 + 2 * x.
m.tail = (x) => {
  if (x > 28) return 0;
  const near = Math.fround(x), t = (x - 3) / (x + 3), size = 1 + 2 * x, lost = 1 - (size - 2 * x), scaled = [
    -1.505008561877e-08, 2.26046221365e-08, 1.108139160695e-07, -1.2085427339956e-07, -6.2880770519345e-07,
    3.438891611378e-07, 3.48097011203565e-06, -7.2648070865926e-07, -2.01041666398576e-05, 4.9482365248343e-06,
    0.00012510029893048709, -0.00010515960194421676, -0.0007798324276909909, 0.0018886903395084005,
    0.0025293918314464067, -0.023770514917462054, 0.0683080273431405, -0.11927366341534787, 0.12964515870278162,
    -0.047562294353450205, -0.13562110612458134, 1.2530080582697296
  ].reduce((total, c) => total * t + c) / size;
  return Math.exp(-near * near) * (scaled + scaled * (Math.expm1((near - x) * (near + x)) - lost / size));
};
