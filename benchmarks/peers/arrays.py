"""The loss of a batch for every engine that differentiates arrays: `batch_loss(net, functions)`.

    >>> import numpy as np
    >>> from benchmarks.workloads import net
    >>> class Functions:
    ...     linear = staticmethod(lambda x, W, b: x @ W.T)
    ...     sigmoid = staticmethod(lambda z: 1 / (1 + np.exp(-z)))
    >>> xor = net("xor")
    >>> f"{batch_loss(xor, Functions)(xor.parameters(), xor.X, xor.y):.3f}"
    '0.126'

`functions` has those of linear, sigmoid, relu and cross_entropy (the mean over the rows) that the net needs.
"""

from __future__ import annotations

from benchmarks.peers.gpt_arrays import document_loss
from benchmarks.workloads import GPT


def loss_of(work, functions):
    """A function of the list of parameters and of what one of `work.batches()` holds."""
    return (document_loss if isinstance(work, GPT) else batch_loss)(work, functions)


def batch_loss(net, functions):
    """A function of the list of parameters, rows and targets."""
    biased = [b is not None for _, b in net.layers]
    activations = [getattr(functions, name, None) for name in net.activations]  # None for linear

    def loss(parameters, X, y):
        rest, out = iter(parameters), X
        for has_bias, name, activation in zip(biased, net.activations, activations):
            out = functions.linear(out, next(rest), next(rest) if has_bias else None)
            if name != "linear":
                out = activation(out)
        if net.loss == "cross_entropy":
            return functions.cross_entropy(out, y)
        if net.loss == "hinge":
            return functions.relu(1.0 - y * out).sum() / len(X)
        return ((out - y) ** 2).sum() * (0.5 / len(X))

    return loss
