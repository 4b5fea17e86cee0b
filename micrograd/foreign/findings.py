"""What `check_engine` found, and how it is printed.

>>> from micrograd.foreign.findings import EngineReport, Finding
>>> from micrograd.foreign.source import Line
>>> wrong = Finding("x.grad is 3 where x * x has 6 at x = 3", Line("engine.py", 31, "self.grad = out.grad"), "write +=")
>>> print(EngineReport("Value", ("x + y", "x * x"), (wrong,)))
x.grad is 3 where x * x has 6 at x = 3
  your line, engine.py:31:  self.grad = out.grad
  write +=
1 of 2 trials of Value is wrong
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from micrograd.foreign.source import Line
from micrograd.words import count, printable

KEPT = "\N{NO-BREAK SPACE}"  # inside a name such as x + y, which stays on one line


@dataclass(frozen=True)
class Finding:
    """One thing found: what, with both numbers; the line of their code; what to do, or why; and the method it is in."""

    what: str
    line: Line | None = None
    advice: str = ""
    where: str = ""

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.line:
            lines.append(f"  your line, {self.line}")
        lines += textwrap.wrap(self.advice, 100, initial_indent="  ", subsequent_indent="  ")
        return printable("\n".join(lines))


@dataclass(frozen=True)
class EngineReport:
    """What `check_engine` found: true, and `ok`, when nothing is wrong. Printed, it opens with the first wrong rule.

    `tried` are the names of all trials, `wrong` what is wrong, the first first; `conventions` what other engines do
    differently and is not a mistake, `limits` where theirs stops and the table goes on, `missing` what their class does
    not have.
    """

    name: str
    tried: tuple[str, ...]
    wrong: tuple[Finding, ...] = ()
    conventions: tuple[Finding, ...] = ()
    limits: tuple[Finding, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.wrong

    @property
    def first(self) -> Finding | None:
        """The first wrong rule."""
        return self.wrong[0] if self.wrong else None

    def __bool__(self) -> bool:
        return self.ok

    def raise_if_wrong(self) -> EngineReport:
        """Raise AssertionError with what is printed if anything is wrong; for a test of one's own."""
        if self.wrong:
            raise AssertionError(str(self))
        return self

    def __str__(self) -> str:
        tried = count(len(self.tried), "trial")
        if self.wrong:
            verb = "is" if len(self.wrong) == 1 else "are"
            lines = [str(self.wrong[0]), f"{len(self.wrong)} of {tried} of {self.name} {verb} wrong"]
            if len(self.wrong) > 1:
                lines[-1] += "; mend this one first, the others may have the same cause:"
                lines += [f"  {finding.what}" for finding in self.wrong[1:6]]
                lines += [f"  … and {len(self.wrong) - 6} more"] if len(self.wrong) > 6 else []
        else:
            lines = [f"nothing wrong found in {tried} of {self.name}"]
        for title, findings in (
            ("differs by convention, not by mistake", self.conventions),
            ("where yours stops and the table goes on", self.limits),
        ):
            lines += [title, *(textwrap.indent(str(finding), "  ") for finding in findings)] if findings else []
        if self.missing:
            text = f"not in your class: {', '.join(name.replace(' ', KEPT) for name in self.missing)}"
            wrapped = textwrap.wrap(text, 100, subsequent_indent="  ", break_on_hyphens=False)
            lines += [line.replace(KEPT, " ") for line in wrapped]
        return printable("\n".join(lines))

    __repr__ = __str__
