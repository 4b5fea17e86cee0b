"""Rows as numbers for a net, its outputs as answers, and what is saved of this with the model."""

from __future__ import annotations

import json
import math
import re

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from micrograd import Value, data
from micrograd.data.preparation import Preparation, Scale, scale_of
from micrograd.data.tables import read_csv, table_of
from micrograd.errors import DataError

HOUSES = "area,town,rooms,price\n50,Ulm,2,100.5\n70,Bonn,2,150.5\n90,Ulm,2,200.5\n"


@pytest.fixture
def houses(tmp_path):
    (tmp_path / "houses.csv").write_text(HOUSES)
    return read_csv(tmp_path / "houses.csv")


def test_rows_become_standardised_numbers_and_categories(houses):
    preparation = Preparation.fit(houses)
    assert preparation.inputs == ["area", "town=Bonn", "town=Ulm", "rooms"]
    assert repr(preparation) == "Preparation(3 columns to 4 inputs; price: numbers)"
    high = math.sqrt(1.5)
    X = preparation.rows(houses)
    assert X == [[pytest.approx(z), *town, 0.0] for z, town in zip((-high, 0, high), ([0, 1], [1, 0], [0, 1]))]
    assert preparation.targets(houses) == pytest.approx([-high, 0.0, high])
    assert preparation.row([70, "Ulm", 3]) == preparation.row({"rooms": "3", "town": " Ulm ", "area": "70 ", "no": 1})
    assert preparation.row([numpy.float32(70), "Ulm", numpy.int64(3)])[3] == 1.0  # a constant has scale 1
    for t, z in zip(houses.targets, preparation.targets(houses)):
        assert preparation.answer(z) == preparation.answer([Value(z)]) == pytest.approx(t)


def test_scales_are_those_of_the_training_rows_and_of_scikit_learn():
    table = data.named("iris")
    train = table.take(range(0, 150, 2))
    preparation = Preparation.fit(train)
    scaler = StandardScaler().fit(train.rows)
    assert numpy.allclose(preparation.rows(table), scaler.transform(table.rows), rtol=0, atol=1e-12)
    assert [preparation.classes[i] for i in preparation.targets(table)][::50] == ["setosa", "versicolor", "virginica"]


def test_answers_are_names_of_classes():
    two = Preparation.fit(table_of([[1], [2], [3]], ["no", "yes", "no"], task="classes"))
    assert (two.task, two.outputs) == ("classes", 2)
    assert [two.answer(s) for s in ([2.0, 1.0], [1.0, 2.0], 0.5, [-0.5], Value(3.0))] == [
        "no",
        "yes",
        "yes",
        "no",
        "yes",
    ]
    assert two.answer(numpy.array([0.0, 1.0])) == "yes"
    three = Preparation.fit(table_of([[1], [2], [3]], ["a", "b", "c"], task="classes"))
    assert three.answer([Value(0.0), Value(5.0), Value(1.0)]) == "b"
    for outputs in (1.0, [1.0], [1.0, 2.0], []):
        with pytest.raises(ValueError, match=r"outputs, but Preparation\(.*\) takes 3"):
            three.answer(outputs)
    with pytest.raises(ValueError, match="the net gave nan, which is not an answer"):
        three.answer([1.0, math.nan, 0.0])


def test_a_held_out_part_has_the_categories_of_the_whole(houses):
    train, test = houses.take([0, 2]), houses.take([1])
    assert Preparation.fit(train).rows(test) == [[0.0, 1.0, 0.0, 0.0]]


@pytest.mark.parametrize(
    "row, says",
    [
        ({"area": 1, "rooms": 2}, "the row has no column 'town': there are 'area', 'rooms'"),
        ({"area": 1, "rooms": 2, "twon": "Ulm"}, "the row has no column 'town': did you mean 'twon'?"),
        ({}, "the row has no column 'area': it is empty"),
        ([1, "Ulm"], "the row has 2 values for the columns 'area', 'town', 'rooms'"),
        ("abc", "the row is a dict or a list, not 'abc'"),
        (7, "the row is a dict or a list, not 7"),
        ([1, "Köln", 2], "the row, column 'town': 'Köln' is a new category: there are 'Bonn', 'Ulm'"),
        ([1, "bonn", 2], "the row, column 'town': 'bonn' is a new category: did you mean 'Bonn'?"),
        ([1, 5, 2], "the row, column 'town': '5' is a new category"),
        ([1, None, 2], "the row, column 'town': the value is missing: fill it in, or delete the row"),
        ([1, " ", 2], "the row, column 'town': the value is missing"),
        ([None, "Ulm", 2], "the row, column 'area': the value is missing: fill it in"),
        ([math.nan, "Ulm", 2], "the row, column 'area': the value is missing ('nan')"),
        (["NA", "Ulm", 2], "the row, column 'area': the value is missing ('NA')"),
        (["x", "Ulm", 2], "the row, column 'area': 'x' is text in a column of numbers"),
        (["2,5", "Ulm", 2], "the row, column 'area': '2,5' is not a number: write a point"),
        ([True, "Ulm", 2], "the row, column 'area': 'True' is text in a column of numbers"),
        ([[1], "Ulm", 2], "the row, column 'area': '[1]' is text"),
        ([math.inf, "Ulm", 2], "the row, column 'area': 'inf' is not a finite number"),
        ([10**400, "Ulm", 2], "is not a finite number"),
    ],
)
def test_a_row_that_does_not_fit_is_one_line(houses, row, says):
    with pytest.raises(DataError, match=re.escape(says)) as raised:
        Preparation.fit(houses).row(row)
    assert str(raised.value).isprintable()


def test_a_number_too_far_away():
    preparation = Preparation.fit(table_of([[0.0], [1e-300]], ["a", "b"], task="classes"))
    with pytest.raises(DataError, match=r"1e\+300 is too far from the numbers in the training rows"):
        preparation.row([1e300])


def test_a_file_is_prepared_without_its_target_and_in_any_order(houses, tmp_path):
    path = tmp_path / "new.csv"
    preparation = Preparation.fit(houses)
    path.write_text("note;rooms;town;area\n;2;Bonn;70\nany;3;Ulm;50\n")
    assert preparation.read_csv(path) == [preparation.row([70, "Bonn", 2]), preparation.row([50, "Ulm", 3])]
    for text, says in [
        ("rooms,town\n2,Ulm\n", " has no column 'area'"),
        ("rooms,town,area\n2,Ulm,1\n\n2,Rome,3\n", ", line 4, column 'town': 'Rome' is a new category"),
        ("rooms,town,area\n2,Ulm,1\n2,,3\n", ", line 3, column 'town': the value is missing"),
        ("rooms,town,area\n2,Ulm,x\n", ", line 2, column 'area': 'x' is text in a column of numbers"),
        ("rooms,town,area\n", " has a header and no rows"),
    ]:
        path.write_text(text)
        with pytest.raises(DataError, match=re.escape(str(path) + says)):
            preparation.read_csv(path)
    one = Preparation.fit(table_of([[1], [3]], ["a", "b"], task="classes"))
    path.write_text("x0\n1\n3\n")
    assert one.read_csv(path) == [[-1.0], [1.0]]


def test_a_table_of_another_kind_is_refused(houses, tmp_path):
    preparation = Preparation.fit(houses)
    other = table_of([[1, "Ulm", 2]] * 2, [1.5, 2.5], task="numbers", columns=["town", "area", "rooms"], target="price")
    with pytest.raises(DataError, match="the table, row 1, column 'area': 'Ulm' is text"):
        preparation.rows(other)
    with pytest.raises(DataError, match=re.escape("xor has no column 'area'")):
        preparation.rows(data.named("xor"))
    with pytest.raises(
        DataError, match=re.escape("iris has the target 'species' (classes), but this was prepared for")
    ):
        preparation.targets(data.named("iris"))
    known = Preparation.fit(table_of([[1], [2]], ["a", "b"], task="classes"))
    assert known.targets(table_of([[1], [2], [3]], ["b", "a", "b"], task="classes")) == [1, 0, 1]
    with pytest.raises(DataError, match="the table, row 2: 'c' is a new class"):
        known.targets(table_of([[1], [2]], ["b", "c"], task="classes"))


@pytest.mark.parametrize("target", ["price", "town"])
def test_it_is_kept_as_json(houses, tmp_path, target):
    table = read_csv(tmp_path / "houses.csv", target=target)
    preparation = Preparation.fit(table)
    kept = json.loads(json.dumps(preparation.to_dict(), allow_nan=False))
    again = Preparation.from_dict(kept)
    assert again.to_dict() == preparation.to_dict() == kept
    assert again.rows(table) == preparation.rows(table) and again.targets(table) == preparation.targets(table)
    assert (again.inputs, again.task, again.classes) == (preparation.inputs, preparation.task, preparation.classes)


NUMBER = {"name": "n", "mean": 0.0, "scale": 1.0}
COLOUR = {"name": "c", "categories": ["red"]}
CLASSES = {"name": "t", "classes": ["a", "b"]}


@pytest.mark.parametrize(
    "kept, says",
    [
        (None, " must be a dict, not None"),
        ({"columns": [NUMBER]}, ".target must be a dict, not missing"),
        ({"columns": [], "target": CLASSES}, ".columns must be a list of at least 1, not []"),
        ({"columns": {"n": 1}, "target": CLASSES}, ".columns must be a list of at least 1, not {'n': 1}"),
        ({"columns": [NUMBER], "target": "t"}, ".target must be a dict, not 't'"),
        ({"columns": [7], "target": CLASSES}, ".columns[0] must be a dict, not 7"),
        (
            {"columns": [{**NUMBER, "name": ""}], "target": CLASSES},
            ".columns[0].name must be a text that is not empty, not ''",
        ),
        ({"columns": [NUMBER, NUMBER], "target": CLASSES}, ": two columns are called 'n'"),
        ({"columns": [NUMBER], "target": {**CLASSES, "name": "n"}}, ": two columns are called 'n'"),
        ({"columns": [{"name": "n"}], "target": CLASSES}, ".columns[0].mean must be a finite number, not missing"),
        ({"columns": [{**NUMBER, "more": 1}], "target": CLASSES}, ".columns[0]['more'] must be left out, not 1"),
        (
            {"columns": [{**NUMBER, "scale": 0}], "target": CLASSES},
            ".columns[0].scale must be a finite number above 0, not 0",
        ),
        (
            {"columns": [{**NUMBER, "scale": math.inf}], "target": CLASSES},
            ".columns[0].scale must be a finite number above 0, not inf",
        ),
        (
            {"columns": [{**NUMBER, "mean": math.nan}], "target": CLASSES},
            ".columns[0].mean must be a finite number, not nan",
        ),
        (
            {"columns": [{**NUMBER, "mean": "1"}], "target": CLASSES},
            ".columns[0].mean must be a finite number, not '1'",
        ),
        (
            {"columns": [{**NUMBER, "mean": 10**400}], "target": CLASSES},
            ".columns[0].mean must be a finite number, not 1000",
        ),
        (
            {"columns": [COLOUR | {"categories": []}], "target": CLASSES},
            ".columns[0].categories must be a list of at least 1 texts",
        ),
        (
            {"columns": [COLOUR | {"categories": ["a", "a"]}], "target": CLASSES},
            "all different and none empty, not ['a', 'a']",
        ),
        ({"columns": [COLOUR | {"categories": [[]]}], "target": CLASSES}, "all different and none empty, not [[]]"),
        ({"columns": [COLOUR | {"mean": 1}], "target": CLASSES}, ".columns[0]['mean'] must be left out, not 1"),
        (
            {"columns": [COLOUR], "target": {"name": "t", "classes": ["a"]}},
            ".target.classes must be a list of at least 2 texts",
        ),
        ({"columns": [COLOUR], "target": {"name": "t"}}, ".target.mean must be a finite number, not missing"),
    ],
)
def test_a_wrong_dict_is_one_line(kept, says):
    with pytest.raises(ValueError, match="^preparation.*" + re.escape(says)) as raised:
        Preparation.from_dict(kept)
    assert type(raised.value) is DataError and str(raised.value).isprintable()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(JSON, JSON, st.sampled_from(["name", "mean", "scale", "categories", "classes", "columns", "target"]))
def test_any_dict(some, other, key):
    column = {**NUMBER, key: some}
    for kept in (
        some,
        {"columns": some, "target": other},
        {"columns": [column, COLOUR], "target": {**CLASSES, key: other}},
    ):
        try:
            preparation = Preparation.from_dict(kept)
        except DataError as error:
            assert str(error).isprintable()
        else:
            assert Preparation.from_dict(preparation.to_dict()).to_dict() == preparation.to_dict()


@given(JSON)
def test_any_row(row):
    preparation = Preparation.from_dict({"columns": [NUMBER, COLOUR], "target": CLASSES})
    for given_ in (row, [row, "red"], [1.0, row], {"n": row, "c": "red"}, {"n": 1, "c": row}):
        try:
            assert all(math.isfinite(x) for x in preparation.row(given_))
        except DataError as error:
            assert str(error).isprintable()


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_any_numbers_are_standardised(values):
    scale = scale_of(values)
    assert scale.scale > 0 and math.isfinite(scale.mean)
    assert all(math.isfinite(scale.down(x)) for x in values)
    if max(map(abs, values)) < 1e150:
        for x in values:
            assert scale.up(scale.down(x)) == pytest.approx(x, rel=1e-9, abs=1e-9 * max(map(abs, values)))


def test_a_scale_of_the_largest_numbers():
    scale = scale_of([1.7e308, -1.7e308])
    assert scale == Scale(0.0, 1.7e308) and [scale.down(x) for x in (1.7e308, -1.7e308)] == [1.0, -1.0]
    assert scale_of([0.1] * 10) == Scale(0.1, 1.0)


def test_numbers_that_are_categories_are_found_however_they_are_written():
    table = table_of([["3"], ["4"], ["3"], ["4"]], ["no", "yes", "no", "yes"], task="classes")
    preparation = Preparation.fit(table)
    assert preparation.row([3.0]) == preparation.row([3]) == preparation.row(["3"]) == [1.0, 0.0]
    assert preparation.answer(0.0) == "no" and preparation.answer(1e-300) == "yes"
    points = Preparation.fit(table_of([["1.0"], ["2.0"]] * 2, [0, 1] * 2, task="classes"))
    assert points.row(["1.0"]) == points.row([" 1.0 "]) == [1.0, 0.0]


def test_a_number_whose_distance_from_the_mean_overflows():
    assert Scale(-1.7e308, 1e308).down(1.7e308) == pytest.approx(3.4)
