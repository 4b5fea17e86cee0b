"""Build small nets: `MLP(2, [16, 16, 1])` is a function from a list of numbers to Values.

    >>> import random
    >>> from micrograd.nn import MLP
    >>> net = MLP(2, [3, 1], rng=random.Random(0))
    >>> net
    MLP of [Layer of [ReLUNeuron(2), ReLUNeuron(2), ReLUNeuron(2)], Layer of [LinearNeuron(3)]]
    >>> net.summary()
    'MLP 2 → 3 → 1, ReLU, 13 parameters'
    >>> [name for name, _ in net.named_parameters()][:4]
    ['layers.0.neurons.0.w.0', 'layers.0.neurons.0.w.1', 'layers.0.neurons.0.b', 'layers.0.neurons.1.w.0']

Defaults, parameter order, the order of random draws and the printed forms are the original micrograd's. IPython and
notebooks show the summary instead.
"""

from __future__ import annotations

import functools
import math
import numbers
import operator
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Unpack

from micrograd.changes import CountedList, changes
from micrograd.coerce import as_count, as_float, is_array, is_bool
from micrograd.engine import Value
from micrograd.kinds import Array, Draws, LayerOptions, NetOptions, Scalar
from micrograd.node import UNREACHED
from micrograd.number import number_at
from micrograd.table import CONSTANT, DETACHED, RECORDED, TABLE
from micrograd.words import Printed, alike, count, did_you_mean, first_few, shown

Row = Iterable[Value | Scalar] | Array | Value | Scalar  # one example

if TYPE_CHECKING:

    class Outputs(Value, list[Value]):  # type: ignore[misc]
        """A Value or a list of Values, known when it runs: type checkers accept both uses, and find no wrong one."""


def uniform(rng: Any, fan_in: int, fan_out: int) -> float:
    """A weight from -1 to 1, whatever the size of the layer: the original's."""
    return rng.uniform(-1, 1)


def xavier(rng: Any, fan_in: int, fan_out: int) -> float:
    """A weight uniform in +-sqrt(6 / (fan_in + fan_out)), for tanh and sigmoid (Glorot and Bengio 2010)."""
    bound = math.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-bound, bound)


def he(rng: Any, fan_in: int, fan_out: int) -> float:
    """A normal weight of standard deviation sqrt(2 / fan_in), for ReLU (He et al. 2015)."""
    return rng.gauss(0.0, math.sqrt(2 / fan_in))


INITIALISERS: dict[str, Callable[[Any, int, int], float]] = {"uniform": uniform, "xavier": xavier, "he": he}
RECTIFIERS = ("relu", "leaky_relu", "elu", "gelu", "silu")  # close to 0 on one side


def init_for(activation: str | Callable[[Any], Any]) -> str:
    """The initialisation that suits an activation function: "he" for ReLU and its like, "xavier" for others."""
    return "he" if activation in RECTIFIERS else "xavier"


MAX_DEPTH = 50  # of lists in lists
RESULTS = frozenset([RECORDED, CONSTANT, DETACHED])  # what made a Value without operands that is not a parameter
HOLD_NOTHING = frozenset([bool, int, float, str, type(None), type(init_for)])  # classes that a search passes over


class Module:
    """Anything with parameters: subclass it, keep Values and modules as attributes, and they are found by name."""

    def __setattr__(self, name: str, x: Any) -> None:
        super().__setattr__(name, x)
        changes.count += 1  # after the change: a thread that reads in between knows the old count, and looks again

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        changes.count += 1

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0.0, as at the start of each training step."""
        for p in self.parameters():
            p.grad = UNREACHED

    def parameters(self) -> list[Value]:
        """The parameters, in the order in which they are found."""
        return [p for _, p in self.named_parameters()]

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Pairs such as `("layers.0.neurons.2.w.1", Value)`. A parameter kept in two places has its first name."""
        found: dict[int, tuple[str, Value]] = {}
        for pair in named_values(self, "", set()):
            p = pair[1]
            if not p._prev and p._operation not in RESULTS:  # results that a module keeps are not parameters
                found.setdefault(id(p), pair)
        return iter(found.values())

    def state_dict(self) -> dict[str, float]:
        """The parameters' numbers by name, to keep and to give to `load_state_dict`."""
        return {name: number_at(p) for name, p in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Set every parameter from a `state_dict()`. Raises ValueError, and sets none, unless all names agree."""
        own = dict(self.named_parameters())
        wrong = [f"{name!r} is missing" for name in own if name not in state]
        for name in state:
            if name not in own:
                wrong.append(f"{name!r} is not a parameter here{did_you_mean(name, own)}")
        if wrong:
            raise ValueError(f"load_state_dict: {first_few(wrong)}; nothing was loaded")
        numbers = {name: as_float(x, f"load_state_dict: {name}") for name, x in state.items()}
        for name, p in own.items():
            p.data = numbers[name]

    def summary(self) -> str:
        """The net in one line: `MLP 2 → 16 → 16 → 1, ReLU, 337 parameters`."""
        return Printed(f"{type(self).__name__}{self._shape()}, {count(len(self.parameters()), 'parameter')}")

    def _shape(self) -> str:
        """The sizes and activation functions, for the summary."""
        return ""

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """What IPython and notebooks show; beside a `__repr__` it has to be named again, or that is shown."""
        printer.text(self.summary())


def named_values(thing: Any, name: str, seen: set[int], depth: int = 0) -> Iterator[tuple[str, Value]]:
    """The Values in modules, lists, tuples, dicts and arrays, each with the path to it.

    `seen` holds the ids already visited, so a list that contains itself ends. Nothing deeper than MAX_DEPTH is named.
    """
    found: list[tuple[str, Value]] = []
    if isinstance(thing, Value):
        found.append((name, thing))
    else:
        _name_values(thing, name, seen, depth, found)
    return iter(found)


def _name_values(thing: Any, name: str, seen: set[int], depth: int, found: list[tuple[str, Value]]) -> None:
    """Add the Values in a container to `found`; quickly, because a training step looks for its parameters twice."""
    if id(thing) in seen or depth > MAX_DEPTH:
        return
    if isinstance(thing, Module):
        items: Any = thing.__dict__.items()
    elif isinstance(thing, (list, tuple)):
        items = enumerate(thing)
    elif isinstance(thing, dict):
        items = thing.items()
    elif is_array(thing) and thing.dtype == object and thing.ndim:
        items = enumerate(thing)
    else:
        return
    if not is_array(thing):  # the rows of an array are made anew each time
        seen.add(id(thing))
    for key, x in items:
        kind = x.__class__
        if kind in HOLD_NOTHING:
            continue
        path = f"{name}.{key}" if name else str(key)
        if kind is Value or isinstance(x, Value):
            found.append((path, x))
        else:
            _name_values(x, path, seen, depth + 1, found)


class Call:
    """A call of a layer, or of a neuron on its own, and its inputs: what drawings group by.

    All that a layer gives shares one Call, and each value has its `_position`: an object for each neuron would cost as
    much as a few operations, and call Python's collector more often.
    """

    __slots__ = ("inputs", "layer", "neuron", "neurons", "position")

    neuron: Neuron  # in old pickles, where each neuron has a Call
    position: int

    def __init__(self, inputs: tuple[Any, ...], neurons: Sequence[Any], layer: Layer | None):
        self.inputs, self.neurons, self.layer = inputs, tuple(neurons), layer


class Made(NamedTuple):
    """Which neuron made a value, from which inputs: `made_of(value)`."""

    neuron: Neuron
    inputs: tuple[Any, ...]
    layer: Layer | None
    position: int  # of the neuron in the layer


def made_of(value: Value) -> Made | None:
    """The neuron that gave `value`, if one did."""
    call = getattr(value, "_call", None) if value._prev else None
    if not isinstance(call, Call):
        return None
    is_old = not hasattr(call, "neurons")  # from a pickle
    position = call.position if is_old else value._position
    neuron = call.neuron if is_old else call.neurons[position]
    return Made(neuron, call.inputs, call.layer, position)


class Neuron(Module):
    """A weighted sum of `nin` inputs plus a bias, through an activation function.

    `nonlin=False` leaves the activation out. `activation` is the name of a one-operand operation of the table, such as
    "tanh", or a function of one Value. `init` is "uniform", "xavier", "he", or a function of (rng, fan_in, fan_out);
    `fan_out` is the number of neurons in the layer. Biases start at zero; `bias=False` leaves them out.
    `rng` is a `random.Random`, by default the `random` module itself.
    """

    def __init__(
        self,
        nin: int,
        nonlin: bool = True,
        *,
        activation: str | Callable[[Any], Any] = "relu",
        init: str | Callable[[Any, int, int], float] = "uniform",
        fan_out: int = 1,
        bias: bool = True,
        rng: Draws = random,
    ):
        nin = as_count(nin, "the number of inputs")
        if not hasattr(rng, "uniform"):
            raise TypeError(f"rng must be a random.Random, such as random.Random({rng!r}), not {rng!r}")
        if isinstance(nonlin, str):
            raise TypeError(f"the activation is given by name: Neuron({nin}, activation={nonlin!r})")
        draw = INITIALISERS.get(init) if isinstance(init, str) else init
        if draw is None or not callable(draw):
            raise ValueError(f"no initialisation is called {init!r}: choose from {', '.join(INITIALISERS)}")
        self.w: list[Value] = CountedList(Value(draw(rng, nin, fan_out)) for _ in range(nin))
        self.b: Value | None = Value(0) if bias else None
        self.nonlin: bool = nonlin and activation != "linear"
        self.activation: Callable[[Any], Any] = _activation("relu" if activation == "linear" else activation)

    def __call__(self, x: Row) -> Value:
        """The neuron's output for a row of numbers or Values. Raises ValueError for a row of another length."""
        x = _row(x)
        return self._output(x, Call(x, (self,), None), 0)

    def _output(self, x: tuple[Any, ...], call: Call, position: int) -> Any:
        """The output for a row that was checked, as the neuron at this position of the layer that was called."""
        w, b = self.w, self.b
        if len(x) != len(w):
            raise ValueError(f"{self} takes {len(w)} inputs, got {len(x)}: {_brief(x)}")
        terms = map(operator.mul, w, x)
        act = sum(terms, b) if b is not None else functools.reduce(operator.add, terms)
        out = self.activation(act) if self.nonlin else act
        if isinstance(out, Value) and out._prev:
            out._call, out._position = call, position
        return out

    @property
    def kind(self) -> str:
        """The name of its activation function: `ReLU`, `Tanh`, `Linear`."""
        return _title(self.activation) if self.nonlin else "Linear"

    def _shape(self) -> str:
        return f" {len(self.w)} → 1, {self.kind}"

    def __repr__(self) -> str:
        return f"{self.kind}Neuron({len(self.w)})"

    _repr_pretty_ = Module._repr_pretty_


class Layer(Module):
    """`nout` neurons over the same `nin` inputs; `options` are Neuron's.

    Gives a list of Values, or a bare Value for one neuron.
    """

    def __init__(self, nin: int, nout: int, **options: Unpack[LayerOptions]):
        nout = as_count(nout, "the number of neurons")
        self.neurons: list[Neuron] = CountedList(Neuron(nin, **({"fan_out": nout} | options)) for _ in range(nout))

    def __call__(self, x: Row) -> Outputs:
        x = _row(x)
        call, out = Call(x, self.neurons, self), []
        for position, neuron in enumerate(self.neurons):
            if neuron.__class__ is Neuron:
                out.append(neuron._output(x, call, position))
                continue
            v: Any = neuron(x)  # of a class that may have its own way
            if isinstance(getattr(v, "_call", None), Call):
                v._call, v._position = call, position
            out.append(v)
        return out[0] if len(out) == 1 else out  # type: ignore[return-value]

    @property
    def kind(self) -> str:
        """The name of its neurons' activation function; `mixed` if they differ."""
        kinds = {neuron.kind for neuron in self.neurons}
        return kinds.pop() if len(kinds) == 1 else "mixed"

    def _shape(self) -> str:
        return f" {len(self.neurons[0].w)} → {len(self.neurons)}, {self.kind}"

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(str(n) for n in self.neurons)}]"

    _repr_pretty_ = Module._repr_pretty_


class MLP(Module):
    """A multi-layer perceptron: `nin` inputs, then layers of `nouts` neurons.

    `activation` is for the hidden layers and `output` for the last, "linear" by default; the other `options` are
    Neuron's. Gives a list of Values, or a bare Value where the last layer has one neuron.
    """

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        *,
        activation: str | Callable[[Any], Any] = "relu",
        output: str | Callable[[Any], Any] = "linear",
        **options: Unpack[NetOptions],
    ):
        if not isinstance(nouts, (list, tuple)) or not nouts:
            raise TypeError(f"MLP: the layers' sizes are a list of at least one, such as [16, 16, 1], not {nouts!r}")
        unknown = sorted(set(options) - {"init", "bias", "rng"})
        if unknown:
            raise TypeError(
                f"MLP has no option {unknown[0]!r}; it has activation, output, init, bias and rng=random.Random(seed)"
            )
        sizes = [nin, *nouts]
        last = len(nouts) - 1
        self.layers: list[Layer] = CountedList(
            Layer(
                sizes[i],
                sizes[i + 1],
                nonlin=i != last or output != "linear",
                activation=activation if i != last or output == "linear" else output,
                **options,
            )
            for i in range(len(nouts))
        )

    def __call__(self, x: Row) -> Outputs:
        for layer in self.layers:
            x = layer(x)
        return x  # type: ignore[return-value]

    def _shape(self) -> str:
        sizes = [len(self.layers[0].neurons[0].w), *(len(layer.neurons) for layer in self.layers)]
        kinds = list(dict.fromkeys(layer.kind for layer in self.layers))
        if len(kinds) == 2 and self.layers[-1].kind == kinds[-1] == "Linear":
            kinds.pop()  # as nearly every net's last layer is
        return f" {' → '.join(map(str, sizes))}, {' and '.join(kinds)}"

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(str(layer) for layer in self.layers)}]"

    _repr_pretty_ = Module._repr_pretty_


def _activation(given: str | Callable[[Any], Any]) -> Callable[[Any], Any]:
    if callable(given):
        return given
    names = ["linear", *(name for name, entry in TABLE.items() if entry.is_unary)]
    if given not in names:
        near = alike(str(given).lower(), names, most=2)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "choose from " + ", ".join(sorted(names))
        raise ValueError(f"no activation function is called {given!r}: {hint}")
    return getattr(Value, given)


def _title(activation: Any) -> str:
    """`ReLU` for relu, `Tanh` for tanh: how a neuron's repr begins."""
    symbol = getattr(getattr(activation, "op", None), "symbol", getattr(activation, "__name__", "Custom"))
    return symbol[:1].upper() + symbol[1:]


def _brief(row: Sequence[Any]) -> str:
    """The first few numbers of a row, each whole."""
    numbers = [f"{x.data:.6g}" if isinstance(x, Value) and isinstance(x.data, float) else shown(x) for x in row[:6]]
    return f"[{', '.join(numbers)}{', ...' if len(row) > 6 else ''}]"


def _row(x: Any) -> tuple[Any, ...]:
    """One example as a new tuple: a bare number is a row of one, an iterator is read once for all neurons."""
    if isinstance(x, (list, tuple)):
        if x and isinstance(x[0], (list, tuple)):
            raise ValueError(f"a net takes one example at a time: call it on each of these {len(x)} rows")
        return tuple(x)
    if isinstance(x, (Value, numbers.Real)) or is_bool(x) or getattr(x, "ndim", 1) == 0:
        return (x,)
    if isinstance(x, (dict, set, str)) or not hasattr(x, "__iter__"):
        raise TypeError(f"a row of inputs is a sequence of numbers in order, not a {type(x).__name__}")
    if getattr(x, "ndim", 1) != 1:
        raise ValueError(f"a net takes one example at a time: call it on each row of this array of shape {x.shape}")
    return tuple(x)
