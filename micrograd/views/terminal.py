"""Lines of text for a terminal: with colours where it has them, in its own characters where it has few.

>>> import io
>>> from micrograd.views.sentence import Part
>>> from micrograd.views.terminal import for_stream, has_colours
>>> has_colours(io.StringIO())
False
>>> for_stream([[Part("name", "x.grad"), Part("", " = "), Part("sum", "-1", -1.0)]], io.StringIO())
'x.grad = -1'

Positive gradients are blue, negative ones orange, and what happens now is violet, as in every view. The variables
NO_COLOR and FORCE_COLOR are respected.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from micrograd.views.sentence import Line, Part, text
from micrograd.words import printable

# Of the 256 colours that terminals have, those that can be read on black and on white.
POSITIVE, NEGATIVE, NOW = "38;5;32", "38;5;166", "1;38;5;99"
GRADIENTS = ("upstream", "contribution", "earlier", "sum", "grad")


def has_colours(stream: Any) -> bool:
    """Whether a stream is a terminal with colours, or FORCE_COLOR says so."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") != "0":
        return True
    if not getattr(stream, "isatty", lambda: False)():
        return False
    if sys.platform == "win32":  # old consoles would show the codes themselves
        return any(os.environ.get(name) for name in ("WT_SESSION", "ANSICON", "ConEmuANSI", "TERM"))
    return os.environ.get("TERM", "dumb") != "dumb"


def for_stream(lines: Sequence[Line], stream: Any) -> str:
    """Lines as the text to print on a stream."""
    said = "\n".join("".join(map(_coloured, line)) for line in lines) if has_colours(stream) else text(*lines)
    return printable(said, stream)


def _coloured(part: Part) -> str:
    if part.role == "head" and part.text:
        return f"\x1b[{NOW}m{part.text}\x1b[0m"
    if part.role in GRADIENTS and part.number:  # nan and inf too; 0 has no colour
        return f"\x1b[{NEGATIVE if part.number < 0 else POSITIVE}m{part.text}\x1b[0m"
    return part.text
