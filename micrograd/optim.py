"""Change parameters so that a loss falls: `optimizer.zero_grad()`, `loss.backward()`, `optimizer.step()`.

    >>> from micrograd import Value
    >>> from micrograd.optim import SGD
    >>> w = Value(1.0)
    >>> optimizer = SGD([w], lr=0.1)
    >>> for _ in range(20):
    ...     optimizer.zero_grad()
    ...     ((w - 3.0) ** 2).backward()
    ...     optimizer.step()
    >>> f"{w:.4f}"
    '2.9769'

A learning rate is a number, or a schedule: a function from the number of steps already taken to a number. Each
optimizer is one rule for one parameter, written like the rules of the table: `m` is the namespace of elementary
functions for whatever kind of number the parameter is. `clip` is the greatest norm allowed for the gradient of all
parameters together: a longer gradient is scaled down to it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from micrograd.changes import CountedList, changes
from micrograd.coerce import as_float, float_of
from micrograd.engine import Value
from micrograd.node import UNREACHED
from micrograd.table import FLOAT

Schedule = Callable[..., Any]
WEIGHT_DECAY = 0.003  # of 0, 0.0001, 0.001, 0.003, 0.005 and 0.01, the one that does well on all small sets of `data`
SMALLEST = 1e-300  # the least eps and clip, which keep a divisor above 0


class Optimizer:
    """What all optimizers share. A new one is a subclass with `state_names` and `update`.

    `parameters` may grow: an added parameter starts with a state of 0.0, as all do.
    """

    state_names: tuple[str, ...] = ()
    parameters: list[Value]
    lr: float | Schedule
    steps: int

    def __setattr__(self, name: str, x: Any) -> None:
        if name == "parameters":
            x = CountedList(x)
        super().__setattr__(name, x)
        if name not in ("lr", "steps", "state"):
            changes.count += 1

    def __init__(self, parameters: Iterable[Value], lr: float | Schedule, *, clip: float | None = None):
        if not isinstance(parameters, Iterable):
            raise TypeError(f"{type(self).__name__}: give the list of parameters, net.parameters(), not {parameters!r}")
        self.parameters = list({id(p): p for p in parameters}.values())  # each once, even where it is shared
        if not self.parameters:
            raise ValueError(f"{type(self).__name__}: there are no parameters to optimize")
        self._check_parameters()
        self.lr = lr if callable(lr) else _check("lr", lr, 0, math.inf)
        self.clip: float | None = None if clip is None else _check("clip", clip, SMALLEST, math.inf)
        self.steps = 0
        self.state: dict[str, Any] = {name: [0.0] * len(self.parameters) for name in self.state_names}

    def _check_parameters(self) -> None:
        kind = type(self).__name__
        for p in self.parameters:
            if not isinstance(p, Value) or p._prev:
                raise TypeError(f"{kind}: a parameter must be a Value that no operation made, not {p!r}")
        if len(set(map(id, self.parameters))) < len(self.parameters):
            raise ValueError(f"{kind}: a parameter is in the list twice, and would move twice")

    def match_state(self) -> None:
        """Give parameters that were added to the list a state of 0.0. Raises ValueError where some were removed."""
        count = len(self.parameters)
        if all(len(numbers) == count for numbers in self.state.values()):
            return
        self._check_parameters()
        for name, numbers in self.state.items():
            if len(numbers) > count:
                raise ValueError(
                    f"{type(self).__name__} has {count} parameters but the state of {len(numbers)}, and cannot know "
                    "which were removed; make a new optimizer"
                )
            self.state[name] = [*numbers, *[0.0] * (count - len(numbers))]

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0.0."""
        for p in self.parameters:
            p.grad = UNREACHED

    def learning_rate(self) -> float:
        """The learning rate of the next step."""
        return self.learning_rates(1)[0]

    def learning_rates(self, count: int) -> list[float]:
        """The learning rates of the next `count` steps."""
        if not callable(self.lr):
            return [float(self.lr)] * count
        rates = [float(self.lr(t)) for t in range(self.steps, self.steps + count)]
        for t, rate in enumerate(rates, start=self.steps):
            if not math.isfinite(rate):
                raise ValueError(f"the schedule gives a learning rate of {rate} after {t} steps: it must be finite")
        return rates

    def step(self) -> None:
        """Move every parameter once, by its gradient."""
        self.match_state()
        lr, t = self.learning_rate(), self.steps + 1
        gradients = [x if (x := p.grad).__class__ is float else float_of(x) for p in self.parameters]
        if self.scales:
            norm = math.sqrt(sum(g * g for g in gradients))
            if math.isinf(norm):  # the scale would be 0, and the step would change nothing
                raise OverflowError("the norm of the gradient is too large for a float, so it cannot be clipped")
            scale = self.scale(FLOAT, norm)
            gradients = [scale * g for g in gradients]
        states = zip(*[self.state[name] for name in self.state_names]) if self.state else [()] * len(self.parameters)
        update, each = self.update, 1 + len(self.state_names)
        moved: list[Any] = []  # flat: a tuple kept for each parameter would call Python's collector
        add = moved.extend
        for p, grad, state in zip(self.parameters, gradients, states):
            x = p.data
            add(update(FLOAT, x if x.__class__ is float else float_of(x), grad, *state, lr=lr, t=t))
        if len(moved) != each * len(self.parameters):
            raise TypeError(
                f"{type(self).__name__}.update must return a tuple: the new parameter and its {each - 1} new states"
            )
        # Computed first, so that an error leaves nothing half-updated.
        self.steps = t
        for p, new in zip(self.parameters, moved[::each]):
            p.data = new
        for i, name in enumerate(self.state_names, start=1):
            self.state[name] = moved[i::each]

    @property
    def scales(self) -> bool:
        """Whether gradients are scaled by their norm."""
        return self.clip is not None or type(self).scale is not Optimizer.scale

    def scale(self, m: Any, norm: Any) -> Any:
        """The factor for all gradients, from the norm of all together: with `clip`, that norm is at most `clip`.

        Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks (2013).
        """
        return 1.0 if self.clip is None else self.clip / m.maximum(norm, self.clip)

    def update(self, m: Any, x: Any, grad: Any, *state: Any, lr: Any, t: Any) -> tuple[Any, ...]:
        """The parameter's new value and its new state, in the order of `state_names`; `t` is 1 at the first step."""
        raise NotImplementedError

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles hold: the numbers of the state, wherever they are kept."""
        return {**vars(self), "state": {name: list(numbers) for name, numbers in self.state.items()}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.parameters = self.parameters  # as a list that counts its changes, which older pickles do not hold

    def state_dict(self) -> dict[str, Any]:
        """The steps taken and the state of each parameter, as plain numbers, lists and strings."""
        state = {name: list(numbers) for name, numbers in self.state.items()}
        return {"optimizer": type(self).__name__, "steps": self.steps, "state": state}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Go on from a `state_dict()`. Raises ValueError, and changes nothing, unless kind and size agree."""
        kind = type(self).__name__
        if not isinstance(saved, Mapping) or set(saved) != {"optimizer", "steps", "state"}:
            raise ValueError(f"{kind}.load_state_dict: not an optimizer's state_dict(); nothing was loaded")
        if saved["optimizer"] != kind:
            raise ValueError(f"{kind}.load_state_dict: this is the state of {saved['optimizer']}; nothing was loaded")
        if not isinstance(saved["state"], Mapping) or not isinstance(saved["steps"], int) or saved["steps"] < 0:
            raise ValueError(f"{kind}.load_state_dict: its steps or state are not an optimizer's; nothing was loaded")
        sizes = {name: len(numbers) for name, numbers in saved["state"].items()}
        if sizes != {name: len(self.parameters) for name in self.state_names}:
            raise ValueError(
                f"{kind}.load_state_dict: it holds {sizes}, but {len(self.parameters)} each of "
                f"{list(self.state_names)} are needed; nothing was loaded"
            )
        state = {n: [as_float(x, f"{kind}.load_state_dict: {n}") for x in xs] for n, xs in saved["state"].items()}
        self.steps, self.state = saved["steps"], state


def _check(name: str, x: Any, low: float, high: float) -> float:
    x = as_float(x, name)
    if not low <= x < high:
        what = "finite and " if x == math.inf else ""
        above = f" and below {high}" if high < math.inf else ""
        raise ValueError(f"{name} must be {what}at least {low}{above}, not {x}")
    return x


class SGD(Optimizer):
    """Stochastic gradient descent: x -= lr * (grad + weight_decay * x), with momentum if asked.

    With `momentum`, steps add up in a velocity; `nesterov=True` looks ahead along it (Sutskever et al. 2013).
    """

    state_names: tuple[str, ...] = ("velocity",)
    momentum: float
    nesterov: bool

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float | Schedule = 0.01,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        clip: float | None = None,
    ):
        super().__init__(parameters, lr, clip=clip)
        self.momentum, self.nesterov = _check("momentum", momentum, 0, 1), nesterov
        self.weight_decay: float = _check("weight_decay", weight_decay, 0, math.inf)
        if nesterov and not momentum:
            raise ValueError("nesterov=True needs a momentum, such as momentum=0.9")

    def update(self, m: Any, x: Any, grad: Any, *state: Any, lr: Any, t: Any) -> tuple[Any, ...]:
        (velocity,) = state
        if self.weight_decay:
            grad = grad + self.weight_decay * x
        if not self.momentum:
            return x - lr * grad, velocity
        velocity = self.momentum * velocity + grad
        return x - lr * (grad + self.momentum * velocity if self.nesterov else velocity), velocity


class RMSProp(Optimizer):
    """Divide each step by a running root mean square of the gradient (Tieleman and Hinton 2012)."""

    state_names: tuple[str, ...] = ("square",)
    decay: float
    eps: float

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float | Schedule = 0.01,
        *,
        decay: float = 0.99,
        eps: float = 1e-8,
        clip: float | None = None,
    ):
        super().__init__(parameters, lr, clip=clip)
        self.decay, self.eps = _check("decay", decay, 0, 1), _check("eps", eps, SMALLEST, math.inf)

    def update(self, m: Any, x: Any, grad: Any, *state: Any, lr: Any, t: Any) -> tuple[Any, ...]:
        (square,) = state
        square = self.decay * square + (1 - self.decay) * grad * grad
        return x - lr * grad / (m.sqrt(square) + self.eps), square


class Adam(Optimizer):
    """Adaptive moments (Kingma and Ba 2015): a running mean over a running root mean square, both bias-corrected.

    `weight_decay` adds `weight_decay * x` to the gradient; AdamW keeps the two apart.
    """

    state_names: tuple[str, ...] = ("mean", "square")
    decoupled = False

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float | Schedule = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        clip: float | None = None,
    ):
        super().__init__(parameters, lr, clip=clip)
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise ValueError(f"betas is a pair such as (0.9, 0.999), not {betas!r}")
        first, second = betas
        self.betas: tuple[float, float] = _check("betas", first, 0, 1), _check("betas", second, 0, 1)
        self.eps: float = _check("eps", eps, SMALLEST, math.inf)
        self.weight_decay: float = _check("weight_decay", weight_decay, 0, math.inf)

    def update(self, m: Any, x: Any, grad: Any, *state: Any, lr: Any, t: Any) -> tuple[Any, ...]:
        mean, square = state
        first, second = self.betas
        if self.weight_decay and self.decoupled:
            x = x - lr * self.weight_decay * x
        elif self.weight_decay:
            grad = grad + self.weight_decay * x
        mean = first * mean + (1 - first) * grad
        square = second * square + (1 - second) * grad * grad
        # The paper's last lines in the order that it recommends: the corrections 1 - beta**t, the same for all
        # parameters, are computed apart from what differs.
        rate, root = (_corrections_of_floats if m is FLOAT else _corrections)(m, first, second, lr, t)
        return x - rate * mean / (m.sqrt(square) + self.eps * root), mean, square


def _corrections(m: Any, first: Any, second: Any, lr: Any, t: Any) -> tuple[Any, Any]:
    """Adam's rate at step `t`, and the root that its eps is scaled by."""
    root = m.sqrt(1 - m.pow(second, t))
    return lr * root / (1 - m.pow(first, t)), root


_corrections_of_floats = functools.lru_cache(maxsize=16)(_corrections)  # once a step for all parameters


class AdamW(Adam):
    """Adam with decoupled weight decay, x -= lr * weight_decay * x (Loshchilov and Hutter 2019)."""

    decoupled = True

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float | Schedule = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        clip: float | None = None,
    ):
        super().__init__(parameters, lr, betas=betas, eps=eps, weight_decay=weight_decay, clip=clip)


# Schedules: `t` is the number of steps already taken.


def step_decay(lr: float, *, every: int, factor: float = 0.1) -> Schedule:
    """The learning rate times `factor` after each `every` steps."""
    _check("every", every, 1, math.inf)
    return lambda t, m=FLOAT: lr * m.pow(factor, t // every)


def exponential_decay(lr: float, *, factor: float) -> Schedule:
    """The learning rate times `factor` after each step."""
    return lambda t, m=FLOAT: lr * m.pow(factor, t)


def cosine_decay(lr: float, *, steps: int, final: float = 0.0) -> Schedule:
    """Down to `final` over `steps` along half a cosine (Loshchilov and Hutter 2017), and `final` from then on."""
    _check("steps", steps, 1, math.inf)
    return lambda t, m=FLOAT: final + (lr - final) * 0.5 * (1.0 + m.cos(math.pi * m.minimum(t / steps, 1.0)))


def linear_decay(lr: float, *, steps: int, final: float = 0.0) -> Schedule:
    """Down to `final` over `steps` in a straight line, and `final` from then on."""
    _check("steps", steps, 1, math.inf)
    return lambda t, m=FLOAT: lr + (final - lr) * m.minimum(t / steps, 1.0)
