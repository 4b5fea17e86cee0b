"""One run of `micrograd train`: from the options of the command to the files of its folder."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

from micrograd.cli.recipe import LOSSES, count_of_sizes
from micrograd.cli.report import net_line
from micrograd.cli.run_folder import claim, start
from micrograd.data.batching import split_table
from micrograd.data.preparation import Preparation
from micrograd.data.sets import SETS, named
from micrograd.data.tables import Table, read_csv
from micrograd.errors import CheckpointError, DataError
from micrograd.extras import require
from micrograd.metrics import is_right
from micrograd.nn import MLP, init_for
from micrograd.optim import SGD, WEIGHT_DECAY, Adam, AdamW, Optimizer, RMSProp
from micrograd.training.checkpoints import CHECKPOINT, read
from micrograd.training.fit import fit
from micrograd.training.history import History
from micrograd.words import count, listed, nearest, text_of

OPTIMIZERS: dict[str, type[Optimizer]] = {"adam": Adam, "sgd": SGD, "rmsprop": RMSProp, "adamw": AdamW}
SAVED = (
    "data target task categorical ignore hidden activation loss optimizer lr weight_decay epochs batch seed held_out"
)
FEW_ROWS, FEW_FOR_PATIENCE = 10, 4  # rows: of fewer, none are held out by default; too few for --patience


class Training:
    """What the options ask for, checked; nothing is written before `run`."""

    train: Table
    test: Table | None
    learned: Table
    watched: Table | None
    history: History
    seconds: float
    has_begun: bool

    def __init__(self, options: Any):
        self.options = options
        self.table: Table = _table(options)
        _need(options.backend)
        name = self.table.name if options.data in SETS else Path(options.data).stem
        self.folder: Path = options.out or Path(f"run-{name}")
        kept = {key: getattr(options, key) for key in [*SAVED.split(), "patience", "backend"]}
        self.kept: dict[str, Any] = {**kept, "data": options.data if options.data in SETS else Path(options.data).name}
        self.goes_on: bool = claim(self.folder, self.kept, resume=options.resume)
        self.done: int = _epochs_in(self.folder / CHECKPOINT) if self.goes_on else 0
        self.loss: str = _loss(options.loss, self.table)
        self.train, self.test = self._split()
        self.learned, self.watched = self._split_again()
        self.preparation: Preparation = Preparation.fit(self.train)
        self.net: MLP = self._net()
        self.optimizer: Optimizer = self._optimizer()
        self.history = History()
        self.seconds = 0.0
        self.has_begun = False  # whether an epoch has succeeded, so that the folder holds this run

    def _split(self) -> tuple[Table, Table | None]:
        part = self.options.held_out
        if part is None:
            part = 0.2 if len(self.table) >= FEW_ROWS else 0.0
        return split_table(self.table, held_out=part, rng=self._rng()) if part else (self.table, None)

    def _split_again(self) -> tuple[Table, Table | None]:
        """With --patience, rows to learn from and rows to stop by: the held-out rows must not decide when to stop."""
        if not self.options.patience:
            return self.train, self.test
        if len(self.train) < FEW_FOR_PATIENCE:
            raise DataError(
                f"{self.table.name} leaves {count(len(self.train), 'row')} to learn from: too few to keep some "
                "for --patience"
            )
        return split_table(self.train, held_out=0.2, rng=self._rng())

    def _net(self) -> MLP:
        outputs = 1 if self.loss != "cross_entropy" else self.preparation.outputs
        inputs, layers = len(self.preparation.inputs), [*self.options.hidden, outputs]
        activation = self.options.activation
        count_of_sizes([inputs, *layers])  # raises before too many Values are made
        return MLP(inputs, layers, activation=activation, init=init_for(activation), rng=self._rng())

    def _optimizer(self) -> Optimizer:
        name, decay = self.options.optimizer, self.options.weight_decay
        if name == "rmsprop":
            if decay:
                raise ValueError("--weight-decay is for adam, adamw and sgd; rmsprop has none")
            return RMSProp(self.net.parameters(), lr=self.options.lr)
        kind: Any = OPTIMIZERS[name]
        decay = WEIGHT_DECAY if decay is None else decay
        return kind(self.net.parameters(), lr=self.options.lr, weight_decay=decay)

    def _rng(self) -> random.Random:
        return random.Random(self.options.seed)

    def about(self) -> str:
        """The run to come: data, net and training, in three lines."""
        o = self.options
        batches = f"batches of {min(o.batch, len(self.learned)):,}"
        kept = f"{len(self.watched):,} for --patience, " if o.patience and self.watched else ""
        held = f"{len(self.test):,} held out" if self.test else "none held out"
        before = f", from its checkpoint after {count(self.done, 'epoch')}" if self.goes_on else ""
        if self.done >= o.epochs:
            before += ": none is left to do"
        return (
            f"{self.table}\n{self._guessed()}"
            f"{net_line(self.net)}; {count(len(self.learned), 'row')} to learn from, {kept}{held}\n"
            f"{self.loss}, {o.optimizer} at {o.lr:g}, {count(o.epochs, 'epoch')} of {batches}, seed {o.seed}, "
            f"into {self.folder}{os.sep}{before}"
        )

    def _guessed(self) -> str:
        """What the cells of a file were read as and may be meant otherwise, a line each."""
        table, lines = self.table, []
        if self.options.data in SETS:
            return ""
        if len(table.classes) > 2 and not self.options.task and all(map(is_whole, table.classes)):
            what = text_of(table.target)
            lines.append(f"the whole numbers of {what} are read as classes: --task numbers predicts a number\n")
        cells = zip(*self.learned.rows)
        same = [text_of(column.name) for column, found in zip(table.columns, cells) if len(set(found)) == 1]
        if same:
            lines.append(f"the same in all rows to learn from, so it teaches nothing: {listed(same)}\n")
        return "".join(lines)

    def _begin(self, record: Any) -> None:
        if not self.has_begun:
            start(self.folder, self.kept, resumed=self.goes_on)
        self.has_begun = True

    def run(self) -> None:
        """Train; the folder keeps a checkpoint to go on from."""
        o = self.options
        watched = self.watched
        validation = (self.preparation.rows(watched), self.targets(watched)) if watched else None
        began = time.perf_counter()
        try:
            self.history = fit(
                self.net,
                LOSSES[self.loss],
                self.preparation.rows(self.learned),
                self.targets(self.learned),
                optimizer=self.optimizer,
                epochs=o.epochs,
                batch_size=o.batch,
                validation=validation,
                metrics={"accuracy": is_right} if self.table.task == "classes" else None,
                patience=o.patience,
                keep_best=bool(o.patience),
                callbacks=[self._begin],
                seed=o.seed,
                backend=o.backend,
                checkpoint=self.folder,
                resume=self.goes_on,
            )
        except CheckpointError:
            raise
        except (ArithmeticError, ValueError) as error:
            if self.has_begun:  # resuming would fail in the same way
                (self.folder / CHECKPOINT).unlink(missing_ok=True)
            raise FloatingPointError(f"{error}; try a smaller --lr, or another --activation") from None
        self.seconds = time.perf_counter() - began

    def targets(self, table: Table) -> list[Any]:
        """The targets of a table as the loss takes them."""
        targets = self.preparation.targets(table)
        return [2 * t - 1 for t in targets] if self.loss == "hinge" else targets  # the hinge takes -1 and 1


def _epochs_in(checkpoint: Path) -> int:
    """How many epochs a checkpoint holds. `fit` checks whether it belongs to this run."""
    kept = read(checkpoint)[1].get("history")
    return len(kept) if isinstance(kept, list) else 0


def _need(backend: str) -> None:
    """Check before a run for the packages that its end needs. Raises ImportError with what to install."""
    for module in ("numpy", "safetensors", "matplotlib"):
        require(module, extra="train")
    if backend == "jit":
        require("llvmlite", extra="jit")


def is_whole(text: str) -> bool:
    return text.lstrip("+-").isdigit()


def _table(options: Any) -> Table:
    data = options.data
    if data in SETS:
        for flag in ("target", "task", "categorical", "ignore"):
            if getattr(options, flag):
                raise ValueError(f"--{flag} is for CSV files, and {data} is a named data set")
        return named(data, seed=options.seed)
    if data == "-":
        raise DataError("standard input is not read: save the table in a file, and give its name")
    if not os.path.exists(data) and os.sep not in data and not Path(data).suffix:
        raise DataError(f"there is no file {data!r}, and no data set of that name{nearest(data, list(SETS))}")
    o = options
    return read_csv(data, target=o.target, task=o.task, categorical=o.categorical, ignore=o.ignore)


def _loss(name: str, table: Table) -> str:
    """The loss that was asked for, or the task's default. Raises ValueError if the loss is for another task."""
    is_two = len(table.classes) == 2
    if table.task == "numbers":
        fitting = ["mse"]
    else:
        fitting = ["binary_cross_entropy", "cross_entropy", "hinge"] if is_two else ["cross_entropy"]
    if name not in ("auto", *fitting):
        what = f"{len(table.classes)} classes" if table.classes else "numbers"
        raise ValueError(f"--loss {name} is not for {what}: choose from {', '.join(fitting)}")
    return fitting[0] if name == "auto" else name
