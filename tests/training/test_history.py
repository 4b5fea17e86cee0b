"""How a history is shown and drawn, and how training shows its progress in lines."""

from __future__ import annotations

import itertools
import math
import random
import re
import subprocess
import sys
import warnings
import xml.etree.ElementTree as ET

import numpy
import pytest

from micrograd import MLP, fit
from micrograd.losses import cross_entropy
from micrograd.metrics import accuracy, is_right, predict
from micrograd.training.curves import curves, whole_ticks
from micrograd.training.history import History
from micrograd.training.predict import outputs_of
from micrograd.training.progress import InTerminal, brief, progress
from micrograd.words import number_text


def test_numbers_are_shown_short_and_in_full_where_they_are_whole():
    assert [number_text(x) for x in (0.005, 9e5, 0.0, 3, -0.25)] == ["0.0050", "900000.0000", "0.0000", "3", "-0.2500"]
    assert [number_text(x) for x in (9e-4, 1e6, float("inf"), None)] == ["9.00e-04", "1.00e+06", "inf", ""]


def test_columns_of_one_kind_are_drawn_on_one_plot(monkeypatch, tmp_path):
    import matplotlib
    from matplotlib.figure import Figure

    records = [
        {"epoch": n, "loss": 1.0 / n, "validation loss": 2.0 / n, "learning rate": 0.1, "accuracy": 0.5, "seconds": 1.0}
        for n in (1, 2, 3)
    ]
    drawn = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda figure, *a, **o: (drawn.append(figure), save(figure, *a, **o)))
    before = matplotlib.get_backend()
    History(records).plot(tmp_path / "h.png")
    assert [axis.get_ylabel() for axis in drawn[0].axes] == ["loss", "accuracy"]  # a rate that stays is not drawn
    assert [len(axis.lines) for axis in drawn[0].axes] == [2, 1]
    records[2]["learning rate"] = 0.05
    History(records).plot(tmp_path / "h.png")
    assert [axis.get_ylabel() for axis in drawn[1].axes] == ["loss", "learning rate", "accuracy"]
    assert matplotlib.get_backend() == before


def test_ticks_of_epochs_are_whole_numbers(monkeypatch, tmp_path):
    from matplotlib.figure import Figure

    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *a, **o: drawn.append(figure))
    monkeypatch.setattr("micrograd.training.plots.write_whole", lambda *_: None)
    for epochs in (1, 2, 3, 5, 7, 12, 100, 4321):
        ticks = whole_ticks(1, epochs)
        assert 1 <= len(ticks) <= 7 and all(isinstance(t, int) and 1 <= t <= epochs for t in ticks)
        assert len({b - a for a, b in itertools.pairwise(ticks)}) <= 1
        History([{"epoch": n, "loss": 1.0 / n} for n in range(1, epochs + 1)]).plot(tmp_path / "h.png")
        assert drawn[-1].axes[0].get_xticks().tolist() == ticks
        assert [said for said in words(curved(epochs), "middle") if said != "epoch"] == [f"{t:,}" for t in ticks]


def test_the_repr_is_of_the_last_epoch_and_the_same_in_every_run():
    assert repr(History([{"epoch": 1, "loss": 1.0}, {"epoch": 2, "loss": 0.5, "seconds": 0.1}])) == (
        "History(epoch 2, loss 0.5000)"
    )
    assert repr(History()) == "History(no epochs)"


def test_a_long_history_prints_its_first_epochs_and_its_last():
    def printed(epochs):
        return str(History([{"epoch": n, "loss": 1.0 / n, "learning rate": 0.1} for n in range(1, epochs + 1)]))

    assert printed(10).splitlines() == ["epoch    loss", *(f"{n:5}  {1 / n:.4f}" for n in range(1, 11))]
    lines = printed(60).splitlines()
    assert len(lines) == 10 and lines[5] == "    ⋮  52 more epochs: history[i], history[name] or history.to_csv(path)"
    assert [line.split()[0] for line in lines] == ["epoch", "1", "2", "3", "4", "⋮", "57", "58", "59", "60"]
    falling = History([{"epoch": n, "loss": 1.0, "learning rate": 0.1 / n} for n in (1, 2)])
    assert str(falling).splitlines()[0] == "epoch    loss  learning rate"


# ------------------------------------------------------------------ a history as a picture

SVG = "{http://www.w3.org/2000/svg}"


def curved(epochs, **more):
    columns = {"epoch": list(range(1, epochs + 1)), "loss": [1.0 / n for n in range(1, epochs + 1)], **more}
    return curves(columns)


def words(picture, anchor=None):
    texts = ET.fromstring(picture.svg).iter(f"{SVG}text")
    return [text.text for text in texts if anchor is None or text.attrib.get("text-anchor") == anchor]


def paths(picture):
    """The lines by name."""
    found = ET.fromstring(picture.svg).iter(f"{SVG}path")
    return {title.text: path.attrib for path in found if (title := path.find(f"{SVG}title")) is not None}


def test_a_notebook_shows_a_history_without_matplotlib():
    program = """
import sys
from micrograd.training.history import History
records = [{"epoch": n, "loss": 1 / n, "validation loss": 2 / n, "validation accuracy": n / 9} for n in (1, 2, 3)]
picture = History(records)._repr_html_()
assert picture.startswith("<svg") and picture == History(records)._repr_svg_()
assert not {"matplotlib", "numpy"} & set(sys.modules)
assert History()._repr_html_() is None and History([{"epoch": 1, "seconds": 2.0}])._repr_svg_() is None
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_curves_share_a_panel_by_kind_and_bear_their_last_numbers():
    columns = {
        "epoch": [1, 2, 3], "loss": [3.0, 2.0, 1.5], "gradient norm": [9.0] * 3, "learning rate": [0.1] * 3,
        "accuracy": [0.25, 0.5, 0.75], "validation loss": [4.0, 2.5, 2.75], "validation accuracy": [0.1, 0.2, 0.3],
        "seconds": [1.0] * 3,
    }  # fmt: skip
    picture = curves(columns, best=2)
    drawn = paths(picture)
    assert list(drawn) == ["loss", "validation loss", "accuracy", "validation accuracy"]
    assert picture.about == "loss and accuracy over 3 epochs"
    assert [said for said in words(picture) if said in ("loss", "accuracy")] == ["loss", "accuracy"]
    assert words(picture).count("training") == words(picture).count("validation") == 2
    assert {"1.5", "2.75", "0.75", "0.3"} <= set(words(picture))
    for name, attributes in drawn.items():
        points = [tuple(map(float, point.split())) for point in re.findall(r"[ML]([\d.]+ [\d.]+)", attributes["d"])]
        xs = [x for x, _ in points]
        assert len(points) == 3 and xs == sorted(xs)
        heights = [y for _, y in points]
        order = sorted(range(3), key=lambda i: -columns[name][i])
        assert sorted(range(3), key=lambda i: heights[i]) == order, "larger is higher"
    (dot,) = ET.fromstring(picture.svg).iter(f"{SVG}circle")
    assert dot.find(f"{SVG}title").text == "lowest validation loss, 2.5, at epoch 2"
    assert f"{float(dot.attrib['cx']):.1f} {float(dot.attrib['cy']):.1f}" in drawn["validation loss"]["d"]


def test_curves_break_where_a_number_is_missing_and_long_ones_stay_small():
    nan, inf = math.nan, math.inf
    drawn = paths(curves({"epoch": [1, 2, 3, 4, 5], "loss": [1.0, nan, 2.0, inf, 3.0], "odd": [nan] * 5}))
    assert list(drawn) == ["loss"] and drawn["loss"]["d"].count("M") == 3 and "nan" not in drawn["loss"]["d"]
    spike = [0.5] * 100_000
    spike[77_777] = 9.0
    long = curves({"epoch": list(range(1, 100_001)), "loss": spike})
    assert len(long.svg) < 10_000
    heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", paths(long)["loss"]["d"])]
    assert min(heights) < 60 and "0.5" in words(long), "the one epoch that was high is drawn"


@pytest.mark.parametrize("xs", [[0.0], [5.0, 5.0], [-3.0, -1.0], [1e300, 1e-300], [1e-12, 2e-12], [5000.0, 5100.0]])
def test_curves_stay_inside_their_picture(xs):
    picture = curves({"epoch": list(range(1, len(xs) + 1)), "loss": xs})
    for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", paths(picture)["loss"]["d"]):
        assert 0 <= float(x) <= picture.width and 0 <= float(y) <= picture.height
    for element in ET.fromstring(picture.svg).iter(f"{SVG}text"):
        assert 0 <= float(element.attrib["y"]) <= picture.height


@pytest.mark.parametrize("backend", ["eager", "jit"])
def test_results_are_plain_numbers_whatever_the_rows_are(backend):
    """`np.float64(0.3079)` is not what a person wants to read."""
    rng = numpy.random.default_rng(0)
    X, y = rng.random((30, 2)), rng.integers(0, 2, 30)
    net = MLP(numpy.int64(2), [3, 2], rng=random.Random(0))
    options = {"epochs": 2, "validation": 0.2, "metrics": {"accuracy": is_right}, "backend": backend}
    history = fit(net, cross_entropy, X, y, progress=False, **options)
    assert {type(x) for record in history for x in record.values()} == {float, int}
    assert type(accuracy(net, X, y)) is float and type(predict(net, X[0])) is int
    assert {type(x) for row in outputs_of(net, X, backend=backend) for x in row} == {float}
    assert {type(p.data) for p in net.parameters()} == {float} and "np." not in f"{net.parameters()} {net(X[0])}"


@pytest.mark.parametrize("name", ["<b>&amp;", "</svg>", 'a"b', "x\x00y", "validation validation x"])
def test_names_of_measures_stay_text(name):
    plain = "".join(c if c.isprintable() else " " for c in name)
    assert plain in paths(curved(2, **{name: [1.0, 2.0]}))


# ------------------------------------------------------------------ progress


@pytest.mark.parametrize("epochs, lines", [(1, 1), (9, 9), (10, 10), (11, 6), (50, 10), (1000, 10)])
def test_there_are_at_most_ten_lines_and_the_last_is_of_the_last_epoch(epochs, lines, capsys):
    with progress(epochs, True) as update:
        for epoch in range(1, epochs + 1):
            update({"epoch": epoch, "loss": 0.5, "gradient norm": 2.0, "learning rate": 0.1, "accuracy": 0.75})
    said = capsys.readouterr().err.splitlines()
    assert len(said) == lines and said[-1] == f"epoch {epochs}/{epochs}  loss 0.5000  accuracy 0.7500"


def test_a_run_that_stops_early_shows_its_last_epoch(capsys):
    with progress(100, True) as update:
        for epoch in range(1, 14):
            update({"epoch": epoch, "loss": 0.5})
    assert capsys.readouterr().err.splitlines() == ["epoch  10/100  loss 0.5000", "epoch  13/100  loss 0.5000"]


@pytest.mark.parametrize("name", ["{x}", "%s", "{}", "<b>"])
def test_a_line_that_updates_itself_takes_any_name(name, capsys, monkeypatch):
    monkeypatch.setattr("micrograd.training.progress.REFRESH", 0.0)
    line = InTerminal(4)
    line({"epoch": 1, "loss": 0.5, name: 0.25})
    line.close()
    states = [state.rstrip() for state in capsys.readouterr().err.split("\r")]
    assert states[1] == f"epoch 1/4 ━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ loss 0.5000  {name} 0.2500"
    assert states[2].startswith(f"epoch 1/4  loss 0.5000  {name} 0.2500  in 0.")


@pytest.mark.parametrize(
    "names, shown",
    [
        (["loss"], "loss 0.5000"),
        (["loss", "validation loss"], "loss 0.5000  validation loss 0.5000"),
        (["loss", "error", "accuracy"], "loss 0.5000  error 0.5000"),
        (
            ["loss", "accuracy", "validation loss", "validation accuracy"],
            "loss 0.5000  validation accuracy 0.5000  validation loss 0.5000",
        ),
    ],
)
def test_a_line_has_the_loss_and_what_tells_most_about_new_rows(names, shown):
    assert brief({"epoch": 1, **dict.fromkeys(names, 0.5), "gradient norm": 1.0, "seconds": 1.0}) == shown


TRAIN = """
import random, sys
sys.modules["rich"] = None
from micrograd import fit
from micrograd.losses import mse
from micrograd.nn import MLP
history = fit(MLP(1, [2, 1], rng=random.Random(0)), mse, [[0.0], [1.0]], [0.0, 1.0], epochs=300, backend="eager")
"""
SUMMARY = r"epoch 300/300  loss [\d.e-]+  in \d+\.\d s"


def test_a_notebook_has_one_output_for_the_progress_which_ends_as_a_summary(tmp_path):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    seen = []

    class Client(nbclient.NotebookClient):
        def process_message(self, message, cell, index):
            if message["msg_type"] in ("display_data", "update_display_data"):
                seen.append(message["content"]["data"]["text/plain"])
            return super().process_message(message, cell, index)

    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(TRAIN + "history")])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Jupyter's own
        Client(book, timeout=60, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown, picture = book.cells[0].outputs
    assert re.fullmatch(SUMMARY, shown["data"]["text/plain"]) and seen[-1] == shown["data"]["text/plain"]
    assert re.fullmatch(r"epoch +\d+/300 [━╌]{20} loss [\d.e-]+", seen[0]) and len(seen) < 30
    assert "<svg" in picture["data"]["text/html"] and picture["data"]["text/plain"].startswith("History(epoch 300")


def test_a_terminal_without_rich_has_one_line_too():
    pexpect = pytest.importorskip("pexpect")
    terminal = pexpect.spawn(sys.executable, ["-c", TRAIN], encoding="utf-8", dimensions=(30, 60), timeout=60)
    seen = terminal.read()
    assert seen.count("\n") == 1, "the line is written over itself"
    states = [state.rstrip() for state in seen.strip("\r\n").split("\r")]
    assert re.fullmatch(SUMMARY, states[-1]) and max(map(len, states)) < 60 and "\x1b" not in seen


@pytest.mark.parametrize("count", [3, 10, 11, 26])
def test_many_classes_are_named_where_their_examples_are(count, monkeypatch, tmp_path):
    from matplotlib.figure import Figure

    from micrograd.training.plots import decision_regions

    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: drawn.append(figure.axes[0]))
    X = [[float(i % count), float(k)] for k in range(2) for i in range(count)]
    y = [i % count for _ in range(2) for i in range(count)]
    names = [chr(65 + i) for i in range(count)]

    def score(row):
        return [-abs(row[0] - i) for i in range(count)]

    decision_regions(score, X, y, str(tmp_path / "r.png"), points=9, classes=names)
    (axes,) = drawn
    legend = axes.get_legend()
    if count <= 10:
        assert [text.get_text() for text in legend.get_texts()] == names and not axes.texts
    else:
        assert legend is None
        assert [(t.get_text(), *t.get_position()) for t in axes.texts] == [(n, i, 0.5) for i, n in enumerate(names)]


def test_examples_keep_the_colour_of_their_class_and_lie_on_top_of_every_region(monkeypatch, tmp_path):
    """The colours of a saved picture, at the examples' own places."""
    from matplotlib import image
    from matplotlib.colors import to_rgb
    from matplotlib.figure import Figure

    from micrograd.training.plots import COLOURS, INK, decision_regions

    figures, save = [], Figure.savefig

    def saved(figure, path, **options):
        save(figure, path, **options)
        figure.set_dpi(options["dpi"])
        figures.append(figure)

    X, y = [[0.0, 0.0], [1.0, 0.2], [2.0, 0.4], [0.1, 1.0], [1.2, 0.9], [1.9, 1.1]], [0, 1, 2, 1, 2, 0]
    monkeypatch.setattr(Figure, "savefig", saved)
    decision_regions(lambda row: [-abs(row[0] - k) for k in range(3)], X, y, tmp_path / "r.png", classes="abc")
    axes, picture = figures[0].axes[0], image.imread(tmp_path / "r.png")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b", "c", "on the wrong side (3)"]
    ring = axes.collections[-1]
    assert ring.get_offsets().tolist() == X[3:] and tuple(ring.get_edgecolor()[0][:3]) == to_rgb(INK)
    for (across, up), label in zip(axes.transData.transform(X), y):
        assert picture[-round(up), round(across), :3] == pytest.approx(to_rgb(COLOURS[label]), abs=0.02)
    assert (tmp_path / "r.png").stat().st_size < 100_000
    decision_regions(lambda row: row[0] - 0.5, [[0.0, 0.0], [1.0, 1.0]], [-1, 1], tmp_path / "s.png")
    assert [text.get_text() for text in figures[1].axes[0].get_legend().get_texts()] == ["label -1", "label 1"]
