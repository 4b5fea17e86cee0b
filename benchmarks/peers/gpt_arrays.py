"""The loss of a GPT's document for every engine that differentiates arrays: `document_loss(gpt, functions)`.

`functions` has `softmax` and `log_softmax` over the last axis, `relu`, `where`, and `array`, which makes one of a NumPy
array.
"""

from __future__ import annotations

import numpy as np

SMALL = 1e-5


def document_loss(gpt, functions):
    """A function of the list of parameters, tokens, targets and weights."""
    names, width = list(gpt.arrays), gpt.size // gpt.heads
    past = functions.array(np.tril(np.ones((gpt.block, gpt.block), bool)))
    at = functions.array(np.arange(gpt.block))

    def norm(x):
        return x * ((x * x).mean(-1)[:, None] + SMALL) ** -0.5

    def heads(x):
        return x.reshape(gpt.block, gpt.heads, width).swapaxes(0, 1)

    def loss(parameters, tokens, targets, weights):
        p = dict(zip(names, parameters))
        x = norm(p["tokens"][tokens] + p["positions"])
        n = norm(x)
        query, key, value = (heads(n @ p[name].T) for name in ("query", "key", "value"))
        seen = functions.where(past, query @ key.swapaxes(1, 2) * width**-0.5, -np.inf)
        found = (functions.softmax(seen) @ value).swapaxes(0, 1).reshape(gpt.block, gpt.size)
        x = x + found @ p["out"].T
        x = x + functions.relu(norm(x) @ p["up"].T) @ p["down"].T
        return -(weights * functions.log_softmax(x @ p["scores"].T)[at, targets]).sum()

    return loss
