"""The small pieces that messages and labels are made of, each spelled once.

>>> from micrograd.words import count, did_you_mean, listed, short
>>> count(1, "row"), count(2000, "row"), short(0.123456)
('1 row', '2,000 rows', '0.1235')
>>> "'tahn' is not a function here" + did_you_mean("tahn", ["relu", "tanh"])
"'tahn' is not a function here (did you mean 'tanh'?)"
>>> listed(["x", "y"]), listed(["x"] * 20)
('x, y', 'x, x, x, x, x, x, x, x, ... (20 in all)')
"""

from __future__ import annotations

import codecs
import math
import os
import reprlib
import sys
from collections.abc import Iterable, Sequence
from typing import Any

# ------------------------------------------------------------------- numbers


def count(n: int, thing: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{n:,} {thing}" + ("" if n == 1 else "s")


def short(x: Any) -> str:
    """A number in a few characters: `0.1235`, `2`, `1.2e+08`, `nan`; a gradient not reached is a dot."""
    return "·" if x is None else f"{float(x) + 0.0:.4g}"  # + 0.0 writes -0.0 as 0


def drawn(x: float | None) -> str:
    """A number as pictures show it: 4 significant digits, a true minus, and a dot for what is not computed."""
    return short(x).replace("-", "\N{MINUS SIGN}")


def number_text(x: float | None) -> str:
    """A number for a table: a whole one as it is, any other with four decimals or in powers of ten."""
    if x is None:
        return ""
    if isinstance(x, int) or not math.isfinite(x):
        return str(x)
    return f"{x:.4f}" if x == 0 or 1e-3 <= abs(x) < 1e6 else f"{x:.2e}"


# ------------------------------------------- characters that a stream can write

PLAIN = dict(zip("∂×→…·−├└│─━╌⋮⚠", "d*>~.-|`|-=-:!", strict=True))
IN_PLAIN = "micrograd.plain"  # how errors of encoding are handled: Python's "replace" would write ? for each


def _in_plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(PLAIN.get(c, "?") for c in error.object[error.start : error.end]), error.end


codecs.register_error(IN_PLAIN, _in_plain)


def printable(text: str, stream: Any = None) -> str:
    """The text as a stream, standard output if none is given, can write it: with plain characters for those that are
    not in its encoding, as many are not in that of files and pipes on Windows, cp1252.
    """
    encoding = getattr(sys.stdout if stream is None else stream, "encoding", None)
    if not encoding or text.isascii():
        return str.__str__(text)
    try:
        return text.encode(encoding, IN_PLAIN).decode(encoding)
    except LookupError:  # not an encoding that Python knows
        return str.__str__(text)


class Printed(str):
    """Text for people, which `print` writes to any stream: see `printable`. As a str it has all its characters."""

    __slots__ = ()

    def __str__(self) -> str:
        return printable(self)

    def __repr__(self) -> str:
        return printable(super().__repr__())

    def __format__(self, spec: str) -> str:
        return format(printable(self), spec)


class Shown(Printed):
    """Text of several lines that Python and notebooks show as it is, where they would show a str with its escapes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return printable(self)


# ---------------------------------------------------------- one line, not long


def cut(text: str, length: int, end: str = "…") -> str:
    """The text, cut to `length` where it is longer, with `end` to show that there was more."""
    return text if len(text) <= length else text[: length - len(end)] + end


def unwrapped(x: object) -> str:
    """A text, or an error's message, on one line: a single space for each line break or run of spaces."""
    return " ".join(str(x).split())


def one_line(text: str, length: int = 48) -> str:
    """The text as one line of at most `length` characters, what cannot be printed shown as spaces."""
    return cut("".join(c if c.isprintable() else " " for c in text[: length + 1]), length)


def first_clause(error: Exception) -> str:
    """The first clause of an error's message, on one line, without the advice that follows."""
    return unwrapped(str(error).partition("; ")[0])


def shown(x: Any) -> str:
    """What was given, as Python writes it, cut where it is long."""
    text = repr(x)
    return text if len(text) < 60 else text[:57] + "..."


def quoted(text: object) -> str:
    """A name, a cell or whatever was given, as an error shows it: on one line, the middle of long ones left out."""
    return reprlib.repr(text)


def text_of(path: str | os.PathLike[str]) -> str:
    """A path or a name as it is, or quoted where it would not stand on one line."""
    text = os.fspath(path)
    return text if isinstance(text, str) and text.isprintable() else repr(text)


# --------------------------------------------------------------------- names


def listed(names: Sequence[str]) -> str:
    """Names separated by commas; of many, the first ones and how many there are."""
    return ", ".join(names) if len(names) <= 10 else f"{', '.join(names[:8])}, ... ({len(names):,} in all)"


def first_few(mistakes: Sequence[str]) -> str:
    """Mistakes in one line; of more than five, the first five and how many more there are."""
    return "; ".join(mistakes[:5]) + (f", and {len(mistakes) - 5} more" if len(mistakes) > 5 else "")


def alike(name: object, names: Iterable[str], most: int = 1) -> list[str]:
    """The names that may have been meant, the likeliest first."""
    import difflib  # here, because it is slow to load and needed for mistakes only

    return difflib.get_close_matches(str(name), list(names), n=most)


def did_you_mean(name: object, names: Iterable[str]) -> str:
    """The end of an error about a name that is not among `names`: the one meant, if there is one like it."""
    near = alike(name, names)
    return f" (did you mean {near[0]!r}?)" if near else ""


def nearest(name: object, names: Sequence[str]) -> str:
    """The end of an error about a name that is not among `names`: the one meant, or all of them."""
    near = alike(name, names)
    return f": did you mean {quoted(near[0])}?" if near else f": there are {listed([quoted(n) for n in names])}"
