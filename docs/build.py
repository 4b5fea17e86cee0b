"""Build the site: `python docs/build.py` writes it to site/, in seconds and without a network.

The pages of docs/ are copied as they are; the API reference, the live pages and the source are made. Any host serves
the result, from any folder, and a browser opens site/index.html from a disk. Needs the extra `docs`.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from building.links import CODE, PAGES, ROOT, place_of_file, place_of_page, rewritten
from building.live import write_live
from building.mathml import as_mathml, reads_alike
from building.pictures import with_widths
from building.reference import write_reference
from building.sources import source_files, write_sources

COPIED = (".svg", ".png", ".css", ".js", ".ipynb")
ELSEWHERE = re.compile(r"https://(unpkg\.com|cdn\.jsdelivr\.net|api\.github\.com)")
COLOURS = re.compile(r"\x1b\[[\d;]*m")
WITHOUT_COLUMNS = "---\nhide:\n  - navigation\n  - toc\n---\n\n"
MADE_OTHERWISE = ("building", "__pycache__")


def pages_of_the_repository() -> list[PurePosixPath]:
    """Every Markdown file that is a page of the site."""
    found = [path for path in (ROOT / "docs").rglob("*.md") if path.parts[-2] not in MADE_OTHERWISE]
    roots = [ROOT / name for name in PAGES if name != "README.md"]
    return [PurePosixPath(path.relative_to(ROOT).as_posix()) for path in sorted([*found, *roots])]


def gather(folder: Path) -> None:
    """Put everything that the site is made from into a folder: copied, with the site's links, or made."""
    docs = ROOT / "docs"
    for path in docs.rglob("*"):
        if path.suffix in COPIED and path.parts[-2] not in MADE_OTHERWISE:
            copy(path, folder / path.relative_to(docs))
    write_live(folder)
    about = write_reference(folder)
    wanted: set[str] = set()
    for page in pages_of_the_repository():
        text = rewritten((ROOT / page).read_text(encoding="utf-8"), page, about, wanted)
        to = folder / place_of_page(page)
        to.parent.mkdir(parents=True, exist_ok=True)
        text = with_widths(for_the_site(text), to.parent)
        to.write_text((WITHOUT_COLUMNS if to == folder / "index.md" else "") + text, encoding="utf-8")
    for name in sorted(wanted):
        if not (ROOT / name).exists():
            raise SystemExit(f"the site was not built: a page links to {name}, which is not there")
        if PurePosixPath(name).suffix not in CODE:
            copy(ROOT / name, folder / place_of_file(PurePosixPath(name)))
    write_sources(folder, source_files() | {name for name in wanted if PurePosixPath(name).suffix in CODE})


def copy(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, to)


def for_the_site(text: str) -> str:
    """What the site's Markdown is told beyond what the repository's needs; `<!-- live: name -->` offers a live page."""
    text = re.sub(r"<!-- live: (\w+) -->", r"[Play it yourself](live/\1.html){ .md-button }", text)
    text = re.sub(r"(?m)^\| (∂/∂)(\w+) \| `(.*)` \|$", derivative, text)
    return text.replace("<details>", "<details markdown>")


def derivative(match: re.Match[str]) -> str:
    """A line of the page of operations, with its formula as mathematics; in the repository it is code alone."""
    formula = match[3]
    code = "" if reads_alike(formula) else f"<br>`{formula}`"
    return f"| {match[1]}{match[2]} | {as_mathml(formula)}{code} |"


def finish(site: Path) -> None:
    """What holds for any host and for a disk: nothing can be fetched from elsewhere, no page has to know its address.

    The theme's script can load diagrams and more from other hosts, for pages that ask for these; ours ask for none, and
    without the hosts' names it could not. From a disk the search reads its data as a script.
    """
    for script in (site / "assets" / "javascripts").glob("*.js"):
        script.write_text(ELSEWHERE.sub("", script.read_text(encoding="utf-8")), encoding="utf-8")
    found = (site / "search.json").read_text(encoding="utf-8")
    (site / "search.js").write_text(f"var __index = {found}", encoding="utf-8")
    for name in ("404.html", "sitemap.xml"):
        (site / name).unlink()


def build(out: Path) -> float:
    """Build the site into a folder; gives the seconds it took."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        shutil.copyfile(ROOT / "mkdocs.yml", work / "mkdocs.yml")
        (work / "docs").mkdir()
        gather(work / "docs")
        command = [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", str(work / "mkdocs.yml")]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True)
        if done.returncode:
            said = COLOURS.sub("", done.stdout + done.stderr.partition("Traceback")[0])
            raise SystemExit(f"the site was not built; paths below are those of docs/:\n{said}")
        finish(work / "site")
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(work / "site", out)
    return time.perf_counter() - started


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Build the site from docs/.")
    parser.add_argument("--out", type=Path, default=ROOT / "site", help="the folder to write (default: site/)")
    out = parser.parse_args(arguments).out
    seconds = build(out)
    print(f"{out / 'index.html'}, in {seconds:.1f} s")


if __name__ == "__main__":
    main()
