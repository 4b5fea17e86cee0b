"""Numbers in the docs that come from the file of results: `filled(text, numbers)` writes them where a page names them.

    >>> numbers = {"moons/run": 1.72e-5, "moons/torch-eager": 2.5e-4}
    >>> filled("It takes <!-- figure: moons/run -->?<!-- -->.", numbers)
    'It takes <!-- figure: moons/run -->17 µs<!-- -->.'
    >>> filled("<!-- figure: moons/torch-eager over moons/run -->10<!-- --> times as fast", numbers)
    '<!-- figure: moons/torch-eager over moons/run -->15<!-- --> times as fast'

A figure is a key, or one key `over` another, which gives how many times it is as large. `python -m benchmarks --keys`
lists the keys, and `python -m benchmarks --render` writes all figures anew; a test compares. No line may begin with a
figure: in Markdown a comment there would end the paragraph.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.results import DOCS, ROOT
from benchmarks.say import quantity, ratio

FIGURE = re.compile(r"(<!-- figure: (?P<what>[^>]+?) -->)(?P<shown>.*?)(<!-- -->)", re.DOTALL)


class UnknownFigure(Exception):
    """A page names a number that is not in the results."""


def pages() -> list[Path]:
    """All pages in which figures may stand."""
    return [ROOT / "README.md", *sorted(path for path in DOCS.rglob("*.md"))]


def shown(what: str, numbers: dict[str, float], where: str = "") -> str:
    """A figure as it is written: a quantity with its unit, or a ratio."""
    found = []
    for key in what.split(" over "):
        if key not in numbers:
            near = difflib.get_close_matches(key, numbers, n=3, cutoff=0.4)
            raise UnknownFigure(
                f"{where + ': ' * bool(where)}there is no figure {key!r} in the results"
                + (f"; near it are {', '.join(near)}" if near else "")
            )
        found.append(numbers[key])
    if len(found) == 2:
        return ratio(found[0] / found[1])
    key = what.rpartition("/")[2]
    return f"{found[0]:,.0f} MB" if key.endswith("MB") else quantity(found[0], unit_of(what))


def unit_of(key: str) -> str:
    return "bytes" if key.startswith("eager/memory/") else "s"


def filled(text: str, numbers: dict[str, float], where: str = "") -> str:
    """The text with every figure as the numbers give it."""
    return FIGURE.sub(lambda match: match[1] + shown(match["what"], numbers, where) + match[4], text)


def listed(numbers: dict[str, float]) -> Iterator[str]:
    """Every key with what it would show."""
    width = max(map(len, numbers), default=0)
    for key in numbers:
        yield f"{key:<{width}}  {shown(key, numbers)}"


# A time, or how many times as fast something is.
SPEED = re.compile(r"(?<![\w.])\d[\d,.]* ?(?:[num]s|µs|times (?:as fast|as long|faster|slower))(?!\w)")


def unproven(text: str) -> list[str]:
    """Numbers about speed that stand in the text, outside code, without being a figure."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return SPEED.findall(FIGURE.sub("", text))
