"""Give a demo its options: `run(main)` calls `main(*, seed=0, jit=False)` with `--seed` and `--jit` from the shell."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Sequence
from typing import Any


def run(main: Callable[..., Any], argv: Sequence[str] | None = None) -> Any:
    """Call `main(*, seed=0, jit=False)` with `--seed` and `--jit` from the shell, each of the type of its default."""
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
