"""The page of comparisons and its charts from the results: `written(results)` gives the text of each file by its path.

Nothing is measured here. The words stand in page.md, the tables come in the places of its names. `python -m benchmarks
--render` writes all of it again, and a test compares.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from string import Template
from typing import Any

from benchmarks import charts, facts
from benchmarks.charts import Bar
from benchmarks.results import Results
from benchmarks.say import quantity, ratio, significant

TEMPLATE = Path(__file__).with_suffix(".md")
STEP = {"training": "one training step", "expression": "one call", "field": "one step"}
EAGER_SHOWN = (
    ("moons", "collector-on", "The original's own demo, on the moons"),
    ("lecture-tanh", "collector-on", "The lecture's net of 41 parameters"),
    ("microgpt-script", "collector-paused", "A GPT in a script, collector paused"),
)
WAITED = ("jax-scan", "torch-compile", "torch-eager", "numpy-arrays")


def written(results: Results) -> dict[str, str]:
    """The text of every file that is made from the results, by its path in docs/."""
    files = {"benchmarks.md": page(results)}
    for name, part in results["comparisons"].items():
        files[f"benchmarks/{name}.svg"] = chart(name, part)
    if results["comparisons"]:
        files["benchmarks/overview.svg"] = overview(results)
    if shown := eager_shown(results):
        files["benchmarks/eager.svg"] = charts.bars(
            "eager", "Without compiling", ["The median time of one training step."], shown
        )
    return files


def page(results: Results) -> str:
    slots = {kind: comparisons(results, kind) for kind in STEP}
    slots |= {"counted": counted(results), "lost": lost(results), "waiting": waiting(results)}
    slots |= {"machine": machine(results), "eager": eager(results)}
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        {name: "\n".join(lines).strip("\n") for name, lines in slots.items()}
    )


def table(head: list[str], lines: list[list[str]]) -> list[str]:
    is_number = [all(re.match(r"[\d<]|never|$", cell) for cell in column) for column in zip(*lines)]
    rule = ["--:" if number else "---" for number in is_number or [False] * len(head)]
    return ["| " + " | ".join(cells) + " |" for cells in (head, rule, *lines)] + [""]


def sentence(text: str) -> str:
    return (text[0].upper() + text[1:] if text.startswith(("a ", "the ")) else text) + "."


# Charts


def short(row: dict[str, Any], slug: str) -> str:
    name = str(row["engine"])
    return name.removeprefix("micrograd ").removeprefix("micrograd, ") if facts.kind_of(slug) == "ours" else name


def bar(slug: str, row: dict[str, Any], unit: str = "s") -> Bar:
    return Bar(short(row, slug), row["median"], quantity(row["median"], unit), facts.kind_of(slug))


def chart(name: str, part: dict[str, Any]) -> str:
    below = [*textwrap.wrap(sentence(part["text"]), 66), f"The median time of {STEP[part['kind']]}."]
    return charts.bars(name, name, below, [("", [bar(*row) for row in facts.rows_of(part)])])


def overview(results: Results) -> str:
    groups = []
    for heading, among in (("The fastest other engine", None), ("The fastest that is written by hand", facts.BY_HAND)):
        shown = []
        for name, part in results["comparisons"].items():
            other = facts.fastest(part, among)
            if other:
                x = other["median"] / facts.best(part)[1]["median"]
                shown.append(Bar(name, x, f"{ratio(x)}×", "ours", other["engine"]))
        groups.append((heading, shown))
    below = ["Their time over micrograd's, by medians, on a log scale.", "To the left of 1 they are faster."]
    return charts.balance("overview", "Beside the fastest of all others", below, groups)


def eager_shown(results: Results) -> list[tuple[str, list[Bar]]]:
    groups = []
    for program, measure, heading in EAGER_SHOWN:
        rows = results["eager"].get(program, {}).get("measures", {}).get(measure, {}).get("rows")
        if rows:
            groups.append((heading, [bar(*pair) for pair in sorted(rows.items(), key=lambda pair: pair[1]["median"])]))
    return groups


# The tables


def counted(results: Results) -> list[str]:
    faster, equal, slower = facts.counted(results)
    return [
        f"Of {faster + equal + slower} pairs, micrograd is faster in {faster}, equal within {facts.SAME:.0%} in "
        f"{equal}, and slower in {slower}. A pair is one of its ways beside another engine's that does the same."
    ]


def lost(results: Results) -> list[str]:
    losses = sorted(facts.lost(results), key=lambda loss: loss.ratio)
    groups = [
        ("Other engines", [loss for loss in losses if facts.kind_of(loss.slug) == "other"]),
        ("NumPy and Python written by hand", [x for x in losses if x.slug in facts.BY_HAND - facts.IN_C]),
        ("C written by hand for this one net", [loss for loss in losses if loss.slug in facts.IN_C]),
    ]
    out = []
    for heading, chosen in groups:
        verb = "is" if heading.startswith("C ") else "are"
        where = f"faster in {len(chosen)} of the pairs:" if chosen else "faster nowhere here."
        out += [f"**{heading}** {verb} {where}", ""]
        if chosen:
            lines = [[x.part, x.theirs["engine"], x.ours["engine"], significant(x.ratio)] for x in chosen]
            out += table(["where", "faster", "than", "its time, of ours"], lines)
    return out


def waiting(results: Results) -> list[str]:
    """What has to be waited for before the first step, and when that is earned back."""
    found, engines = [], {}
    for name, part in results["comparisons"].items():
        rows = part["rows"]
        if part["kind"] != "training" or not {"run", "numpy-arrays"} <= rows.keys():
            continue
        engines |= {slug: row["engine"] for slug, row in rows.items()}
        ours, by_hand = rows["run"], rows["numpy-arrays"]
        gained, waited = by_hand["median"] - ours["median"], ours["compile"] - by_hand["compile"]
        others = [quantity(rows[slug]["compile"]) if slug in rows else "" for slug in WAITED]
        found.append(
            [name, quantity(ours["compile"]), *others, significant(waited / gained) if gained > 0 else "never"]
        )
    engines |= {slug: slug for slug in WAITED if slug not in engines}
    return table(["first step of", "step.run", *(engines[slug] for slug in WAITED), "caught up after"], found)


def machine(results: Results) -> list[str]:
    here = results["machine"]
    lines = [["processor", f"{here.get('cpu')}, {here.get('cores')} cores"], ["system", here.get("system", "")]]
    lines += [["Python", here.get("python", "")], *([name, version] for name, version in results["versions"].items())]
    return table(["machine", "and versions"], lines)


def measured(part: dict[str, Any]) -> str:
    about, noise = part["measured"], part["measured"]["noise"]
    low, middle, high = (quantity(noise[name], digits=3) for name in ("minimum", "median", "90th percentile"))
    rounds = f"{about['rounds']} round{'s' * (about['rounds'] != 1)}"
    at = f", commit {about['commit']}" if about["commit"] else ""
    return f"{rounds} on {about['date']}{at}. Noise: from {low} to {high}, median {middle}."


def comparisons(results: Results, kind: str) -> list[str]:
    out = []
    for name, part in results["comparisons"].items():
        if part["kind"] != kind:
            continue
        out += [f"### {name}", "", sentence(part["text"]), ""]
        out += [f"![median times of {name}](benchmarks/{name}.svg)", "", *rows(part)]
        out += [f"*Checked: {part['checked']}. {measured(part)}*", ""]
        for row in part.get("failed", {}).values():
            failure = "differs, so it was not timed" if row["differs"] else "could not run"
            out += [f"{row['engine']} {failure}: `{row['why']}`", ""]
    return out


def rows(part: dict[str, Any]) -> list[str]:
    ours, first = facts.best(part)[1], "first step" if part["kind"] != "expression" else "first call"
    chosen = facts.rows_of(part)
    cold = any("cold" in row for _, row in chosen)
    head = ["engine", "median", "minimum", "of ours", first] + ["cold", "memory"] * cold
    lines = []
    for slug, row in chosen:
        name = f"**{row['engine']}**" if facts.kind_of(slug) == "ours" else row["engine"]
        cells = [name, quantity(row["median"], digits=3), quantity(row["minimum"], digits=3)]
        cells += [ratio(row["median"] / ours["median"]), quantity(row["compile"])]
        if cold:
            cells.append(quantity(row["cold"]) if "cold" in row else "")
            cells.append(f"{row['peak MB']:.0f} MB" if "peak MB" in row else "")
        lines.append(cells)
    return table(head, lines)


def eager(results: Results) -> list[str]:
    out = []
    for name, part in results["eager"].items():
        measures = part["measures"].values()
        engines = {slug: row["engine"] for about in measures for slug, row in about["rows"].items()}
        lines = []
        for about in measures:
            cells = [eager_cell(about["rows"], slug, part["unit"]) for slug in engines]
            lines.append([about["name"], *cells])
        out += [f"### {name}, without compiling", "", part["text"], ""]
        out += [*table(["", *engines.values()], lines), f"*{measured(part)}*", ""]
    return out


def eager_cell(rows: dict[str, Any], slug: str, unit: str) -> str:
    """`560 ns (2.1)`: the median, and how many times the native core's it is."""
    if slug not in rows:
        return ""
    x, native = rows[slug]["median"], rows.get("native", {}).get("median")
    return quantity(x, unit) + (f" ({ratio(x / native)})" if native and slug != "native" else "")
