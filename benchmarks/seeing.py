"""How long drawings, records and pages take, and how large they are: `python -m benchmarks.seeing`.

Graphs of about 40, 1,000, 10,000 and 100,000 values are drawn, of three kinds: a net's loss over some examples, a
chain in which nothing repeats, and a random graph. Limits: 5 s and 1 MB of SVG for each drawing; recording 1,000 values
takes at most 3 times a plain backward; a page has under 80 KB for 40 values and under 500 KB for 1,000; when an input
of 1,000 values is dragged, everything is painted again within 50 ms.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from micrograd import Value, explain, svg, topological_order, trace
from micrograd.losses import hinge
from micrograd.nn import MLP
from micrograd.views.page import page

MEASURES = (min, statistics.median, max)
SIZES = (40, 1_000, 10_000, 100_000)


def net_loss(size):
    """The loss of a net over enough examples to make about `size` values."""
    widths = {40: [3, 1], 1_000: [8, 8, 1]}.get(size, [16, 16, 1])
    net = MLP(2, widths, rng=random.Random(0))
    of_one = len(topological_order(hinge([net([0.1, 0.2])], [1])))
    rows = [[i % 7 / 7, i % 5 / 5] for i in range(max(1, round(size / of_one)))]
    return hinge([net(row) for row in rows], [1 if i % 2 else -1 for i in range(len(rows))])


def chain(size):
    """Operations one after the other, in which nothing repeats."""
    rng, x = random.Random(0), Value(0.5)
    y = x
    for _ in range(size * 2 // 3):  # half of the choices make two values
        y = rng.choice([y.tanh, y.sin, (y + x).cos, (y * x).atan])()
    return y


def tangle(size):
    """Each value computed from any two earlier ones."""
    rng = random.Random(0)
    values = [Value(rng.uniform(-1, 1)) for _ in range(5)]
    while len(values) < size:
        x, y = rng.choice(values[-50:]), rng.choice(values[-50:])
        values.append(rng.choice([lambda: (x + y).tanh(), lambda: x * y, lambda: x - y])())  # noqa: B023
    return sum(values[-20:], Value(0.0))


def seconds(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def table(title, header, rows):
    print(f"\n{title}\n")
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def drawings(runs):
    rows = []
    for kind in (net_loss, chain, tangle):
        for size in SIZES:
            root = kind(size)
            root.backward()
            found = [seconds(lambda: svg(root)) for _ in range(runs)]  # noqa: B023
            times, picture = [t for t, _ in found], found[0][1]
            rows.append(
                [
                    kind.__name__,
                    f"{len(topological_order(root)):,}",
                    str(picture.count('class="node ')),
                    f"{min(times):.2f}",
                    f"{statistics.median(times):.2f}",
                    f"{max(times):.2f}",
                    f"{len(picture.encode()) / 1e3:.0f}",
                ]
            )
            assert max(times) <= 5, rows[-1]
            assert len(picture.encode()) <= 1e6, rows[-1]
    return rows


def recording(repeats):
    """A plain backward and a recording of the same graph, in turn."""
    root = net_loss(1_000)
    plain, recorded = [], []
    for _ in range(repeats):
        plain.append(seconds(root.backward)[0])
        recorded.append(seconds(lambda: trace(root))[0])
    rows = []
    for name, times in (("backward", plain), ("trace", recorded)):
        rows.append([name, *(f"{1e3 * f(times):.3f}" for f in (min, statistics.median))])
    ratios = [f(recorded) / f(plain) for f in (min, statistics.median)]
    rows.append(["ratio", *(f"{r:.2f}" for r in ratios)])
    assert ratios[1] <= 3, rows
    return rows


def pages():
    rows = []
    for size, limit in ((40, 80e3), (1_000, 500e3)):
        for kind in (net_loss, chain, tangle):
            root = kind(size)
            elapsed, text = seconds(lambda: page(trace(root)))  # noqa: B023
            count = len(topological_order(root))
            rows.append([kind.__name__, f"{count:,}", f"{len(text.encode()) / 1e3:.1f}", f"{elapsed:.2f}"])
            if count <= 1.2 * size:
                assert len(text.encode()) < limit, rows[-1]
    return rows


def drags(moves=30):
    """How long Chromium takes from a moved input to a painted picture; nothing where there is no Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if not program:
        return []
    from playwright.sync_api import sync_playwright

    rows = []
    move = """async (moves) => { const found = [];
      for (let i = 0; i < moves; i += 1) {
        const start = performance.now();
        change(leaves[0], leaves[0].data + 0.01);
        document.body.offsetHeight;
        found.push(performance.now() - start);
        await new Promise(requestAnimationFrame);
      }
      return found; }"""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as p:
        browser = p.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for kind in (net_loss, chain, tangle):
            tab = browser.new_page(viewport={"width": 1280, "height": 800})
            root = kind(1_000)
            tab.goto(explain(root, Path(folder, f"{kind.__name__}.html")).as_uri())
            tab.keyboard.press("End")
            found = tab.evaluate(move, moves)
            rows.append([kind.__name__, f"{len(topological_order(root)):,}", *(f"{f(found):.1f}" for f in MEASURES)])
            assert statistics.median(found) <= 50, rows[-1]
        browser.close()
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="times each drawing is made (default 3)")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {platform.machine()}")
    header = ["graph", "values", "boxes", "s minimum", "s median", "s maximum", "SVG kB"]
    dot = shutil.which("dot")
    if dot:
        table("Drawings with the dot program", header, drawings(options.runs))
    path, os.environ["PATH"] = os.environ["PATH"], ""
    table("Drawings with WebAssembly (the first includes loading it)", header, drawings(options.runs))
    os.environ["PATH"] = path
    table("Recording about 1,000 values, ms", ["", "minimum", "median"], recording(200))
    table("Pages", ["graph", "values", "kB", "s"], pages())
    table("A drag, ms until it is painted", ["graph", "values", "minimum", "median", "maximum"], drags())


if __name__ == "__main__":
    main()
