"""A neuron that somebody is writing on their own Values: does it compute, and does it learn?

>>> from micrograd import Value
>>> from micrograd.foreign.building import Work
>>> from micrograd.foreign.learning import neuron
>>> class Neuron:
...     def __init__(self, nin):
...         self.w, self.b = [Value(0.5) for _ in range(nin)], Value(0.0)
...     def parameters(self):
...         return self.w + [self.b]
...     def __call__(self, row):
...         return sum((w * x for w, x in zip(self.w, row)), self.b)
>>> print(neuron(Work(Neuron, 10.0)))
Neuron.__call__: neuron([1.0, -2.0]) is 1.1 where it must be 0.8005, for w = [0.5, -0.25], b = 0.1
  your line, <doctest micrograd.foreign.learning[3]>:7:  return sum((w * x for w, x in zip(self.w, row)), self.b)
  the weighted sum with the bias is right; what is missing is its tanh
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from micrograd.engine import Value
from micrograd.foreign.advice import GAP
from micrograd.foreign.building import Work
from micrograd.foreign.findings import Finding
from micrograd.foreign.reading import MISSING, is_value, read
from micrograd.foreign.recognition import close
from micrograd.words import short, shown

WEIGHTS, BIAS, ROW = (0.5, -0.25), 0.1, [1.0, -2.0]
ROWS, TARGETS = [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]], [-1.0, -1.0, -1.0, 1.0]  # and
RATE, STEPS = 0.1, 100


def neuron(work: Work) -> Finding | None:
    """Step 10: a neuron that computes tanh of a weighted sum, and learns by gradient descent."""
    made, wrong = work.run(f"{work.name}(2)", lambda: work.kind(2), "__init__")
    wrong = wrong or _parameters(work, made) or _computes(work, made) or _moves(work, made)
    return wrong or _learns(work)


def _parameters(work: Work, made: Any) -> Finding | None:
    """Whether it has two weights and a bias, and names all three."""
    w, b = read(made, "w"), read(made, "b")
    if not (isinstance(w, list) and len(w) == 2 and all(map(is_value, w)) and is_value(b)):
        found = ", ".join(f"{name} = {'nothing' if x is MISSING else shown(x)}" for name, x in (("w", w), ("b", b)))
        advice = "w is a list with a Value for each input, and b is one Value more"
        return work.finding(f"{work.name}(2) has {found}", "__init__", advice)
    found, wrong = work.run("neuron.parameters()", lambda: made.parameters(), "parameters")
    if wrong:
        return wrong
    if not isinstance(found, (list, tuple)) or {*map(id, found)} != {*map(id, [*w, b])}:
        advice = GAP if found is ... else "it returns a list of all weights and the bias: self.w + [self.b]"
        return work.finding(f"neuron.parameters() is {shown(found)}", "parameters", advice)
    return None


def _set(made: Any) -> list[Any]:
    """The parameters, with numbers of ours in them."""
    for p, x in zip([*made.w, made.b], [*WEIGHTS, BIAS]):
        p.data, p.grad = x, 0.0
    return [*made.w, made.b]


def _computes(work: Work, made: Any) -> Finding | None:
    """Whether a call gives the tanh of the weighted sum and the bias."""
    _set(made)
    out, wrong = work.run(f"neuron({ROW})", lambda: made(ROW), "__call__")
    if wrong:
        return wrong
    if not is_value(out):
        advice = GAP if out is ... else "a neuron gives a Value, so that backward can go through it"
        return work.finding(f"neuron({ROW}) gives {shown(out)}", "__call__", advice)
    total = sum(w * x for w, x in zip(WEIGHTS, ROW))
    wanted = math.tanh(total + BIAS)
    if close(out.data, wanted):
        return None
    others = {
        total + BIAS: "the weighted sum with the bias is right; what is missing is its tanh",
        math.tanh(total): "the tanh of the weighted sum is right; what is missing is the bias, self.b",
        total: "the weighted sum is right; what is missing is the bias, self.b, and the tanh of both together",
    }
    advice = next((text for x, text in others.items() if close(out.data, x)), "it is tanh(w[0]*x[0] + w[1]*x[1] + b)")
    said = f"neuron({ROW}) is {short(out.data)} where it must be {short(wanted)}"
    return work.finding(f"{said}, for w = {[*WEIGHTS]}, b = {BIAS}", "__call__", advice)


def _loss(numbers: Sequence[float]) -> tuple[float, list[float]]:
    """The sum of the squared differences for these parameters, and its gradient: by the table."""
    *weights, bias = map(Value, numbers)
    outputs = [sum((w * x for w, x in zip(weights, row)), bias).tanh() for row in ROWS]
    loss = sum(((out - target) ** 2 for out, target in zip(outputs, TARGETS)), Value(0.0))
    loss.backward()
    return loss.data, [p.grad for p in (*weights, bias)]


def _moves(work: Work, made: Any) -> Finding | None:
    """Whether two calls of learn move the parameters as gradient descent does, and give the loss."""
    parameters = _set(made)
    form, call = f"neuron.learn(rows, targets, {RATE})", lambda: made.learn(ROWS, TARGETS, RATE)
    earlier = [0.0] * len(parameters)
    for is_second in (False, True):
        before = [p.data for p in parameters]
        loss, gradient = _loss(before)
        found, wrong = work.run(form, call, "learn")
        if wrong:
            return wrong
        after = [p.data for p in made.parameters()]
        advice = _why(parameters, made, before, gradient, earlier if is_second else None)
        if advice:
            first, wanted = shown(after[0]), before[0] - RATE * gradient[0]
            first = short(after[0]) if isinstance(after[0], (int, float)) else first
            said = f"w[0] is {first} after {'a second ' * is_second}{form}, where it must be {short(wanted)}"
            return work.finding(
                f"{said}; it was {short(before[0])}, and its gradient is {short(gradient[0])}", "learn", advice
            )
        if not isinstance(found, (int, float)) or not close(found, loss):
            advice = "it returns the loss as a number, loss.data: the sum of (neuron(row) - target)**2 over the rows"
            return work.finding(f"{form} gives {shown(found)}, and the loss is {short(loss)}", "learn", advice)
        earlier = gradient
    return None


def _why(
    parameters: list[Any], made: Any, before: list[float], gradient: list[float], earlier: list[float] | None
) -> str:
    """Why parameters are not where one step of gradient descent takes them; empty where they are."""
    if any(x is not y for x, y in zip([*made.w, made.b], parameters)):
        return "the neuron has other Values now: change the number in the Value that is there, p.data -= rate * p.grad"
    after = [p.data for p in parameters]
    if not all(isinstance(x, (int, float)) for x in after):
        return "a parameter's data is not a number any more: compute with numbers, p.data -= rate * p.grad"

    def is_at(rate: float, slopes: Sequence[float]) -> bool:
        return all(close(x, y - rate * g) for x, y, g in zip(after, before, slopes))

    if is_at(RATE, gradient):
        return ""
    if is_at(0.0, gradient) and all(p.grad == 0.0 for p in parameters):
        return "nothing moved, and all gradients are 0: set them to 0 first, then loss.backward(), then move"
    if is_at(0.0, gradient):
        return (
            "nothing moved: change the number in each parameter, p.data -= rate * p.grad; p = p - ... would only give "
            "the name p to another Value"
        )
    if is_at(-RATE, gradient):
        return "it moved uphill: the gradient points to where the loss grows, so subtract, p.data -= rate * p.grad"
    if is_at(1.0, gradient):
        return "the rate is missing: p.data -= rate * p.grad"
    if earlier and is_at(RATE, [x + y for x, y in zip(gradient, earlier)]):
        return "the gradients of the first call are still in it: set each p.grad = 0.0 before loss.backward()"
    return "for each parameter: p.grad = 0.0 first; then loss.backward(); then p.data -= rate * p.grad"


def _learns(work: Work) -> Finding | None:
    """Whether a new neuron learns: and what it has learned."""

    def train() -> tuple[list[float], list[float]]:
        fresh = work.kind(2)
        return [fresh.learn(ROWS, TARGETS, RATE) for _ in range(STEPS)], [fresh(row).data for row in ROWS]

    found, wrong = work.run(f"{STEPS} calls of learn", train, "learn")
    if wrong:
        return wrong
    losses, outputs = found
    if not losses[-1] < 1.0:
        said = f"after {STEPS} calls of learn the loss is {short(losses[-1])}; it was {short(losses[0])}"
        return work.finding(said, "learn", "each call computes the loss again, with the parameters as they are then")
    learned = ", ".join(f"{x:+.0f} and {y:+.0f} gives {out:+.2f}" for (x, y), out in zip(ROWS, outputs))
    fell = f"in {STEPS} calls of learn the loss fell from {short(losses[0])} to {short(losses[-1])}"
    work.notes.append(f"Your neuron learned the logical and: {fell}. Now {learned}.")
    return None
