"""The `micrograd` command: draw an expression, step through it, explain it on a page; train a net and use it.

    micrograd draw "x / (x + y)" x=2 y=-4 -o f.svg
    micrograd step "tanh(w * x + b)" w=-3 x=2 b=6.7
    micrograd explain "x / (x + y)" x=2 y=-4 -o page.html
    micrograd train iris

A wrong expression, value or option is one line on standard error and exit status 2.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import inspect
import io
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from micrograd.cli.models import add_commands
from micrograd.words import unwrapped

EXPRESSIONS = ("draw", "step", "explain")  # the commands that take one
FULL = [getattr(errno, name) for name in ("ENOSPC", "EFBIG", "EDQUOT", "EIO") if hasattr(errno, name)]


def run(main: Callable[..., Any], argv: Sequence[str] | None = None) -> Any:
    """Call `main(*, seed=0, jit=False)` with `--seed` and `--jit` from the shell, each of its default's type."""
    parser = argparse.ArgumentParser(
        description=inspect.getdoc(main), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, parameter in inspect.signature(main).parameters.items():
        flag, default = f"--{name.replace('_', '-')}", parameter.default
        if default is False:
            parser.add_argument(flag, action="store_true", help="default off")
        else:
            parser.add_argument(flag, type=type(default), default=default, help=f"default {default}")
    options = vars(parser.parse_args(argv))
    try:
        return main(**options)
    except (ArithmeticError, ValueError, OSError, ImportError) as error:
        parser.exit(2, f"{parser.prog}: {error}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    is_program = argv is None
    argv = list(sys.argv[1:] if argv is None else argv)
    if len(argv) > 1 and argv[0] in EXPRESSIONS and re.match(r"-(?!h|o|-[a-z]|-$)", argv[1]):
        argv[1] = f" {argv[1]}"  # an expression such as -x is not an option
    parser = _parser()
    options, rest = parser.parse_known_args(argv)
    if any(item.startswith("-") or "=" not in item for item in rest) or (rest and not hasattr(options, "values")):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        options.values += rest  # values that stand after an option
    options.argv = argv
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a console that cannot draw a tree's lines shows them as ?
    try:
        with _whole_output(is_program=is_program):
            return options.do(options) or 0
    except BrokenPipeError:  # nobody reads any more, as after `| head`
        return 128 + 13  # as a shell says of a program that SIGPIPE ended
    except KeyboardInterrupt:
        print(f"\nmicrograd {options.command}: stopped", file=sys.stderr)
        return 130
    except (ArithmeticError, ValueError, TypeError, LookupError, OSError, RuntimeError, ImportError) as error:
        print(f"micrograd {options.command}: {unwrapped(error)}", file=sys.stderr)
        return 2


def _lines_of(out: Any) -> Any:
    return io.TextIOWrapper(io.BufferedWriter(out.buffer), out.encoding, out.errors, line_buffering=True)


@contextlib.contextmanager
def _whole_output(*, is_program: bool) -> Iterator[None]:
    """Print all that is printed, or raise OSError before the exit status is said.

    Unbuffered, Python prints what one call of the system takes and forgets the rest; buffered, it hears of a full disk
    when all is over.
    """
    out: Any = sys.stdout
    is_raw = isinstance(getattr(out, "buffer", None), io.RawIOBase)
    whole = _lines_of(out) if is_raw else out
    sys.stdout = whole
    try:
        yield
        whole.flush()
    except OSError as error:
        if error.filename is not None or error.errno not in (*FULL, errno.EPIPE):  # files are named by those who write
            raise
        if is_program:
            with contextlib.suppress(OSError, ValueError):  # what is left goes nowhere, also when Python ends
                os.dup2(os.open(os.devnull, os.O_WRONLY), whole.fileno())
        raise OSError(error.errno, error.strerror, "standard output") from None  # a BrokenPipeError, where it is one
    finally:
        sys.stdout = out
        if is_raw:
            with contextlib.suppress(OSError):
                whole.detach().detach()


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, where argparse prints the usage too."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {unwrapped(message)} ({self.prog} --help says more)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="micrograd", description="See the chain rule happen, and train tiny nets by it.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    draw = _expression_command(commands, "draw", _draw, "draw the graph of an expression, values and gradients on it")
    draw.add_argument("-o", "--output", default="graph.svg", help="file: .svg, .dot, and with Graphviz .png and .pdf")
    draw.add_argument("--fold", default="auto", help="auto, none, operation, neuron, layer or repeated (default auto)")
    draw.add_argument("--rankdir", default="LR", choices=("LR", "RL", "TB", "BT"), help="where it grows (default LR)")
    _expression_command(commands, "step", _step, "step through forward and backward at a prompt that speaks pdb")
    explain = _expression_command(commands, "explain", _explain, "make one interactive HTML page that needs no network")
    explain.add_argument("-o", "--output", default="page.html", help="file (default page.html)")
    add_commands(commands)
    return parser


def _expression_command(commands: Any, name: str, do: Callable[[Any], None], summary: str) -> argparse.ArgumentParser:
    example = f'example: micrograd {name} "x / (x + sigmoid(y))" x=2 y=-4   (put "(-x)" where a minus comes first)'
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary, epilog=example)
    parser.add_argument("expression", help="numbers, variables, + - * / ** and functions such as tanh, exp, maximum")
    parser.add_argument("values", nargs="*", metavar="name=number", help="the value of each variable")
    parser.set_defaults(do=do)
    return parser


class _Version(argparse.Action):
    def __call__(self, *ignored: Any) -> None:
        import micrograd

        print(f"micrograd {micrograd.__version__}")
        raise SystemExit(0)


def _value(options: Any) -> Any:
    from micrograd.cli.expression import evaluate
    from micrograd.errors import ExpressionError

    variables: dict[str, float] = {}
    for item in options.values:
        name, equals, number = item.partition("=")
        name = unicodedata.normalize("NFKC", name)  # as Python reads names in the expression
        if not equals or not name.isidentifier():
            raise ExpressionError(f"{item!r} is not of the form x=2")
        if name in variables:
            raise ExpressionError(f"{name!r} has two values")
        try:
            variables[name] = float(number)
        except ValueError:
            raise ExpressionError(f"{item!r}: {number!r} is no number") from None
    return evaluate(options.expression, variables)


def _draw(options: Any) -> None:
    from micrograd.views import draw

    out = _value(options)
    out.backward()
    path = draw.save(out, options.output, rankdir=options.rankdir, fold=options.fold)
    print(draw.tree(out, depth=8))
    print(f"saved {path}")


def _step(options: Any) -> None:
    from micrograd.views.prompt import debug

    debug(_value(options))


def _explain(options: Any) -> None:
    from micrograd.views.trace import trace

    print(f"saved {trace(_value(options)).html(options.output)}")


if __name__ == "__main__":
    sys.exit(main())
