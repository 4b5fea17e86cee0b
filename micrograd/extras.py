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
