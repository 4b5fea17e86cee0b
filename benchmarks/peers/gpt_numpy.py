"""A GPT by hand in NumPy: forward, backward and Adam with matrices, all positions of a document at once."""

from __future__ import annotations

import numpy as np

EPS, SMALL = 1e-8, 1e-5


def _norm(x):
    """The vectors scaled to a root mean square of 1, and the scales."""
    scale = ((x * x).mean(axis=1, keepdims=True) + SMALL) ** -0.5
    return x * scale, scale


def _back_norm(d, x, scale):
    return scale * d - x * scale**3 * (d * x).mean(axis=1, keepdims=True)


class Trainer:
    def __init__(self, gpt):
        self.gpt = gpt
        self.future = np.triu(np.full((gpt.block, gpt.block), -np.inf), 1)
        self.documents = gpt.batches()
        self.start()

    def start(self):
        arrays = self.gpt.parameters()
        cuts = np.cumsum([array.size for array in arrays])[:-1]
        self.flat, self.t = np.concatenate([array.ravel() for array in arrays]), 0
        self.gradient, self.mean, self.square = (np.zeros_like(self.flat) for _ in range(3))
        self.arrays, self.gradients = (
            {
                name: part.reshape(array.shape)
                for name, part, array in zip(self.gpt.arrays, np.split(flat, cuts), arrays)
            }
            for flat in (self.flat, self.gradient)
        )

    def parameters(self):
        return [array.copy() for array in self.arrays.values()]

    def run(self, steps):
        documents = self.documents
        return [self.step(*documents[i % len(documents)]) for i in range(steps)]

    def heads(self, x):
        """Positions by vectors as heads by positions by parts of vectors."""
        return x.reshape(len(x), self.gpt.heads, -1).transpose(1, 0, 2)

    def step(self, tokens, targets, weights):
        p, g, count = self.arrays, self.gradients, len(tokens)
        x0 = p["tokens"][tokens] + p["positions"]
        x1, scale0 = _norm(x0)
        n1, scale1 = _norm(x1)
        query, key, value = (self.heads(n1 @ p[name].T) for name in ("query", "key", "value"))
        ratio = query.shape[2] ** -0.5
        seen = query @ key.transpose(0, 2, 1) * ratio + self.future
        seen = np.exp(seen - seen.max(axis=2, keepdims=True))
        seen /= seen.sum(axis=2, keepdims=True)
        found = (seen @ value).transpose(1, 0, 2).reshape(count, -1)
        x2 = x1 + found @ p["out"].T
        n2, scale2 = _norm(x2)
        up = np.maximum(n2 @ p["up"].T, 0.0)
        x3 = x2 + up @ p["down"].T
        scores = x3 @ p["scores"].T
        scores -= scores.max(axis=1, keepdims=True)
        d = np.exp(scores)
        total = d.sum(axis=1, keepdims=True)
        at = np.arange(count)
        loss = weights @ (np.log(total[:, 0]) - scores[at, targets])

        d /= total
        d[at, targets] -= 1.0
        d *= weights[:, None]
        np.matmul(d.T, x3, out=g["scores"])
        d3 = d @ p["scores"]
        np.matmul(d3.T, up, out=g["down"])
        d_up = (d3 @ p["down"]) * (up > 0.0)
        np.matmul(d_up.T, n2, out=g["up"])
        d2 = d3 + _back_norm(d_up @ p["up"], x2, scale2)
        np.matmul(d2.T, found, out=g["out"])
        d_found = self.heads(d2 @ p["out"])
        d_seen = d_found @ value.transpose(0, 2, 1)
        d_seen = seen * (d_seen - (d_seen * seen).sum(axis=2, keepdims=True)) * ratio
        d1, n = d2, 0.0
        for name, part in (
            ("query", d_seen @ key),
            ("key", d_seen.transpose(0, 2, 1) @ query),
            ("value", seen.transpose(0, 2, 1) @ d_found),
        ):
            part = part.transpose(1, 0, 2).reshape(count, -1)
            np.matmul(part.T, n1, out=g[name])
            n = n + part @ p[name]
        d1 = d2 + _back_norm(n, x1, scale1)
        d0 = _back_norm(d1, x0, scale0)
        g["positions"][...] = d0
        g["tokens"][...] = 0.0
        np.add.at(g["tokens"], tokens, d0)
        self.update()
        return loss

    def update(self):
        self.t += 1
        gradient, (keep, keep_square) = self.gradient, self.gpt.betas
        self.mean *= keep
        self.mean += (1 - keep) * gradient
        self.square *= keep_square
        self.square += (1 - keep_square) * gradient * gradient
        root = np.sqrt(self.square / (1 - keep_square**self.t)) + EPS
        self.flat -= self.gpt.lr / (1 - keep**self.t) * self.mean / root
