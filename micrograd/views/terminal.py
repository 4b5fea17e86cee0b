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

POSITIVE, NEGATIVE, NOW = "38;5;33", "38;5;208", "1;38;5;141"  # of the 256 colours that terminals have
GRADIENTS = ("upstream", "contribution", "earlier", "sum", "grad")
PLAIN = str.maketrans({"∂": "d", "×": "*", "→": ">", "…": "~", "·": ".", "├": "|", "└": "`", "│": "|", "─": "-"})


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
    return in_its_characters(said, stream)


def in_its_characters(said: str, stream: Any) -> str:
    """The text, with plain characters for those that the stream cannot write."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        said.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return said.translate(PLAIN).encode(encoding, "replace").decode(encoding)
    return said


def _coloured(part: Part) -> str:
    if part.role == "head" and part.text:
        return f"\x1b[{NOW}m{part.text}\x1b[0m"
    if part.role in GRADIENTS and part.number:  # nan and inf too; 0 has no colour
        return f"\x1b[{NEGATIVE if part.number < 0 else POSITIVE}m{part.text}\x1b[0m"
    return part.text
