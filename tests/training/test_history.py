"""How a history is shown and drawn, and how training shows its progress in lines."""

from __future__ import annotations

import pytest

from micrograd.training.history import History
from micrograd.training.progress import progress
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


@pytest.mark.parametrize("epochs, lines", [(1, 1), (19, 19), (20, 20), (21, 11), (50, 17), (1000, 20)])
def test_there_are_at_most_twenty_lines_and_the_last_is_of_the_last_epoch(epochs, lines, capsys):
    with progress(epochs, True) as update:
        for epoch in range(1, epochs + 1):
            update({"epoch": epoch, "loss": 0.5})
    said = capsys.readouterr().err.splitlines()
    assert len(said) == lines and said[-1] == f"epoch {epochs}/{epochs}  loss 0.5000"


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
