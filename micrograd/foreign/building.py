"""A Value that is still being written: what the first six steps of building one ask for, before it has a backward().

>>> from micrograd.foreign.building import Work, addition
>>> class Value:
...     def __init__(self, data, _children=(), _op=""):
...         self.data, self.grad, self._prev, self._op = data, 0.0, _children, _op
...     def __add__(self, other):
...         return Value(self.data + other.data, (self,), "+")
>>> print(addition(Work(Value, 10.0)))
Value.__add__: x + y does not remember y: its _prev is (x,)
  your line, <doctest micrograd.foreign.building[1]>:5:  return Value(self.data + other.data, (self,), "+")
  give both operands to the new Value, (self, other): backward finds its way back by them

Each asks for its own step only, and gives the first thing that is wrong, or None.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from micrograd.engine import Value
from micrograd.foreign.adopt import gradients_put_back, in_order
from micrograd.foreign.advice import GAP, advice_for, named
from micrograd.foreign.findings import Finding
from micrograd.foreign.limited import limited
from micrograd.foreign.reading import MISSING, Reader, Theirs, read
from micrograd.foreign.recognition import close, computed
from micrograd.foreign.rules import what_is_wrong
from micrograd.foreign.source import (
    Line,
    files_of,
    line_of_error,
    line_of_grad,
    line_of_result,
    line_of_return,
    line_of_setting,
)
from micrograd.table import FLOAT, TABLE, Op
from micrograd.words import short, shown


@dataclass(frozen=True)
class Work:
    """A class that somebody is writing, and for how long its code may run.

    `is_asked` is whether this step was asked for, or a later one; `notes` are what is good to know.
    """

    kind: type
    seconds: float
    is_asked: bool = True
    notes: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.kind.__name__

    def run(self, form: str, function: Callable[[], Any], method: str = "") -> tuple[Any, Finding | None]:
        """What their code gives, and what is wrong if it raised an error."""
        try:
            return limited(function, self.seconds), None
        except TimeoutError as error:
            said = f"{form}: {error}"
        except Exception as error:
            said = f"{form} raised {named(error)}"
            line = line_of_error(error, files_of(self.kind))
            return None, Finding(said, line, advice_for(error, self.kind, form, method))
        return None, self.finding(said, method)

    def finding(self, said: str, method: str, advice: str = "", line: Line | None = None) -> Finding:
        """Something that is wrong in a method, with the line where it makes its result."""
        found = vars(self.kind).get(method, getattr(self.kind, method, None))
        line = line or (line_of_result(found, {self.name}) if found else None)
        return Finding(said, line, advice, f"{self.name}.{method}" if found else self.name)


# ------------------------------------------------------------ step 1


# Each attribute, what it is, and what sets it.
SETTINGS = (
    ("data", "the number that is given", "data"),
    ("grad", "0.0, as no gradient has reached it yet", "0.0"),
    ("_prev", "the operands, given as _children", "_children"),
    ("_op", "the symbol of the operation, given as _op", "_op"),
)


def number(work: Work) -> Finding | None:
    """Step 1: it keeps its number, its gradient, its operands and its symbol."""
    for x in (2.0, -3.5):
        form = f"{work.name}({x})"
        made, wrong = work.run(form, lambda x=x: work.kind(x), "__init__")  # type: ignore[misc]
        wrong = wrong or _attributes(work, form, made, (x, 0.0, (), ""))
        if wrong:
            return wrong
    a, b = work.kind(2.0), work.kind(-3.0)
    form = f'{work.name}(-1.0, (a, b), "+")'
    made, wrong = work.run(form, lambda: work.kind(-1.0, (a, b), "+"), "__init__")
    return wrong or _attributes(work, form, made, (-1.0, 0.0, (a, b), "+")) or _printed(work)


def _attributes(work: Work, form: str, made: Any, wanted: tuple[Any, ...]) -> Finding | None:
    for (name, meaning, value), x in zip(SETTINGS, wanted):
        found = read(made, name)
        if found is x or (name == "_prev" and _same(found, x)) or (name != "_prev" and _equal(found, x)):
            continue
        line = line_of_setting(work.kind.__init__, name)  # type: ignore[misc]
        advice = f"{name} is {meaning}: write self.{name} = {value}"
        if found is MISSING:
            said = f"{form} has no .{name}"
        elif found is ...:
            said, advice = f"{form}.{name} is still ...", f"fill the gap: {name} is {meaning}"
        else:
            is_nodes = name == "_prev" and x
            said = f"{form}.{name} is {shown(found)} where it must be {'(a, b)' if is_nodes else repr(x)}"
        return work.finding(said, "__init__", advice, line)
    return None


def _same(found: Any, nodes: Iterable[Any]) -> bool:
    """Whether these are the operands, in whatever is kept: the lecture keeps a set."""
    kept = list(found) if isinstance(found, (tuple, list, set, frozenset)) else None
    return kept is not None and {*map(id, kept)} == {*map(id, nodes)}


def _equal(found: Any, x: Any) -> bool:
    return isinstance(found, type(x) if isinstance(x, str) else (int, float)) and found == x


def _printed(work: Work) -> Finding | None:
    made = work.kind(2.0)
    if not any("__repr__" in vars(base) for base in work.kind.__mro__[:-1]):
        advice = f"write def __repr__(self): return f'{work.name}(data={{self.data}})'"
        return Finding(f"{work.name} has no __repr__, so it prints as <... object at 0x...>", None, advice, work.name)
    text, wrong = work.run(f"repr({work.name}(2.0))", lambda: repr(made), "__repr__")
    if wrong or "2" in text:
        return wrong
    return work.finding(f"{work.name}(2.0) prints as {text}, without its number", "__repr__", "put self.data into it")


# ------------------------------------------------------------ steps 2 and 3


def addition(work: Work) -> Finding | None:
    """Step 2: `x + y` is a new Value that remembers x and y."""
    return _operation(work, TABLE["add"], operator.add)


def multiplication(work: Work) -> Finding | None:
    """Step 3: `x * y` likewise."""
    return _operation(work, TABLE["mul"], operator.mul)


def _operation(work: Work, entry: Op, apply: Callable[[Any, Any], Any]) -> Finding | None:
    for numbers in ((2.0, -3.0), (0.5, 4.0), (3.0,)):
        names = ("x", "y") if len(numbers) == 2 else ("x", "x")
        operands = dict(zip(names, map(work.kind, numbers)))
        form = entry.formula(list(names))
        z, wrong = work.run(form, lambda operands=operands, names=names: apply(*map(operands.get, names)), entry.method)  # type: ignore[misc]
        wrong = wrong or _result(work, entry, form, z, operands, numbers)
        if wrong:
            return wrong
    return None


def _result(
    work: Work, entry: Op, form: str, z: Any, operands: dict[str, Any], numbers: tuple[float, ...]
) -> Finding | None:
    """What is wrong with the result of an operation, before any backward: the first thing."""
    both = numbers * 2 if len(numbers) == 1 else numbers
    place = ", ".join(f"{name} = {short(x)}" for name, x in zip(operands, numbers))
    wanted = entry.rule(FLOAT, *both)[0]
    make = f'{work.name}(..., (self, other), "{entry.symbol}")'

    def wrong(said: str, advice: str) -> Finding:
        return work.finding(said, entry.method, advice)

    if z is ...:
        return wrong(f"{form} is still ...", GAP)
    if z is None:
        return wrong(f"{form} gives None at {place}", f"the method has no return: end it with return {make}")
    for (name, x), number in zip(operands.items(), numbers):
        if z is x:
            return wrong(f"{form} gives {name} itself", f"the result is a new Value: return {make}")
        if not _equal(x.data, number):
            advice = "an operation leaves its operands as they are, and puts the result into a new Value"
            return wrong(f"{name}.data is {shown(x.data)} after {form}, and was {short(number)}", advice)
    kind: Any = work.kind
    if not isinstance(z, kind):
        advice = f"a plain number remembers nothing: put it into a Value, return {make}"
        if hasattr(z, "data"):
            advice = (
                f"it is of another class called {type(z).__name__}: a method makes what its own file calls so, and "
            )
            advice += "all steps belong into one file or notebook"
        return wrong(f"{form} gives {shown(z)}, a {type(z).__name__}, at {place}", advice)
    if z.data is ...:
        return wrong(f"the number of {form} is still ...", GAP)
    if isinstance(z.data, kind):
        return wrong(f"{form}.data is a {work.name} at {place}", "compute with numbers: self.data and other.data")
    if not _equal(z.data, z.data) or not close(float(z.data), wanted):
        same = [
            e for e in map(TABLE.get, ("add", "sub", "mul", "div")) if e and _equal(z.data, e.rule(FLOAT, *both)[0])
        ]
        advice = f"{shown(z.data)} is {same[0].formula(list(operands))}" if same and len(operands) == 2 else ""
        return wrong(f"{form} is {shown(z.data)} where it must be {short(wanted)} at {place}", advice)
    return _remembered(wrong, entry, form, z, operands)


def _remembered(
    wrong: Callable[[str, str], Finding], entry: Op, form: str, z: Any, operands: dict[str, Any]
) -> Finding | None:
    """What is wrong with what a result remembers of its operands."""
    kept = z._prev
    if kept is ...:
        return wrong(f"_prev of {form} is still ...", GAP)
    if not isinstance(kept, (tuple, list, set, frozenset)):
        advice = "the operands are one tuple, in parentheses of its own: (self, other)"
        return wrong(f"_prev of {form} is {shown(kept)}, a {type(kept).__name__}", advice)
    names = {id(x): name for name, x in operands.items()}
    found = [names.get(id(x), shown(x)) for x in kept]
    text = f"({', '.join(found)}{',' * (len(found) == 1)})"
    if any(isinstance(x, (int, float)) for x in kept):
        advice = "keep the Values themselves, (self, other): backward must reach them, and a number leads nowhere"
        return wrong(f"{form} remembers plain numbers: its _prev is {text}", advice)
    lost = [name for name in operands if name not in found]
    if lost:
        advice = "give both operands to the new Value, (self, other): backward finds its way back by them"
        return wrong(f"{form} does not remember {' and '.join(lost)}: its _prev is {text}", advice)
    if z._op != entry.symbol:
        advice = f'give the symbol to the new Value, after the operands: "{entry.symbol}"; drawings show it'
        return wrong(f"_op of {form} is {shown(z._op)} where it must be {entry.symbol!r}", advice)
    return None


# ------------------------------------------------------------ steps 4 to 6


def _x_plus_y(x: Any, y: Any) -> Any:
    return x + y


def _x_times_y(x: Any, y: Any) -> Any:
    return x * y


Program = tuple[str, dict[str, float], Callable[..., Any]]
ONE_NODE: tuple[Program, ...] = (
    ("x + y", {"x": 2.0, "y": -3.0}, _x_plus_y),
    ("x * y", {"x": 2.0, "y": -3.0}, _x_times_y),
)
CHAINS: tuple[Program, ...] = (
    ("(x * y) * w", {"x": 2.0, "y": -3.0, "w": 5.0}, lambda x, y, w: (x * y) * w),
    ("(x + y) * w", {"x": 2.0, "y": -3.0, "w": 5.0}, lambda x, y, w: (x + y) * w),
    ("(x * y + w) * v", {"x": 2.0, "y": -3.0, "w": 5.0, "v": 4.0}, lambda x, y, w, v: (x * y + w) * v),
)
BRANCHES: tuple[Program, ...] = (
    ("x + x", {"x": 3.0}, lambda x: x + x),
    ("x * x", {"x": 3.0}, lambda x: x * x),
    ("x * y + x", {"x": 2.0, "y": -3.0}, lambda x, y: x * y + x),
    ("(x + y) * x + y", {"x": 2.0, "y": -3.0}, lambda x, y: (x + y) * x + y),
)


def one_node(work: Work) -> Finding | None:
    """Step 4: a result's `_backward()` gives each operand its local derivative."""
    return _gradients(work, ONE_NODE, must_add=False, must_pass_on=False)


def chain(work: Work) -> Finding | None:
    """Step 5: `_backward()` multiplies by the result's own gradient, so that steps can follow each other."""
    return _gradients(work, CHAINS, must_add=False, must_pass_on=True)


def branches(work: Work) -> Finding | None:
    """Step 6: `_backward()` adds to the gradients, because a Value may be used more than once."""
    return _gradients(work, BRANCHES, must_add=True, must_pass_on=True)


def _gradients(work: Work, programs: Iterable[Program], **asked: bool) -> Finding | None:
    """The steps of each program's nodes, run from the result to the inputs, as backward() will run them."""
    for form, inputs, build in programs:
        theirs = {name: work.kind(x) for name, x in inputs.items()}
        ours = {name: Value(x) for name, x in inputs.items()}
        build(*ours.values()).backward()
        z, wrong = work.run(form, lambda build=build, theirs=theirs: build(*theirs.values()))  # type: ignore[misc]
        if wrong:
            return wrong
        order = in_order(Reader().node(z))
        for look, node in itertools.product((_without_step, _too_early), order):
            wrong = look(work, node, form)
            if wrong:
                return wrong
        z.grad = 1.0
        for node in reversed([node for node in order if node._prev]):
            text = f"_backward() of {_form(node)}"
            _, wrong = work.run(text, node.theirs._backward, node.method)
            if wrong:
                return wrong
        place = ", ".join(f"{name} = {short(x)}" for name, x in inputs.items())
        for name, x in theirs.items():
            if x.grad is ...:
                return _in_step(work, order, f"{name}.grad is still ... after backward through {form}", GAP)
            if not _equal(x.grad, x.grad) or not close(float(x.grad), ours[name].grad):
                found = short(x.grad) if _equal(x.grad, x.grad) else shown(x.grad)
                said = f"{name}.grad is {found} where {form} has {short(ours[name].grad)} at {place}"
                return _why(work, order, said, **asked)
    return None


def _row(node: Theirs) -> Op:
    return TABLE["mul" if node.symbol == "*" else "add"]


def _form(node: Theirs) -> str:
    """A node by its arithmetic: `2 * (-3)`."""
    return _row(node).formula([short(x.number()) for x in (*node._prev, *node._prev)[:2]])


def _without_step(work: Work, node: Theirs, form: str) -> Finding | None:
    """Whether a node has nothing that passes a gradient on."""
    step, method = node.theirs._backward if hasattr(node.theirs, "_backward") else MISSING, _row(node).method
    if step is MISSING:
        advice = "write self._backward = lambda: None in __init__: a number of your own has nothing to pass on"
        return Finding(f"{work.name}({node.number():g}) has no _backward", None, advice, f"{work.name}.__init__")
    if step is ...:
        return work.finding(f"_backward of {form} is still ...", method, GAP)
    if not callable(step):
        advice = "write out._backward = _backward, without (): with them it runs at once, and None is kept"
        return work.finding(f"_backward of {form} is {shown(step)}, which cannot be called", method, advice)
    if node._prev and node.method == "__init__":
        found = getattr(work.kind, method)
        advice = "it still has the empty _backward from __init__: did you forget out._backward = _backward?"
        return Finding(f"{form} passes nothing on", line_of_return(found), advice, f"{work.name}.{method}")
    return None


def _too_early(work: Work, node: Theirs, form: str) -> Finding | None:
    """Whether a node has a gradient although nobody has asked for one."""
    method = _row(node).method
    if read(node.theirs, "grad") not in (0, 0.0):
        advice = "keep _backward, and do not call it yet: it runs later, when gradients are asked for"
        return work.finding(f"a grad is {shown(node.theirs.grad)} before backward through {form}", method, advice)
    return None


def _in_step(work: Work, order: list[Theirs], said: str, advice: str) -> Finding:
    """Something in the step of the first node that was computed."""
    node = next(node for node in order if node._prev)
    return Finding(said, line_of_grad(node.step, ()), advice, f"{work.name}.{_row(node).method}")


def _why(work: Work, order: list[Theirs], said: str, **asked: bool) -> Finding:
    """The first node whose step is not what the table has, and why."""
    with gradients_put_back([node.theirs for node in order]):
        for node in order:
            operands = (*node._prev, *node._prev)[:2] if node._prev else ()
            for found in computed(node, _row(node), operands) if operands else ():
                wrong = what_is_wrong(node, found, **asked)
                if wrong:
                    names, advice, is_set = wrong
                    line = line_of_grad(node.step, names, plain=is_set)
                    return Finding(said, line, advice, f"{work.name}.{_row(node).method}")
    return Finding(said, None, "", work.name)
