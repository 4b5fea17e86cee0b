"""Recipes of nets: a net from its recipe is the net, and anything else is a clear error."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micrograd import no_grad
from micrograd.cli.recipe import MAX_PARAMETERS, count_of, net_of, recipe
from micrograd.nn import MLP


@given(
    st.integers(1, 4),
    st.lists(st.integers(1, 4), min_size=1, max_size=3),
    st.sampled_from(["tanh", "relu", "linear", "gelu"]),
    st.sampled_from(["linear", "sigmoid"]),
    st.booleans(),
)
def test_a_net_of_a_recipe_is_the_net(inputs, layers, activation, output, bias):
    net = MLP(inputs, layers, activation=activation, output=output, bias=bias, rng=random.Random(0))
    other = net_of(recipe(net), [p.data for p in net.parameters()])
    assert recipe(other) == recipe(net) and count_of(recipe(net)) == len(net.parameters())
    assert other.state_dict() == net.state_dict()
    row = [0.5] * inputs
    with no_grad():
        assert repr(other(row)) == repr(net(row))


def test_what_no_recipe_describes():
    class Mine(MLP):
        pass

    mixed = MLP(2, [3, 3, 1])
    mixed.layers[1] = MLP(3, [3, 1], activation="tanh").layers[0]
    tied = MLP(2, [2, 2, 1])
    tied.layers[1] = tied.layers[0]
    for net in (Mine(2, [1]), MLP(2, [3, 1], activation=lambda x: x), mixed, tied, "net"):
        with pytest.raises(ValueError, match="a recipe"):
            recipe(net)


GOOD = recipe(MLP(2, [3, 1]))


@pytest.mark.parametrize(
    "change, says",
    [
        ({"kind": "CNN"}, "the kind is 'MLP'"),
        ({"inputs": 0}, "a size is"),
        ({"inputs": True}, "a size is"),
        ({"layers": []}, "'layers' is a list"),
        ({"layers": [3, 1.5]}, "a size is"),
        ({"layers": [10**6, 10**6]}, "too large"),
        ({"activation": "tahn"}, "did you mean 'tan' or 'tanh'"),
        ({"output": 3}, "'output' is the name"),
        ({"bias": 1}, "'bias' is true or false"),
        ({"more": 1}, "a recipe is a dict of"),
    ],
)
def test_a_wrong_recipe_is_a_clear_error(change, says):
    with pytest.raises(ValueError, match=says):
        net_of({**GOOD, **change})


def test_wrong_numbers_for_a_recipe():
    with pytest.raises(ValueError, match="13 parameters, and there are 2 numbers"):
        net_of(GOOD, [1.0, 2.0])
    with pytest.raises(ValueError, match="a recipe is a dict"):
        net_of(None)
    assert count_of(GOOD) == 13 < MAX_PARAMETERS and math.isfinite(net_of(GOOD)([1.0, 2.0]).data)


def test_the_largest_net_is_the_largest():
    most = {**GOOD, "inputs": 1, "layers": [MAX_PARAMETERS // 2]}
    assert count_of(most) == MAX_PARAMETERS
    with pytest.raises(ValueError, match="too large"):
        count_of({**most, "layers": [MAX_PARAMETERS // 2 + 1]})
