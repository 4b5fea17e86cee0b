"""Graphs to make pages of, and what to ask of an open page."""

from __future__ import annotations

import math
import random
import re

from micrograd import Value, exp, tanh
from micrograd.losses import mse
from micrograd.nn import MLP

HOSTILE = ["</script><script>alert(1)</script>", "</template><img src=x onerror=alert(1)>", "<b>x</b>", "a|b", "x<0"]
HOSTILE += ['"];evil[label="', "&lt;i&gt; {0} ${1}", "new\nline", "l" * 10_000]


def fraction():
    x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    s = x + y
    s.label = "s"
    z = x / s
    z.label = "z"
    return z


def neuron():
    """The two-input neuron of Karpathy's lecture."""
    x1, x2, w1, w2, b = (Value(v, label=n) for v, n in zip((2.0, 0.0, -3.0, 1.0, 6.88), "x1 x2 w1 w2 b".split()))
    e = exp(2 * (x1 * w1 + x2 * w2 + b))
    return (e - 1) / (e + 1)


def random_graph(seed=5, values=40):
    """A graph of exactly `values` values, all of which lead to the result, some by several paths."""
    rng = random.Random(seed)
    made = [Value(rng.uniform(-1, 1)) for _ in range(values // 4)]
    unused = list(made)
    while len(made) < values:
        together = len(unused) > values - len(made)  # time to bring together what is left
        a, b = unused.pop(0), unused.pop(0) if together else rng.choice(made)
        made.append(rng.choice([a * b, a + b, a - b] + [tanh(a)] * (not together)))
        unused.append(made[-1])
    return made[-1]


def net(*sizes, rows=2):
    rng = random.Random(1)
    inputs, *layers = sizes or (3, 4, 1)
    f = MLP(inputs, layers, rng=rng)
    return mse([f([rng.uniform(-1, 1) for _ in range(inputs)]) for _ in range(rows)], [1.0, -1.0] * (rows // 2))


def by_hand():
    x = Value(3.0, label="x")
    out = Value(9.0, (x,), "square")
    out._backward = lambda: setattr(x, "grad", x.grad + 2 * x.data * out.grad)
    return out * x + 1


def not_finite():
    x = Value(math.inf, label="x")
    return x * 0.0 + Value(-0.0) * x - Value(1e-300) * 1e-300


def steps_of(trace):
    """The lines of all steps as the page writes them: without their numbers, and never cut."""
    lines = [re.sub(r"^\[\d+/\d+\] ", "", repr(step)) for step in trace]
    return [*trace.forward(), *(re.sub(r"\n +", "\n", line) for line in lines)]


def press(tab, *keys):
    for key in keys:
        tab.keyboard.press(key)


def at(tab):
    return int(tab.locator("#scrubber").input_value())


def go_to(tab, position):
    tab.locator("#scrubber").fill(str(position))


def card(tab, name):
    """The card of a node, by its name, or of a folded box, by its title."""
    return tab.locator(".card").filter(has=tab.locator("text.name", has_text=re.compile(f"^{re.escape(name)}$"))).first


def numbers(card):
    """What a card shows: its data, its gradient or the terms of it, and their sum."""
    return card.locator("text.number").all_text_contents()


def rgb(colour):
    """A colour such as #7c3aed as a page tells it: `rgb(124, 58, 237)`."""
    return "rgb({}, {}, {})".format(*bytes.fromhex(colour[1:]))


def contrast(*colours):
    """The ratio of luminances of two colours, as a page tells them, as WCAG 2 defines it."""
    found = []
    for colour in colours:
        channels = [int(x) / 255 for x in re.findall(r"\d+", colour)[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        found.append(0.05 + 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return max(found) / min(found)
