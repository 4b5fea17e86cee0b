"""Engines with a mistake in them: the source of a right one with a place changed, as a module in a file of its own."""

from __future__ import annotations

import importlib.util
import itertools
import sys
from pathlib import Path

ENGINES = Path(__file__).parent / "engines"
_count = itertools.count()


def planted(folder, *changes, of="lecture", method=None):
    """The engine `of` with each change, a pair of old and new text, made once; in a method, if one is named.

    The module is kept in `sys.modules`, as an imported one is, under a name of its own.
    """
    source = (ENGINES / f"{of}.py").read_text()
    start = source.index(f"def {method}(") if method else 0
    for old, new in changes:
        assert old in source[start:], old
        source = source[:start] + source[start:].replace(old, new, 1)
    path = Path(folder) / f"engine_{next(_count)}.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
