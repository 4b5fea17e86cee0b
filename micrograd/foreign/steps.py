"""The ten steps in which a Value is built, each with what it asks for: `check_engine(Value, step=3)`.

>>> from micrograd import Value
>>> from micrograd.foreign.steps import check_step
>>> print(check_step(Value, 3))
Step 3 of 10, multiplication: right.
Next is step 4, backward through one operation.

A step builds on those before it, so these are tried first; what comes later is not asked for.
"""

from __future__ import annotations

import dataclasses
import inspect
import operator
import textwrap
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from micrograd.foreign.advice import GAP, advice_for, named
from micrograd.foreign.building import Work, addition, branches, chain, multiplication, number, one_node
from micrograd.foreign.engines import Engine
from micrograd.foreign.findings import EngineReport, Finding
from micrograd.foreign.learning import neuron
from micrograd.foreign.reading import is_value
from micrograd.foreign.source import line_of_gap, line_of_setting
from micrograd.foreign.trying import SECONDS, Trying
from micrograd.table import TABLE


@dataclass(frozen=True)
class StepReport(EngineReport):
    """What was found at a step: true, and `ok`, when this step and those before it are right.

    `step` is the step that was asked for, `at` the last that was tried: an earlier one if that is wrong. `notes` are
    what is good to know.
    """

    step: int = 1
    at: int = 1
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        title = STEPS[self.at - 1].title
        if self.wrong and self.at < self.step:
            return f"Step {self.step} builds on step {self.at}, {title}, which is not right yet:\n{self.first}"
        opening = f"Step {self.step} of {len(STEPS)}, {title}: {'not yet' if self.wrong else 'right'}."
        lines = [opening, *(str(finding) for finding in self.wrong[:1])]
        for note in self.notes:
            lines += textwrap.wrap(note, 100)
        if self.ok:
            last = self.step == len(STEPS)
            following = "" if last else f"Next is step {self.step + 1}, {STEPS[self.step].title}."
            lines.append(following or "All ten steps are right: you have built a micrograd.")
        return "\n".join(lines)

    __repr__ = __str__


def check_step(given: Any, step: int, seconds: float = SECONDS) -> StepReport:
    """Try a class that is being written, up to a step: a Value, and at the last step a Neuron.

    Raises TypeError for what is not a class or not the step's, ValueError for a step that there is not.
    """
    if isinstance(step, bool) or not isinstance(step, int) or not 1 <= step <= len(STEPS):
        raise ValueError(f"check_engine: step={step!r} is not one of the steps, 1 to {len(STEPS)}")
    of_neuron = step == len(STEPS)
    kind = _class_of(given, "Neuron" if of_neuron else "Value")
    if of_neuron:
        values, wrong = _values_of(Work(kind, seconds))
        if wrong:
            return StepReport(kind.__name__, (), (wrong,), step=step, at=step)
    else:
        values = kind
    tried: list[str] = []
    work = Work(kind, seconds)
    for at, asked in enumerate(STEPS[:step], start=1):
        work = Work(kind if asked.ask is neuron else values, seconds, at == step)
        tried.append(asked.title)
        try:
            wrong = asked.ask(work)
        except (TypeError, ValueError, AttributeError) as error:  # their graph cannot be read, and this says why
            wrong = Finding(named(error), None, advice_for(error, work.kind), work.name)
        if wrong:
            found = (_of_gap(work, wrong),)
            return StepReport(kind.__name__, tuple(tried), found, step=step, at=at)
    return StepReport(kind.__name__, tuple(tried), step=step, at=step, notes=tuple(work.notes))


WRITTEN = 1 << 9  # Python's flag of classes that somebody wrote; int and function are not


def _class_of(given: Any, name: str) -> type:
    if inspect.ismodule(given):
        given = getattr(given, name, given)
    found = given if isinstance(given, type) else type(given)
    if inspect.ismodule(given) or not found.__flags__ & WRITTEN:
        raise TypeError(f"check_engine: give the class of your {name}s, check_engine({name}, step=...), not {given!r}")
    return found


def _of_gap(work: Work, wrong: Finding) -> Finding:
    """What is wrong in a method that has a gap is the gap, if that is not said already."""
    method = getattr(work.kind, wrong.where.rpartition(".")[2], None)
    line = line_of_gap(method) if method else None
    if line is None or "gap" in wrong.advice:
        return wrong
    return dataclasses.replace(wrong, line=line, advice=GAP)


def _values_of(work: Work) -> tuple[Any, Finding | None]:
    """The class of the Values that a neuron is made of."""
    made, wrong = work.run(f"{work.name}(2)", lambda: work.kind(2), "__init__")
    if wrong:
        return None, wrong
    if is_value(made):
        last = len(STEPS)
        raise TypeError(f"check_engine: step {last} is about your Neuron: check_engine(Neuron, step={last})")
    b = getattr(made, "b", None)
    if isinstance(b, (type(None), float, int, type(...))):
        advice = "b is the bias, a Value of your own: self.b = Value(0.0)"
        return None, work.finding(f"{work.name}(2).b is {b!r}", "__init__", advice)
    return type(b), None


# ------------------------------------------------------------ steps 7 to 9, by the trials of a whole engine


def backward(work: Work) -> Finding | None:
    """Step 7: backward() runs every step once, each result before its operands."""
    found = getattr(work.kind, "backward", None)
    if not callable(found):
        advice = "write def backward(self): it runs each value's _backward(), from the result to the inputs"
        return Finding(f"{work.name} has no backward()", None, advice, work.name)
    x, y = work.kind(2.0), work.kind(-3.0)
    z = x + y
    _, wrong = work.run("(x + y).backward()", z.backward, "backward")
    if wrong:
        return dataclasses.replace(wrong, where=wrong.where or f"{work.name}.backward")
    if z.grad is ...:
        said = "z.grad is still ... after z.backward(), where z = x + y"
        return Finding(said, line_of_setting(found, "grad"), GAP, f"{work.name}.backward")
    tried = Trying(Engine(work.kind), ("add", "mul"), work.seconds, again=work.is_asked, with_numbers=False)
    report = tried.report()
    work.notes.extend(f"Good to know: {limit.what}, as {limit.advice}." for limit in report.limits if limit.advice)
    return report.first


# What people write with operators, and plain numbers on either side: a step asks for all of it.
WITH_NUMBERS = "x + 2, x * 2, 2 + x, 2 * x, x - 2, 2 - x, x / 2, 2 / x, x**2, x**-1".split(", ")
WITH_NUMBERS += ["sum([x, x, 2])"]
OPERATORS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "neg": ("-x", lambda x, y: -x),
    "sub": ("x - y", operator.sub),
    "power": ("x**2", lambda x, y: x**2),
    "div": ("x / y", operator.truediv),
}
METHODS = ("tanh", "relu", "exp")


def operators(work: Work) -> Finding | None:
    """Step 8: the other operators, and plain numbers on either side of all."""
    engine = Engine(work.kind)
    for name, (form, apply) in OPERATORS.items():
        if not engine.has(TABLE[name]):
            return work.run(form, lambda apply=apply: apply(work.kind(2.0), work.kind(-4.0)))[1]  # type: ignore[misc]
    return _tried(work, ("add", "mul", *OPERATORS), WITH_NUMBERS)


def functions(work: Work) -> Finding | None:
    """Step 9: tanh, relu and exp."""
    engine = Engine(work.kind)
    for name in METHODS:
        if not engine.has(TABLE[name]):
            return Finding(f"{work.name} has no {name}()", None, f"write def {name}(self):", work.name)
        wrong = _tried(work, [name], [TABLE[name].formula(["x"])])
        if wrong:
            return wrong
    return None


def _tried(work: Work, ops: Collection[str], required: Collection[str]) -> Finding | None:
    return Trying(Engine(work.kind), ops, work.seconds, again=False, required=required).report().first


@dataclass(frozen=True)
class Step:
    """One step: its title, and what is asked for."""

    title: str
    ask: Callable[[Work], Finding | None]


STEPS = (
    Step("a number that remembers", number),
    Step("addition", addition),
    Step("multiplication", multiplication),
    Step("backward through one operation", one_node),
    Step("the chain rule", chain),
    Step("branches that meet", branches),
    Step("the whole graph, in order", backward),
    Step("more operators, and plain numbers", operators),
    Step("tanh, relu and exp", functions),
    Step("a neuron that learns", neuron),
)
