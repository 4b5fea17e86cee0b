"""The commands `micrograd train`, `predict`, `show` and `bench`: from a table to a trained net in one line.

    micrograd train iris
    micrograd train flowers.csv --target species --hidden 8 --epochs 200
    micrograd predict run-iris new.csv -o answers.csv
    micrograd show run-iris --draw net.svg
    micrograd bench

`add_commands` adds them to the parser.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from micrograd.cli.options import activation, decay, fraction, rate, seed, sizes, whole
from micrograd.words import unwrapped

SETS = "iris, moons, circles, spirals, xor, digits, diabetes, mnist"
OPTIMIZERS = ("adam", "sgd", "rmsprop", "adamw")
SHOWN = 20  # errors about rows are printed, at most
LOSSES = ("auto", "cross_entropy", "hinge", "mse", "binary_cross_entropy")

TRAIN_HELP = f"""\
named data sets:
  {SETS}

examples:
  micrograd train iris
  micrograd train moons --hidden 8 --activation relu --seed 1
  micrograd train flowers.csv --target species --categorical colour --out run
  micrograd train houses.csv --target price --task numbers --patience 20
  micrograd train digits --hidden 32 --optimizer sgd --lr 0.5 --batch 10

A CSV file has a header; its last column is the target unless --target names
another. The run's folder gets model.safetensors, history.csv, loss.png,
net.svg and weights.svg, and regions.png if two columns of numbers tell the
class. The net is written first; if a picture cannot be made, a message says so
and the exit status is 1. After Ctrl-C or a crash, the same command with
--resume goes on from the last checkpoint."""

PREDICT_HELP = """\
examples:
  micrograd predict run-iris new.csv
  micrograd predict run-houses new.csv -o prices.csv

The file needs the columns that the net was trained on, in any order; other
columns, such as the target, are ignored. Each row gets a prediction and, for
classes, the probability of that class. A row that cannot be read gets an empty
prediction and a message, and the exit status is 1."""

SHOW_HELP = """\
examples:
  micrograd show run-iris
  micrograd show run-iris --draw net.svg"""


def add_commands(commands: Any) -> None:
    """Add these subcommands; each sets `do`, a function of the options that returns the exit status."""
    train = _command(commands, "train", _train, "train a net on a named data set or a CSV file", TRAIN_HELP)
    train.add_argument("data", metavar="DATA", help="a named data set or a CSV file")
    table = train.add_argument_group("the CSV file")
    table.add_argument("--target", metavar="COLUMN", help="the column to predict (default the last)")
    table.add_argument("--task", choices=("classes", "numbers"), help="kind of target (default: by its cells)")
    table.add_argument(
        "--categorical",
        metavar="COLUMN",
        nargs="+",
        action="extend",
        default=[],
        help="columns to read as categories, even if they hold numbers; give after DATA",
    )
    table.add_argument(
        "--ignore",
        metavar="COLUMN",
        nargs="+",
        action="extend",
        default=[],
        help="columns to leave out, such as row names and row numbers; give after DATA",
    )
    net = train.add_argument_group("the net")
    net.add_argument("--hidden", type=sizes, default=[16, 16], metavar="N,N", help="hidden layers (default 16,16)")
    net.add_argument(
        "--activation", type=activation, default="tanh", metavar="NAME", help="of hidden layers (default tanh)"
    )
    how = train.add_argument_group("the training")
    how.add_argument("--loss", choices=LOSSES, default="auto", help="default auto: chosen by the target")
    how.add_argument("--optimizer", choices=OPTIMIZERS, default="adam", help="default adam")
    how.add_argument("--lr", type=rate, default=0.01, metavar="RATE", help="learning rate (default 0.01)")
    how.add_argument(
        "--weight-decay", type=decay, metavar="X", help="pull of all parameters to 0 (default 0.003; rmsprop has none)"
    )
    how.add_argument("--epochs", type=whole, default=100, metavar="N", help="passes over the rows (default 100)")
    how.add_argument("--batch", type=whole, default=32, metavar="N", help="rows per step (default 32)")
    how.add_argument("--seed", type=seed, default=0, metavar="N", help="random seed (default 0)")
    how.add_argument(
        "--held-out",
        type=fraction,
        metavar="X",
        help="fraction of the rows to test on (default 0.2; 0 if there are fewer than 10)",
    )
    how.add_argument(
        "--patience",
        type=whole,
        metavar="N",
        help="stop after N epochs without a lower loss on a fifth of the rows, set aside for this; keep the best net",
    )
    how.add_argument("--backend", choices=("auto", "eager", "jit"), default="auto", help="default auto: the faster")
    train.add_argument("--resume", action="store_true", help="go on where the same command was stopped")
    train.add_argument("--out", type=Path, metavar="FOLDER", help="folder for the run (default run-NAME)")

    predict = _command(commands, "predict", _predict, "predict each row of a CSV file with a trained net", PREDICT_HELP)
    predict.add_argument("run", help="the folder that micrograd train wrote")
    predict.add_argument("file", help="a CSV file with the columns of the inputs")
    predict.add_argument("-o", "--output", type=Path, metavar="FILE", help="CSV file to write (default: print it)")

    show = _command(commands, "show", _show, "describe a trained net, and draw it", SHOW_HELP)
    show.add_argument("run", help="the folder that micrograd train wrote")
    show.add_argument("--draw", type=Path, metavar="FILE", help="write a drawing: .svg, .dot; with Graphviz .png, .pdf")

    _command(
        commands, "bench", _bench, "time a training step on this machine, eager and compiled", "takes a few seconds"
    )


def _command(
    commands: Any, name: str, do: Callable[[Any], int | None], summary: str, epilog: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=summary, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.set_defaults(do=do)
    return parser


def _train(options: Any) -> int:
    from micrograd.cli.results import results
    from micrograd.cli.train import Training
    from micrograd.training.folder_lock import alone_in

    training, failed = Training(options), list[str]()
    with contextlib.suppress(BrokenPipeError):  # a reader that leaves early, such as `head`, does not stop the run
        print(training.about(), flush=True)
    try:
        with alone_in(training.folder):
            training.run()
            lines = list(results(training, failed))  # write every file before printing: the reader may be gone
        print("\n".join(lines))
        for said in failed:
            print(f"micrograd train: {said}", file=sys.stderr)
        return 1 if failed else 0
    except KeyboardInterrupt:
        kept = training.has_begun or training.goes_on
        again = _command_line(options.argv, *["--resume"] * (not options.resume))
        said = "no epoch had ended"
        if kept:
            said = f"{training.folder} keeps the last checkpoint; to go on: {again}"
            said += "   (--epochs 1 after --resume ends it there, with its files)"
        print(f"\nmicrograd train: stopped: {said}", file=sys.stderr)
        return 130


def _command_line(argv: list[str], *more: str) -> str:
    """The command as a shell reads it, with more options before any `--`."""
    end = argv.index("--") if "--" in argv else len(argv)
    return shlex.join(["micrograd", *argv[:end], *more, *argv[end:]])


def _predict(options: Any) -> int:
    from micrograd.cli.run_folder import load
    from micrograd.errors import DataError
    from micrograd.files import write_whole
    from micrograd.words import count

    model = load(options.run)
    rows, wrong = model.preparation.read_csv_in_part(options.file)
    if options.output and options.output.exists() and options.output.samefile(options.file):
        raise ValueError(f"{options.output} is the input file: write the answers to another file")
    if options.output and options.output.is_dir():
        raise IsADirectoryError(f"{options.output} is a directory: give a file to write")
    right = {i: row for i, row in enumerate(rows) if row is not None}
    places, failed = [*right], dict[int, Exception]()
    answers = dict(zip(places, model.answers([*right.values()], failed=failed)))
    wrong |= {places[i]: f"{options.file}, row {places[i] + 1}: {error}" for i, error in failed.items()}
    if len(wrong) == len(rows):
        raise DataError(wrong[min(wrong)])
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["prediction", "probability"] if model.has_probabilities else ["prediction"])
    for i in range(len(rows)):
        answer, p = answers.get(i, ("", None))
        writer.writerow([answer, "" if p is None else f"{p:.6g}"] if model.has_probabilities else [answer])
    if options.output is None:
        sys.stdout.write(text.getvalue())
    else:
        write_whole(options.output, text.getvalue().encode())
        print(f"saved {len(rows) - len(wrong):,} answers in {options.output}")
    for _, said in sorted(wrong.items())[:SHOWN]:
        print(f"micrograd predict: {unwrapped(said)}", file=sys.stderr)
    if wrong:
        what = f"{count(len(wrong), 'row')} of {len(rows):,} left without a prediction"
        print(f"micrograd predict: {what}", file=sys.stderr)
    return 1 if wrong else 0


def _show(options: Any) -> None:
    from micrograd.cli.report import draw_model, summary
    from micrograd.cli.run_folder import load

    model = load(options.run)
    if options.draw:
        draw_model(model, options.draw)
    print(f"{options.run}: {summary(model)}")
    drawn = Path(options.run) / "net.svg"
    if options.draw:
        print(f"saved {options.draw}")
    elif drawn.exists():
        print(f"  drawn in {drawn}")


def _bench(options: Any) -> None:
    from micrograd.cli.bench import timing

    for line in timing():
        print(line, flush=True)
