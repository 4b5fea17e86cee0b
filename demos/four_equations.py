"""The four equations of backpropagation, computed by hand, agree with backward(); and why backward is cheap.

With z = W a + b and a = sigmoid(z) in each layer, quadratic cost C = 1/2 |a - y|^2, and the error delta = dC/dz:

    BP1  delta = (a - y) * sigmoid'(z)             in the last layer
    BP2  delta = (W' of the next layer, transposed, times its delta) * sigmoid'(z)
    BP3  dC/db = delta
    BP4  dC/dW[j][k] = a[k] of the layer before * delta[j]

After Nielsen, Neural Networks and Deep Learning, chapter 2.
"""

import random
import time

from micrograd import sigmoid
from micrograd.check import check_grads
from micrograd.cli import run
from micrograd.losses import half_squared_sum
from micrograd.nn import MLP


def by_hand(net, x, y):
    """dC/dW and dC/db of every layer by the four equations, on plain floats."""
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
    return gradients


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def costs(net, x, y):
    """The number of weights, and the seconds that backward and finite differences take for all their gradients."""
    parameters = net.parameters()

    def cost(*_):
        return half_squared_sum(net(x), y)

    back = min(seconds(lambda: cost().backward()) for _ in range(3))
    return len(parameters), back, seconds(lambda: check_grads(cost, parameters))


def main(*, seed=0, largest=64):
    """Compare all gradients of a 3-4-2 sigmoid net, then time backward against finite differences on wider nets."""
    rng = random.Random(seed)
    net = MLP(3, [4, 2], activation="sigmoid", output="sigmoid", rng=rng)
    x, y = [0.5, -0.2, 0.9], [1.0, 0.0]
    half_squared_sum(net(x), y).backward()
    difference = 0.0
    for number, (layer, (dW, db)) in enumerate(zip(net.layers, by_hand(net, x, y)), start=1):
        pairs = [(n.b.grad, d) for n, d in zip(layer.neurons, db)]
        pairs += [(w.grad, d) for n, row in zip(layer.neurons, dW) for w, d in zip(n.w, row)]
        difference = max(difference, *(abs(g - h) for g, h in pairs))
        got, hand = pairs[0]
        print(f"layer {number}: {len(pairs)} gradients, e.g. dC/db[0] by hand {hand:+.12f}, by backward {got:+.12f}")
    print(f"largest difference: {difference:.1e}\n")

    print("weights   backward ms   finite differences ms   ratio")
    rows, hidden = [], 4
    while hidden <= largest:
        rows.append(costs(MLP(3, [hidden, 2], activation="sigmoid", output="sigmoid", rng=rng), x, y))
        weights, back, differences = rows[-1]
        print(f"{weights:7}   {1e3 * back:11.2f}   {1e3 * differences:21.2f}   {differences / back:5.0f}")
        hidden *= 2
    return difference, rows


if __name__ == "__main__":
    run(main)
