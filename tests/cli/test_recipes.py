"""Recipes of nets: a recipe builds the same net again, and a wrong recipe is a clear error."""

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
        ({"kind": "CNN"}, "recipe.kind must be 'MLP', not 'CNN'"),
        ({"inputs": 0}, "recipe.inputs must be a whole number of at least 1, not 0"),
        ({"inputs": True}, "recipe.inputs must be a whole number of at least 1, not True"),
        ({"layers": []}, "recipe.layers must be a list of at least 1, each a whole number of at least 1, not"),
        ({"layers": [3, 1.5]}, r"recipe.layers\[1\] must be a whole number of at least 1, not 1.5"),
        ({"layers": [10**6, 10**6]}, "too large"),
        ({"activation": "tahn"}, "did you mean 'tan' or 'tanh'"),
        ({"output": 3}, "recipe.output must be a text"),
        ({"bias": 1}, "recipe.bias must be true or false, not 1"),
        ({"more": 1}, r"recipe\['more'\] must be left out, not 1"),
    ],
)
def test_a_wrong_recipe_is_a_clear_error(change, says):
    with pytest.raises(ValueError, match=says):
        net_of({**GOOD, **change})


def test_wrong_numbers_for_a_recipe():
    with pytest.raises(ValueError, match="13 parameters, and there are 2 numbers"):
        net_of(GOOD, [1.0, 2.0])
    with pytest.raises(ValueError, match="recipe must be a dict, not None"):
        net_of(None)
    assert count_of(GOOD) == 13 < MAX_PARAMETERS and math.isfinite(net_of(GOOD)([1.0, 2.0]).data)


def test_the_largest_net_is_the_largest():
    most = {**GOOD, "inputs": 1, "layers": [MAX_PARAMETERS // 2]}
    assert count_of(most) == MAX_PARAMETERS
    with pytest.raises(ValueError, match="too large"):
        count_of({**most, "layers": [MAX_PARAMETERS // 2 + 1]})
