"""A GPT in scalars: it reads names, learns letter by letter what comes next, and makes up new ones.

All the parts of the large ones are here, small: token and position embeddings, RMS norm, causal attention in several
heads, a multi-layer perceptron, residual connections, softmax, cross-entropy and Adam. After Karpathy's microgpt.
"""

import functools
import itertools
import operator
import random
from pathlib import Path

from micrograd import Value, collector_paused, no_grad, take, train_step
from micrograd.cli import run
from micrograd.data import batches
from micrograd.losses import cross_entropy, softmax
from micrograd.nn import Module
from micrograd.optim import Adam, linear_decay

WORDS = str(Path(__file__).with_name("words.txt"))
END = "\n"  # the token before and after each word


def add(x, y):
    return [a + b for a, b in zip(x, y)]


def dot(x, y):
    return functools.reduce(operator.add, [a * b for a, b in zip(x, y)])


def linear(W, x):
    return [dot(row, x) for row in W]  # a matrix, given as its rows, times a vector


def rms_norm(x):
    """The vector scaled to a root mean square of 1, so that numbers keep their size from layer to layer."""
    scale = (dot(x, x) / len(x) + 1e-5) ** -0.5
    return [a * scale for a in x]


class Layer(Module):
    """Attention, which lets a position look at those before it, then an MLP, which works on what it saw."""

    def __init__(self, matrix, size, heads):
        self.heads, self.width = heads, size // heads
        self.query, self.key, self.value = matrix(size, size), matrix(size, size), matrix(size, size)
        self.up = matrix(2 * size, size)
        self.out, self.down = matrix(size, size, spread=0), matrix(size, 2 * size, spread=0)  # a layer adds 0 at first

    def __call__(self, x, keys, values):
        """The vector of the next position. `keys` and `values` hold those of the earlier positions, and grow by one."""
        x = add(x, self.attention(rms_norm(x), keys, values))  # x + ..., a residual: gradients have a short way back
        return add(x, linear(self.down, [h.relu() for h in linear(self.up, rms_norm(x))]))

    def attention(self, x, keys, values):
        """The mean of the values so far, weighted by how well their keys match this position's query."""
        query = linear(self.query, x)  # the future has no keys yet: that is all there is to a causal mask
        keys.append(linear(self.key, x))
        values.append(linear(self.value, x))
        found = []
        for start in range(0, len(x), self.width):  # each head sees its own part of the vectors
            part = slice(start, start + self.width)
            weights = softmax([dot(query[part], key[part]) * self.width**-0.5 for key in keys])
            found += [dot(weights, column) for column in zip(*[value[part] for value in values])]
        return linear(self.out, found)


class GPT(Module):
    """Scores for the next token, position by position, by `layers` blocks over vectors of `size` numbers."""

    def __init__(self, tokens, *, block, size, heads, layers, rng):
        def matrix(rows, columns, spread=0.08):
            return [[Value(rng.gauss(0, spread)) for _ in range(columns)] for _ in range(rows)]

        self.tokens, self.positions = matrix(tokens, size, spread=0.3), matrix(block, size, spread=0.1)
        self.layers = [Layer(matrix, size, heads) for _ in range(layers)]
        self.scores = matrix(tokens, size, spread=0)  # all tokens are equally likely at first: the loss is log(tokens)

    def __call__(self, token, position, memory):
        """The scores of all tokens to come next. `memory` has the keys and the values of each layer."""
        embedding = [take(column, token) for column in zip(*self.tokens)]  # self.tokens[token], for jit as well
        x = rms_norm(add(embedding, self.positions[position]))
        for layer, (keys, values) in zip(self.layers, memory):
            x = layer(x, keys, values)
        return linear(self.scores, x)


def encode(word, alphabet, block, *, pad):
    """A word's tokens, the token after each, and its weight in the loss; `pad` adds weights of 0 up to `block`."""
    tokens = [alphabet.index(letter) for letter in [END, *word, END]][: block + 1]
    count = len(tokens) - 1
    rest = [0] * (block - count if pad else 0)
    return tokens[:-1] + rest, tokens[1:] + rest, [1 / count] * count + [0.0] * len(rest)


def sample(gpt, alphabet, rng, temperature=0.5):
    """A new word: each letter is drawn with the net's probabilities, until END is drawn."""
    word, memory = [0], [([], []) for _ in gpt.layers]
    with no_grad():
        for position in range(len(gpt.positions)):
            scores = [score / temperature for score in gpt(word[-1], position, memory)]
            word += rng.choices(range(len(alphabet)), weights=[p.data for p in softmax(scores)])
            if word[-1] == 0:
                break
    return "".join(alphabet[token] for token in word).strip()


@collector_paused()  # these graphs are large, and being free of cycles they need no garbage collector
def main(*, seed=0, names=WORDS, steps=1000, batch=2, lr=0.01, size=16, heads=4, layers=1, block=16, jit=False):
    """Train on the words of the file --names, --batch of them a step, and print 20 words that the net makes up.
    --jit compiles for some 6 s first, worth it from about 150 steps."""
    words = [line.strip() for line in Path(names).read_text(encoding="utf-8").splitlines() if line.strip()]
    if not words:
        raise ValueError(f"{names} holds no words: put one on each line")
    rng = random.Random(seed)
    alphabet = [END, *sorted(set("".join(words)))]
    gpt = GPT(len(alphabet), block=block, size=size, heads=heads, layers=layers, rng=rng)
    optimizer = Adam(gpt.parameters(), lr=linear_decay(lr, steps=steps), betas=(0.9, 0.99))
    print(f"{len(words)} words of {len(alphabet) - 1} letters, {len(gpt.parameters())} parameters")
    longest, every, losses = min(block, max(map(len, words)) + 1), max(1, steps // 20), []
    examples = [encode(word, alphabet, longest, pad=jit) for word in words]  # padded, one program serves all lengths

    def loss_of(tokens, targets, weights):
        memory = [([], []) for _ in gpt.layers]
        return dot(weights, [cross_entropy(gpt(t, i, memory), y) for i, (t, y) in enumerate(zip(tokens, targets))])

    def report(step, loss):
        losses.append(loss)
        if step % every == 0:
            print(f"step {step:5}   loss {sum(losses[-every:]) / every:.4f}", flush=True)

    if jit:
        columns = map(list, zip(*examples))
        train_step(loss_of, optimizer).run(*columns, steps=steps, batch_size=batch, shuffle=rng, callback=report)
    epochs = (batches(examples, examples, batch, rng=rng) for _ in itertools.count())
    for chosen, _ in itertools.islice(itertools.chain.from_iterable(epochs), steps - len(losses)):
        loss = functools.reduce(operator.add, [loss_of(*example) for example in chosen]) / len(chosen)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        report(len(losses) + 1, loss.data)

    made_up = [sample(gpt, alphabet, rng) for _ in range(20)]
    print("new words:", *made_up)
    return gpt, losses, made_up


if __name__ == "__main__":
    run(main)
