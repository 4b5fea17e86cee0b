"""fit where it is easy to get wrong: what is weighted, watched, kept, refused, and what a resumed run must not lose."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from helpers.fitting import X, Y, net_of, numbers_of, run

from micrograd.losses import binary_cross_entropy, half_squared_sum, hinge, mse
from micrograd.metrics import accuracy, is_right
from micrograd.nn import MLP
from micrograd.optim import SGD, step_decay

BOTH = pytest.mark.parametrize("backend", ["eager", "jit"])


def still(model):
    """An optimizer that changes nothing, so that a whole epoch measures one net."""
    return SGD(model.parameters(), lr=0.0)


@BOTH
def test_an_epoch_is_the_mean_over_its_rows(backend):
    model = net_of()
    _, history = run(model, optimizer=still(model), epochs=1, backend=backend, batch_size=8, progress=False)
    wanted = math.fsum(hinge(model(row), target).data for row, target in zip(X, Y)) / len(X)
    assert history["loss"][0] == pytest.approx(wanted, rel=1e-12)


@BOTH
def test_the_gradient_norm_is_the_mean_over_the_steps(backend):
    model = net_of()
    rows, targets = [X[0], X[1]], [Y[0], Y[1]]
    _, history = run(model, optimizer=still(model), epochs=1, batch_size=1, X=rows, y=targets, backend=backend)
    norms = []
    for row, target in zip(rows, targets):
        model.zero_grad()
        hinge(model(row), target).backward()
        norms.append(math.hypot(*(p.grad for p in model.parameters())))
    assert norms[0] != norms[1] and history["gradient norm"][0] == pytest.approx(sum(norms) / 2, rel=1e-12)


@BOTH
def test_metrics_are_measured_on_the_rows_they_name(backend):
    model, history = run(backend=backend, validation=(X[:10], Y[:10]), metrics={"accuracy": is_right})
    assert history["accuracy"][-1] == accuracy(model, X, Y)
    assert history["validation accuracy"][-1] == accuracy(model, X[:10], Y[:10])


def test_the_seed_is_the_order_of_the_rows():
    losses = [run(seed=seed)[1]["loss"] for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_the_learning_rate_is_that_of_the_epochs_first_step():
    model = net_of()
    optimizer = SGD(model.parameters(), lr=step_decay(0.5, every=8, factor=0.1))
    _, history = run(model, optimizer=optimizer, epochs=2, batch_size=8)
    assert history["learning rate"] == [0.5, pytest.approx(0.05)]


# ------------------------------------------------------------------ the best parameters


@BOTH
@pytest.mark.parametrize("chosen", ["the last layer", "in another order"])
def test_the_best_parameters_go_back_to_where_they_came_from(backend, chosen):
    def trained(keep_best):
        model = net_of()
        parameters = model.layers[-1].parameters() if chosen == "the last layer" else model.parameters()[::-1]
        run(model, optimizer=SGD(parameters, lr=0.05), epochs=3, keep_best=keep_best, backend=backend)
        return numbers_of(model)

    assert trained(True) == trained(False)  # the loss falls, so the last is the best
    if chosen == "the last layer":
        assert trained(True)[:18] == numbers_of(net_of())[:18]


@pytest.mark.parametrize("split", range(1, 9))
def test_a_run_that_stops_by_patience_stops_there_however_often_it_is_resumed(tmp_path, split):
    def options(model):
        optimizer = SGD(model.parameters(), lr=4.0)
        return {
            "optimizer": optimizer,
            "validation": 0.3,
            "patience": 3,
            "keep_best": True,
            "backend": "jit",
            "seed": 2,
        }

    whole_net = net_of()
    _, whole = run(whole_net, epochs=60, **options(whole_net))
    assert whole.stopped == "no lower loss for 3 epochs" and whole.best == len(whole) - 3
    for epochs in (split, 60, 90):
        model = net_of()
        _, history = run(model, epochs=epochs, checkpoint=tmp_path, resume=True, **options(model))
    assert (len(history), history.stopped, history.best) == (len(whole), whole.stopped, whole.best)
    assert numbers_of(model) == numbers_of(whole_net)


def test_a_loss_that_stays_the_same_is_not_lower():
    model = net_of()
    _, history = run(model, optimizer=still(model), epochs=20, patience=3, batch_size=None)
    assert len(history) == 4 and history.best == 1


# ---------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("backend", ["eager", "jit", "auto"])
def test_a_loss_without_a_return_is_asked_for_it(backend):
    with pytest.raises(TypeError, match="must return one number for a row, not NoneType: None; does it lack a return"):
        run(net_of(), loss=lambda out, target: None, backend=backend)


def test_a_model_that_comes_second_is_told_so():
    with pytest.raises(TypeError, match="the model comes first, and must have parameters"):
        run(mse, loss=net_of(), optimizer=None)


def test_wrong_types_are_explained_by_fit():
    model = net_of()
    for options, said in [
        ({"loss": "mse"}, "the loss must be a function of"),
        ({"optimizer": "adam"}, "the optimizer must be one made for the model"),
        ({"metrics": ["accuracy"]}, "metrics must be a dict of functions by name"),
        ({"metrics": {"accuracy": "right"}}, "metrics must be a dict of functions by name"),
        ({"callbacks": print}, "callbacks must be a list"),
    ]:
        with pytest.raises(TypeError, match=said):
            run(model, **options)
    assert numbers_of(model) == numbers_of(net_of())


@BOTH
@pytest.mark.parametrize(
    "options, said",
    [
        ({"metrics": {"loss": is_right}}, "a metric cannot be called 'loss'"),
        ({"metrics": {"seconds": is_right}}, "a metric cannot be called 'seconds'"),
        ({"metrics": {"validation loss": is_right}}, "cannot be called 'validation loss'"),
        ({"validation": 0.001}, "validation=0.001 of 60 rows leaves one side empty"),
        ({"validation": 0.999}, "validation=0.999 of 60 rows leaves one side empty"),
        ({"validation": (X, Y, Y)}, "a fraction, or a pair of rows and targets, not 3 items"),
        ({"epochs": None}, "epochs must be a whole number"),
        ({"resume": True}, "resume=True needs the folder of a checkpoint"),
        ({"optimizer": SGD(net_of().parameters())}, "none of the optimizer's 25 parameters belongs to the model"),
        ({"y": [0] * len(Y)}, "a label must be -1 or 1"),
        ({"y": [[t] for t in Y]}, "the target is a list of one"),
        ({"optimizer": lambda p: SGD(p, lr=lambda t: math.nan)}, "a learning rate of nan after 0 steps"),
    ],
)
def test_wrong_options_and_data_are_value_errors(options, said, backend):
    model = net_of()
    if callable(options.get("optimizer")):
        options = {"optimizer": options["optimizer"](model.parameters())}
    with pytest.raises(ValueError, match=said) as caught:
        run(model, backend=backend, **options)
    assert not isinstance(caught.value, FloatingPointError) and numbers_of(model) == numbers_of(net_of())


def test_a_loss_that_loses_the_graph_is_explained():
    with pytest.raises(TypeError, match=r"not connected to the parameters.*micrograd\.exp\(x\) rather than math\.exp"):
        run(loss=lambda out, target: math.exp(out.data), backend="auto")
    with pytest.raises(TypeError, match=r"would lose its graph.*such as micrograd\.exp\(value\)"):
        run(loss=lambda out, target: math.exp(out), backend="auto")


def test_validation_may_be_a_list_and_callbacks_an_iterator():
    seen = []
    _, history = run(validation=[X[:5], Y[:5]], callbacks=iter([lambda record: False, seen.append]))
    assert len(history) == 1 and len(seen) == 1 and "validation loss" in history.columns
    run(callbacks=iter([seen.append]), epochs=3)
    assert len(seen) == 4


# ------------------------------------------------------- both ways read the same numbers


@pytest.mark.parametrize(
    "labels",
    [
        np.array([t > 0 for t in Y]),
        [t > 0 for t in Y],
        np.array([t > 0 for t in Y], "uint8"),
        np.array([t > 0 for t in Y], "float32"),
        np.array([t > 0 for t in Y], "int8"),
    ],
    ids=["bool array", "bools", "uint8", "float32", "int8"],
)
@pytest.mark.parametrize("loss", [binary_cross_entropy, lambda s, t: (s - (1 - t * 2)) ** 2])
def test_labels_of_every_type_train_alike(labels, loss):
    found = [run(y=labels, loss=loss, backend=backend, epochs=2)[1]["loss"] for backend in ("eager", "jit")]
    wanted = run(y=[int(t > 0) for t in Y], loss=loss, backend="eager", epochs=2)[1]["loss"]
    assert found[0] == pytest.approx(wanted, rel=1e-12) and found[1] == pytest.approx(wanted, rel=1e-9)


def test_bools_anywhere_count_as_numbers():
    rows, targets = [[x > 0, y > 0] for x, y in X], [[t > 0, t < 0] for t in Y]
    numbers = [[[int(v) for v in row] for row in found] for found in (rows, targets)]
    wide = {"loss": mse, "epochs": 2}
    wanted = run(net_of(sizes=(4, 2)), X=numbers[0], y=numbers[1], backend="eager", **wide)[1]["loss"]
    for backend in ("eager", "jit"):
        found = run(net_of(sizes=(4, 2)), X=rows, y=targets, backend=backend, **wide)[1]["loss"]
        assert found == pytest.approx(wanted, rel=1e-9)


def test_rows_of_small_types_are_read_in_full():
    rows = (np.array(X) * 50).astype("int8")
    found = [run(X=rows, backend=backend, epochs=2)[1]["loss"] for backend in ("eager", "jit")]
    assert found[0] == pytest.approx(run(X=rows.tolist(), backend="eager", epochs=2)[1]["loss"], rel=1e-12)
    assert found[1] == pytest.approx(found[0], rel=1e-9)


@pytest.mark.parametrize(
    "metric",
    [
        lambda out, target: abs(float(out) - target),
        lambda out, target: 1 if out > 0 else 0,
        lambda out, target: float((out.data > 0) == (target > 0)),
    ],
)
def test_auto_runs_eagerly_what_cannot_be_recorded(metric):
    model, history = run(metrics={"m": metric}, backend="auto", epochs=2)
    _, wanted = run(metrics={"m": metric}, backend="eager", epochs=2)
    assert history.backend == "eager" and history["m"] == wanted["m"]
    model = net_of()
    with pytest.raises(TypeError):
        run(model, metrics={"m": metric}, backend="jit")
    assert numbers_of(model) == numbers_of(net_of())  # said before the first step


@pytest.mark.parametrize("metric", [lambda out, target: out > 0, lambda out, target: 1.0])
def test_metrics_that_are_conditions_or_constants_can_be_compiled(metric):
    found = [run(metrics={"m": metric}, backend=backend, epochs=2)[1]["m"] for backend in ("eager", "jit")]
    assert found[0] == pytest.approx(found[1], rel=1e-12)


# -------------------------------------------------------------------- not finite


@BOTH
def test_a_gradient_with_a_norm_too_large_to_clip_skips_the_step(backend):
    model = MLP(2, [1])
    before = numbers_of(model)
    optimizer = SGD(model.parameters(), lr=0.1, clip=1.0)
    large = {"loss": lambda o, t: o * t, "X": [[1.0, 1.0]], "y": [1e200], "backend": backend, "epochs": 1}
    with pytest.raises(FloatingPointError, match=r"step 1 was skipped.*the norm of the gradients to clip"):
        run(model, optimizer=optimizer, **large)
    assert numbers_of(model) == before and optimizer.steps == 0
    optimizer = SGD(model.parameters(), lr=1e-200)
    _, history = run(model, optimizer=optimizer, **large)
    assert optimizer.steps == 1 and history["gradient norm"] == [math.inf]
    assert numbers_of(model) == pytest.approx([x - 1.0 for x in before])


@BOTH
@pytest.mark.parametrize("kind", [SGD, functools.partial(SGD, momentum=0.5)], ids=["plain", "momentum"])
def test_a_step_that_would_make_a_parameter_inf_is_skipped(backend, kind):
    def trained(rates):
        model = net_of()
        optimizer = kind(model.parameters(), lr=lambda t: rates[min(t, len(rates) - 1)])
        options = {"optimizer": optimizer, "epochs": 2, "batch_size": 20, "backend": backend, "loss": half_squared_sum}
        try:
            run(model, X=[[100 * x for x in row] for row in X], **options)
        except FloatingPointError as error:
            return numbers_of(model), optimizer.state_dict(), str(error)
        return numbers_of(model), optimizer.state_dict(), ""

    numbers, state, said = trained([0.1, 0.1, 0.1, 0.1, 1.7e308, 0.1])
    assert "step 2 was skipped: it would make a parameter inf or nan; the learning rate is 1.7e+308" in said
    assert state["steps"] == 4 and all(map(math.isfinite, numbers))
    model = net_of()
    with pytest.raises(StopIteration):  # the same four steps
        run(
            model,
            X=[[100 * x for x in row] for row in X],
            optimizer=kind(model.parameters(), lr=Until([0.1] * 4)),
            epochs=2,
            batch_size=20,
            backend="eager",
            loss=half_squared_sum,
        )
    assert numbers == pytest.approx(numbers_of(model), rel=1e-9)


class Until:
    def __init__(self, rates):
        self.rates = rates

    def __call__(self, t):
        if t >= len(self.rates):
            raise StopIteration
        return self.rates[t]
