"""Keep a training run in a folder, and use it again: `load("run-iris").answers(rows)`.

A folder holds `run.json`, the options of the run; `checkpoint.safetensors`, from which a stopped run goes on; and, once
the run has ended, `model.safetensors`: the parameters, and as JSON the recipe of the net, the preparation of its inputs
and what was measured. `claim` decides whether a folder may hold a new run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from micrograd.cli.model import MODEL, Model
from micrograd.errors import CheckpointError
from micrograd.files import write_whole
from micrograd.schema import ANYTHING, check, one_of
from micrograd.training.checkpoints import CHECKPOINT, check_format
from micrograd.training.folder_lock import LOCK, check_free

RUN, FORMAT = "run.json", "micrograd run 1"
RESULTS = (MODEL, "history.csv", "loss.png", "regions.png", "net.svg", "weights.svg")


def load(place: str | Path) -> Model:
    """The model in a run's folder, or in a file. Raises CheckpointError if it is damaged, OSError if there is none."""
    place = Path(place)
    path = place / MODEL if place.is_dir() else place
    if not path.exists():
        if (path.parent / CHECKPOINT).exists():
            raise FileNotFoundError(f"{place} has no model yet: its run was stopped; train with --resume to go on")
        raise FileNotFoundError(f"{place} has no model: give the folder that micrograd train wrote")
    return Model.read(path)


def options_of(folder: Path) -> dict[str, Any] | None:
    """The options of the run in a folder; None if it holds no run. Raises CheckpointError if they are damaged."""
    try:
        found = json.loads((folder / RUN).read_bytes())
        check_format(folder / RUN, found["format"], FORMAT)
        check(found, {"format": one_of(FORMAT), "options": {...: ANYTHING}, ...: ANYTHING}, RUN)
    except FileNotFoundError:
        return None
    except CheckpointError:
        raise
    except (ValueError, TypeError, KeyError, RecursionError):
        raise CheckpointError(f"{folder / RUN} is damaged: choose another folder with --out, or delete it") from None
    return found["options"]


def claim(folder: Path, options: dict[str, Any], *, resume: bool) -> bool:
    """Whether the folder holds a run to go on with. Raises ValueError if a new run would overwrite something else.

    A finished run on the same data and target may be replaced. Nothing is written here; `start` writes.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file: choose a folder with --out")
    check_free(folder)
    if not folder.is_dir() or {path.name for path in folder.iterdir()} <= {LOCK}:
        return False
    other = options_of(folder)
    if other is None:
        raise ValueError(f"{folder} holds files that do not belong to a run: choose a new folder with --out")
    if resume:
        for name in options:
            if name != "epochs" and other.get(name) != options[name]:
                flag = "DATA" if name == "data" else f"--{name.replace('_', '-')}"
                raise ValueError(
                    f"{folder} holds another run: its {flag} was {_said(other.get(name))}, not {_said(options[name])}; "
                    "resume with the same options, or choose another folder with --out"
                )
        return (folder / CHECKPOINT).exists()
    for name, what in (("data", "on"), ("target", "with the target")):
        if other.get(name) != options.get(name):
            said = _said(other.get(name)) if other.get(name) is not None else "in the last column"
            raise ValueError(
                f"{folder} holds another run, {what} {said}: choose another folder with --out, or delete it"
            )
    if (folder / CHECKPOINT).exists() and not (folder / MODEL).exists():
        raise ValueError(f"{folder} holds a run that was stopped: add --resume to go on with it, or delete it")
    return False


def start(folder: Path, options: dict[str, Any], *, resumed: bool) -> None:
    """Begin a run: delete the results of an earlier one. Called after its first epoch has succeeded."""
    for name in RESULTS if resumed else (*RESULTS, CHECKPOINT):
        (folder / name).unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / RUN, json.dumps({"format": FORMAT, "options": options}, indent=1).encode())


def _said(option: Any) -> str:
    return ",".join(map(str, option)) if isinstance(option, list) else str(option)
