"""Try one engine: each trial runs on their Values and on ours, and both must give the same number and gradients.

    >>> from micrograd import Value
    >>> from micrograd.foreign.engines import Engine
    >>> from micrograd.foreign.trying import Trying
    >>> report = Trying(Engine(Value), ["tanh"]).report()
    >>> report.ok, report.tried[2:4]
    (True, ('tanh(x)', 'tanh(x) * w'))

Where they do not, the rule and the line are named.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterable
from typing import Any

from micrograd.foreign.advice import GAP, advice_for, named
from micrograd.foreign.conventions import Numbers, convention
from micrograd.foreign.diagnosis import diagnose
from micrograd.foreign.engines import Engine
from micrograd.foreign.findings import EngineReport, Finding
from micrograd.foreign.limited import limited
from micrograd.foreign.reading import Reader
from micrograd.foreign.recognition import close
from micrograd.foreign.source import files_of, first_line, line_of_error, line_of_return
from micrograd.foreign.trials import Ours, Trial, rows, trials_of
from micrograd.table import TABLE
from micrograd.words import short, shown, unwrapped

SECONDS = 10.0  # for one trial
CHAIN = 5000  # operations, one after the other


class Trying:
    """One engine being tried, on the rows named in `ops`, by default all that it has.

    An engine that is still being written is tried on less and asked for more: `again=False` leaves out long chains and
    a second backward, `with_numbers=False` plain numbers beside a Value. `required` are the names of trials that a
    class need not pass in general, such as `2 - x`; with these, merges are left out too, and every trial must give a
    Value.
    """

    def __init__(
        self,
        engine: Engine,
        ops: Collection[str] | None = None,
        seconds: float = SECONDS,
        *,
        again: bool = True,
        with_numbers: bool = True,
        required: Collection[str] = (),
    ):
        self.engine, self.ops, self.seconds = engine, ops, seconds
        self.again, self.with_numbers, self.required = again, with_numbers, required
        self.ours: Ours = Ours()
        self.files: Collection[str] = files_of(engine.kind)
        self.tried: list[str] = []
        self.wrong: list[Finding] = []
        self.conventions: list[Finding] = []
        self.limits: list[Finding] = []
        self.missing: list[str] = []
        self.late = False  # whether something did not end in time

    def report(self) -> EngineReport:
        has = rows(self.engine, self.ops)
        lacks = [entry for entry in TABLE.values() if entry not in has and (self.ops is None or entry.name in self.ops)]
        for trial in trials_of(self.engine, self.ops, with_numbers=self.with_numbers):
            if self.required and trial.entry is None:
                continue
            self._try(dataclasses.replace(trial, optional=False) if trial.name in self.required else trial)
            if self.late:
                break  # each further trial might take as long
        if self.again and not self.wrong:
            self._deep_chain()
            self._again()
        forms = {"power": "x**2", "pow": "x**y"}
        self.missing += [
            forms.get(e.name) or (e.formula(["x", "y"][: len(e.operands)]) if e.method else e.name) for e in lacks
        ]
        lists: Iterable[list[Any]] = (self.wrong, self.conventions, self.limits, list(dict.fromkeys(self.missing)))
        return EngineReport(self.engine.name, tuple(self.tried), *map(tuple, lists))

    # ------------------------------------------------------------ one trial

    def _try(self, trial: Trial) -> None:
        if trial.entry and trial.entry.formula(list(trial.inputs)[: len(trial.entry.operands)]) in self.missing:
            return  # without x**y there is no (x**y) * w
        try:
            wanted = limited(lambda: _run(self.ours, trial), self.seconds)
        except (ArithmeticError, ValueError):
            return
        try:
            result, inputs = limited(lambda: _forward(self.engine, trial), self.seconds)
        except Exception as error:
            self._failed_forward(trial, error, wanted)
            return
        if not isinstance(result, self.engine.kind):
            if self.required:
                self.wrong.append(self._no_value(trial, result))
            else:
                self.missing.append(f"{trial.name} (it gives a {type(result).__name__})")
            return
        self.tried.append(trial.name)
        try:
            found = limited(lambda: _backward(result, inputs), self.seconds)
        except Exception as error:
            self._failed_backward(trial, error, wanted)
            return
        said = _difference(trial, wanted, found)
        if said and not self._stops_there(trial, said, found):
            finding = self._of_equality(trial, said, wanted) or self._diagnosed(trial, said, result, inputs)
            why = convention(self.engine, trial, wanted, found)
            if not why:
                self.wrong.append(finding)
            elif all((other.where, other.advice) != (finding.where, why) for other in self.conventions):  # said once
                self.conventions.append(dataclasses.replace(finding, advice=why))

    def _stops_there(self, trial: Trial, said: str, found: Numbers) -> bool:
        """Whether a number is nan or inf because NumPy gives these where Python's numbers raise an error."""
        if all(map(math.isfinite, found.values())):
            return False
        try:
            limited(lambda: _run(self.engine, trial), self.seconds, strict=True)
        except ArithmeticError as error:
            said = f"{said}: {unwrapped(error)}"
            if all(limit.what != said for limit in self.limits):
                self._add(trial, self.limits, said, error)
            return True
        except Exception:
            return False
        return False

    def _of_equality(self, trial: Trial, said: str, wanted: Numbers) -> Finding | None:
        """A class whose values are equal by their data, if that is what is wrong: by identity the trial succeeds."""
        try:
            names = self.engine.equality
            if not names:
                return None
            with self.engine.by_identity():
                for _ in range(5):  # sets have another order each time, and some order may hide another mistake
                    if _difference(trial, wanted, limited(lambda: _run(self.engine, trial), self.seconds)):
                        return None
        except Exception:
            return None
        own = [
            name for name in names if getattr(self.engine.kind, name) is not None
        ]  # __eq__ alone takes __hash__ away
        advice = (
            f"{self.engine.name} has {' and '.join(own)} of its own, so two values with equal numbers can be one value "
            "in a set, or none can be in a set: leave these methods out, then each value equals only itself"
        )
        line = first_line(getattr(self.engine.kind, own[0]))
        return Finding(said, line, advice, f"{self.engine.name}.{own[0]}")

    def _diagnosed(self, trial: Trial, said: str, result: Any, inputs: dict[str, Any]) -> Finding:
        try:
            finding: Finding = limited(lambda: diagnose(self.engine, trial, said, result, inputs), self.seconds)
        except Exception:  # it could not be read further: what is wrong is known, why is not
            return Finding(said, where=self.engine.written(trial.method) if trial.method else "")
        return finding

    def _no_value(self, trial: Trial, result: Any) -> Finding:
        """A method that is still being written, and gives something else."""
        said = f"{trial.name} gives {shown(result)} at {trial.place}, and not a {self.engine.name}"
        line = line_of_return(self.engine.method(trial.method))
        advice = GAP if result is ... else "the method ends with return and a new Value"
        return Finding(said, line, advice, self.engine.written(trial.method))

    def _failed_forward(self, trial: Trial, error: Exception, wanted: Numbers) -> None:
        said = f"{trial.name} at {trial.place} raised {named(error)}"
        if isinstance(error, TimeoutError):
            self._add(trial, self.wrong, f"{trial.name} at {trial.place}: {error}", error)
        elif isinstance(error, RecursionError):
            self._add(trial, self.wrong, f"{said}: a method calls itself without end", error)
        elif isinstance(error, (ArithmeticError, ValueError)):
            self._add(trial, self.limits, said, error)
        elif isinstance(error, TypeError) and (finding := self._of_equality(trial, said, wanted)):
            self.tried.append(trial.name)
            self.wrong.append(finding)
        elif trial.optional:
            if not isinstance(error, NameError):
                self.missing.append(trial.name)
            else:
                self._add(trial, self.wrong, said, error)
        else:
            self._add(trial, self.wrong, said, error)

    def _failed_backward(self, trial: Trial, error: Exception, wanted: Numbers) -> None:
        if isinstance(error, TimeoutError):
            said = f"backward of {trial.name} at {trial.place}: {error}"
        else:
            said = f"backward of {trial.name} at {trial.place} raised {named(error)}"
        if isinstance(error, TypeError) and (finding := self._of_equality(trial, said, wanted)):
            self.wrong.append(finding)
            return
        corner = isinstance(error, (ArithmeticError, ValueError))
        self._add(trial, self.limits if corner else self.wrong, said, error)

    def _add(self, trial: Trial, to: list[Finding], said: str, error: Exception) -> None:
        self.late = self.late or isinstance(error, TimeoutError)
        if to is self.wrong:
            self.tried += [trial.name] if trial.name not in self.tried[-1:] else []
        line = line_of_error(error, self.files)
        to.append(Finding(said, line, advice_for(error, self.engine.kind, trial.name, trial.method)))

    # ------------------------------------------------------------ long chains, and backward again

    def _deep_chain(self) -> None:
        if not self.engine.has(TABLE["add"]):
            return
        name = f"a chain of {CHAIN:,} additions"
        self.tried.append(name)

        def run(length: int) -> tuple[float, float]:
            x, w = self.engine.kind(1.0), self.engine.kind(0.5)
            y = x
            for _ in range(length):
                y = y + w
            y.backward()
            return _gradient(x), _gradient(w)

        try:
            found = limited(lambda: run(CHAIN), self.seconds)
        except RecursionError as error:
            low, high = 1, CHAIN  # the longest that works is found by halving
            while high - low > 20:
                middle = (low + high) // 2
                try:
                    limited(lambda middle=middle: run(middle), self.seconds)  # type: ignore[misc]
                    low = middle
                except Exception:
                    high = middle
            said = f"chains longer than about {round(low, -1)} operations raise RecursionError"
            advice = (
                "backward calls itself once for each value on the way; a list of your own in its place has no such end"
            )
            line = line_of_error(error, self.files)
            self.limits.append(Finding(said, line, advice))
        except TimeoutError as error:
            self.limits.append(Finding(f"{name}: {error}"))
        except Exception as error:
            self.wrong.append(Finding(f"backward of {name} raised {named(error)}"))
        else:
            if found != (1.0, CHAIN):
                self.wrong.append(Finding(f"{name}: the gradients are {found} where they are {(1.0, float(CHAIN))}"))

    def _again(self) -> None:
        """Backward twice on one graph; on two with a value in both, used or computed; after gradients were set to 0."""
        kind = self.engine.kind
        if not (self.engine.has(TABLE["mul"]) and self.engine.has(TABLE["add"])):
            return

        def twice() -> float:
            x, y = kind(2.0), kind(5.0)
            z = (x * y) * y + x
            z.backward()
            z.backward()
            return _gradient(x)

        def on_two_graphs(cleared: bool) -> float:
            x, y = kind(2.0), kind(5.0)
            (x * y + x).backward()
            if cleared:
                x.grad = 0.0
            (x * y + x).backward()
            return _gradient(x)

        def on_a_shared_value() -> float:
            x, y = kind(2.0), kind(5.0)
            p = x * y
            first = p + x
            first.backward()
            for value in (x, y, p, first):
                value.grad = 0.0
            (p * y).backward()
            return _gradient(x)

        self.tried += ["backward twice", "two graphs", "a gradient set to 0 between two graphs"]
        self.tried += ["two results of one value in between"]
        runs = (twice, lambda: on_two_graphs(False), lambda: on_two_graphs(True), on_a_shared_value)
        try:
            again, both, cleared, shared = limited(lambda: [run() for run in runs], self.seconds)
        except Exception as error:
            self.wrong.append(self._kept(f"backward for a second time raised {named(error)}"))
            return
        if not close(cleared, 6.0):
            advice = "gradients of values inside a graph must start at 0 in each graph"
            self.wrong.append(
                Finding(f"x.grad is {short(cleared)} after x.grad = 0 and another backward, not 6", None, advice)
            )
        if not close(shared, 25.0):
            said = f"x.grad is {short(shared)} where p * y, where p = x * y, has 25 at x = 2, y = 5, after backward of "
            said += "p + x and with all gradients set to 0"
            self.wrong.append(self._kept(said))
        if close(both, 6.0):
            text = "backward sets gradients to 0 first; in the table's engine, and in PyTorch, those of leaves add up"
            self.conventions.append(Finding("x.grad is 6 after backward on two graphs of 6 each, not 12", None, text))
        elif not close(both, 12.0):
            self.wrong.append(Finding(f"x.grad is {short(both)} after backward on two graphs of 6 each, not 12"))
        if not close(again, 52.0) and not close(again, 26.0):
            text = (
                "gradients of the values in between are kept, and passed on again with the new ones; set all gradients "
                "of the graph to 0 before, or make a new graph for each backward, as training loops do"
            )
            said = f"backward() twice on one graph: x.grad is {short(again)} where 26 + 26 is 52"
            self.conventions.append(Finding(said, None, text))

    def _kept(self, said: str) -> Finding:
        """Something of one backward is there in the next."""
        advice = (
            "what backward visited is kept between calls: make the set, and the list of the order, inside backward, "
            "not as a default argument, outside it or on the values"
        )
        backward = self.engine.kind.backward  # type: ignore[attr-defined]
        return Finding(said, first_line(backward), advice, f"{self.engine.name}.backward")


def _forward(engine: Engine, trial: Trial) -> tuple[Any, dict[str, Any]]:
    inputs = {name: engine.kind(x) for name, x in trial.inputs.items()}
    return trial.build(engine, *inputs.values()), inputs


def _backward(result: Any, inputs: dict[str, Any]) -> Numbers:
    data = Reader().node(result).number()
    result.backward()
    return {"data": data, **{name: _gradient(x) for name, x in inputs.items()}}


def _run(engine: Engine, trial: Trial) -> Numbers:
    return _backward(*_forward(engine, trial))


def _gradient(x: Any) -> float:
    grad = Reader().node(x).gradient()
    return 0.0 if grad is None else grad


def _difference(trial: Trial, wanted: Numbers, found: Numbers) -> str:
    """Which number is wrong, with both; empty where all agree."""
    for name, x in found.items():
        if not close(x, wanted[name]):
            both = short(x), short(wanted[name])
            if name == "data":
                return f"{trial.name} is {both[0]} where the table has {both[1]} at {trial.place}"
            return f"{name}.grad is {both[0]} where {trial.name} has {both[1]} at {trial.place}"
    return ""
