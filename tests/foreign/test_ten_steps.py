"""The ten steps: solutions pass, and each mistake that learners make is answered with the words that mend it."""

from __future__ import annotations

import importlib.util
import itertools
import linecache
import sys
import types
from pathlib import Path

import pytest

import micrograd
from micrograd import Value, check_engine
from micrograd.foreign.steps import STEPS

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("exercises", ROOT / "demos" / "notebooks" / "exercises.py")
exercises = importlib.util.module_from_spec(spec)
spec.loader.exec_module(exercises)

PAGE = exercises.PAGE.read_text(encoding="utf-8")
IMPORTS, *GIVEN = [text for kind, text in exercises.cells(PAGE) if kind == "code"]
SOLUTIONS = exercises.solutions(PAGE)
CHECKS = [text.splitlines()[-1] for text in GIVEN]
_count = itertools.count()


def answer(step, source, before=None):
    """What a learner reads at a step who has solved those before it, and wrote this; cell by cell, as in a notebook."""
    module = types.ModuleType(f"learner_{next(_count)}")
    sys.modules[module.__name__] = module
    try:
        for i, text in enumerate([IMPORTS, *(before or SOLUTIONS[: step - 1]), source]):
            name = f"<cell {i} of {module.__name__}>"
            linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
            exec(compile(text, name, "exec"), vars(module))
        return eval(CHECKS[step - 1], vars(module))
    finally:
        del sys.modules[module.__name__]


def planted(step, *changes):
    """The solution of a step with mistakes: pairs of old and new text, each changed once."""
    source = SOLUTIONS[step - 1]
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new, 1)
    return source


@pytest.mark.parametrize("step", range(1, 11))
def test_a_solution_is_right_and_says_what_comes_next(step):
    report = answer(step, SOLUTIONS[step - 1])
    assert report and report.ok and report.first is None
    said = str(report)
    assert said.startswith(f"Step {step} of 10, {STEPS[step - 1].title}: right.\n")
    assert said.endswith(
        "you have built a micrograd." if step == 10 else f"Next is step {step + 1}, {STEPS[step].title}."
    )
    assert len(report.tried) == step and repr(report) == said


# What a starting cell is told as it is given.
FIRST_WORDS = {
    1: "Value.__init__: Value(2.0).data is still ...",
    2: "Value.__add__: x + y is still ...",
    3: "Value.__mul__: x * y is still ...",
    4: "Value.__add__: x.grad is still ... after backward through x + y",
    5: "Value.__mul__: x.grad is -3 where (x * y) * w has -15 at x = 2, y = -3, w = 5",
    6: "Value.__add__: x.grad is 1 where x + x has 2 at x = 3",
    7: "Value.backward: z.grad is still ... after z.backward(), where z = x + y",
    8: "x + y raised AttributeError: 'ellipsis' object has no attribute 'data'",
    9: "backward of tanh(x) at x = 0.5 raised TypeError: ",
    10: "Neuron.__call__: neuron([1.0, -2.0]) gives Ellipsis",
}


@pytest.mark.parametrize("step", range(1, 11))
def test_a_starting_cell_says_which_gap_is_the_next_to_fill(step):
    report = answer(step, GIVEN[step - 1].rpartition("\n")[0])
    said = str(report)
    assert not report and FIRST_WORDS[step] in said
    assert "your line, <cell " in said
    assert ("the factor out.grad is missing" if step == 5 else "write +=" if step == 6 else "gap") in said


REF = "out._backward = _backward"
PRODUCT = ("self.grad += other.data * out.grad", "other.grad += self.data * out.grad")
IN_PLACE = ('return Value(self.data + other.data, (self, other), "+")', "self.data += other.data\n        return self")
VISIT = "                visited.add(v)\n"
CHILDREN = "                for child in v._prev:\n                    build(child)\n"
LOOP = "        for v in reversed(order):\n            v._backward()"
ZERO = "        for p in self.parameters():\n            p.grad = 0.0\n"
GRADIENT = "        loss.backward()\n"
OTHER = "        other = other if isinstance(other, Value) else Value(other)\n"

# The step, what is planted, and what must be among the words of the answer.
MISTAKES = {
    # 1
    "a number of its own": (1, [("= data\n", "= 2.0\n")], ["Value(-3.5).data is 2.0 where it must be -3.5", "= data"]),
    "no grad": (1, [("        self.grad = 0.0\n", "")], ["Value(2.0) has no .grad", "write self.grad = 0.0"]),
    "grad is None": (1, [("self.grad = 0.0", "self.grad = None")], ["grad is None where it must be 0.0", "0.0"]),
    "operands dropped": (1, [("= _children", "= ()")], ["._prev is () where it must be (a, b)", "_prev = _children"]),
    "no symbol": (1, [("= _op\n", "= ''\n")], ["._op is '' where it must be '+'", "write self._op = _op"]),
    "no self": (1, [("self.data = data", "data = data")], ["Value(2.0) has no .data", "write self.data = data"]),
    "__init__ misspelled": (1, [("__init__", "_init_")], ["Value() takes no arguments", "two underscores"]),
    "no __repr__": (1, [("__repr__", "show")], ["Value has no __repr__", "write def __repr__(self)"]),
    "a repr without the number": (1, [("{self.data}", "")], ["prints as Value(data=), without its number"]),
    # 2
    "no operands": (
        2,
        [(", (self, other)", ", ()")],
        ["x + y does not remember x and y: its _prev is ()", "(self, other)"],
    ),
    "one operand": (2, [("(self, other),", "(self,),")], ["x + y does not remember y: its _prev is (x,)"]),
    "no tuple": (2, [(', (self, other), "+"', "")], ["x + y does not remember x and y", "give both operands"]),
    "numbers kept": (2, [("(self, other),", "(self.data, other.data),")], ["remembers plain numbers", "leads nowhere"]),
    "no return": (2, [("return", "out =")], ["x + y gives None at x = 2, y = -3", "the method has no return"]),
    "a plain number": (
        2,
        [("Value(self.data + other.data, (self, other), ", "self.data + other.data  # (")],
        ["x + y gives -1.0, a float", "a plain number remembers nothing: put it into a Value"],
    ),
    "changed in place": (2, [IN_PLACE], ["x + y gives x itself", "the result is a new Value"]),
    "a number and a Value": (2, [("other.data", "other")], ["'float' and 'Value'", "self.data and other.data"]),
    "Values added inside": (2, [("self.data + other.data", "self + other")], ["RecursionError", "self.data"]),
    "no symbol for it": (2, [(', "+")', ")")], ["_op of x + y is '' where it must be '+'", "drawings show it"]),
    "the method misspelled": (2, [("__add__", "__plus__")], ["x + y raised TypeError", "Value has no __add__ yet"]),
    "no other": (2, [("self, other):", "self):")], ["takes 1 positional argument but 2 were given", "after self"]),
    "no parentheses": (2, [("(self, other), ", "self, ")], ["_prev of x + y is Value(data=2.0), a Value", "one tuple"]),
    "a circle": (4, [(REF, "out._prev = (self, other, out)")], ["computed from itself"]),
    # 3
    "a sum": (3, [("* other.data", "+ other.data")], ["x * y is -1.0 where it must be -6", "-1.0 is x + y"]),
    "the symbol of +": (3, [('"*"', '"+"')], ["_op of x * y is '+' where it must be '*'"]),
    "a product without operands": (3, [(", (self, other)", ", ()")], ["x * y does not remember x and y"]),
    # 4
    "called at once": (4, [(REF, REF + "()")], ["_backward of x + y is None", "without ()"]),
    "not given to out": (4, [(REF, "pass")], ["x + y passes nothing on", "did you forget out._backward = _backward?"]),
    "no out returned": (4, [("        return out\n", "")], ["x + y gives None", "the method has no return"]),
    "exchanged": (
        4,
        [("self.grad = other.data", "self.grad = self.data"), ("other.grad = self.data", "other.grad = other.data")],
        ["x.grad is 2 where x * y has -3 at x = 2, y = -3", "the derivatives of the two operands are exchanged"],
    ),
    "of a sum the other": (4, [("self.grad = 1.0", "self.grad = other.data")], ["x.grad is -3 where x + y has 1"]),
    "half a step": (
        4,
        [("            other.grad = self.data\n", "")],
        ["y.grad is 0 where x * y has 2", "no contribution"],
    ),
    "a sign": (4, [("other.grad = 1.0", "other.grad = -1.0")], ["y.grad is -1 where x + y has 1", "the sign is wrong"]),
    "a step that fails": (
        4,
        [("other.data\n            ", "other.number\n            ")],
        ["has no attribute 'number'"],
    ),
    # 5
    "no upstream": (
        5,
        [("other.data * out.grad", "other.data")],
        ["(x * y) * w has -15", "the factor out.grad is missing"],
    ),
    "its own gradient": (5, [("other.data * out.grad", "other.data * self.grad")], ["self.grad gets no contribution"]),
    "only in products": (5, [("1.0 * out.grad", "1.0")], ["where (x + y) * w has 5", "the factor out.grad is missing"]),
    # 6
    "= for += in a product": (6, [("self.grad += other", "self.grad = other")], ["set there", "write +="]),
    "= for += in a sum": (6, [("self.grad += 1.0", "self.grad = 1.0")], ["where (x + y) * x + y has 1", "write +="]),
    "=+ for +=": (
        6,
        [("other.grad += self", "other.grad =+ self")],
        ["set there, where it must be added to: write +="],
    ),
    "-= for +=": (6, [("other.grad += 1.0", "other.grad -= 1.0")], ["the sign is wrong there"]),
    # 7
    "nobody is visited": (7, [("if v not in visited:", "if True:")], ["ran twice", "keep a set of those visited"]),
    "visited is not filled": (7, [(VISIT, "")], ["ran twice", "keep a set of those visited"]),
    "no seed": (7, [("        self.grad = 1.0\n", "")], ["backward must start with self.grad = 1", "it is nothing"]),
    "a seed of 0": (7, [("self.grad = 1.0", "self.grad = 0.0")], ["backward must start with self.grad = 1"]),
    "a seed of data": (
        7,
        [("self.grad = 1.0", "self.grad = self.data")],
        ["must start with self.grad = 1", "it is -1"],
    ),
    "a late seed": (
        7,
        [("        self.grad = 1.0\n", ""), (LOOP, LOOP + "\n        self.grad = 1.0")],
        ["self.grad = 1 comes too late"],
    ),
    "not reversed": (7, [("reversed(order)", "order")], ["the order is wrong: the step of", "from the result"]),
    "results first": (
        7,
        [("                order.append(v)\n", ""), (VISIT, VISIT + "                order.append(v)\n")],
        ["the order is wrong", "(topological order)"],
    ),
    "children are not built": (7, [(CHILDREN, "")], ["the step of", "never ran"]),
    "nothing built": (7, [("        build(self)\n", "")], ["the step of", "never ran"]),
    "no step called": (7, [("v._backward()", "v._backward")], ["the step of", "never ran"]),
    "backward of each": (
        7,
        [("            v._backward()", "            v.backward()")],
        ["RecursionError", "_backward"],
    ),
    "no backward": (7, [("def backward", "def go")], ["Value has no backward()", "write def backward(self)"]),
    # 8
    "a number on the right of +": (
        8,
        [(OTHER, "")],
        ["x + 2 at x = 3 raised AttributeError: 'int' object has no attribute 'data'", "make it a Value first"],
    ),
    "a number on the left of *": (
        8,
        [("__rmul__", "mul_from_right")],
        ["2 * x at x = 3 raised TypeError", "Value has no __rmul__ yet", "the number on the left"],
    ),
    "no sum()": (8, [("__radd__", "add_from_right")], ["2 + x at x = 3 raised TypeError", "Value has no __radd__ yet"]),
    "2 - x as x - 2": (
        8,
        [("return Value(other) - self", "return self - other")],
        ["Value.__rsub__: 2 - x is 1 where the table has -1 at x = 3", "return self - other"],
    ),
    "no minus sign": (8, [("__neg__", "negative")], ["-x raised TypeError", "Value has no __neg__ yet"]),
    "no exponent": (8, [("n * self.data ** (n - 1)", "self.data ** (n - 1)")], ["the factor n is missing there"]),
    "the same exponent": (
        8,
        [("(n - 1)", "n")],
        ["a factor self.data too many; the table has ∂out/∂self = 3 * self**2"],
    ),
    "no quotient": (8, [("__truediv__", "__div__")], ["x / y raised TypeError", "Value has no __truediv__ yet"]),
    "/ by /": (8, [("return self * other**-1", "return self / other")], ["RecursionError"]),
    "a difference of numbers": (
        8,
        [("return self + (-other)", "return Value(self.data - other.data)")],
        ["x.grad is 0 where x - y has 1", "x is not among the operands that the result keeps"],
    ),
    "+= lost again": (8, [("self.grad += 1.0", "self.grad = 1.0")], ["Step 8 builds on step 6", "write +="]),
    # 9
    "no square": (9, [("out.data**2", "out.data")], ["x.grad is 0.5379 where tanh(x) has 0.7864", "1 - out * out"]),
    "of its input": (
        9,
        [("out.data**2", "self.data**2")],
        ["x.grad is 0.75 where tanh(x) has 0.7864", "1 - out * out"],
    ),
    "no upstream in tanh": (9, [("(1 - out.data**2) * out.grad", "1 - out.data**2")], ["factor out.grad is missing"]),
    "relu's slope": (9, [("(out.data > 0) * out.grad", "out.grad")], ["x.grad is 1 where relu(x) has 0 at x = -3"]),
    "exp by 1": (9, [("out.data * out.grad", "out.grad")], ["Value.exp", "out.data is missing there"]),
    "no exp": (9, [("def exp", "def e")], ["Value has no exp()"]),
    "a number for tanh": (9, [("Value(math.tanh(self.data),", "(math.tanh(self.data),")], ["'tuple' object"]),
    # 10
    "no tanh": (
        10,
        [(".tanh()", "")],
        ["neuron([1.0, -2.0]) is 1.1 where it must be 0.8005", "is missing is its tanh"],
    ),
    "no bias": (10, [("), self.b)", "))")], ["what is missing is the bias, self.b"]),
    "the bias is no parameter": (
        10,
        [("self.w + [self.b]", "self.w")],
        ["neuron.parameters() is", "self.w + [self.b]"],
    ),
    "gradients are kept": (10, [(ZERO, "")], ["after a second neuron.learn", "set each p.grad = 0.0 before"]),
    "gradients cleared too late": (
        10,
        [(ZERO + GRADIENT, GRADIENT + ZERO)],
        ["set them to 0 first, then loss.backward()"],
    ),
    "no backward in learn": (10, [(GRADIENT, "")], ["nothing moved, and all gradients are 0"]),
    "uphill": (10, [("p.data -= rate", "p.data += rate")], ["it moved uphill", "so subtract"]),
    "a name is moved": (
        10,
        [("p.data -= rate * p.grad", "p = p - rate * p.grad")],
        ["only give the name p to another"],
    ),
    "data is a Value": (10, [("p.data -= rate", "p.data = p - rate")], ["data is not a number any more"]),
    "no rate": (10, [("rate * p.grad", "p.grad")], ["the rate is missing"]),
    "a Value for a loss": (10, [("loss.data", "loss")], ["it returns the loss as a number, loss.data"]),
    "a bias of plain number": (10, [("Value(0.0)", "0.0")], ["Neuron(2).b is 0.0", "a Value of your own"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_learner_s_mistake_is_answered_with_what_mends_it(name):
    step, changes, words = MISTAKES[name]
    report = answer(step, planted(step, *changes))
    said = str(report)
    assert not report.ok and said.startswith(f"Step {step} ")
    one_line = " ".join(said.split())
    for text in words:
        assert text in one_line, said
    with pytest.raises(AssertionError):
        report.raise_if_wrong()


def test_the_last_step_is_about_the_neuron():
    with pytest.raises(TypeError, match=r"step 10 is about your Neuron: check_engine\(Neuron, step=10\)"):
        check_engine(Value, step=10)


def test_a_sum_that_is_the_wrong_way_round_belongs_to_its_own_step():
    """Python calls __radd__ because it knows no other way: `other + self` is what it has just tried."""
    source = SOLUTIONS[7].replace("return self + other", "return other + self", 1)
    assert source != SOLUTIONS[7]
    said = " ".join(str(answer(8, source)).split())
    assert said.startswith("Step 8 of 10") and "make it a Value first, Value(other)" in said


def test_an_order_that_does_not_end_names_the_function_that_calls_itself():
    source = SOLUTIONS[6].replace("build(child)", "build(v)").replace("visited.add(v)", "pass")
    report = answer(7, source)
    assert "build(v)" in report.first.line.text
    assert report.first.advice.startswith("build calls itself without end: call it for each operand of v")


def test_a_method_that_makes_values_of_another_class_is_told():
    class Mine(Value):
        def __add__(self, other):
            return Value(self.data + other.data)

    assert "it is of another class called Value" in check_engine(Mine, step=2).first.advice


@pytest.mark.parametrize("given", [3.0, int, sys, None, "Value", check_engine])
def test_what_is_not_a_class_of_values_is_refused_in_words(given):
    with pytest.raises(TypeError, match=r"give the class of your Values, check_engine\(Value, step=...\), not "):
        check_engine(given, step=2)


def test_settings_that_make_no_sense_are_refused_in_words():
    for step in (0, 11, True, "3", 2.0):
        with pytest.raises(ValueError, match=r"step=.* is not one of the steps, 1 to 10"):
            check_engine(Value, step=step)
    with pytest.raises(TypeError, match="give step= or ops=, not both"):
        check_engine(Value, step=2, ops=["add"])


def test_our_own_value_is_right_and_an_object_or_a_module_stands_for_its_class():
    for given in (Value, Value(2.0), micrograd):
        assert [check_engine(given, step=step).ok for step in (1, 2, 3, 7, 8, 9)] == [True] * 6


def test_code_that_does_not_end_is_stopped_at_any_step():
    class Value:
        def __init__(self, data, _children=(), _op=""):
            self.data, self.grad, self._prev, self._op = data, 0.0, _children, _op

        def __repr__(self):
            return str(self.data)

        def __add__(self, other):
            while True:
                pass

    assert check_engine(Value, step=1)
    report = check_engine(Value, step=2, seconds=0.2)
    assert report.first.what == "x + y: it did not end within 0.2 seconds"


def test_each_step_has_mistakes():
    assert {step for step, _, _ in MISTAKES.values()} == set(range(1, 11))
