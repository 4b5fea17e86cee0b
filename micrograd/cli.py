"""Run a function from the shell: its keyword arguments become flags, its docstring the help text."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Sequence
from typing import Any


def run(main: Callable[..., Any], argv: Sequence[str] | None = None) -> Any:
    """Call `main(*, seed=0, steps=1000)` with `--seed` and `--steps` from the shell, each of its default's type."""
    parser = argparse.ArgumentParser(
        description=inspect.getdoc(main), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, parameter in inspect.signature(main).parameters.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=type(parameter.default),
            default=parameter.default,
            help=f"default {parameter.default}",
        )
    return main(**vars(parser.parse_args(argv)))
