"""A scalar reverse-mode autodiff engine for stepping through, drawing and training small computation graphs.

Each folder is a room whose `__init__.py` says what happens there. Read in this order; imports never point down it. For
one evening, read table, ops, node, number, engine, operators, nn, losses and optim.

  Small helpers, which every file may use:
    old_paths, version     modules that moved are found by their old names; the version that files name
    installed              the original micrograd, installed into the same folder, is noticed
    errors                 every kind of error that is ours, and what to do when you meet one
    words                  the small pieces that messages and labels are made of
    changes, locks         how often models and optimizers were changed; locks that survive a fork
  The core:
    coerce, kinds          what counts as a number, at run time and in annotations
    formulas               an operation as a formula, and in an error
    c_core                 nodes in C, where they were built: the same as the Python below, and faster
    table, ops             what a row of the table is, and the rows
    fingerprints           whether a rule is still the one that the native core was built from
    anomaly, modes         what made a nan or an inf, and on which line; how recording can be changed
    node, number           what a graph is made of; how a Value behaves as a number
    derivatives, results   local derivatives that are not plain numbers; several results of one call
    engine                 a Value, its record, and backward through it
    in_c                   which rows run in C: those whose rule is the one that C was made from
    operators, copies      what Python's operators do with Values; copies and pickles of any depth
    written, text          one rule, many readings: operands that write themselves; derivatives as formulas for people
    transforms             grad, jacobian, hessian
    blame, check           which operation made a nan; derivatives checked against differences
  More helpers, for packages, files and data:
    extras, files, intake  optional packages; files written whole; rows by position, from any container
    schema                 what a file holds, checked against a declared shape
  Nets, and the rooms:
    nn, losses, optim      neurons, layers, nets; what to minimize; how
    metrics                how good the answers are
    data                   rows to learn from
    foreign                other people's Values: read as graphs of ours, and their engine checked against the table
    views                  look at a graph: draw it, step through it, ask why
    compiler               from a function to native code
    training               `fit`: train, keep, resume, measure
    estimators             the same through scikit-learn's API
    export                 nets as ONNX, for PyTorch and in C; the table in C, and as type checkers read it
    cli                    the `micrograd` command, and the folder that it fills
"""

from typing import TYPE_CHECKING, Any

import micrograd.installed as _installed  # noqa: F401  (first: notices another micrograd in this folder)  # isort: skip
import micrograd.copies as _copies  # noqa: F401  (gives Value its copies)
import micrograd.old_paths as _old_paths  # noqa: F401  (finds modules by their old names)
import micrograd.operators as _operators  # noqa: F401  (gives Value its operators)
from micrograd.c_core import NAME as core  # noqa: F401
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
    from micrograd import nn as nn
    from micrograd import ops as ops
    from micrograd.compiler.jit import jit
    from micrograd.compiler.train_step import train_step
    from micrograd.foreign.adopt import adopt
    from micrograd.foreign.check import check_engine
    from micrograd.nn import MLP, Layer, Module, Neuron
    from micrograd.training.fit import fit
    from micrograd.views.draw import draw_dot, save, svg
    from micrograd.views.net import draw_net
    from micrograd.views.notebook import load_ipython_extension
    from micrograd.views.page import explain
    from micrograd.views.prompt import debug
    from micrograd.views.trace import trace
    from micrograd.views.tree import tree

# Loaded when first used, so that importing micrograd stays quick: each name, and the module it is in.
_LAZY = {
    "Layer": "nn",
    "MLP": "nn",
    "Module": "nn",
    "Neuron": "nn",
    "adopt": "foreign.adopt",
    "check_engine": "foreign.check",
    "debug": "views.prompt",
    "draw_dot": "views.draw",
    "draw_net": "views.net",
    "explain": "views.page",
    "fit": "training.fit",
    "jit": "compiler.jit",
    "load_ipython_extension": "views.notebook",
    "save": "views.draw",
    "svg": "views.draw",
    "trace": "views.trace",
    "train_step": "compiler.train_step",
    "tree": "views.tree",
}


if not TYPE_CHECKING:  # to a type checker, a module with __getattr__ has every name

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
    "adopt",
    "asin",
    "atan",
    "check_engine",
    "check_grads",
    "collector_paused",
    "cos",
    "cosh",
    "debug",
    "detect_anomaly",
    "draw_dot",
    "draw_net",
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
