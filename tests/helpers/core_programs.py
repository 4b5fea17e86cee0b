"""Random programs of everything that people do with Values, for helpers/outcomes.py to run.

    >>> import random
    >>> print(random_program(random.Random(1).choice)[0])
    v0 = Value(-1)

A program is a list of lines of Python, run one by one; a line that fails is noted, and the next one runs. To try
another kind of line, add a function to LINES: it is given `p`, the program so far, and gives the line's text.
"""

from __future__ import annotations

import re

import micrograd
from micrograd.table import TABLE

TAME = "1.0 2.0 0.5 -1.0 0.1 3 -2 -0.75 1.5 0.25".split()
WILD = (
    "0.0 -0.0 0 1 -1 2 5e-324 1e-300 1e300 -1e300 710.0 -745.2 inf -inf nan 2**53 2**53+1 -2**63 10**308 10**400 "
    "True False np.float64(0.5) np.float32(0.1) np.float16(0.1) np.longdouble(0.25) np.int64(-2) np.uint8(3) "
    "np.bool_(True) np.float64('nan') np.array(2.0) np.array([0.5]) Fraction(1,3) Float(0.5) Integer(2)"
).split()
WRONG = "'2' None 1j [1.0] (1.0,) {} object() np.array([1.0,2.0]) np.array(['a']) b'2' ... type len".split()
EXPONENTS = "2 3 1 0 -1 -2 0.5 -0.5 2.0 3.0 1.0 0.0 -0.0 1/3 -1.5 2.5 1e3 300 -300 2**53 2**53+1 10**400 1e16".split()
OPERATORS = "+ - * / + - * / **".split()
OTHERS = ("take", "logsumexp", "where", "power")
ONCE = [name for name in TABLE if name not in OTHERS and hasattr(micrograd.ops, name)]  # not those of other tests


class Program:
    """The lines so far, and the names that they bound; `pick` chooses from a sequence."""

    def __init__(self, pick):
        self.pick, self.lines, self.values = pick, [], []

    def new(self):
        self.values.append(f"v{len(self.values)}")
        return self.values[-1]

    def value(self):
        """A Value's name, more often a late one."""
        return self.pick(self.values + self.values[-4:])

    def number(self):
        return self.pick(TAME if self.pick((1, 1, 0)) else WILD)

    def anything(self):
        """An operand: most are Values, few are wrong."""
        kind = self.pick("vvvvvvvvvnnnnw")
        return self.value() if kind == "v" else self.number() if kind == "n" else self.pick(WRONG + WILD)

    def expression(self):
        return self.pick(EXPRESSIONS)(self)


def infix(p):
    left, right = p.value(), p.anything()
    operator = p.pick(OPERATORS)
    if operator == "**" and p.pick((0, 1)):
        right = f"({p.pick(EXPONENTS)})"
    elif p.pick((0, 0, 1)):
        left, right = right, left
    return f"{left} {operator} {right}"


def prefix(p):
    return p.pick(("-{}", "abs({})", "+{}", "-{}")).format(p.value())


def row(p):
    """A row of the table as people call it: a function, a method, or the row itself."""
    name = p.pick(ONCE)
    count = len(TABLE[name].operands)
    operands = [p.value(), *[p.anything() for _ in range(count - 1)]]
    if p.pick((0, 0, 0, 0, 0, 0, 0, 0, 0, 1)):  # too many, or too few
        operands = operands[:-1] if p.pick((0, 1)) else [*operands, p.number()]
    setting = ""
    if p.pick((0, 0, 1)) and TABLE[name].settings:
        setting = f"{TABLE[name].settings[0]}={p.number()}"
    elif p.pick((0,) * 15 + (1,)):
        setting = "nothing=1.0"
    given = ", ".join([*operands, setting] if setting else operands)
    style = p.pick("fmt")
    if style == "m" and operands:
        return f"{operands[0]}.{name}({given[len(operands[0]) :].lstrip(', ')})"
    public = style == "f" and name in vars(micrograd) and name != "pow"
    return f"micrograd.{name}({given})" if public else f"TABLE[{name!r}]({given})"


def reflected(p):
    """A row with several operands that begins with a number."""
    name = p.pick(("maximum", "minimum", "add", "pow", "div"))
    return f"TABLE[{name!r}].function({p.anything()}, {p.value()})"


def many(p):
    operands = ", ".join([p.value(), *[p.anything() for _ in range(p.pick((0, 1, 2, 3)))]])
    choices = (
        "micrograd.logsumexp([{}])",
        "micrograd.take([{}], " + p.pick(("0)", "1)", "-1)", "9)", "Value(1.0))", "0.5)")),
        "sum([{}])",
        "sum([{}], Value(0.5))",
        "sum((x for x in [{}]), 0.0)",
        "math.fsum([x.data for x in [{}]]) + v0",
        "max([{}], key=float) * 1.0",
    )
    return p.pick(choices).format(operands)


def where(p):
    condition = p.pick((f"{p.value()} > {p.anything()}", "True", "0.0", p.value(), "np.bool_(False)"))
    return f"micrograd.where({condition}, {p.anything()}, {p.anything()})"


def power(p):
    name = p.pick(("TABLE['power']", "TABLE['power'].function"))
    return f"{name}({p.value()}, exponent={p.pick(EXPONENTS + WILD)})"


def by_hand(p):
    data = p.pick((p.number(), p.value(), p.anything()))
    operands = ", ".join([p.value() for _ in range(p.pick((0, 1, 2, 3)))])
    comma = "," if operands and "," not in operands else ""
    ending = p.pick(("", ", 'f'", ", _op='g', label='by hand'"))
    return f"Value({data}, ({operands}{comma}){ending})"


def subclass(p):
    return p.pick(("Sub({})", "Slotted({})", "Named({}, 'n')", "Sub({}, label='s')", "Named({})")).format(p.number())


def copied(p):
    return p.pick(("copy.copy({})", "copy.deepcopy({})", "pickle.loads(pickle.dumps({}))")).format(p.value())


def made(p):
    """A Value, and how it may be given."""
    return p.pick(("Value({})", "Value({}, label='x')", "Value(data={})")).format(p.pick((p.number(), p.anything())))


EXPRESSIONS = (infix,) * 8 + (row,) * 4 + (many,) * 2
EXPRESSIONS += (prefix, reflected, where, power, by_hand, made, subclass, copied)


def assigned(p):
    return f"{p.new()} = {p.expression()}"


def added(p):
    name = p.value()
    return f"{name} {p.pick(('+=', '-=', '*=', '/=', '**='))} {p.anything()}"


def data(p):
    x = p.pick((p.number(), p.number(), p.anything()))
    return p.pick((f"{p.value()}.data = {x}", f"{p.value()}.data += {p.number()}"))


def grad(p):
    x = p.pick((p.number(), p.number(), p.anything(), "UNREACHED", "0.0"))
    return f"{p.value()}.grad = {x}"


def zeroed(p):
    return f"for x in [{', '.join(p.values)}]: x.grad = {p.pick(('0.0', '0', '0.0'))}"


def label(p):
    return f"{p.value()}.label = {p.pick(('chr(120)', repr('a name'), repr(''), '3', 'None', 'Float(1.0)'))}"


def attribute(p):
    choices = (".note = 'kept'", "del .note", ".more = 1", ".__dict__ = {'a': 1}", ".nothing", ".tanh = 3", "del .label")
    return p.pick(choices).replace(".", f"{p.value()}.", 1)


def backward(p):
    ending = p.pick(("", "", "", "", "create_graph=True"))
    return f"{p.value()}.backward({ending})"


def all_backward(p):
    return f"{p.values[-1]}.backward()"


def step(p):
    """A `_backward` written by hand, of which some fail."""
    node = p.value()
    inner = p.pick(
        (
            f"{p.value()}.grad += 3.0 * {node}.grad",
            f"{p.value()}.grad += {p.number()}",
            f"{p.value()}.backward()",
            f"{p.value()}._prev = ()",
            f"{p.value()}.data = 0.5",
            "raise ValueError('from within')",
            f"{p.value()}.grad = 10**400",
            f"{p.value()} * 2.0",
        )
    )
    return f"def step():\n    {inner}\n{node}._backward = step"


def chained(p):
    """What the original's `_backward` closures are: called by hand, in any order."""
    return f"{p.value()}._backward()"


def structure(p):
    x, y = p.value(), p.value()
    choices = (
        f"{x}._prev = {y}._prev",
        f"{x}._prev = ()",
        f"{x}._prev = ({y}.detached_twin if 0 else Value(0.5), Value(2.0))",
        f"{x}._local = (0.5,) * len({x}._prev)",
        f"{x}._local = ()",
        f"{x}._local = {y}._local",
        f"{x}._local = (1, 2.0, np.float64(0.5))[: len({x}._prev)]",
        f"{x}._local = lambda: (0.25,) * len({x}._prev)",
        f"{x}._op = 'other'",
        f"{x}._operation = TABLE['tanh']",
        f"{x}.__class__ = {p.pick(('Sub', 'Value', 'Slotted', 'int'))}",
    )
    return p.pick(choices)


def asked(p):
    x = p.value()
    choices = (
        "repr({0})", "str({0})", "format({0}, '.3f')", "float({0})", "int({0})", "bool({0})", "{0} < {1}", "{0} >= {1}",
        "{0} == {1}", "{0} != {1}", "hash({0}) == hash({0})", "{0} in [{1}]", "len({0})", "{0}[0]", "math.exp({0})",
        "round({0})", "divmod({0}, v0)", "{0} // v0", "{0} % v0", "{0} @ v0", "{0} & 2", "pow({0}, {1}, 3)",
        "sorted([{0}, v0], key=float)", "vars({0})", "{0}.nothing", "{0}._op", "{0}._operation", "{0}()", "+{0} is {0}",
        "np.array({0})", "np.array([1.0, 2.0]) * {0}", "{0} + np.array([1.0, {1}], dtype=object)",
        "micrograd.topological_order({0})", "micrograd.topological_order({0}, inputs=[v0])", "complex({0})",
        "[*map(type, {0}._prev)]", "{0}.data",
        "micrograd.text(v0)", "isinstance({0}, float)", "math.floor({0})", "__import__('statistics').mean([{0}, 1.0])",
    )  # fmt: skip
    return f"seen({p.pick(choices).format(x, p.anything())})"


def in_a_mode(p):
    mode = p.pick(("no_grad", "detect_anomaly", "no_grad", "detect_anomaly", "collector_paused"))
    inner = p.pick((assigned, assigned, added, backward, data))(p)
    return f"with micrograd.{mode}():\n    {inner}"


def transformed(p):
    name = p.pick(("grad", "value_and_grad", "hessian", "jacobian"))
    body = p.pick(("a * b + v0", "(a / b).tanh()", "a ** b", "micrograd.logsumexp([a, b, v0])", "a.log() * b"))
    arguments = f"{p.number()}, {p.pick((p.number(), p.value()))}"
    if name in ("hessian", "jacobian"):
        body = body if name == "hessian" else f"[{body}, b]"
        return f"seen(micrograd.{name}(lambda x: (lambda a, b: {body})(*x))([{arguments}]))"
    return f"seen(micrograd.{name}(lambda a, b: {body})({arguments}))"


def jitted(p):
    """A compiled function, called with Values and numbers."""
    body = p.pick(("a * b + v0", "(a / b).tanh()", "a ** 3 - b", "micrograd.logsumexp([a, b, v0])", "a.log() * b"))
    return f"f = micrograd.jit(lambda a, b: {body})\n{called(p)}\n{called(p)}"


def several(p):
    """Three results of a compiled function that has so many that they go back together."""
    body = p.pick(
        (
            "a * b + v0 * float(k)",
            "(a - b).tanh() * k + a",
            "a.log() + k * b",
            "a / (b + k)",
            "(a - v0).sqrt() if k == 1 else a * b - k * v0",  # one may have no derivative
        )
    )
    names = ", ".join(p.new() for _ in range(3))
    return f"{names}, *_ = micrograd.jit(lambda a, b: [{body} for k in range(12)])({p.value()}, {p.anything()})"


def called(p):
    """Another call of the function compiled last, most with the same kinds of arguments."""
    second = p.pick(("0.5", "2.0", p.value(), p.value(), p.anything()))
    return f"{p.new()} = f({p.pick((p.value(), p.value(), '1.5', p.anything()))}, {second})"


def trained(p):
    """A compiled training step, which takes parameters into its memory until it is dropped."""
    leaves = [line.split()[0] for line in p.lines if re.match(r"v\d+ = Value\(", line)]
    x, y = p.pick((p.pick(leaves), p.value())), p.pick(leaves)
    loss = f"(a * {x} - b) ** 2 + {p.pick((y, p.value()))} * 0.125"
    parameters = p.pick((f"[{x}, {y}]", f"[{x}]", f"[{y}]"))
    rule = p.pick(("SGD(%, lr=0.0625)", "SGD(%, lr=0.125, momentum=0.5)", "Adam(%, lr=0.125)")).replace("%", parameters)
    return (
        f"opt = {rule}\nstep = micrograd.train_step(lambda a, b: {loss}, opt, exact=True)\n"
        "seen(step(X, Y))\nseen(step(X, Y))"
    )


def taken(p):
    """Other steps, most on the same lists, with something changed before."""
    choices = ["", "", "X[0] = 0.25", "Y[:] = [0.5, 1.0]", "X.append(1.0), Y.append(2.0)", "X, Y = [1.0], [2.0]"]
    choices += ["opt.lr = 0.25", "opt.steps = 3", f"{p.value()}.data = {p.number()}", f"X[0] = {p.number()}", "step(X)"]
    choices += ["step = None", "opt.parameters = opt.parameters[:1]", "step([2.0], [0.5])", "X = np.array([0.5, 2.0])"]
    return f"{p.pick(choices)}\nseen(step(X, Y))\nseen(opt.steps)".lstrip("\n")


def user_row(p):
    """A row of the user's own: through others, or with numbers that are not floats."""
    body = p.pick(
        (
            "m.power(x, exponent=3) * y, lambda: (3.0 * x * x * y, m.power(x, exponent=3))",
            "m.tanh(x) + m.maximum(x, y), lambda: (1.0, 0.5)",
            "x * y, lambda: (1, 2)",
            "m.where(x > y, 1, 2), lambda: (0.0, np.float64(1.0))",
            "m.log(x) + m.log(y), lambda: (1.0 / x, 1.0 / y)",
            "m.sigmoid(x - y), lambda: (m.nothing(x), 1.0)",
        )
    )
    call = f"{p.value()}, {p.anything()}"
    return (
        "@micrograd.op('mine', cases=[(2.0, 1.0)])\n"
        f"def mine(m, x, y):\n    return {body}\n{p.new()} = {p.pick((f'mine({call})', f'v0.mine({p.anything()})'))}"
    )


LINES = (assigned,) * 24 + (added,) * 3 + (backward,) * 4 + (all_backward,) * 2 + (asked,) * 2 + (called, taken) * 2
LINES += (data, grad, zeroed, label, attribute, step, chained, structure, in_a_mode, transformed, user_row)
LINES += (jitted, trained, several)


def random_program(pick):
    """A program: its lines. `pick(sequence)` chooses each piece, as `random.Random(seed).choice` does."""
    p = Program(pick)
    for _ in range(pick((1, 2, 3, 4))):
        p.lines.append(f"{p.new()} = Value({p.number()})")
    for _ in range(pick((2, 4, 8, 12, 16, 24))):
        line = pick(LINES)(p)
        # In the Python core a parameter in native memory is of another class, and keeps its place in its __dict__.
        if not (re.search("__class__|__dict__|vars", line) and any("train_step" in before for before in p.lines)):
            p.lines.append(line)
    p.lines += [all_backward(p), backward(p)]
    return p.lines
