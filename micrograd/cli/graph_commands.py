"""The commands that take an expression: `micrograd draw`, `step` and `explain`.

    micrograd draw "x / (x + y)" x=2 y=-4 -o f.svg
    micrograd step "tanh(w * x + b)" w=-3 x=2 b=6.7
    micrograd explain "x / (x + y)" x=2 y=-4 -o page.html

`add_commands` adds them to the parser.
"""

from __future__ import annotations

import argparse
import sys
import unicodedata
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Any

COMMANDS = ("draw", "step", "explain")


def add_commands(commands: Any) -> None:
    """Add these subcommands; each sets `do`, a function of the options."""
    draw = _command(commands, "draw", _draw, "draw the graph of an expression, with values and gradients")
    draw.add_argument(
        "-o", "--output", default="graph.svg", help=".svg, .dot; with Graphviz .png, .pdf (default graph.svg)"
    )
    draw.add_argument("--fold", default="auto", help="auto (default), none, operation, neuron, layer or repeated")
    draw.add_argument("--derivatives", action="store_true", help="write the local derivatives on the edges")
    _openable(draw)
    draw.add_argument("--rankdir", default="LR", choices=("LR", "RL", "TB", "BT"), help="direction (default LR)")
    _command(commands, "step", _step, "step through forward and backward at a prompt that speaks pdb")
    explain = _command(commands, "explain", _explain, "make one interactive HTML page that needs no network")
    explain.add_argument("-o", "--output", default="page.html", help="file (default page.html)")
    _openable(explain)


def _openable(command: argparse.ArgumentParser) -> None:
    command.add_argument("--open", action="store_true", help="show the file, in the browser")


def _command(commands: Any, name: str, do: Callable[[Any], None], summary: str) -> argparse.ArgumentParser:
    example = f'example: micrograd {name} "x / (x + sigmoid(y))" x=2 y=-4   (write "(-o)" if it begins with -o or -h)'
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary, epilog=example)
    parser.add_argument("expression", help="numbers, variables, + - * / ** and functions such as tanh, exp, maximum")
    parser.add_argument("values", nargs="*", metavar="name=number", help="the value of each variable")
    parser.set_defaults(do=do)
    return parser


def _value(options: Any) -> Any:
    from micrograd.cli.expression import evaluate
    from micrograd.errors import ExpressionError

    variables: dict[str, float] = {}
    for item in options.values:
        name, equals, number = item.partition("=")
        name = unicodedata.normalize("NFKC", name)  # as Python normalizes names in the expression
        if not equals or not name.isidentifier():
            raise ExpressionError(f"{item!r} is not of the form x=2")
        if name in variables:
            raise ExpressionError(f"{name!r} has two values")
        try:
            variables[name] = float(number)
        except ValueError:
            raise ExpressionError(f"{item!r}: {number!r} is not a number") from None
    return evaluate(options.expression, variables)


def _draw(options: Any) -> None:
    from micrograd.views import draw
    from micrograd.views.snapshot import snapshot
    from micrograd.views.terminal import for_stream
    from micrograd.views.tree import tree_lines

    out = _value(options)
    out.backward()
    settings = {"rankdir": options.rankdir, "fold": options.fold, "derivatives": options.derivatives}
    path = draw.save(out, options.output, **settings)
    print(for_stream(tree_lines(snapshot(out), depth=8), sys.stdout))
    _saved(path, options)


def _step(options: Any) -> None:
    from micrograd.views.prompt import debug

    debug(_value(options), forward=True)


def _explain(options: Any) -> None:
    from micrograd.views.trace import trace

    _saved(trace(_value(options)).html(options.output), options)


def _saved(path: Path, options: Any) -> None:
    print(f"saved {path}")
    if options.open and not webbrowser.open(path.resolve().as_uri()):
        print(f"no browser could be started: open {path} yourself", file=sys.stderr)
