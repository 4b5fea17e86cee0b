"""The `micrograd` command: draw an expression, step through it, explain it on a page; train a net and use it.

    micrograd draw "x / (x + y)" x=2 y=-4 -o f.svg
    micrograd step "tanh(w * x + b)" w=-3 x=2 b=6.7
    micrograd explain "x / (x + y)" x=2 y=-4 -o page.html
    micrograd train iris

`micrograd` alone lists the commands. A wrong expression, value or option is one line on standard error and exit
status 2.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, NoReturn

from micrograd import in_c
from micrograd.c_core import described
from micrograd.cli import graph_commands, net_commands
from micrograd.cli.output import whole_output
from micrograd.version import VERSION
from micrograd.words import IN_PLAIN, unwrapped


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    is_program = argv is None
    argv = list(sys.argv[1:] if argv is None else argv)
    if len(argv) > 1 and argv[0] in graph_commands.COMMANDS and re.match(r"-(?!h|o|-[a-z]|-$)", argv[1]):
        argv[1] = f" {argv[1]}"  # an expression such as -x is not an option
    parser = _parser()
    if not argv:
        parser.print_help()
        return 0
    options, rest = parser.parse_known_args(argv)
    if any(item.startswith("-") or "=" not in item for item in rest) or (rest and not hasattr(options, "values")):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        options.values += rest  # values given after an option
    options.argv = argv
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=IN_PLAIN)  # a console without a tree's line characters shows others
    try:
        with whole_output(is_program=is_program):
            return options.do(options) or 0
    except BrokenPipeError:  # the reader has closed the pipe, as `| head` does
        return 128 + 13  # the status that a shell gives a program ended by SIGPIPE
    except KeyboardInterrupt:
        print(f"\nmicrograd {options.command}: stopped", file=sys.stderr)
        return 130
    except (ArithmeticError, ValueError, TypeError, LookupError, OSError, RuntimeError, ImportError) as error:
        print(f"micrograd {options.command}: {unwrapped(error)}", file=sys.stderr)
        return 2


class _Parser(argparse.ArgumentParser):
    """Reports an error in one line, where argparse would print the usage as well."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {unwrapped(message)} ({self.prog} --help says more)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="micrograd", description="See the chain rule at work, and train tiny nets with it.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version, and which core runs, and exit")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    graph_commands.add_commands(commands)
    net_commands.add_commands(commands)
    return parser


class _Version(argparse.Action):
    def __call__(self, *ignored: Any) -> None:
        print(f"micrograd {VERSION}, {described(in_c.changed)}")
        if another := _taken_instead():
            print(
                f"in this folder, `python` takes {another} instead: work in another folder, or install the checkout "
                "with -e"
            )
        raise SystemExit(0)


def _taken_instead() -> str:
    """The file that `import micrograd` finds in the current folder, if it is not of this package; else ""."""
    found = None if sys.flags.safe_path else PathFinder.find_spec("micrograd", [str(Path.cwd())])
    own = Path(__file__).resolve().parents[1].joinpath("__init__.py")
    if found is None or found.origin is None or Path(found.origin).resolve() == own:
        return ""
    return str(Path(found.origin).relative_to(Path.cwd()))


if __name__ == "__main__":
    sys.exit(main())
