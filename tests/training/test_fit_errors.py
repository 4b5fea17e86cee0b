"""Bad data raise the same error, eagerly and compiled: its type, its message, and the row in the data as given."""

from __future__ import annotations

import math
import random

import pytest

from micrograd import Value, fit, train_step
from micrograd.losses import binary_cross_entropy, cross_entropy, hinge, mse
from micrograd.nn import MLP
from micrograd.optim import SGD
from micrograd.training.history import History

BOTH = pytest.mark.parametrize("backend", ["eager", "jit"])
ROWS = [[i / 20, 1 - i / 20] for i in range(20)]


def refused(loss, y, backend, *, outputs=1, batch_size=4, **options):
    net = MLP(2, [outputs], rng=random.Random(0))
    before, rng_free = [p.data for p in net.parameters()], options.pop("rows", ROWS)
    with pytest.raises((ValueError, IndexError, FloatingPointError)) as caught:
        fit(net, loss, rng_free, y, backend=backend, batch_size=batch_size, progress=False, **options)
    assert [p.data for p in net.parameters()] == before  # the first bad row is found before the first step
    return caught.value


def changed(y, **bad):
    return [bad.get(f"at{i}", label) for i, label in enumerate(y)]


@BOTH
@pytest.mark.parametrize(
    "loss, y, outputs, kind, said",
    [
        (hinge, changed([1] * 20, at7=3, at3=0), 1, ValueError, "row 3: hinge: a label must be -1 or 1, not 0"),
        (
            binary_cross_entropy,
            changed([0.5] * 20, at19=1.5),
            1,
            ValueError,
            "row 19: binary_cross_entropy: a target must be from 0 to 1, not 1.5",
        ),
        (cross_entropy, changed([1] * 20, at5=2, at11=-1), 2, IndexError, "row 5: take: index 2"),
    ],
)
def test_a_bad_target_is_named_by_its_row(loss, y, outputs, kind, said, backend):
    error = refused(loss, y, backend, outputs=outputs)
    assert type(error) is kind and str(error).startswith(said)
    assert kind is IndexError or str(error) == said


@BOTH
def test_rows_are_numbered_as_they_were_given(backend):
    """With validation=0.25 the rows are split and shuffled first."""
    for bad in range(20):
        error = refused(hinge, changed([1] * 20, **{f"at{bad}": 5}), backend, validation=0.25, epochs=1)
        assert str(error) == f"row {bad}: hinge: a label must be -1 or 1, not 5"
        break_at = [[1e300 if i == bad else x, y] for i, (x, y) in enumerate(ROWS)]
        if bad % 5 == 0:
            options = {"validation": 0.25, "epochs": 1, "rows": break_at, "batch_size": None}
            net_error = overflowing(backend, **options)
            assert f"the row at index {bad}: " in net_error or net_error.startswith("validation loss after epoch 1")


def overflowing(backend, *, rows, **options):
    net = MLP(2, [1], rng=random.Random(0))
    with pytest.raises(FloatingPointError) as caught:
        fit(
            net,
            mse,
            rows,
            [0.0] * 20,
            optimizer=SGD(net.parameters(), lr=0.0),
            backend=backend,
            progress=False,
            **options,
        )
    return str(caught.value)


@BOTH
def test_rows_held_out_by_the_caller_are_called_validation_rows(backend):
    net = MLP(2, [1], rng=random.Random(0))
    with pytest.raises(ValueError) as caught:
        fit(net, hinge, ROWS, [1] * 20, validation=(ROWS[:3], [1, 1, 0]), backend=backend, progress=False)
    assert str(caught.value) == "validation row 2: hinge: a label must be -1 or 1, not 0"
    assert len(caught.value.history) == 0


def test_wrong_probabilities_are_named_by_their_row_eagerly():
    y = [[0.5, 0.5]] * 18 + [[0.5, 0.9], [-3, 4]]
    error = refused(cross_entropy, y, "eager", outputs=2)
    assert str(error).startswith("row 18: cross_entropy: the target's probabilities must be at least 0 and sum to 1")


# ------------------------------------------------------------------ a loss that has turned


def test_a_validation_loss_that_has_risen_says_when_it_was_lowest():
    def history(*losses, **others):
        return History([{"epoch": i, "loss": 1 / i, "validation loss": x} for i, x in enumerate(losses, 1)])

    turned = history(1.0, 0.54, 0.6, 1.27)
    assert turned.turned == "the validation loss was lowest at epoch 2, 0.5400; now 1.2700"
    assert str(turned).splitlines()[-1].endswith("keep_best=True keeps the net of that epoch, patience= stops in time")
    assert len(str(turned).splitlines()) == 6
    wavering = history(*(1 / i for i in range(1, 20)), 0.5)  # one worse epoch after many that were better
    for fine in (
        wavering,
        history(1.0, 0.5, 0.51),
        history(1.0, 0.5, 0.5, 0.51),
        history(1.0),
        History([{"epoch": 1, "loss": 1.0}]),
        History(),
    ):
        assert fine.turned == "" and "keep_best" not in str(fine)


@pytest.mark.parametrize("backend", ["eager", "jit"])
def test_a_nan_among_the_validation_rows_is_an_error(backend):
    net = MLP(1, [1], rng=random.Random(0))
    with pytest.raises(FloatingPointError, match="validation loss after epoch 1 is nan"):
        fit(
            net,
            mse,
            [[1.0]] * 3,
            [1.0] * 3,
            validation=([[math.nan]], [1.0]),
            epochs=2,
            progress=False,
            backend=backend,
        )


def test_a_row_in_a_users_own_words_stays_and_the_row_is_said_once():
    def loss(out, t):
        raise ValueError("row 3: the user's own words")

    X, y = [[float(i)] for i in range(10)], [1.0] * 10
    for backend in ("eager", "jit"):
        with pytest.raises(ValueError) as caught:
            fit(MLP(1, [1]), loss, X, y, epochs=1, validation=0.3, seed=1, backend=backend, progress=False)
        row = caught.value.row
        assert 0 < row < 10  # the first of those to train on, by its place in the data given
        assert str(caught.value) == f"row {row}: row 3: the user's own words"


@pytest.mark.parametrize("loss", [lambda out, t: (out.data - t) ** 2, lambda out, t: 3.0, lambda out, t: Value(3.0)])
def test_a_loss_that_no_gradient_goes_through_is_refused_and_nothing_is_changed(loss):
    net = MLP(1, [2, 1], rng=random.Random(0))
    before = net.state_dict()
    for backend in ("eager", "jit", "auto"):
        with pytest.raises(TypeError, match="not connected to the parameters: compute with the model's output"):
            fit(net, loss, [[1.0], [2.0]], [1.0, -1.0], epochs=1, backend=backend, progress=False)
        assert net.state_dict() == before
    with pytest.raises(TypeError, match="which is not connected to the parameters"):
        train_step(lambda x, t: loss(net([x]), t), SGD(net.parameters(), lr=0.1))([1.0, 2.0], [1.0, -1.0])


RATE = "before it; if the loss grew until here, the learning rate may be too large: it is 1e+06"


@BOTH
def test_training_that_diverges_names_the_learning_rate(backend):
    net = MLP(2, [1], rng=random.Random(0))
    with pytest.raises(
        FloatingPointError, match=r"too large for a float .*about 1\.8e308\)\. The parameters"
    ) as caught:
        optimizer = SGD(net.parameters(), lr=1e6)
        fit(net, mse, ROWS, [1.0] * 20, optimizer=optimizer, epochs=99, backend=backend, progress=False)
    assert str(caught.value).endswith(RATE)


def test_a_step_names_the_learning_rate_only_after_others_and_where_numbers_grew():
    w = Value(1.0)
    step = train_step(lambda x: (w * x) ** 2, SGD([w], lr=lambda t: 1e6))
    with pytest.raises(FloatingPointError, match=r"step 1 was skipped.*before it$"):
        step([1e200])  # the data, not the training
    with pytest.raises(FloatingPointError) as caught:
        step.run([1.0], epochs=100)
    assert str(caught.value).endswith(RATE)
    for loss, bad in ((lambda x: (w * x).log(), -1.0), (lambda x: w * x, math.inf)):
        w.data = 1.0
        step = train_step(loss, SGD([w], lr=1e-9))
        step([2.0])
        with pytest.raises(FloatingPointError, match=r"step 1 was skipped.*before it$"):
            step([bad])
