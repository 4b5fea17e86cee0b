"""Run a demo as a user does."""

from __future__ import annotations

import importlib.util
from pathlib import Path

DEMOS = Path(__file__).parents[2] / "demos"


def demo(name):
    spec = importlib.util.spec_from_file_location(f"demo_{name}", DEMOS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
