"""A trained net with all that is needed to use it: `Model.read("run-iris/model.safetensors").answers(rows)`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from micrograd.cli.recipe import LOSSES, WITH_PROBABILITY, net_of, recipe
from micrograd.coerce import float_of
from micrograd.data.preparation import Preparation
from micrograd.errors import CheckpointError
from micrograd.losses import softmax
from micrograd.nn import MLP
from micrograd.ops import sigmoid
from micrograd.schema import ANYTHING, NUMBER, TEXT, check, one_of, whole
from micrograd.training.checkpoints import read, write
from micrograd.training.predict import outputs_of

MODEL = "model.safetensors"  # in the folder of a run
EXAMPLE: dict[Any, Any] = {"inputs": [NUMBER], "target": NUMBER, ...: ANYTHING}
FACTS: dict[Any, Any] = {
    "recipe": ANYTHING,
    "preparation": ANYTHING,
    "data": {"name": TEXT, ...: ANYTHING},
    "loss": one_of(*LOSSES),
    "backend": TEXT,
    "metrics": {...: NUMBER},
    "version": TEXT,
    "epochs": whole(0),
    "last": {...: NUMBER},
    "example": lambda example: ANYTHING if example is None else EXAMPLE,
    ...: ANYTHING,
}


@dataclass
class Model:
    """A trained net with all that is needed to use it."""

    net: MLP
    preparation: Preparation
    facts: dict[str, Any]  # what else is known: data, loss, metrics, an example, ...

    @classmethod
    def read(cls, path: Path) -> Model:
        """The model in a file. Raises CheckpointError if it is damaged or not a model."""
        numbers, facts = read(path)
        try:
            check(numbers, {"parameters": ANYTHING, ...: ANYTHING}, "numbers")
            check(facts, FACTS, "facts")
            kept = {name: facts.pop(name) for name in ("recipe", "preparation")}
            net = net_of(kept["recipe"], numbers["parameters"])
            preparation = Preparation.from_dict(kept["preparation"])
            sizes = [kept["recipe"]["inputs"], kept["recipe"]["layers"][-1]]
            outputs = {preparation.outputs, 1} if preparation.outputs == 2 else {preparation.outputs}
            if sizes[0] != len(preparation.inputs) or sizes[1] not in outputs:
                raise ValueError("the net's inputs or outputs do not fit the preparation")
            if facts["example"] is not None and len(facts["example"]["inputs"]) != sizes[0]:
                raise ValueError("the example's inputs do not fit the net")
            if (facts["loss"] == "mse") != (preparation.task == "numbers"):
                raise ValueError("the loss is for another task")
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"{path} is not the model of a run, or is damaged ({error})") from None
        return cls(net, preparation, facts)

    def save(self, folder: Path) -> None:
        """Write the model's file, whole or not at all."""
        known = {"recipe": recipe(self.net), "preparation": self.preparation.to_dict()}
        write(folder / MODEL, {"parameters": [p.data for p in self.net.parameters()]}, {**self.facts, **known})

    @property
    def backend(self) -> str:
        """How to compute outputs: "auto" if training was compiled, else "eager"."""
        return "auto" if self.facts["backend"] == "jit" else "eager"

    def outputs(self, rows: Sequence[Sequence[float]]) -> list[Any]:
        """The net's outputs for rows that the preparation made: floats, or lists of floats."""
        return outputs_of(self.net, rows, backend=self.backend)

    def answers(
        self, rows: Sequence[Sequence[float]], *, failed: dict[int, Exception] | None = None
    ) -> list[tuple[str | float, float | None]]:
        """A class or a number for each row, and the probability of the class if the loss gives one.

        If a row has no result, its error is raised; or, if `failed` is given, kept there, and the answer is empty.
        """
        outputs = outputs_of(self.net, rows, backend=self.backend, failed=failed)
        return [
            ("", None) if output is None else (self.preparation.answer(output), self._probability(output))
            for output in outputs
        ]

    @property
    def has_probabilities(self) -> bool:
        return self.facts["loss"] in WITH_PROBABILITY

    def _probability(self, output: Any) -> float | None:
        if not self.has_probabilities:
            return None
        return max(map(float_of, softmax(output))) if isinstance(output, list) else float_of(sigmoid(abs(output)))
