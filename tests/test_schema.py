"""What a file holds has its shape, or one error says where, what must be there, and what is there."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micrograd.errors import DataError
from micrograd.schema import ANYTHING, BOOL, FINITE, NUMBER, POSITIVE, TEXT, check, one_of, texts, whole, with_key

GOOD = {"name": "n", "count": 1, "rows": [{"x": 0.5}], "more": {"a b": 1}}
SHAPE = {"name": TEXT, "count": whole(1), "rows": [{"x": FINITE}], "more": {...: NUMBER}}


def nested(depth):
    found = []
    for _ in range(depth):
        found = [found]
    return found


@pytest.mark.parametrize(
    "change, says",
    [
        ({"name": ""}, "it.name must be a text that is not empty, not ''"),
        ({"name": nested(10_000)}, "it.name must be a text that is not empty, not [[[[[[[...]]]]]]]"),
        ({"count": True}, "it.count must be a whole number of at least 1, not True"),
        ({"count": 1.0}, "it.count must be a whole number of at least 1, not 1.0"),
        ({"count": -(10**4000)}, "it.count must be a whole number of at least 1, not -100"),
        ({"rows": []}, "it.rows must be a list of at least 1, not []"),
        ({"rows": [{"x": 1}, {}]}, "it.rows[1].x must be a finite number, not missing"),
        ({"rows": [{"x": math.nan}]}, "it.rows[0].x must be a finite number, not nan"),
        ({"rows": [{"x": 10**400}]}, "it.rows[0].x must be a finite number, not 1000"),
        ({"rows": [{"x": 1, "y\n": 2}]}, r"it.rows[0]['y\n'] must be left out, not 2"),
        ({"more": {"a b": "1"}}, "it.more['a b'] must be a number, not '1'"),
        ({"more": None}, "it.more must be a dict, not None"),
        ({"other": 1}, "it['other'] must be left out, not 1"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(change, says):
    check(GOOD, SHAPE, "it")
    with pytest.raises(DataError, match=f"^{re.escape(says)}") as raised:
        check({**GOOD, **change}, SHAPE, "it", DataError)
    assert len(str(raised.value)) < 150 and str(raised.value).isprintable()


def test_each_kind_takes_what_it_says():
    for kind, right, wrong in [
        (ANYTHING, [None, 0, []], []),
        (BOOL, [True, False], [0, 1, "true", None]),
        (NUMBER, [0, -1.5, math.nan, math.inf], [True, "1", None, []]),
        (POSITIVE, [5e-324, 1], [0, -1, math.inf, math.nan, True]),
        (one_of("a", "b"), ["a", "b"], ["", "c", None, [], {}]),
        (texts(2), [["a", "b"]], [["a"], ["a", "a"], ["a", ""], ["a", 1], ["a", []], "ab", None]),
        (with_key("a", {"a": BOOL}, whole(0)), [{"a": True}, 0], [{"a": 1}, {}, [], "a", -1]),
    ]:
        for x in right:
            check(x, kind, "it")
        for x in wrong:
            with pytest.raises(ValueError, match=r"^it.* must be .*, not "):
                check(x, kind, "it")


@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=5),
    st.sampled_from(sorted(GOOD)),
)
def test_anything_is_taken_or_refused_in_one_line(some, key):
    for found in (some, {**GOOD, key: some}, {**GOOD, "rows": [{"x": some}]}):
        try:
            check(found, SHAPE, "it")
        except ValueError as error:
            assert str(error).isprintable()
