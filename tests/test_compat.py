"""Programs written for the original micrograd 0.1.0, its lecture notebooks and microgpt run unchanged."""

from __future__ import annotations

import cmath
import copy
import math
import pickle
import random
import subprocess
import sys

import pytest

from micrograd import no_grad
from micrograd.engine import Value
from micrograd.nn import MLP, Layer, Module, Neuron


def test_the_example_of_the_original_readme(capsys):
    a = Value(-4.0)
    b = Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    print(f"{g.data:.4f}")
    g.backward()
    print(f"{a.grad:.4f}")
    print(f"{b.grad:.4f}")
    assert capsys.readouterr().out.split() == ["24.7041", "138.8338", "645.5773"]


def test_imports_and_base_classes():
    from micrograd import nn

    assert nn.MLP is MLP
    assert all(issubclass(kind, Module) for kind in (Neuron, Layer, MLP))


def test_parameters_are_drawn_in_the_original_order_from_the_global_generator():
    random.seed(1337)
    net = MLP(2, [16, 16, 1])
    random.seed(1337)
    wanted = []
    for nin, nout in [(2, 16), (16, 16), (16, 1)]:
        for _ in range(nout):
            wanted += [random.uniform(-1, 1) for _ in range(nin)] + [0.0]
    assert [p.data for p in net.parameters()] == wanted
    assert len(net.parameters()) == 337


def test_attributes_and_printed_forms():
    net = MLP(3, [2, 1])
    assert str(net) == (
        "MLP of [Layer of [ReLUNeuron(3), ReLUNeuron(3)], Layer of [LinearNeuron(2)]]"
    )  # as the original prints it
    n = net.layers[0].neurons[0]
    assert (len(n.w), n.b.data, n.nonlin) == (3, 0.0, True)
    assert net.layers[-1].neurons[0].nonlin is False
    assert str(Neuron(2, nonlin=False)) == "LinearNeuron(2)"
    assert str(Layer(2, 1, nonlin=False)) == "Layer of [LinearNeuron(2)]"
    assert repr(Value(2)) == "Value(data=2.0, grad=0.0)"


def test_a_layer_of_one_neuron_returns_a_bare_value():
    assert isinstance(Layer(2, 1)([1.0, 2.0]), Value)
    assert [type(v) for v in Layer(2, 2)([1.0, 2.0])] == [Value, Value]
    assert isinstance(Neuron(2)([Value(1.0), Value(-2.0)]), Value)


def test_a_neuron_computes_as_the_original_does():
    random.seed(3)
    n = Neuron(2)
    x = [Value(1.0), Value(-2.0)]
    act = sum((wi * xi for wi, xi in zip(n.w, x)), n.b)
    assert n(x).data == (act.data if act.data > 0 else 0.0)
    assert n(x)._op == "ReLU"
    assert [v._op for v in n(x)._prev] == ["+"]


def test_the_training_loop_of_the_original_demo():
    random.seed(1)
    X = [[random.uniform(-1, 1), random.uniform(-1, 1)] for _ in range(20)]
    y = [1 if a > b else -1 for a, b in X]
    model = MLP(2, [8, 1])

    def loss():
        inputs = [list(map(Value, xrow)) for xrow in X]
        scores = list(map(model, inputs))
        losses = [(1 + -yi * scorei).relu() for yi, scorei in zip(y, scores)]
        data_loss = sum(losses) * (1.0 / len(losses))
        alpha = 1e-4
        reg_loss = alpha * sum((p * p for p in model.parameters()))  # noqa: UP034
        total_loss = data_loss + reg_loss
        accuracy = [(yi > 0) == (scorei.data > 0) for yi, scorei in zip(y, scores)]
        return total_loss, sum(accuracy) / len(accuracy)

    for k in range(60):
        total_loss, acc = loss()
        model.zero_grad()
        total_loss.backward()
        learning_rate = 1.0 - 0.9 * k / 100
        for p in model.parameters():
            p.data -= learning_rate * p.grad
    assert acc == 1.0


def test_a_module_of_ones_own_written_for_the_original():
    class Pair(Module):
        def __init__(self):
            self.first, self.second = Neuron(1), Neuron(1)

        def parameters(self):
            return self.second.parameters() + self.first.parameters()

    pair = Pair()
    assert pair.parameters()[0] is pair.second.w[0]
    pair.second.w[0].grad = 3
    pair.zero_grad()
    assert pair.second.w[0].grad == 0


def test_the_lecture_s_way_of_drawing_reads_the_graph():
    def trace(root):
        nodes, edges = set(), set()

        def build(v):
            if v not in nodes:
                nodes.add(v)
                for child in v._prev:
                    edges.add((child, v))
                    build(child)

        build(root)
        return nodes, edges

    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    e = a * b
    e.label = "e"
    nodes, edges = trace(e)
    assert {f"{n.label} | data {n.data:.4f} | grad {n.grad:.4f}" for n in nodes} == {
        "a | data 2.0000 | grad 0.0000",
        "b | data -3.0000 | grad 0.0000",
        "e | data -6.0000 | grad 0.0000",
    }
    assert edges == {(a, e), (b, e)}
    assert {n._op for n in nodes} == {"", "*"}


def test_the_lecture_s_way_of_backward_by_hand():
    x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
    w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
    b = Value(6.8813735870195432, label="b")
    x1w1, x2w2 = x1 * w1, x2 * w2
    both = x1w1 + x2w2
    n = both + b
    t = (math.exp(2 * n.data) - 1) / (math.exp(2 * n.data) + 1)
    o = Value(t, (n,), "tanh", label="o")

    def _backward():
        n.grad += (1 - t**2) * o.grad

    o._backward = _backward
    o.grad = 1.0
    for node in (o, n, b, both, x1w1, x2w2, x1):
        node._backward()
    by_steps = [v.grad for v in (x1, w1, x2, w2)]
    assert by_steps == pytest.approx([-1.5, 1.0, 0.5, 0.0])
    for v in (x1, w1, x2, w2, b):
        v.grad = 0.0
    o.backward()
    assert [v.grad for v in (x1, w1, x2, w2)] == by_steps

    topo, visited = [], set()

    def build_topo(v):
        if v not in visited:
            visited.add(v)
            for child in v._prev:
                build_topo(child)
            topo.append(v)

    build_topo(o)
    for v in topo:
        v.grad = 0.0
    o.grad = 1.0
    for v in reversed(topo):
        v._backward()
    assert [v.grad for v in (x1, w1, x2, w2)] == by_steps


class Plain:
    """A second engine of few lines, in the style of microgpt, to run one program on both."""

    def __init__(self, data, children=(), local_grads=()):
        self.data, self.grad, self.children, self.local_grads = data, 0, children, local_grads

    def __add__(self, other):
        other = other if isinstance(other, Plain) else Plain(other)
        return Plain(self.data + other.data, (self, other), (1, 1))

    def __mul__(self, other):
        other = other if isinstance(other, Plain) else Plain(other)
        return Plain(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, n):
        return Plain(self.data**n, (self,), (n * self.data ** (n - 1),))

    def exp(self):
        return Plain(math.exp(self.data), (self,), (math.exp(self.data),))

    def log(self):
        return Plain(math.log(self.data), (self,), (1 / self.data,))

    def relu(self):
        return Plain(max(0, self.data), (self,), (float(self.data > 0),))

    __radd__ = __add__
    __rmul__ = __mul__
    __neg__ = lambda self: self * -1  # noqa: E731
    __sub__ = lambda self, other: self + (-other)  # noqa: E731
    __truediv__ = lambda self, other: self * other**-1  # noqa: E731

    def backward(self):
        topo, visited = [], set()

        def build(v):
            if v not in visited:
                visited.add(v)
                for child in v.children:
                    build(child)
                topo.append(v)

        build(self)
        self.grad = 1
        for v in reversed(topo):
            for child, local in zip(v.children, v.local_grads):
                child.grad += local * v.grad


def tiny_gpt(Value):
    """Losses of a one-layer, two-head GPT on letters, trained with Adam written out, as microgpt does."""
    rng = random.Random(42)
    docs = ["abba", "baab", "abab"]
    size, heads, vocab, block = 4, 2, 3, 6
    matrix = lambda nout, nin, std=0.3: [[Value(rng.gauss(0, std)) for _ in range(nin)] for _ in range(nout)]  # noqa: E731
    state = {"wte": matrix(vocab, size), "wpe": matrix(block, size), "out": matrix(vocab, size)}
    state |= {name: matrix(size, size) for name in ("q", "k", "v", "o")}
    state |= {"up": matrix(2 * size, size), "down": matrix(size, 2 * size)}
    params = [p for mat in state.values() for row in mat for p in row]

    def linear(x, w):
        return [sum(wi * xi for wi, xi in zip(wo, x)) for wo in w]

    def softmax(logits):
        top = max(v.data for v in logits)
        exps = [(v - top).exp() for v in logits]
        total = sum(exps)
        return [e / total for e in exps]

    def rmsnorm(x):
        ms = sum(xi * xi for xi in x) / len(x)
        scale = (ms + 1e-5) ** -0.5
        return [xi * scale for xi in x]

    def gpt(token, position, keys, values):
        x = rmsnorm([t + p for t, p in zip(state["wte"][token], state["wpe"][position])])
        residual, x = x, rmsnorm(x)
        q, k, v = (linear(x, state[name]) for name in "qkv")
        keys.append(k)
        values.append(v)
        attended, width = [], size // heads
        for h in range(0, size, width):
            scores = [sum(q[h + j] * key[h + j] for j in range(width)) / width**0.5 for key in keys]
            weights = softmax(scores)
            attended += [sum(w * value[h + j] for w, value in zip(weights, values)) for j in range(width)]
        x = [a + b for a, b in zip(linear(attended, state["o"]), residual)]
        residual, x = x, [xi.relu() for xi in linear(rmsnorm(x), state["up"])]
        x = [a + b for a, b in zip(linear(x, state["down"]), residual)]
        return linear(x, state["out"])

    m, v, history = [0.0] * len(params), [0.0] * len(params), []
    for step in range(6):
        doc = docs[step % len(docs)]
        tokens = [2] + ["ab".index(ch) for ch in doc] + [2]
        n = min(block, len(tokens) - 1)
        keys, values, losses = [], [], []
        for position in range(n):
            probs = softmax(gpt(tokens[position], position, keys, values))
            losses.append(-probs[tokens[position + 1]].log())
        loss = (1 / n) * sum(losses)
        loss.backward()
        for i, p in enumerate(params):
            m[i] = 0.9 * m[i] + 0.1 * p.grad
            v[i] = 0.95 * v[i] + 0.05 * p.grad**2
            p.data -= 0.01 * (m[i] / (1 - 0.9 ** (step + 1))) / ((v[i] / (1 - 0.95 ** (step + 1))) ** 0.5 + 1e-8)
            p.grad = 0
        history.append(loss.data)
    return history


def test_a_program_in_the_style_of_microgpt():
    ours, theirs = tiny_gpt(Value), tiny_gpt(Plain)
    assert ours == pytest.approx(theirs, rel=1e-9)
    assert ours[-1] < ours[0]


def test_names_from_the_package_itself():
    code = "from micrograd import MLP, Layer, Module, Neuron, Value, engine, nn; print(MLP is nn.MLP, engine.Value)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == "True <class 'micrograd.engine.Value'>\n"
    code = "import sys, micrograd; print('micrograd.nn' in sys.modules, micrograd.nn.MLP)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == "False <class 'micrograd.nn.MLP'>\n"


@pytest.mark.parametrize("make", [lambda x: x * 2.0, lambda x: x, lambda x: (x * 2.0).tanh()])
@pytest.mark.parametrize("function", [float, math.exp, math.sqrt, lambda v: math.sin(v) + v])
def test_functions_of_math_are_refused_instead_of_losing_the_graph(make, function):
    v = make(Value(2.0))
    with pytest.raises(TypeError, match=r"would lose its graph: write value\.data .* micrograd\.exp\(value\)"):
        function(v)
    v.label = "speed"
    with pytest.raises(TypeError, match=r"float\(\) of speed"):
        function(v)
    with no_grad():
        assert function(v.data) == getattr(function(v), "data", function(v))
        detached = make(Value(2.0)) * 1.0
    assert float(detached) == detached.data and math.exp(detached) == math.exp(detached.data)
    assert float((v * 3.0)._prev[1]) == 3.0  # a constant has nothing to lose


@pytest.mark.parametrize("module", [math, cmath])
def test_no_function_of_math_loses_the_graph_without_a_word(module):
    functions = [f for name, f in vars(module).items() if callable(f) and not name.startswith("_")]
    for make in (lambda: Value(0.5), lambda: Value(0.25) * 2.0):
        for function in functions:
            for arguments in (
                lambda x: (x,),
                lambda x: (x, 0.5),
                lambda x: (0.5, x),
                lambda x: (x, x),
                lambda x: ([x],),
            ):
                x = make()
                try:
                    found = function(*arguments(x))
                except TypeError:
                    continue
                assert isinstance(found, Value), function  # as math.prod, which only multiplies


def test_the_symbol_of_an_operation_can_be_set():
    a, b = Value(2.0), Value(3.0)
    out = a * b
    out._op = "product"
    leaf = Value(1.0)
    leaf._op = "input"
    by_hand = Value(4.0, (a,), "f")
    by_hand._op = "g"
    assert [v._op for v in (out, leaf, by_hand, a * b)] == ["product", "input", "g", "*"]
    for twin in (out, copy.deepcopy(out), pickle.loads(pickle.dumps(out))):
        assert twin._op == "product"
        twin.backward(create_graph=True)
        assert twin._prev[0].grad.data == 3.0


def test_children_are_a_tuple_in_order_and_with_repeats():
    a = Value(2.0)
    assert (a + a)._prev == (a, a)
    assert set((a + a)._prev) | {a} == {a}
