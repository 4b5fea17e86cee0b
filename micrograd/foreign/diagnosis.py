"""From a trial that failed to what is wrong and where: a rule, the operands that are kept, or the order of backward.

Every node of their graph is held against the table on its own first: a wrong rule is found where it is, however far
from it the wrong number shows. If every rule is right, the steps are counted as backward runs them.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from micrograd.foreign.adopt import MANY, does, gradients_put_back, in_order, probe
from micrograd.foreign.engines import Engine
from micrograd.foreign.findings import Finding
from micrograd.foreign.reading import MISSING, OPERANDS, Reader, Theirs, read
from micrograd.foreign.recognition import Recognised, agree, computed, recognised, rows_of
from micrograd.foreign.rules import what_is_wrong
from micrograd.foreign.source import (
    Line,
    calls,
    line_of_grad,
    line_of_loop,
    line_of_making,
    line_of_result,
    line_of_return,
    sets_grad,
    statements,
)
from micrograd.foreign.trials import Trial
from micrograd.text import derivative_formulas
from micrograd.words import short


def diagnose(engine: Engine, trial: Trial, said: str, result: Any, inputs: dict[str, Any]) -> Finding:
    """Why a trial failed. `said` is which number is wrong, as `x.grad is 3 where x * x has 6 at x = 3`.

    It looks at the very graph that failed: sets of operands have another order in each.
    """
    method = engine.method(trial.method)
    at_method = line_of_result(method, {engine.name, "cls", "type"}) if method else None
    where = engine.written(trial.method) if trial.method else engine.name
    if read(result, *OPERANDS) is MISSING:
        return Finding(said, at_method, where=where)
    order = in_order(Reader().node(result))
    with gradients_put_back([node.theirs for node in order]) as settable:
        found = _first_wrong(order, settable)
        if found:
            return _of_node(engine, trial, result, *found, said, at_method)
    if " is " in said and not said.startswith(trial.name):
        lost = [name for name, x in inputs.items() if all(node.theirs is not x for node in order)]
        if lost:
            kept = f"{lost[0]} is not among the operands that the result keeps, so backward never comes to it"
            return Finding(said, at_method, kept, where=where)
        if not any(node._prev and (node.step or node.locals is not None) for node in order):
            return Finding(said, at_method, _by_the_table(trial), where=where)  # its rules cannot be seen
        found_there = _of_backward(engine, order, said)
        if found_there:
            return found_there
    return Finding(
        f"{where}: {said}", at_method, "the operations that it is made of are right: it combines them wrongly"
    )


def _first_wrong(order: list[Theirs], settable: bool) -> tuple[Theirs, Recognised | None] | None:
    """The first node that does not do what any reading of it says, and its likeliest reading, if it has one."""
    for node in order:
        if not node._prev:
            continue
        likely = None
        for found in itertools.islice(recognised(node), MANY):
            if does(node, found, settable=settable):
                break
            likely = likely or found
        else:
            return node, likely
    return None


def _of_node(
    engine: Engine,
    trial: Trial,
    result: Any,
    node: Theirs,
    found: Recognised | None,
    said: str,
    at_method: Line | None,
) -> Finding:
    """A node whose number or whose step is wrong."""
    rows = rows_of(node.symbol) or rows_of(node.method) or rows_of(trial.method)
    if found is None and not node.symbol:  # nothing but its number tells which operation it is
        found = next((x for entry in rows for x in computed(node, entry, node._prev)), None)
    of_row = engine.method_of(found.entry if found else rows[0]) if found or rows else trial.method
    unset = node.method == "__init__"  # its step was defined there, for values without operands
    name = of_row if unset else node.method or of_row
    if unset and node.theirs is result and line_of_making(engine.method(trial.method), {engine.name}):
        name = trial.method  # as a __rmul__ that makes its result by itself
    where, method = engine.written(name) if name else engine.name, engine.method(name)
    at_method = line_of_result(method, {engine.name}) if method else at_method
    if unset and not said.startswith(trial.name) and _adds_nothing(node):
        advice = f"its result still has the empty {engine.step_name} from __init__: did you forget "
        variable = f"out.{engine.step_name} = {engine.step_name}?"
        return Finding(said, line_of_return(method) if method else at_method, advice + variable, where=where)
    if found is None:
        kept = [x.theirs for x in node._prev] + [node.theirs]
        for variable, x in node.cells.items():
            if isinstance(x, engine.kind) and all(x is not y for y in kept):
                advice = f"{variable} is not among the operands that the result keeps, so backward never comes to it"
                return Finding(said, at_method, advice, where=where)
        numbers = ", ".join(f"{x.number():.6g}" for x in node._prev)
        advice = f"its number, {node.number():.6g}, is not what the operation {node.symbol!r} gives for {numbers}"
        return Finding(said, at_method, advice if node.symbol else "", where=where)
    try:
        wrong = what_is_wrong(node, found)
    except Exception as error:
        return Finding(said, line_of_grad(node.step, ()), f"its step raised {type(error).__name__}: {error}", where)
    theirs = node.locals
    if wrong is None and theirs is not None and not agree(found, theirs):
        wanted = tuple(found.derivatives())
        advice = f"the local derivatives are kept as {_plainly(theirs)}; the table has {_plainly(wanted)}"
        return Finding(said, at_method, advice, where)
    variables, advice, is_set = wrong or ([], "", False)
    return Finding(said, line_of_grad(node.step, variables, plain=is_set), advice, where=where)


def _adds_nothing(node: Theirs) -> bool:
    """Whether a node's step leaves the gradients of all its operands as they are."""
    return node.step is not None and set(probe(node, node.step, 3.0, 1.0).values()) == {3.0}


@contextlib.contextmanager
def _listening(order: list[Theirs], name: str, starts: list[float | None]) -> Iterator[list[Theirs] | None]:
    """The nodes in the order in which their steps are run; None where a step cannot be replaced by one that notes.

    `starts` is given the gradient that the result itself has when its step is run.
    """
    ran: list[Theirs] = []
    replaced: list[tuple[Any, Any]] = []

    def noting(node: Theirs, step: Any) -> Any:
        def noted(*args: Any) -> Any:
            ran.append(node)
            if node is order[-1]:
                starts.append(node.gradient())
            return step(*args)

        return noted

    try:
        try:
            for node in order:
                if node._prev and node.step:
                    replaced.append((node.theirs, node.step))
                    setattr(node.theirs, name, noting(node, node.step))
        except Exception:
            yield None
            return
        yield ran if replaced else None
    finally:
        for theirs, step in replaced:
            with contextlib.suppress(Exception):
                setattr(theirs, name, step)


def _by_the_table(trial: Trial) -> str:
    """What the table has for an operation that was tried by itself; empty for other trials."""
    entry, names = trial.entry, list(trial.inputs)
    if entry is None or len(entry.operands) != len(names) or set(entry.settings) > {*entry.defaults}:
        return ""
    formulas = derivative_formulas(entry, names, result="out")
    return "the table has " + ", ".join(f"∂out/∂{name} = {text}" for name, text in zip(names, formulas))


def _of_backward(engine: Engine, order: list[Theirs], said: str) -> Finding | None:
    """Every rule is right by itself: what does backward do with them? None where nothing is wrong with that either."""
    name = engine.step_name
    for node in order:
        if not node.is_plain:
            node.theirs.grad = 0.0
    backward = engine.kind.backward  # type: ignore[attr-defined]
    starts: list[float | None] = []  # the result's own gradient, when its step is run
    with _listening(order, name, starts) as ran:
        order[-1].theirs.backward()
    line = line_of_loop(backward, calls(name)) if ran else line_of_loop(backward, sets_grad)
    where = f"{engine.name}.backward"
    own = order[-1].gradient()
    if own != 1.0:
        text = "nothing" if not own else f"{own:g}"
        advice = (
            f"backward must start with self.grad = 1, the derivative of the result by itself; it is {text} afterwards"
        )
        return Finding(said, line_of_loop(backward, lambda node: False), advice, where)
    if starts and starts[0] != 1.0:
        advice = "self.grad = 1 comes too late: the steps have run by then, and each passes its own gradient on"
        return Finding(said, line, advice, where)
    if ran is None:
        return dataclasses.replace(_without_steps(backward, said, line), where=where)
    place: dict[Theirs, int] = {}
    for i, node in enumerate(ran):
        if node in place:
            advice = (
                "the step of one value ran twice: keep a set of those visited, and put each value into the order once"
            )
            return Finding(said, line, advice, where)
        place[node] = i
    for node in order:
        for x in node._prev:
            if x in place and node in place and place[x] < place[node]:
                advice = (
                    f"the order is wrong: the step of {_called(x)} ran before that of {_called(node)}, which still had "
                    "to add to its gradient; a value goes into the order after all its operands (topological order), "
                    "and backward goes through it from the result"
                )
                return Finding(said, line, advice, where)
    for node in order:
        if node._prev and node.step and node not in place:
            return Finding(said, line, f"the step of {_called(node)} never ran", where)
    return None


def _called(node: Theirs) -> str:
    """A node by its arithmetic: `2 * (-3)`."""
    for found in recognised(node):
        return found.entry.formula([short(x.number() if isinstance(x, Theirs) else x) for x in found.operands])
    return node.symbol or node.method.strip("_") or "a node"


def _plainly(numbers: Sequence[float]) -> str:
    return f"({', '.join(map(short, numbers))})"


def _without_steps(backward: Any, said: str, line: Line | None) -> Finding:
    """An engine that keeps local derivatives: backward itself multiplies and adds."""
    for loop, _ in statements(backward):
        if isinstance(loop, (ast.For, ast.While)):
            for node, at in statements(backward):
                inside = any(ast.dump(node) == ast.dump(x) for x in ast.walk(loop))
                if inside and isinstance(node, ast.Assign) and sets_grad(node):
                    return Finding(said, at, "a gradient is set there, where it must be added to: write +=")
    advice = (
        "the local derivatives are right by themselves: backward adds local derivative times upstream gradient to each "
        "operand, results first, each value after all that use it (topological order)"
    )
    return Finding(said, line, advice)
