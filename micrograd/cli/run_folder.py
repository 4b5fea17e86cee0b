"""Keep what a training run made in a folder, and use it again: `load("run-iris").answers(rows)`.

A folder holds `run.json`, the options that the run was started with; `checkpoint.safetensors`, from which it goes on
when it was stopped; and, once it has ended, `model.safetensors`: the parameters, and as JSON the recipe of the net, the
preparation of its inputs and what was measured. `claim` says whether a folder may hold a new run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from micrograd.cli.recipe import LOSSES, WITH_PROBABILITY, net_of, recipe
from micrograd.data.preparation import Preparation
from micrograd.errors import CheckpointError
from micrograd.files import write_whole
from micrograd.nn import MLP
from micrograd.schema import ANYTHING, NUMBER, TEXT, check, one_of, whole
from micrograd.table import float_of
from micrograd.training.checkpoints import CHECKPOINT, check_format, read, write
from micrograd.training.folder_lock import LOCK, check_free
from micrograd.training.predict import outputs_of

MODEL, RUN, FORMAT = "model.safetensors", "run.json", "micrograd run 1"
EXAMPLE = {"inputs": [NUMBER], "target": NUMBER, ...: ANYTHING}
FACTS = {
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
RESULTS = (MODEL, "history.csv", "loss.png", "regions.png", "net.svg")


@dataclass
class Model:
    """A trained net with all that is needed to use it."""

    net: MLP
    preparation: Preparation
    facts: dict[str, Any]  # the other things that are known of it: data, loss, metrics, an example, ...

    @property
    def backend(self) -> str:
        """What to compute outputs with: compiled, where that was worth it for training."""
        return "auto" if self.facts["backend"] == "jit" else "eager"

    def outputs(self, rows: Sequence[Sequence[float]]) -> list[Any]:
        """The net's outputs for rows as the preparation makes them: floats, or lists of them."""
        return outputs_of(self.net, rows, backend=self.backend)

    def answers(
        self, rows: Sequence[Sequence[float]], *, failed: dict[int, Exception] | None = None
    ) -> list[tuple[str | float, float | None]]:
        """A class or a number for each row, and the probability of the class, if the loss was one that gives it.

        Errors of rows without a result are raised; or kept in `failed`, if that is given, and the answer is empty.
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
        from micrograd.losses import softmax
        from micrograd.ops import sigmoid

        if not self.has_probabilities:
            return None
        return max(map(float_of, softmax(output))) if isinstance(output, list) else float_of(sigmoid(abs(output)))

    def save(self, folder: Path) -> None:
        """Write the model's file, whole or not at all."""
        known = {"recipe": recipe(self.net), "preparation": self.preparation.to_dict()}
        write(folder / MODEL, {"parameters": [p.data for p in self.net.parameters()]}, {**self.facts, **known})


def load(place: str | Path) -> Model:
    """The model of a run's folder, or of its file. Raises CheckpointError for a damaged one, OSError for none."""
    place = Path(place)
    path = place / MODEL if place.is_dir() else place
    if not path.exists():
        if (path.parent / CHECKPOINT).exists():
            raise FileNotFoundError(f"{place} has no model yet: its run was stopped; train with --resume to go on")
        raise FileNotFoundError(f"{place} has no model: give the folder that micrograd train wrote")
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
            raise ValueError("the net has other inputs or outputs than the preparation")
        if facts["example"] is not None and len(facts["example"]["inputs"]) != sizes[0]:
            raise ValueError("the example has other inputs than the net")
        if (facts["loss"] == "mse") != (preparation.task == "numbers"):
            raise ValueError("the loss is for another task")
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is no model of a run, or is damaged ({error})") from None
    return Model(net, preparation, facts)


def options_of(folder: Path) -> dict[str, Any] | None:
    """The options that a folder's run was started with; None where it holds no run. Raises CheckpointError."""
    try:
        found = json.loads((folder / RUN).read_bytes())
        check_format(folder / RUN, found["format"], FORMAT)
        check(found, {"format": one_of(FORMAT), "options": {...: ANYTHING}, ...: ANYTHING}, RUN)
    except FileNotFoundError:
        return None
    except CheckpointError:
        raise
    except (ValueError, TypeError, KeyError, RecursionError):
        raise CheckpointError(f"{folder / RUN} is damaged: choose another folder with --out, or delete this") from None
    return found["options"]


def claim(folder: Path, options: dict[str, Any], *, resume: bool) -> bool:
    """Whether there is a run in the folder to go on with. Raises ValueError where a new one would spoil what is there.

    A finished run on the same data and target may be replaced. Nothing is written here: `start` does that.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file: choose a folder with --out")
    check_free(folder)
    if not folder.is_dir() or {path.name for path in folder.iterdir()} <= {LOCK}:
        return False
    other = options_of(folder)
    if other is None:
        raise ValueError(f"{folder} holds other files than a run's: choose a new folder with --out")
    if resume:
        for name in options:
            if name != "epochs" and other.get(name) != options[name]:
                flag = "DATA" if name == "data" else f"--{name.replace('_', '-')}"
                raise ValueError(
                    f"{folder} is of another run: its {flag} was {_said(other.get(name))}, not {_said(options[name])}; "
                    "resume with the same options, or choose another folder with --out"
                )
        return (folder / CHECKPOINT).exists()
    for name, what in (("data", "on"), ("target", "with the target")):
        if other.get(name) != options.get(name):
            said = _said(other.get(name)) if other.get(name) is not None else "of the last column"
            raise ValueError(
                f"{folder} is of another run, {what} {said}: choose another folder with --out, or delete it"
            )
    if (folder / CHECKPOINT).exists() and not (folder / MODEL).exists():
        raise ValueError(f"{folder} holds a run that was stopped: add --resume to go on with it, or delete it")
    return False


def start(folder: Path, options: dict[str, Any], *, resumed: bool) -> None:
    """Begin a run: no results of an earlier one stay beside it. Called once its first epoch has gone well."""
    for name in RESULTS if resumed else (*RESULTS, CHECKPOINT):
        (folder / name).unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / RUN, json.dumps({"format": FORMAT, "options": options}, indent=1).encode())


def _said(option: Any) -> str:
    return ",".join(map(str, option)) if isinstance(option, list) else str(option)
