"""Tables of one's own rows: bools as classes, and rows that are left as they were."""

from __future__ import annotations

from micrograd.data.tables import table_of


def test_bools_are_targets_of_two_classes():
    import numpy

    for targets in ([True, False, True], numpy.array([True, False, True])):
        assert table_of([[1.0], [2.0], [3.0]], targets, task="classes").classes == ("False", "True")


def test_rows_that_were_given_are_left_as_they_were():
    X = [[1, "b"], ["x", 2.0]]
    table = table_of(X, [0, 1], task="classes")
    assert X == [[1, "b"], ["x", 2.0]] and table.rows == [["1", "b"], ["x", "2"]]
