"""Names that modules had before they moved into rooms: programs and pickles that use them still work."""

from __future__ import annotations

import base64
import importlib
import json
import pickle
import random
import subprocess
import sys
from pathlib import Path

import pytest

from micrograd import Value, tanh
from micrograd.nn import MLP
from micrograd.old_paths import NOW

PICKLES = json.loads(Path(__file__).with_name("old_pickles.json").read_text())


@pytest.mark.parametrize("old", NOW)
def test_a_module_is_found_by_its_old_name_and_is_the_same_one(old):
    new = importlib.import_module(f"micrograd.{NOW[old]}")
    assert importlib.import_module(f"micrograd.{old}") is new
    assert new.__spec__.name == new.__name__ == f"micrograd.{NOW[old]}"


def test_nothing_is_found_that_never_was():
    for name in ("micrograd.nothing", "micrograd.compiler.nothing", "graph"):
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(name)


def test_old_names_load_nothing_before_they_are_asked_for():
    code = "import micrograd, sys; print([n for n in sys.modules if n.startswith('micrograd.') and 'views' in n])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def loaded(name):
    return pickle.loads(base64.b64decode(PICKLES[name]))


def test_pickles_made_before_are_read():
    """They were written by version 0.2.0, when all modules were in one folder."""
    graph = loaded("graph")
    assert graph.data == PICKLES["value"] and graph.grad == 1.0
    x, (_, y) = graph._prev[0]._prev[0], graph._prev[0]._prev[1]._prev
    z = tanh(x / (x + y))
    z.backward()
    assert (x.label, y.label, z.data) == ("x", "y", graph.data)
    net = loaded("net")
    assert isinstance(net, MLP) and len(net.parameters()) == 13
    optimizer = loaded("optimizer")
    assert optimizer.steps == 2 and len(optimizer.parameters) == 13
    assert net([0.5, 0.5]).data != MLP(2, [3, 1], activation="tanh", rng=random.Random(0))([0.5, 0.5]).data
    assert len(loaded("history")) == 2 and loaded("batch") == ([[0.0], [1.0]], [0, 1])
    assert loaded("estimator").hidden_layer_sizes == (3,)
    assert loaded("preparation").outputs == 3
    assert [type(error).__name__ for error in loaded("errors")] == ["TraceError", "CheckpointError"]
    assert type(graph) is Value


def test_what_modules_held_that_are_rooms_now_is_found_there():
    from micrograd.compiler.context import Source
    from micrograd.compiler.trace import Trace

    from micrograd.compiler.native import Memory, native_of
    from micrograd.compiler.tape import Tape

    assert Tape.__module__ == "micrograd.compiler.tape.tape" and Source(array=0).is_row
    assert Memory(1).view[0] == 0.0 and callable(native_of) and Trace().tape.inputs == []
    with Trace() as trace:
        assert (trace.argument("x") * 2.0).data.tape is trace.tape
    named = pickle.dumps(Tape(["x"]), protocol=0).replace(b"micrograd.compiler.tape.tape", b"micrograd.compiler.tape")
    assert pickle.loads(named).inputs == ["x"]


@pytest.mark.parametrize("arguments", [["micrograd.cli", "--version"], ["micrograd.runs"]])
def test_modules_run_by_the_names_they_had(arguments):
    assert subprocess.run([sys.executable, "-m", *arguments], capture_output=True, check=True)
