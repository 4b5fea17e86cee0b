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

import math
import os
import reprlib
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


class Shown(str):
    """Text of several lines that Python and notebooks show as it is, where they would show a str with its escapes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


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
