"""Load an optional package, or say which extra brings it."""

from __future__ import annotations

import importlib
from typing import Any

from micrograd.locks import importing
from micrograd.version import DISTRIBUTION


def how_to_get(extra: str = "") -> str:
    """The command that installs what an extra brings; without one, what the package cannot draw without.

    pip leaves the package itself as it is, wherever that was installed from. The quotes are those of every shell.

    >>> from micrograd.extras import how_to_get
    >>> how_to_get("jit")
    'python -m pip install "micrograd-engine[jit]"'
    """
    return f'python -m pip install "{DISTRIBUTION}[{extra}]"' if extra else f"python -m pip install {DISTRIBUTION}"


def require(module: str, *, extra: str) -> Any:
    """The imported module. Raises ImportError with the command that installs it."""
    try:
        with importing:
            return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        why = "" if isinstance(error, ModuleNotFoundError) else f", which is there but does not load ({error})"
        raise ImportError(f"this needs {package}{why}: {how_to_get(extra)}") from error


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
