"""An optimizer's parameters, state and learning rates in the memory where native code works on them.

`OptimizerMemory` is made for the parameters and settings that an optimizer has now; `is_of` says whether it still has
them. A loaded state or a new learning rate, set between steps, is copied in before the next step.
"""

from __future__ import annotations

import operator
from array import array
from typing import Any

from micrograd.compiler.native.context import COLUMNS
from micrograd.compiler.native.memory import Memory
from micrograd.compiler.native.store import Store
from micrograd.compiler.outside.places import exactly
from micrograd.compiler.tape.rule import check_rule
from micrograd.optim import Optimizer

OWN = {"parameters", "state", "steps", "lr"}  # in every optimizer; the rule does not read these as constants
PLAIN: set[type] = {float, int, bool, type(None)}  # types of settings that cannot change in place


class OptimizerMemory:
    """Native code writes each step's loss and gradient norm into `losses` and `norms`, at most COLUMNS of them."""

    store: Store
    parameters: tuple[Any, ...]
    losses: Memory
    norms: Memory

    def __init__(self, optimizer: Optimizer, store: Store):
        check_rule(optimizer, "train_step")
        optimizer.match_state()
        self.store, self.parameters = store, tuple(store.values)
        self.losses, self.norms, self._rates = Memory(COLUMNS), Memory(COLUMNS), Memory(COLUMNS)
        self.states: dict[str, Memory] = {name: Memory(len(store.memory.view)) for name in optimizer.state}
        self.views: dict[str, Any] = {name: memory.view[: len(self.parameters)] for name, memory in self.states.items()}
        self._settings = settings_of(optimizer)
        self._seen, self._version = None, None  # the list that had these parameters, and its version then
        self.constant_rate: Any = None  # the learning rate in memory, if it is the same for all steps

    def fields(self) -> dict[str, Memory]:
        """The memory that each field of the context points at."""
        fields = {"parameters": self.store.memory, "rates": self._rates, "losses": self.losses, "norms": self.norms}
        return fields | {f"state{k}": memory for k, memory in enumerate(self.states.values())}

    def is_of(self, optimizer: Optimizer) -> bool:
        """Whether the optimizer still has the parameters and settings that this was made for."""
        if len(optimizer.parameters) != len(self.parameters):
            return False
        return self._holds(optimizer.parameters) and settings_of(optimizer) == self._settings

    def _holds(self, parameters: Any) -> bool:
        """Whether the list holds these parameters: looked at again only if it has changed, for they may be many."""
        version = getattr(parameters, "version", None)  # that of an older pickle is a plain list, which does not count
        if version is None or self._seen is not parameters or self._version != version:
            if not all(map(operator.is_, parameters, self.parameters)):
                return False
            self._seen, self._version = parameters, version
        return True

    def read_states(self, optimizer: Optimizer) -> None:
        """Copy in a state that was loaded or set."""
        state = optimizer.state
        for name, view in self.views.items():
            if state[name] is not view:
                view[:] = array("d", state[name])
                state[name] = view

    def read_rates(self, optimizer: Optimizer, steps: int) -> None:
        """Copy in the learning rates of the next steps; not needed while `constant_rate` stays the same."""
        rates = optimizer.learning_rates(steps if callable(optimizer.lr) else COLUMNS)
        self._rates.view[: len(rates)] = array("d", rates)
        self.constant_rate = optimizer.lr if optimizer.lr.__class__ is float else None  # others may change in place

    def numbers(self) -> list[float]:
        """The parameters' present numbers."""
        if not self.store.is_current:
            return [p.data for p in self.parameters]
        return self.store.memory.view[: len(self.parameters)].tolist()


def settings_of(optimizer: Optimizer) -> Any:
    """A copy of the settings that the optimizer's rule reads as constants, to compare with later."""
    kept = [(k, x) for k, x in vars(optimizer).items() if k not in OWN]
    kind = type(optimizer)
    return (kind, kind.update, kind.scale, kind.step), {k: x if x.__class__ in PLAIN else exactly(x) for k, x in kept}
