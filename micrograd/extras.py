"""Load an optional package, or say which extra brings it."""

from __future__ import annotations

import importlib
from typing import Any

from micrograd.locks import importing


def require(module: str, *, extra: str) -> Any:
    """The imported module. Raises ImportError with the command that installs it, in a checkout of micrograd."""
    try:
        with importing:
            return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(
            f"this needs {package}: python -m pip install '.[{extra}]' in micrograd's checkout"
        ) from error


class Lazy:
    """A module that is imported when something of it is first used: `np = Lazy("numpy", extra="jit")`.

    >>> from micrograd.extras import Lazy
    >>> Lazy("math", extra="none").sqrt(4.0)
    2.0
    """

    def __init__(self, module: str, *, extra: str):
        self._module, self._extra = module, extra

    def __getattr__(self, name: str) -> Any:
        found = getattr(require(self._module, extra=self._extra), name)
        setattr(self, name, found)
        return found
