"""`import nn` from a checkout: the same as `from micrograd import nn`. Not installed."""

from micrograd.nn import *  # noqa: F403
from micrograd.nn import MLP, Layer, Module, Neuron

__all__ = ["MLP", "Layer", "Module", "Neuron"]
