"""Make the gallery: `python docs/gallery.py` writes gallery.md and gallery/*.svg beside itself.

Each picture is a function: its first line of documentation is what to see, and its body is the code that made it.
"""

from __future__ import annotations

import functools
import inspect
import random
import re
import statistics
import sys
import textwrap
from pathlib import Path

from micrograd import Value, cos, relu, save, sigmoid, sin, tanh
from micrograd.data import iris
from micrograd.losses import cross_entropy, hinge
from micrograd.nn import MLP, Neuron
from micrograd.optim import Adam

FOLDER = Path(__file__).parent
PICTURES = {}


def picture(title):
    """Put a function among the pictures, under this title."""

    def entered(function):
        PICTURES[function.__name__] = title, function
        return function

    return entered


@picture("A quotient")
def quotient(path):
    """`x` is used twice, so two edges leave it, and its gradient is the sum of what comes back along both."""
    x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    s = x + y
    s.label = "s"
    z = x / s
    z.label = "z"
    z.backward()
    save(z, path)


@picture("The same, with local derivatives")
def derivatives(path):
    """Each edge has its local derivative, as formula and number. Multiply along a path, add over paths."""
    x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    s = x + y
    s.label = "s"
    z = x / s
    z.label = "z"
    z.backward()
    save(z, path, derivatives=True)


@picture("A repeated operand")
def square(path):
    """`a * a` has two edges, one for each operand: the gradient is a + a = 6."""
    a = Value(3.0, label="a")
    b = a * a
    b.label = "b"
    b.backward()
    save(b, path, derivatives=True)


@picture("An expression with merges")
def sigmoids(path):
    """(x + σ(y)) / (σ(x) + (x + y)²): blue gradients are positive, orange ones negative; deeper is larger."""
    x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    f = (x + sigmoid(y)) / (sigmoid(x) + (x + y) ** 2)
    f.label = "f"
    f.backward()
    save(f, path)


@picture("A neuron")
def neuron(path):
    """The neuron of the lecture, value by value."""
    x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
    w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
    b = Value(6.8813735870195432, label="b")
    n = x1 * w1 + x2 * w2 + b
    n.label = "n"
    o = tanh(n)
    o.label = "o"
    o.backward()
    save(o, path)


@picture("A neuron of nn")
def neuron_of_nn(path):
    """The numbers that a neuron was given are small, its parameters say so, and its ReLU is off for this input."""
    out = Neuron(2, rng=random.Random(1))([2.0, -3.0])
    out.backward()
    save(out, path)


@picture("A net on one row")
def net_on_one_row(path):
    """MLP(2, [4, 4, 1]), drawn by neuron: each box has a neuron's output and gradient."""
    net = MLP(2, [4, 4, 1], rng=random.Random(7))
    x = [Value(0.6, label="x1"), Value(-0.3, label="x2")]
    loss = hinge(net(x), 1)
    loss.label = "loss"
    loss.backward()
    save(loss, path)


@picture("The same net on twenty rows")
def net_on_twenty_rows(path):
    """All rows of a layer are one box, with the mean size of its gradients; the loss over all rows is one more."""
    rng = random.Random(7)
    net = MLP(2, [4, 4, 1], rng=rng)
    rows = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(20)]
    loss = hinge([net(row) for row in rows], [1 if x > y else -1 for x, y in rows])
    loss.label = "loss"
    loss.backward()
    save(loss, path)


@picture("Iris, with its classes")
def iris_net(path):
    """After 60 steps: the outputs of the last layer bear the names of the flowers."""
    rng = random.Random(0)
    X, y = iris()
    means = [statistics.mean(column) for column in zip(*X)]
    X = [[a - mean for a, mean in zip(row, means)] for row in X]
    net = MLP(4, [20, 3], init="xavier", rng=rng)
    optimizer = Adam(net.parameters(), lr=0.01)
    for _ in range(60):
        chosen = rng.sample(range(150), 15)
        loss = cross_entropy([net(X[i]) for i in chosen], [y[i] for i in chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    loss.label = "loss"
    save(loss, path, classes=["setosa", "versicolor", "virginica"])


@picture("Off and dead ReLUs")
def relus(path):
    """A ReLU is off for one input. It is dead only where it is off in every row, as neuron 1 is here."""
    net = MLP(2, [2, 1], rng=random.Random(3))
    net.layers[0].neurons[1].b.data = -9.0
    loss = hinge([net([0.5, 0.2]), net([-1.0, 0.4])], [-1, 1])
    loss.label = "loss"
    loss.backward()
    save(loss, path, fold="neuron")


@picture("The birth of a nan")
def nan(path):
    """`big` is where the infinity was born, and `product` the nan: infinity × 0. What they reached is marked too."""
    x, w = Value(1e200, label="x"), Value(0.0, label="w")
    big = x * x
    big.label = "big"
    product = big * w
    product.label = "product"
    out = relu(product) + x
    out.label = "out"
    out.backward()
    save(out, path)


@picture("An operation that failed")
def failed(path):
    """The graph up to the failure, drawn from the error itself."""
    price = Value(3.0, label="price")
    try:
        (price - 5).log()
    except ValueError as error:
        save(error, path)


@picture("Names that look like markup")
def hostile(path):
    """A label is text, whatever it holds."""
    a, b = Value(2.0, label="</text><script>alert(1)</script>"), Value(3.0, label='{x|y} & "];evil[')
    c = a * b
    c.label = "<b>bold</b>"
    d = c + Value(1.0, label="naïve 数値 ∂\\N")
    d.label = "-->"
    d.backward()
    save(d, path)


@picture("A graph of 100,000 values")
def large(path):
    """What is far from the result is one box; the drawing is no wider than a screen, and takes about a second."""
    rng = random.Random(0)
    x = Value(0.5, label="x")
    y = x
    for _ in range(75_000):
        y = rng.choice([lambda y=y: tanh(y), lambda y=y: sin(y + x), lambda y=y: cos(y)])()
    y.label = "y"
    y.backward()
    save(y, path)


@picture("A training step of a GPT, folded")
def gpt(path):
    """One name through demos/microgpt.py after a few steps, from the top: what is computed in the same way is a box."""
    words = ["emma", "olivia", "ava", "mia"]
    alphabet = [microgpt.END, *sorted(set("".join(words)))]
    net = microgpt.GPT(len(alphabet), block=8, size=8, heads=2, layers=1, rng=random.Random(0))
    optimizer = Adam(net.parameters(), lr=0.01)
    for word in words:
        tokens, targets, weights = microgpt.encode(word, alphabet, 8, pad=False)
        memory = [([], []) for _ in net.layers]
        scores = [net(token, i, memory) for i, token in enumerate(tokens)]
        loss = microgpt.dot(weights, [cross_entropy(s, y) for s, y in zip(scores, targets)])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    loss.label = "loss"
    save(loss, path, names=net)


@picture("As the original notebook draws")
def record(path):
    """`style="record"`: three cells for each value, and each operation a node of its own."""
    x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    z = x / (x + y)
    z.label = "z"
    z.backward()
    save(z, path, style="record")


@picture("For a printer without colours")
def print_theme(path):
    """`theme="print"`: negative gradients are hatched, positive ones grey."""
    x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    z = x / (x + y)
    z.label = "z"
    z.backward()
    save(z, path, theme="print")


@functools.cache
def demo(name):
    """A demo as a module."""
    sys.path.insert(0, str(FOLDER.parent / "demos"))
    try:
        return __import__(name)
    finally:
        sys.path.pop(0)


microgpt = demo("microgpt")


def page():
    """The text of gallery.md: each picture, what to see in it, and its code."""
    parts = [
        "# Gallery",
        '```pycon\n>>> from micrograd import Value, draw_dot, save\n>>> x = Value(2.0, label="x")\n'
        ">>> drawing = draw_dot(x * x, derivatives=True)  # a notebook shows it\n"
        '>>> path = save(x * x, "square.svg", derivatives=True)  # a file holds it\n\n```',
        "What `draw_dot`, `svg` and `save` draw. Every picture is light or dark as you prefer, and is made by "
        "[gallery.py](gallery.py) with the code below it.",
    ]
    for name, (title, function) in PICTURES.items():
        doc, code = inspect.getdoc(function), inspect.getsource(function)
        body = textwrap.dedent(code.partition('"""\n')[2])
        body = re.sub(r"\bpath\b", f'"{name}.svg"', body).strip()
        parts += [f"## {title}", doc, f"![{title}](gallery/{name}.svg)"]
        parts.append(f"<details><summary>code</summary>\n\n~~~python\n{body}\n~~~\n\n</details>")
    return "\n\n".join(parts) + "\n"


def main(folder=FOLDER):
    """Write the page and every picture into a folder."""
    (folder / "gallery").mkdir(exist_ok=True)
    for name, (_, function) in PICTURES.items():
        function(folder / "gallery" / f"{name}.svg")
    (folder / "gallery.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
