"""Wide pictures: a phone that shrank them would make dots of their words.

On a narrow screen they keep a readable size and are moved sideways within their own box; style/extra.css does it, with
the width that a picture has by itself, which is said here.
"""

from __future__ import annotations

import re
from pathlib import Path

PICTURE = re.compile(r"!\[[^\]]*\]\(([^)\s]+\.svg)\)")
WIDTH = re.compile(r"<svg\b[^>]*\swidth=\"([\d.]+)")
WIDE = 570  # pixels: some 1.6 times the column of a phone


def with_widths(text: str, folder: Path) -> str:
    """The Markdown of a page in a folder, in which each wide picture has its width and the class `wide`."""

    def told(match: re.Match[str]) -> str:
        wide = natural_width(folder / match[1])
        return f'{match[0]}{{ .wide style="--natural: {wide:g}px" }}' if wide > WIDE else match[0]

    return PICTURE.sub(told, text)


def natural_width(path: Path) -> float:
    """How wide an SVG is by itself, in pixels; 0 where it does not say."""
    found = WIDTH.search(path.read_text(encoding="utf-8")) if path.exists() else None
    return float(found[1]) if found else 0.0
