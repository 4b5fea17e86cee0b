"""to_c: what a real C compiler makes of the file equals Python, for the whole table, every activation and optimizer."""

from __future__ import annotations

import math
import random
import subprocess
import sys

import numpy as np
import pytest
from helpers.cases import BUILT_IN, CASES, of_numbers
from helpers.compiled_c import Compiled, needs_c
from helpers.eagerly import OPTIMIZERS
from helpers.native import SPECIAL, append, assert_same, by_ieee, operand_count

import micrograd
from micrograd import Value, grad, jit, maximum, take, train_step, where
from micrograd.compiler.tape.tape import Tape
from micrograd.export.c_file import c_text, to_c
from micrograd.export.c_statements import Statements, literal
from micrograd.losses import binary_cross_entropy, cross_entropy, mse
from micrograd.nn import MLP, Layer, Module, Neuron
from micrograd.optim import SGD, Adam, Optimizer
from micrograd.table import ELEMENTARY
from micrograd.transforms import value_and_grad

ACTIVATIONS = [name for name, entry in BUILT_IN.items() if entry.is_unary]
# Where the sums of a net's neurons must lie, for an activation that is not defined everywhere.
PARTIAL = {"log": 0.5, "sqrt": 0.5, "log1p": 0.1, "tan": 0.1, "asin": 0.1, "acos": 0.1}


def gentle(net, name):
    """A net whose neurons' sums stay where its activation is defined."""
    if name in PARTIAL:
        r = random.Random(7)
        for path, p in net.named_parameters():
            p.data = PARTIAL[name] if path.endswith("b") else r.uniform(-0.1, 0.1)
    return net


def test_the_file_says_what_it_is_and_how_to_call_it():
    net = MLP(2, [2, 1], activation="tanh", rng=random.Random(0))
    net.layers[0].neurons[0].w[0].data = 0.5
    text = c_text(net, "net", train=(lambda x, y: mse(net(x), y), SGD(net.parameters(), lr=0.1, momentum=0.9)))
    assert "   void net_run(const double x[2], double y[1]);\n" in text
    assert "   double net_step(const double x[2], const double y[1], double rate);\n" in text
    assert "x[0] to x[1]    its numbers, in order" in text and "SGD" in text and "(0.1 in Python)" in text
    assert "static double net_parameters[9] = {\n    0.5, /* 0: layers.0.neurons.0.w.0 = 0.5 */\n" in text
    assert "static double net_velocity[9];\n" in text
    assert "tanh(v4); /* layers.0.neurons.0 */" in text
    assert text.count("#include") == 1 and "alloc(" not in text
    assert "static const double net_parameters" in c_text(net, "net")
    assert all(line.isprintable() and line.isascii() for line in text.splitlines())


@needs_c
@pytest.mark.parametrize("name", ["linear", *ACTIVATIONS])
def test_a_net_of_every_activation_infers_and_trains_as_in_python(name, compiled):
    net = gentle(MLP(3, [4, 2], activation=name, rng=random.Random(1)), name)
    optimizer = SGD(net.parameters(), lr=0.01)
    c = compiled(net, train=(lambda x, y: mse(net(x), y), optimizer))
    r = random.Random(2)
    for _ in range(50):
        x, y = [r.uniform(-1, 1) for _ in range(3)], [r.uniform(-1, 1) for _ in range(2)]
        assert c(x, 2) == pytest.approx([v.data for v in net(x)], rel=1e-12, abs=1e-12)
        loss = mse(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert c.step(x, y, 0.01) == pytest.approx(loss.data, rel=1e-12, abs=1e-12)
    wanted = [p.data for p in net.parameters()]
    assert c.array("parameters", len(wanted)) == pytest.approx(wanted, rel=1e-12, abs=1e-12)


@needs_c
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_and_its_state_go_on_from_where_python_is(name, compiled):
    net = MLP(2, [5, 3], activation="tanh", rng=random.Random(1))
    optimizer = OPTIMIZERS[name](net.parameters())
    r = random.Random(2)

    def python_step(x, y):
        loss = cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.data

    def drawn():
        return [r.uniform(-1, 1), r.uniform(-1, 1)], r.randrange(3)

    for _ in range(3):
        python_step(*drawn())
    step = (lambda x, y: cross_entropy(net(x), y), optimizer)
    c = compiled(net, example=([0.0, 0.0], 2), train=step)
    for _ in range(50):
        x, y = drawn()
        rate = optimizer.learning_rate()
        assert c.step(x, [y], rate) == pytest.approx(python_step(x, y), rel=1e-12)
    wanted = [p.data for p in net.parameters()]
    assert c.array("parameters", len(wanted)) == pytest.approx(wanted, rel=1e-12, abs=1e-12)
    assert "y[0] is an index: a whole number from 0 to 2" in c.text
    for state, numbers in optimizer.state_dict()["state"].items():
        if any(numbers):
            assert c.array(state, len(wanted)) == pytest.approx(numbers, rel=1e-12, abs=1e-15)


@needs_c
def test_a_compiled_training_step_goes_on_in_c(compiled):
    nets = [MLP(2, [4, 1], activation="silu", output="linear", rng=random.Random(3)) for _ in range(2)]
    losses = [lambda x, y, net=net: binary_cross_entropy(net(x), y) for net in nets]
    steps = [train_step(loss, Adam(net.parameters(), lr=0.02)) for net, loss in zip(nets, losses)]
    for step in steps:
        step.run([[0.5, -1.0], [2.0, 0.25]], [0.0, 1.0], epochs=5)
    c = compiled(nets[0], train=steps[0])
    for x, y in [([0.5, -1.0], 0.0), ([2.0, 0.25], 1.0), ([0.1, 0.2], 1.0)]:
        assert c.step(x, [y], 0.02) == pytest.approx(steps[1]([x], [y]), rel=1e-12)
    assert c([0.3, 0.4], 1) == pytest.approx([nets[1]([0.3, 0.4]).data], rel=1e-12)


@needs_c
def test_every_row_of_the_table_and_its_derivatives(compiled):
    """In one file: each case at its own numbers, against Python."""
    parts, given, wanted = [], [], []
    for param in CASES:
        f, numbers = of_numbers(*param.values)
        compute = value_and_grad(lambda xs, f=f: f(*xs))
        parts.append((len(given), len(numbers), compute))
        given += numbers
        value, derivatives = compute(numbers)
        wanted += [value, *derivatives]

    def everything(xs):
        return [f(xs[start : start + count]) for start, count, f in parts]

    c = compiled(everything, "table", example=(given,))
    got = c(given, len(wanted))
    assert got == pytest.approx(wanted, rel=1e-12, abs=1e-15)
    assert all(f" {name}(" in c.text for name in ELEMENTARY if name not in ("abs", "where"))


@needs_c
def test_every_instruction_on_nan_inf_zeros_and_denormals(tmp_path):
    names = [*ELEMENTARY, "add", "sub", "mul", "div", "neg", "lt", "le", "gt", "ge", "and", "or"]
    tape = Tape(["x0", "x1"])
    given = {"and": [tape.append("lt", 0, 1.0), tape.append("le", 1, 0)], "where": [tape.append("gt", 0, 0.5), 1, -0.0]}
    given["or"] = given["and"]
    for k, name in enumerate(names):
        tape.outputs[f"y[{k}]"] = append(tape, name, given.get(name, range(operand_count(name))))
    tape.outputs[f"y[{len(names)}]"] = tape.append("where", 0, 1.0, 2.0)  # a number that chooses
    for k, x in enumerate([math.nan, math.inf, -math.inf, -0.0, 5e-324, -1e300, 0.1]):
        tape.outputs[f"y[{len(names) + 1 + k}]"] = tape.append("add", x, -0.0)
    statements = Statements(tape, ["x[0]", "x[1]"])
    lines = statements.lines(range(len(tape.code)))
    lines += [f"{place} = {statements.of(x)};" for place, x in tape.outputs.items()]
    path = tmp_path / "special.c"
    head = f"#include <math.h>\nvoid special_run(const double x[2], double y[{len(tape.outputs)}]) {{\n"
    path.write_text(head + "\n".join(lines) + "\n}\n")
    c = Compiled(path)
    for x0 in SPECIAL:
        for x1 in SPECIAL:
            wanted = by_ieee(tape, [x0, x1])
            for name, one, other in zip([*names, *tape.outputs], c([x0, x1], len(wanted)), wanted):
                assert_same(one, other, what=(name, x0, x1))


@pytest.mark.parametrize("x", [*SPECIAL, 0.1, 1 / 3, 123456.789, 2.0**60, math.pi])
def test_constants_are_exact(x):
    text = literal(x)
    back = {"NAN": math.nan, "INFINITY": math.inf, "-INFINITY": -math.inf}.get(text)
    back = back if back is not None else float.fromhex(text) if "0x" in text else float(text)
    assert_same(back, x, rel=0.0)


@needs_c
def test_arguments_and_results_in_any_arrangement(compiled):
    w = Value(3.0, label="the */ w\n??/")  # a label must not end the comment
    unused = Value(7.0)

    def f(point, scale, options):
        x, (y, z) = point
        return {"sum": (x + y * w) * scale, "rest": [z, 2.0, maximum(x, y)], "mode": where(x > y, options["k"], 0.0)}

    c = compiled(f, "many", example=([1.0, (2.0, 3.0)], 0.5, {"k": 4, "name": "text"}))
    assert c([1.0, 2.0, 3.0, 0.5, 4.0], 5) == [3.5, 3.0, 2.0, 2.0, 0.0]
    assert "x[4]            options['k']" in c.text
    assert "x[0] to x[2]    point[0] to point[1][1]" in c.text
    assert compiled(lambda x: take([10.0, 20.0, x[0]], x[1]), "chosen", example=([5.0, 1],))([5.0, 2.0], 1) == [5.0]
    assert compiled(lambda a: a @ a, "square", example=np.eye(2))([1.0, 2.0, 3.0, 4.0], 4) == [7.0, 10.0, 15.0, 22.0]
    assert compiled(lambda x: 4.0, "constant", example=1.0)([1.0], 1) == [4.0]
    assert compiled(lambda: w * 2.0, "nothing", example=())([], 1) == [6.0]
    assert compiled(lambda x: (x, unused), "same", example=1.0)([1.5], 2) == [1.5, 7.0]
    assert compiled(jit(lambda x: x * w), "fast", example=2.0)([2.0], 1) == [6.0]
    assert compiled(grad(lambda x: x**3 * w), "slope", example=2.0)([2.0], 1) == [36.0]


class Words(Module):
    """A net that is not an MLP: vectors chosen by a whole number, shared weights, and a constant."""

    def __init__(self):
        r = random.Random(0)
        self.vectors = [[Value(r.uniform(-1, 1)) for _ in range(2)] for _ in range(3)]
        self.out = Neuron(2, activation="sigmoid", rng=r)
        self.unused = Value(1.0)

    def __call__(self, word):
        return self.out([take([v[k] for v in self.vectors], word) for k in range(2)])


@needs_c
def test_a_module_of_ones_own_with_fixed_and_unused_parameters(compiled):
    net, scale = Words(), Value(0.5)
    optimizer = Adam([*net.out.parameters(), net.unused], lr=0.1, weight_decay=0.1)  # the vectors stay
    loss = lambda word, y: (net(word) - y) ** 2 * scale  # noqa: E731
    c = compiled(net, "words", example=(1, 0.5), train=(loss, optimizer))
    for word in (0, 1, 2, 1):
        optimizer.zero_grad()
        out = loss(word, 0.25)
        out.backward()
        optimizer.step()
        assert c.step([word], [0.25], 0.1) == pytest.approx(out.data, rel=1e-12)
        assert c([word], 1) == pytest.approx([net(word).data], rel=1e-12)
    assert c.array("parameters", 4) == pytest.approx([p.data for p in optimizer.parameters], rel=1e-12)
    assert c.array("fixed", 7) == [*(x.data for v in net.vectors for x in v), 0.5]


@needs_c
def test_a_layer_and_a_neuron(compiled):
    layer, neuron = Layer(2, 3, rng=random.Random(0)), Neuron(2, bias=False, rng=random.Random(0))
    assert compiled(layer, "layer")([1.0, -2.0], 3) == [v.data for v in layer([1.0, -2.0])]
    assert compiled(neuron, "neuron")([1.0, -2.0], 1) == [neuron([1.0, -2.0]).data]


@needs_c
def test_a_step_that_is_not_finite_is_not_taken(compiled):
    w = Value(2.0)
    c = compiled(
        lambda x: micrograd.log(w * x), "f", example=(1.0, 0.0), train=(lambda x, y: micrograd.log(w * x), SGD([w]))
    )
    assert math.isnan(c.step([-1.0], [0.0], 0.1)) and c.step([0.0], [0.0], 0.1) == -math.inf
    assert c.array("parameters", 1) == [2.0]
    assert c.step([1.0], [0.0], 0.1) == math.log(2.0) and c.array("parameters", 1) == [2.0 - 0.1 / 2.0]


class Odd(Optimizer):
    """State names that mean something in C, an unused rate and gradient, and states that stay or are not read."""

    state_names = ("double", "pow", "kept")

    def update(self, m, x, grad, *state, lr, t):
        double, power, kept = state
        return x - 0.1 * double, double + m.sin(t), power + 1.0, kept


@needs_c
def test_an_optimizer_of_ones_own(compiled):
    w = Value(1.0)
    optimizer = Odd([w], lr=0.1)
    c = compiled(lambda x: w * x, "f", example=(1.0, None), train=(lambda x, y: w * x, optimizer))
    for _ in range(3):
        c.step([1.0], [], 0.1)
        w.grad = 1.0
        optimizer.step()
    assert c.array("parameters", 1) == pytest.approx([w.data], rel=1e-12)


@needs_c
def test_a_net_for_digits_compiles_in_seconds(compiled):
    net = MLP(64, [30, 10], activation="sigmoid", rng=random.Random(0))
    c = compiled(
        net, "digits", example=([0.0] * 64, 3), train=(lambda x, y: cross_entropy(net(x), y), SGD(net.parameters()))
    )
    x = [float(i) for i in range(64)]
    assert c(x, 10) == pytest.approx([v.data for v in net(x)], rel=1e-12)
    assert c.step(x, [3.0], 0.1) == pytest.approx(cross_entropy(net(x), 3).data, rel=1e-12)


def test_neither_llvm_nor_numpy_is_needed(tmp_path):
    program = """
        import sys
        sys.modules.update(llvmlite=None, numpy=None, onnx=None, safetensors=None)
        from micrograd.export import to_c
        from micrograd.losses import mse
        from micrograd.nn import MLP
        from micrograd.optim import SGD
        net = MLP(2, [2, 1])
        to_c(net, sys.argv[1], train=(lambda x, y: mse(net(x), y), SGD(net.parameters())))
    """
    code = "\n".join(line.strip() for line in program.splitlines())
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "net.c")], check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["net.c"]


class OwnStep(SGD):
    def step(self):
        """Nothing."""


@pytest.mark.parametrize(
    "attempt, error, says",
    [
        (lambda to: to(lambda x: x), TypeError, "example="),
        (lambda to: to(3.0), TypeError, "a net or a function, not 3.0"),
        (lambda to: to(lambda x: x if x > 0 else -x, example=1.0), TypeError, "where"),
        (lambda to: to(lambda x: "text", example=1.0), TypeError, "to_c: a result: 'text' is a str"),
        (lambda to: to(lambda x: [], example=1.0), TypeError, "must return at least one number"),
        (lambda to: to(Neuron(1), train=3), TypeError, r"train must be a pair \(loss, optimizer\)"),
        (lambda to: to(Neuron(1), train=(mse, OwnStep([Value(1.0)]))), TypeError, "OwnStep overrides step"),
        (
            lambda to: to(Neuron(1), example=[1.0], train=(mse, SGD([Value(1.0)]))),
            TypeError,
            "example is the loss's arguments",
        ),
        (lambda to: to(Neuron(1), train=(lambda x, y: 1.0, SGD([Value(1.0)]))), TypeError, "the loss must be one"),
    ],
)
def test_what_cannot_be_written_is_said_and_leaves_no_file(attempt, error, says, tmp_path):
    with pytest.raises(error, match=says):
        attempt(lambda f, **options: to_c(f, tmp_path / "net.c", **options))
    assert not list(tmp_path.iterdir())


def test_the_path_is_given_back_and_an_old_file_is_replaced(tmp_path):
    path = tmp_path / "net.c"
    path.write_text("old")
    assert to_c(Neuron(1), str(path)) == path
    assert path.read_text().startswith("/* net.c: Neuron of 2 parameters")
    with pytest.raises(ValueError, match=r"must end in \.c"):
        to_c(Neuron(1), tmp_path / "net.txt")
