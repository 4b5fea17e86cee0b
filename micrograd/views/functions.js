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
  if (x === 0 && y < 0) return fail("zero", "pow", x);
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

// The error function has no place in JavaScript. These are the rational approximations of W. J. Cody, Rational Chebyshev
// approximations for the error function, Mathematics of Computation 23 (1969), 631-637, with the coefficients of his
// program CALERF.
m.erf = (x) => {
  const size = Math.abs(x);
  return size <= 0.46875 ? x * m.nearZero(x * x) : size < 6 ? Math.sign(x) * (0.5 - m.tail(size) + 0.5) : Math.sign(x);
};

m.erfc = (x) => {
  if (Math.abs(x) <= 0.46875) return 1 - x * m.nearZero(x * x);
  return x < 0 ? 2 - m.tail(-x) : m.tail(x);
};

// The polynomial with these coefficients, the highest power's first.
m.polynomial = (x, coefficients) => coefficients.reduce((total, c) => total * x + c, 0);

// erf(x) / x for x up to 0.46875, from x * x.
m.nearZero = (square) =>
  m.polynomial(square, [1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2,
    3.20937758913846947e3]) /
  m.polynomial(square, [1, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3]);

// erfc(x) for x above 0.46875. exp(-x * x) is computed in two factors, because x * x would be rounded.
m.tail = (x) => {
  if (!(x < 27.3)) return x === x ? 0 : x;
  const near = Math.floor(x * 16) / 16, exp = Math.exp(-near * near) * Math.exp((near - x) * (near + x));
  return x <= 4 ? exp * m.middle(x) : exp * m.far(x);
};

// erfc(x) * exp(x * x) for x up to 4.
m.middle = (x) =>
  m.polynomial(x, [2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1,
    2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3]) /
  m.polynomial(x, [1, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
    3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3]);

// erfc(x) * exp(x * x) for x from 4.
m.far = (x) => {
  const z = 1 / (x * x);
  return (Math.sqrt(1 / Math.PI) - z *
    m.polynomial(z, [1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
      1.60837851487422766e-2, 6.58749161529837803e-4]) /
    m.polynomial(z, [1, 2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1, 6.05183413124413191e-2,
      2.33520497626869185e-3])) / x;
};
