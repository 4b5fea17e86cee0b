"""The four equations of backpropagation, by hand and in numbers, agree with backward(); and why backward is cheap.

With z = W a + b and a = sigmoid(z) in each layer, quadratic cost C = 1/2 |a - y|^2, and the error delta = dC/dz:

    BP1  delta = (a - y) * sigmoid'(z)             in the last layer
    BP2  delta = (W' of the next layer, transposed, times its delta) * sigmoid'(z)
    BP3  dC/db = delta
    BP4  dC/dW[j][k] = a[k] of the layer before * delta[j]

After Nielsen, Neural Networks and Deep Learning, chapter 2.
"""

import random
import timeit

from micrograd import sigmoid
from micrograd.check import check_grads
from micrograd.cli import run
from micrograd.losses import half_squared_sum
from micrograd.nn import MLP


def by_hand(net, x, y):
    """The activations, and dC/dW and dC/db of every layer by the four equations, on plain floats."""
    W = [[[w.data for w in n.w] for n in layer.neurons] for layer in net.layers]
    b = [[n.b.data for n in layer.neurons] for layer in net.layers]
    activations = [x]
    for weights, biases in zip(W, b):
        z = [sum(w * a for w, a in zip(row, activations[-1])) + c for row, c in zip(weights, biases)]
        activations.append([sigmoid(number) for number in z])
    delta = [(a - t) * a * (1 - a) for a, t in zip(activations[-1], y)]  # BP1
    gradients = []
    for i in reversed(range(len(W))):
        gradients.insert(0, ([[a * d for a in activations[i]] for d in delta], delta))  # BP4 and BP3
        if i:
            back = [sum(W[i][j][k] * delta[j] for j in range(len(delta))) for k in range(len(activations[i]))]
            delta = [e * a * (1 - a) for e, a in zip(back, activations[i])]  # BP2
    return activations, gradients


def in_numbers(net, y, activations, gradients):
    """Print each equation with its numbers, for the first neurons of the last two layers."""
    (h, *_), (a, *_) = activations[-2:]
    (_, before), (dW, delta) = gradients[-2:]
    terms = " + ".join(f"({n.w[0].data:.4f}) × ({d:.4f})" for n, d in zip(net.layers[-1].neurons, delta))
    print(f"BP1  delta = (a - y) × a × (1 - a) = ({a:.4f} - {y[0]:g}) × {a:.4f} × (1 - {a:.4f}) = {delta[0]:.4f}")
    print(f"BP2  one layer before: delta = ({terms}) × {h:.4f} × (1 - {h:.4f}) = {before[0]:.4f}")
    print(f"BP3  dC/db = delta = {delta[0]:.4f}; backward() gave {net.layers[-1].neurons[0].b.grad:.4f}")
    print(f"BP4  dC/dW = a before × delta = {h:.4f} × ({delta[0]:.4f}) = {dW[0][0]:.4f}", end="; ")
    print(f"backward() gave {net.layers[-1].neurons[0].w[0].grad:.4f}")


def costs(net, x, y):
    """The number of weights, and the seconds that backward and finite differences take for all their gradients."""
    back = min(timeit.repeat(lambda: half_squared_sum(net(x), y).backward(), number=1, repeat=3))
    check = timeit.timeit(lambda: check_grads(lambda *_: half_squared_sum(net(x), y), net.parameters()), number=1)
    return len(net.parameters()), back, check


def main(*, seed=0, largest=64):
    """Compare all gradients of a 3-4-2 sigmoid net, then time backward against finite differences on wider nets."""
    rng = random.Random(seed)
    net = MLP(3, [4, 2], activation="sigmoid", output="sigmoid", rng=rng)
    x, y = [0.5, -0.2, 0.9], [1.0, 0.0]
    half_squared_sum(net(x), y).backward()
    activations, gradients = by_hand(net, x, y)
    in_numbers(net, y, activations, gradients)
    by_equation = [g for dW, db in gradients for row, d in zip(dW, db) for g in (*row, d)]
    difference = max(abs(p.grad - g) for p, g in zip(net.parameters(), by_equation))
    print(f"all {len(by_equation)} gradients agree: the largest difference is {difference:.1e}\n")

    print("weights   backward ms   finite differences ms   ratio")
    rows, hidden = [], 4
    while hidden <= largest:
        rows.append(costs(MLP(3, [hidden, 2], activation="sigmoid", output="sigmoid", rng=rng), x, y))
        weights, back, differences = rows[-1]
        print(f"{weights:7}   {1e3 * back:11.2f}   {1e3 * differences:21.2f}   {differences / back:5.0f}")
        hidden *= 2
    print("Backward visits each operation once; differences compute the cost twice for every weight.")
    return difference, rows


if __name__ == "__main__":
    run(main)
