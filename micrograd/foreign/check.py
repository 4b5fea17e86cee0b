"""Hold a micrograd of your own against the table: `check_engine(Value)`.

>>> from micrograd import Value
>>> from micrograd.foreign.check import check_engine
>>> report = check_engine(Value)
>>> report.ok, len(report.tried) > 200, report.missing
(True, True, ())
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from micrograd.foreign.engines import Engine
from micrograd.foreign.findings import EngineReport
from micrograd.foreign.steps import check_step
from micrograd.foreign.trying import SECONDS, Trying
from micrograd.table import TABLE
from micrograd.words import did_you_mean, shown


def check_engine(
    engine: Any, *, ops: Collection[str] | None = None, step: int | None = None, seconds: float = SECONDS
) -> EngineReport:
    """Try somebody's engine, operation after operation and merge after merge, against the table.

    `engine` is the class of their Values, one of these Values, or their module. `ops` are the names of the rows to try,
    by default all that the class has as an operator, a method or a function of its module. Merges are tried with +, *
    and each operation of one operand. `step`, from 1 to 10, tries a class that is still being written: what the
    exercises ask for up to this step, and nothing that comes later; at step 10 give the class of neurons. Nothing runs
    for longer than `seconds` seconds.

    The report is true when nothing is wrong; printed, it names the first wrong rule, with both numbers and the line.
    Nothing is raised for a wrong rule, because on work that is not finished the report is the answer that was asked
    for; in a test write `check_engine(Value).raise_if_wrong()`, which raises AssertionError as `check_grads` does.

    Raises TypeError for what is not a class of Values and for `ops` that are not a list, ValueError for an unknown
    operation or step.
    """
    if step is not None:
        if ops is not None:
            raise TypeError("check_engine: give step= or ops=, not both: each step has its own operations")
        return check_step(engine, step, seconds)
    if ops is not None and (isinstance(ops, str) or not isinstance(ops, Collection)):
        example = ops if isinstance(ops, str) and ops in TABLE else "add"
        raise TypeError(f"check_engine: ops={shown(ops)} is not a list of names; write ops=[{example!r}]")
    for name in ops or ():
        if name not in TABLE:
            raise ValueError(f"check_engine: the table has no operation {name!r}" + did_you_mean(name, TABLE))
    return Trying(Engine(engine), ops, seconds).report()
