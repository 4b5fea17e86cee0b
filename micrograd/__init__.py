"""A scalar reverse-mode autodiff engine for stepping through, drawing and training small computation graphs."""

from typing import TYPE_CHECKING, Any

import micrograd.copies as _copies  # noqa: F401  (gives Value its copies)
import micrograd.old_paths as _old_paths  # noqa: F401  (finds modules by the names they had)
import micrograd.operators as _operators  # noqa: F401  (gives Value its operators)
from micrograd.check import check_grads
from micrograd.engine import Value, topological_order
from micrograd.modes import collector_paused, detect_anomaly, no_grad
from micrograd.ops import (
    abs,
    acos,
    asin,
    atan,
    cos,
    cosh,
    elu,
    erf,
    erfc,
    exp,
    expm1,
    gelu,
    leaky_relu,
    log,
    log1p,
    logsumexp,
    maximum,
    minimum,
    relu,
    sigmoid,
    silu,
    sin,
    sinh,
    softplus,
    sqrt,
    take,
    tan,
    tanh,
    where,
)
from micrograd.table import op
from micrograd.transforms import grad, hessian, jacobian, value_and_grad
from micrograd.version import VERSION

if TYPE_CHECKING:
    from micrograd.compiler.jit import jit
    from micrograd.compiler.train_step import train_step
    from micrograd.nn import MLP, Layer, Module, Neuron
    from micrograd.training.fit import fit
    from micrograd.views.draw import draw_dot, save, svg, tree
    from micrograd.views.notebook import load_ipython_extension
    from micrograd.views.page import explain
    from micrograd.views.prompt import debug
    from micrograd.views.trace import trace

# Loaded when first used, so that importing micrograd stays quick: each name, and the module it is in.
_LAZY = {
    "Layer": "nn",
    "MLP": "nn",
    "Module": "nn",
    "Neuron": "nn",
    "debug": "views.prompt",
    "draw_dot": "views.draw",
    "explain": "views.page",
    "fit": "training.fit",
    "jit": "compiler.jit",
    "load_ipython_extension": "views.notebook",
    "save": "views.draw",
    "svg": "views.draw",
    "trace": "views.trace",
    "train_step": "compiler.train_step",
    "tree": "views.draw",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name == "nn":
        return importlib.import_module("micrograd.nn")
    if name not in _LAZY:
        raise AttributeError(f"module 'micrograd' has no attribute {name!r}")
    return getattr(importlib.import_module(f"micrograd.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, "nn"})


__version__ = VERSION

__all__ = [
    "MLP",
    "Layer",
    "Module",
    "Neuron",
    "Value",
    "abs",
    "acos",
    "asin",
    "atan",
    "check_grads",
    "collector_paused",
    "cos",
    "cosh",
    "debug",
    "detect_anomaly",
    "draw_dot",
    "elu",
    "erf",
    "erfc",
    "exp",
    "explain",
    "expm1",
    "fit",
    "gelu",
    "grad",
    "hessian",
    "jacobian",
    "jit",
    "leaky_relu",
    "load_ipython_extension",
    "log",
    "log1p",
    "logsumexp",
    "maximum",
    "minimum",
    "no_grad",
    "op",
    "relu",
    "save",
    "sigmoid",
    "silu",
    "sin",
    "sinh",
    "softplus",
    "sqrt",
    "svg",
    "take",
    "tan",
    "tanh",
    "topological_order",
    "trace",
    "train_step",
    "tree",
    "value_and_grad",
    "where",
]
