"""Is the word in the middle of five a place? A net learns to score a true window above a corrupt one.

The inputs are word vectors, four numbers for each of five words, and they are learned as well: the gradient flows
through the net into the words themselves. After Collobert and Weston's window approach.
"""

import random

from micrograd import Value
from micrograd.cli import run
from micrograd.losses import margin_ranking
from micrograd.nn import Layer, Module, Neuron
from micrograd.optim import SGD

TRUE = "Museums in Paris are amazing".lower().split()
CORRUPT = "Not all museums in Paris".lower().split()


class WindowScorer(Module):
    """score = U . a, with a = sigmoid(W x + b) and x the vectors of the window's words, one after the other."""

    def __init__(self, words, *, size, hidden, window, rng):
        self.vectors = {word: [Value(rng.uniform(-1, 1)) for _ in range(size)] for word in words}
        self.hidden = Layer(size * window, hidden, activation="sigmoid", init="xavier", rng=rng)
        self.U = Neuron(hidden, nonlin=False, bias=False, init="xavier", rng=rng)

    def __call__(self, window):
        x = [number for word in window for number in self.vectors[word]]
        return self.U(self.hidden(x))


def main(*, seed=0, steps=200, lr=0.1, margin=1.0):
    """Train until "Museums in Paris are amazing" outscores "Not all museums in Paris" by the margin."""
    words = sorted({*TRUE, *CORRUPT})
    net = WindowScorer(words, size=4, hidden=8, window=5, rng=random.Random(seed))
    optimizer = SGD(net.parameters(), lr=lr)
    before = {word: [v.data for v in vector] for word, vector in net.vectors.items()}
    for step in range(steps + 1):
        score, corrupt = net(TRUE), net(CORRUPT)
        loss = margin_ranking(score, corrupt, margin=margin)
        if step % 5 == 0 or loss.data == 0:
            print(f"step {step:4}   true {score:.4f}   corrupt {corrupt:.4f}   loss {loss:.4f}")
        if loss.data == 0:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    moved = {w: sum((v.data - b) ** 2 for v, b in zip(net.vectors[w], before[w])) ** 0.5 for w in words}
    print("how far each word's vector moved: " + ", ".join(f"{w} {d:.3f}" for w, d in moved.items()))
    ahead, farthest = net(TRUE).data - net(CORRUPT).data, max(moved, key=moved.get)
    outcome = f"by {ahead:.2f}, at least the margin of {margin:g}" if ahead >= margin else f"by {ahead:.2f} only"
    print(f'"{" ".join(TRUE)}" now outscores "{" ".join(CORRUPT)}" {outcome}.')
    print(f'The gradient went through the net into the words: all {len(words)} moved, "{farthest}" the farthest.')
    return net(TRUE).data, net(CORRUPT).data, moved


if __name__ == "__main__":
    run(main)
