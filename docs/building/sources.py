"""Every source file as a page, so that a reader of the site is one click away from what it talks about."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path, PurePosixPath

from building.links import CODE, ROOT

# What the pages talk about; other files become pages when one links to them.
SHOWN = ("micrograd/**/*.py", "micrograd/c_core/_core.c", "demos/*.py")
HIDDEN_FROM_SEARCH = "---\nsearch:\n  exclude: true\nhide:\n  - toc\n---\n\n"


def source_files() -> set[str]:
    """The files that are pages in any case, as paths in the repository."""
    return {path.relative_to(ROOT).as_posix() for pattern in SHOWN for path in ROOT.glob(pattern)}


def write_sources(folder: Path, files: set[str]) -> None:
    """Write a page for each file, and one that lists them."""
    for name in sorted(files):
        path = folder / "source" / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page_of(name), encoding="utf-8")
    (folder / "source" / "files.md").write_text(contents(files), encoding="utf-8")


def page_of(name: str) -> str:
    """One file: what it is for, and its lines with their numbers."""
    text = (ROOT / name).read_text(encoding="utf-8")
    fence = "`" * 8  # longer than any in the files
    language = CODE[PurePosixPath(name).suffix]
    body = text if text.endswith("\n") else text + "\n"
    up = "../" * name.count("/")
    return (
        f"{HIDDEN_FROM_SEARCH}# {name}\n\n[All files]({up}files.md){{ .up }}\n\n"
        f'{fence} {{ .{language} linenums="1" }}\n{body}{fence}\n'
    )


def contents(files: set[str]) -> str:
    """The list of all files: the rooms, and in each its files with the first line of what they say of themselves."""
    rooms = defaultdict(list)
    for name in files:
        rooms[str(PurePosixPath(name).parent)].append(name)
    parts = [
        "---\nsearch:\n  exclude: true\n---\n\n# Source",
        "Every file opens with what you can do with it, and each folder's `__init__.py` names its files in the order "
        "to read them: begin with [micrograd/\\_\\_init\\_\\_.py](micrograd/__init__.py.md). For one evening, read "
        + ", ".join(f"[{n}](micrograd/{n}.py.md)" for n in "table ops node number engine operators nn losses".split())
        + " and [optim](micrograd/optim.py.md).",
    ]
    for room in sorted(rooms):
        rows = [f"| [{PurePosixPath(n).name}]({n}.md) | {opening(n)} |" for n in sorted(rooms[room])]
        parts.append(f"## {room}\n\n| file | opens with |\n|---|---|\n" + "\n".join(rows))
    return "\n\n".join(parts).replace("[__", "[\\_\\_").replace("__.py]", "\\_\\_.py]") + "\n"


def opening(name: str) -> str:
    """The first sentence of a file."""
    text = (ROOT / name).read_text(encoding="utf-8")
    if not name.endswith(".py"):
        return text.lstrip("/* \n").splitlines()[0].replace("|", "\\|")
    said = text.split('"""')[1].split("\n\n")[0]  # a test holds every file to beginning so
    return " ".join(said.split()).replace("|", "\\|").replace("<", "&lt;")
