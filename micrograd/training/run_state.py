"""The state of a training run: `RunState` keeps its history and its best parameters, in memory and in a file."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

from micrograd.engine import Value
from micrograd.errors import CheckpointError
from micrograd.training.checkpoints import read
from micrograd.training.history import History, Record
from micrograd.training.options import Options
from micrograd.training.same_run import check_same, check_schedule


class RunState:
    """The state of a run: the history, the best parameters, and how to write all of it to a file and load it."""

    patience: int | None
    keep_best: bool
    optimizer: Any
    rng: random.Random
    lowest: float
    waited: int

    def __init__(self, options: Options, rng: random.Random):
        self.optimizer, self.rng = options.optimizer, rng
        self.patience, self.keep_best = options.patience, options.keep_best
        self.history: History = History()
        self.best: list[float] = []
        self.lowest, self.waited = math.inf, 0

    @property
    def parameters(self) -> list[Value]:
        return self.optimizer.parameters

    def add(self, record: Record) -> None:
        """Add an epoch; stop if the loss was not lower for too long."""
        self.history.records.append(record)
        watched = record.get("validation loss", record["loss"])
        self.waited += 1
        if watched < self.lowest:
            self.lowest, self.waited, self.history.best = watched, 0, int(record["epoch"])
            if self.keep_best:
                self.best = [p.data for p in self.parameters]
        if self.patience and self.waited >= self.patience:
            self.history.stopped = f"no lower loss for {self.patience} epochs"

    def put_back_best(self) -> None:
        """Give the parameters the numbers of the best epoch, if they were kept."""
        if self.best:
            for p, x in zip(self.parameters, self.best):
                p.data = x

    def state(self, about: dict[str, Any]) -> tuple[dict[str, list[float]], dict[str, Any]]:
        """The numbers and facts to resume from, as they are now."""
        state = self.optimizer.state_dict()
        numbers = {f"optimizer.{name}": x for name, x in state.pop("state").items()}
        numbers["parameters"] = [p.data for p in self.parameters]
        if self.best:
            numbers["best"] = self.best
        facts = {
            "run": about,
            "optimizer": state,
            "lr": None if callable(self.optimizer.lr) else self.optimizer.lr,  # callbacks may change it
            "rng": self.rng.getstate(),
            "history": [*self.history.records],
            "stopped": self.history.stopped,
            "best epoch": self.history.best,
            "lowest": self.lowest,
            "waited": self.waited,
        }
        return numbers, facts

    def load(self, path: Path, about: dict[str, Any]) -> None:
        """Load the state from a file. Raises CheckpointError, and changes nothing, if it belongs to another run."""
        try:
            numbers, facts = read(path)
        except CheckpointError as error:
            raise CheckpointError(f"{error}; give another folder, or delete this file to begin again") from None
        try:
            check_same(path, facts["run"], about)
            state = {"optimizer": facts["optimizer"]["optimizer"], "steps": facts["optimizer"]["steps"]}
            state["state"] = {name: numbers[f"optimizer.{name}"] for name in self.optimizer.state_names}
            parameters, rate = numbers["parameters"], facts["lr"]
            version, words, gauss = facts["rng"]
            rng, records = random.Random(), [dict(record) for record in facts["history"]]
            rng.setstate((version, tuple(words), gauss))
            lowest, waited, stopped = float(facts["lowest"]), int(facts["waited"]), str(facts["stopped"])
            best = int(facts["best epoch"])
            check_schedule(path, self.optimizer, records, state["steps"])
            if len(parameters) != len(self.parameters):
                raise ValueError("it has another number of parameters")
            self.optimizer.load_state_dict(state)
        except CheckpointError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{path} is damaged ({error})") from None
        for p, x in zip(self.parameters, parameters):
            p.data = x
        if rate is not None:
            self.optimizer.lr = rate
        self.rng.setstate(rng.getstate())
        self.history.records, self.history.stopped, self.history.best = records, stopped, best
        self.lowest, self.waited, self.best = lowest, waited, numbers.get("best", [])
