"""Read an optimizer's rule as tapes, for native code and for C: `update_tape(optimizer)` and `scale_tape(optimizer)`.

    >>> from micrograd import Value
    >>> from micrograd.compiler.tape.rule import update_tape
    >>> from micrograd.optim import SGD
    >>> print(update_tape(SGD([Value(1.0)], lr=0.1)))
    %0 = input x
    %1 = input grad
    %2 = input velocity
    %3 = input lr
    %4 = input t
    %5 = mul %3 %1
    %6 = sub %0 %5
    x %6
    velocity %2

The rule is the optimizer's own `update`, run once on symbols: it is not written a second time.
"""

from __future__ import annotations

from typing import Any

from micrograd.compiler.tape.simplify import simplify
from micrograd.compiler.tape.symbols import TAPE, Symbol, operand_of
from micrograd.compiler.tape.tape import Tape
from micrograd.errors import TraceError
from micrograd.optim import Optimizer


def check_rule(optimizer: Optimizer, who: str) -> None:
    """Raise TypeError for an optimizer that overrides `step()`, which compiled code does not call."""
    if type(optimizer).step is not Optimizer.step:
        raise TypeError(
            f"{who}: {type(optimizer).__name__} overrides step(), which compiled code does not call; "
            "write the rule as update(self, m, x, grad, *state, lr, t)"
        )


def update_tape(optimizer: Optimizer) -> Tape:
    """The optimizer's rule for one parameter: its `update`, run on symbols."""
    names = [name if name not in ("x", "grad", "lr", "t") else f"{name}'" for name in optimizer.state_names]
    tape = Tape(["x", "grad", *names, "lr", "t"])
    x, grad, *state, lr, t = [Symbol(tape, i) for i in range(len(tape))]
    new = _without_steps(optimizer).update(TAPE, x, grad, *state, lr=lr, t=t)
    if not isinstance(new, tuple) or len(new) != 1 + len(names):
        raise TypeError(
            f"{type(optimizer).__name__}.update must return a tuple: the new parameter and its {len(names)} new states"
        )
    tape.outputs = {name: operand_of(value) for name, value in zip(["x", *names], new)}
    return simplify(tape)


def _without_steps(optimizer: Optimizer) -> Any:
    """The optimizer with its settings, but without `lr` and `steps`, which differ from step to step."""

    class Recorded(type(optimizer)):  # type: ignore[misc]
        _stands_for = optimizer  # its settings are the ones checked before each call

        @property
        def lr(self) -> Any:
            raise TraceError(
                "update(self, m, x, grad, *state, lr, t) reads self.lr; to be compiled, it must use its argument lr"
            )

        @property
        def steps(self) -> Any:
            raise TraceError(
                "update(self, m, x, grad, *state, lr, t) reads self.steps; to be compiled, it must use its argument t"
            )

    out = object.__new__(Recorded)
    out.__dict__.update({name: x for name, x in vars(optimizer).items() if name not in ("lr", "steps")})
    return out


def scale_tape(optimizer: Optimizer) -> Tape:
    """The factor on all gradients, computed from their norm by the optimizer's `scale`."""
    tape = Tape(["norm"])
    tape.outputs = {"scale": operand_of(optimizer.scale(TAPE, Symbol(tape, 0)))}
    return simplify(tape)
