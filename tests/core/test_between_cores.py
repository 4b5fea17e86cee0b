"""Copies and pickles are the same on both cores, and go from one to the other."""

from __future__ import annotations

import base64
import copy
import json
import os
import pickle
from pathlib import Path

import pytest
from helpers.described import described
from helpers.other_core import OTHER, OtherCore, OtherCoreError, assert_same
from helpers.subclasses import Bare, Late, Mixed, Named, Slotted, Sub
from helpers.works import Works

import micrograd
from micrograd import Value, tanh

PICKLES = json.loads(Path(__file__).parents[1].joinpath("old_pickles.json").read_text())
case = Works()


def graph():
    """A graph of most kinds of node, after backward."""
    x, y = Value(0.5, label="x"), Value(-2.0)
    z = (x * y + tanh(x) ** 3) / (y - 1.0) + micrograd.logsumexp([x, y, 2.0]) * micrograd.where(x > y, x, 3)
    z.backward()
    x.note = ["kept", 1]
    return z


@case
def copies():
    x = Value(2.0, label="x")
    x.note = [1]
    z = x * x
    z.backward()
    shallow, deep = copy.copy(z), copy.deepcopy(z)
    assert shallow._prev[0] is x and deep._prev[0] is deep._prev[1] is not x and deep._prev[0].note is not x.note
    both = copy.deepcopy({"a": [z, x]})["a"]
    assert both[0]._prev[0] is both[1]
    replaced = copy.copy(Slotted(1.0)), copy.copy(Named("n"))
    return described(shallow), described(deep), [type(one).__name__ for one in replaced]


@case
def pickles():
    out = []
    for protocol in range(6):
        z = pickle.loads(pickle.dumps(graph(), protocol))
        z.backward()
        out.append(described(z))
    return out


@case
def pickles_of_subclasses():
    values = [Sub(1.0), Slotted(2.0), Named("n"), Late(3.0), Mixed(4.0), Bare(5.0)]
    values[1].first = values[0]
    again = pickle.loads(pickle.dumps([v * 2.0 for v in values]))
    return described(*again), again[1]._prev[0].first is again[0]._prev[0]


@case
def pickles_made_before():
    return [described(pickle.loads(base64.b64decode(PICKLES[name]))) for name in ("graph",)], [
        p.data for p in pickle.loads(base64.b64decode(PICKLES["net"])).parameters()
    ]


def pickled(protocol):
    return pickle.dumps(graph(), protocol)


def described_pickle(data):
    z = pickle.loads(data)
    z.backward()
    return described(z)


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_of_one_core_are_read_by_the_other(protocol):
    here, there = pickled(protocol), OTHER.call(pickled, protocol)
    assert described_pickle(there) == OTHER.call(described_pickle, here)


def test_the_other_core_is_another():
    assert OTHER.call(core) == OTHER.name != micrograd.core
    with pytest.raises(OtherCoreError, match="ValueError: from there"):
        OTHER.call(failing)
    assert OTHER.call(core) == OTHER.name


def test_a_process_that_ends_is_told_and_started_again():
    own = OtherCore()
    with pytest.raises(AssertionError, match=f"process of the {own.name} core ended with 3"):
        own.call(ending)
    assert own.call(core) == own.name
    own.stop()


def core():
    return micrograd.core


def failing():
    raise ValueError("from there")


def ending():
    os._exit(3)


@case.tests
def test_it_works_on_both_cores(entered):
    assert_same(entered)
