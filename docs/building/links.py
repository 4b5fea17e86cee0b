"""Where a link of the repository leads on the site.

A page of docs/ links to other files as the repository has them, `../demos/xor.py`. On the site a source file is a page
of its own, or the reference's page about it, a folder is the page of its `__init__.py`, and README.md is the start.

    >>> from pathlib import PurePosixPath
    >>> rewritten("See [xor](../demos/xor.py#L3).", PurePosixPath("docs/gallery.md"), {}, set())
    'See [xor](source/demos/xor.py.md#L3).'
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
DOCS = PurePosixPath("docs")
LINK = re.compile(r"(\]\()(?![a-z]+:|#)([^)\s#]+)((?:#[^)\s]*)?\))")
FENCED = re.compile(r"^( *)(```|~~~).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
# The pages beside docs/ keep their names; README.md is for the repository, and the site has its start in that place.
PAGES = {path.name: path.name for path in ROOT.glob("*.md")} | {"README.md": "index.md"}
CODE = {".py": "python", ".c": "c", ".h": "c", ".js": "javascript", ".css": "css", ".ll": "llvm"}


def rewritten(text: str, page: PurePosixPath, pages: Mapping[str, str], wanted: set[str]) -> str:
    """A page's text with the site's links in place of the repository's.

    `page` is where the text stands in the repository. `pages` are files that have a page of another name on the site.
    What the site has to have because it is linked, as paths in the repository, is added to `wanted`.
    """
    here = place_of_page(page)

    def on_the_site(match: re.Match[str]) -> str:
        target = os.path.normpath(page.parent / match[2])
        at = place(target, pages, wanted)
        return match[1] + os.path.relpath(at, here.parent) + match[3]

    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\0{len(kept) - 1}\0"

    text = LINK.sub(on_the_site, FENCED.sub(keep, text))
    return re.sub("\0(\\d+)\0", lambda match: kept[int(match[1])], text)


def place_of_page(page: PurePosixPath) -> PurePosixPath:
    """Where a Markdown file of the repository stands in the site's folder."""
    return page.relative_to(DOCS) if page.is_relative_to(DOCS) else PurePosixPath(PAGES[str(page)])


def place(target: str, pages: Mapping[str, str], wanted: set[str]) -> str:
    """Where a file or folder of the repository stands in the site's folder."""
    if target in pages:
        return pages[target]
    if target in PAGES:
        return PAGES[target]
    if (ROOT / target).is_dir():
        inside = f"{target}/__init__.py"
        return place(inside, pages, wanted) if (ROOT / inside).exists() else "source/files.md"
    path = PurePosixPath(target)
    if path.suffix == ".md":
        return str(place_of_page(path))
    wanted.add(target)
    return f"source/{target}.md" if path.suffix in CODE else place_of_file(path)


def place_of_file(path: PurePosixPath) -> str:
    """Where a file that is neither a page nor source stands in the site's folder."""
    return str(path.relative_to(DOCS) if path.is_relative_to(DOCS) else "files" / path)
