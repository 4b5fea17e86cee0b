"""The whole idea on one page of plain Python: numbers that remember, the chain rule, and a net that learns a circle."""

import math
import random


def operation(rule):
    """The method of a rule, which takes plain numbers and gives the result and its derivative by each of them."""

    def method(*operands):
        operands = [x if isinstance(x, Value) else Value(x) for x in operands]
        data, *derivatives = rule(*[x.data for x in operands])
        return Value(data, operands, derivatives)

    return method


class Value:
    """A number that remembers its operands, the Values it was computed from, and its derivative by each of them."""

    def __init__(self, data, operands=(), derivatives=()):
        self.data, self.grad, self.operands, self.derivatives = float(data), 0.0, operands, derivatives

    __add__ = __radd__ = operation(lambda x, y: (x + y, 1, 1))
    __mul__ = __rmul__ = operation(lambda x, y: (x * y, y, x))
    __sub__ = operation(lambda x, y: (x - y, 1, -1))
    __rsub__ = operation(lambda y, x: (x - y, -1, 1))
    __truediv__ = operation(lambda x, y: (q := x / y, 1 / y, -q / y))
    __rtruediv__ = operation(lambda y, x: (q := x / y, -q / y, 1 / y))
    __neg__ = operation(lambda x: (-x, -1))
    exp = operation(lambda x: (e := math.exp(x), e))
    tanh = operation(lambda x: (t := math.tanh(x), 1 - t * t))
    relu = operation(lambda x: (max(x, 0.0), int(x > 0)))

    def __pow__(self, n):  # n is a plain number; the derivative of x**0 is 0, also at 0, which has no power -1
        return operation(lambda x: (x**n, n and n * x ** (n - 1)))(self)

    def backward(self):
        """Set the grad of all that this was computed from: how fast this changes as that does."""
        order = topological_order(self)
        for x in order:
            x.grad = 0.0 if x.operands else x.grad  # those of leaves add up, until they are set to 0
        self.grad += 1
        for result in reversed(order):  # its gradient is complete, because all that uses it came before
            for x, derivative in zip(result.operands, result.derivatives):
                x.grad += derivative * result.grad  # the chain rule; where branches meet, they add up


def topological_order(root):
    """All that root was computed from, operands before results; with a stack, as recursion would end at some depth."""
    order, seen, stack = [], set(), [(root, False)]
    while stack:
        x, is_after_operands = stack.pop()
        if is_after_operands:
            order.append(x)
        elif x not in seen:
            seen.add(x)
            stack += [(x, True), *((operand, False) for operand in reversed(x.operands))]
    return order


class Neuron:  # the tanh of a weighted sum and a bias
    def __init__(self, inputs, rng):
        self.parameters = [*(Value(rng.uniform(-1, 1)) for _ in range(inputs)), Value(0)]

    def __call__(self, xs):
        *weights, bias = self.parameters
        return sum((w * x for w, x in zip(weights, xs)), bias).tanh()


class MLP:  # layers: each neuron is given all that the layer before it gives
    def __init__(self, *sizes, rng):
        self.layers = [[Neuron(sizes[i], rng) for _ in range(sizes[i + 1])] for i in range(len(sizes) - 1)]
        self.parameters = [p for layer in self.layers for neuron in layer for p in neuron.parameters]

    def __call__(self, xs):
        for layer in self.layers:
            xs = [neuron(xs) for neuron in layer]
        return xs


def main(*, seed=2, steps=100, rate=0.5):
    """Learn from 49 points what is inside a circle: print the loss as it falls, then a map of what was learned."""
    rows = [([x / 3, y / 3], 1 if x * x + y * y < 6 else -1) for x in range(-3, 4) for y in range(-3, 4)]
    net, losses = MLP(2, 8, 1, rng=random.Random(seed)), []
    for step in range(steps + 1):
        loss = sum((net(point)[0] - target) ** 2 for point, target in rows) / len(rows)
        loss.backward()
        for p in net.parameters:
            p.data, p.grad = p.data - rate * p.grad, 0.0
        losses.append(loss.data)
        if step % 10 == 0:
            print(f"step {step:3}   loss {loss.data:.4f}")
    for y in range(10, -11, -2):
        print("".join(".#"[net([x / 20, y / 10])[0].data > 0] for x in range(-20, 21)))
    return net, losses


if __name__ == "__main__":
    main()
