"""Measure what pip installs for each extra, and write the table of docs/install.md.

    python docs/measure_install.py           some minutes; needs the index, and pip 22.3 or later

Each extra is downloaded, and then installed from those files into a fresh environment. What is measured is kept in
docs/install.json, from which the page's tables are made; a test compares them, and what was measured with setup.cfg.
"""

from __future__ import annotations

import configparser
import datetime
import json
import platform
import re
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

HERE = Path(__file__).parent
ROOT, RESULTS, PAGE = HERE.parent, HERE / "install.json", HERE / "install.md"
MIB = 2**20
IMPORTS = {  # by extra: what the first use of it imports
    "": "import micrograd",
    "jit": "import numpy, llvmlite.binding",
    "train": "import numpy, sklearn.datasets, matplotlib.figure, rich.progress, safetensors.numpy",
    "export": "import numpy, onnx",
}
DRAW = "from micrograd.views.layout import _in_webassembly; _in_webassembly('digraph {a -> b}', 'svg', 'dot')"


def required() -> dict[str, list[str]]:
    """What setup.cfg asks for, by extra; the core's under ""."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = config["options.extras_require"]
    found = {"": config["options"]["install_requires"], **{name: extras[name] for name in ("jit", "train", "export")}}
    return {name: text.split("\n")[1:] for name, text in found.items()}


def pip(*command: object) -> None:
    subprocess.run([sys.executable, "-m", "pip", "-q", *map(str, command)], check=True)


def size(folder: Path) -> float:
    return round(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / MIB, 2)


def seconds(python: Path, program: str, cwd: Path) -> float:
    """The least time of seven that a program takes, beyond that of a Python that does nothing."""

    def best(what: str) -> float:
        times = []
        for _ in range(7):
            began = time.perf_counter()
            subprocess.run([python, "-c", what], check=True, cwd=cwd)
            times.append(time.perf_counter() - began)
        return min(times)

    return round(best(program) - best("pass"), 3)


def measure(extra: str, wheel: Path, folder: Path) -> dict[str, object]:
    """Packages, MiB and seconds for one extra, or "--no-deps", "" or "all"."""
    names = {"": [wheel], "--no-deps": [wheel, "graphviz"]}.get(extra, [f"{wheel}[{extra}]"])
    files, home = folder / "files", folder / "home"
    options = ["--no-deps"] if extra == "--no-deps" else []
    pip("download", "--only-binary", ":all:", "-d", files, *options, *names)
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    (site,) = home.glob("lib/python*/site-packages")
    began = time.perf_counter()
    pip("--python", python, "install", "--no-index", "--find-links", files, *options, *names)
    took = time.perf_counter() - began
    result: dict[str, object] = {
        "packages": len(list(site.glob("*.dist-info"))),
        "download": size(files),
        "disk": size(site),
        "install": round(took, 1),
        "parts": weights(site),
    }
    if extra in IMPORTS:
        result["import"] = seconds(python, IMPORTS[extra], folder)
    if extra == "":
        result["first drawing"] = seconds(python, DRAW, folder)
    return result


def weights(site: Path) -> dict[str, float]:
    """The MiB of each package, with what Python compiles of it."""
    found = {}
    for record in site.glob("*.dist-info/RECORD"):
        paths = [site / line.rsplit(",", 2)[0] for line in record.read_text("utf-8").splitlines()]
        name = record.parent.name.split("-")[0].replace("_", "-").lower()
        found[name] = round(sum(path.stat().st_size for path in paths if path.is_file()) / MIB, 2)
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def figure(mib: float) -> str:
    return f"{mib:.0f}" if mib >= 10 else f"{mib:.1f}"


def tables(results: dict) -> str:
    """The tables of docs/install.md, of what was measured."""
    machine, rows = results["machine"], results["extras"]
    lines = [
        f"Measured on {results['date']} with Python {machine['python']} on {machine['system']}, by "
        "`python docs/measure_install.py`; sizes in MiB.",
        "",
        "| `python -m pip install` | packages | download | on disk | its first use imports |",
        "|---|---|---|---|---|",
    ]
    for extra, row in rows.items():
        name = results["distribution"] + (f"[{extra}]" if extra.isalpha() else "")
        command = f"{extra} {name} graphviz" if extra.startswith("-") else f'"{name}"' if extra else name
        lines.append(
            f"| `{command}` | {row['packages']} | {figure(row['download'])} | {figure(row['disk'])} | "
            + (f"{row['import']:.2f} s |" if "import" in row else "|")
        )
    first = rows[""]["first drawing"]
    lines += ["", f"The first drawing in a program takes {first:.1f} s more where there is no `dot` program."]
    of_all = rows["all"]["parts"]
    brought = {
        name: [extra for extra in ("", "jit", "train", "export") if name in rows[extra]["parts"]] for name in of_all
    }
    lines += ["", "| the largest packages | on disk | brought by |", "|---|---|---|"]
    for name, mib in list(of_all.items())[:12]:
        by = "every install" if "" in brought[name] else ", ".join(f"`{extra}`" for extra in brought[name])
        lines.append(f"| {name} | {figure(mib)} | {by} |")
    return "\n".join(lines)


def with_tables(page: str, results: dict) -> str:
    """The page, with the tables of these results between its two marks."""
    marks = "<!-- measured -->\n", "\n<!-- end of what was measured -->"
    return re.sub(rf"(?s)(?<={marks[0]}).*(?={marks[1]})", lambda _: tables(results), page)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        pip("wheel", "--no-deps", "-w", work, ROOT)
        (wheel,) = work.glob("*.whl")
        rows = {}
        for extra in ("--no-deps", "", "jit", "train", "export", "all"):
            (work / f"of{extra}").mkdir()
            rows[extra] = measure(extra, wheel, work / f"of{extra}")
            print(extra or "core", {key: value for key, value in rows[extra].items() if key != "parts"}, flush=True)
    results = {
        "date": datetime.date.today().isoformat(),
        "distribution": wheel.name.split("-")[0].replace("_", "-"),
        "machine": {"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"},
        "required": required(),
        "extras": rows,
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    PAGE.write_text(with_tables(PAGE.read_text("utf-8"), results), "utf-8")


if __name__ == "__main__":
    main()
