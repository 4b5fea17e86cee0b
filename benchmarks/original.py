"""The original micrograd 0.1.0 beside ours: `engine, nn = original()` installs it only for the benchmarks."""

from __future__ import annotations

import importlib
import subprocess
import sys
import venv
from pathlib import Path

PEERS = Path(__file__).parent / ".peers"
REQUIREMENT = "micrograd==0.1.0"


def original():
    """The original's `engine` and `nn`, loaded beside ours under the same names."""
    home = PEERS / "original"
    if not home.exists():
        venv.create(home, with_pip=True)
        subprocess.run([home / "bin" / "python", "-m", "pip", "install", "--quiet", REQUIREMENT], check=True)
    site = next(home.glob("lib/python*/site-packages"))
    ours = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "micrograd"}
    sys.path.insert(0, str(site))
    try:
        engine, nn = importlib.import_module("micrograd.engine"), importlib.import_module("micrograd.nn")
        assert Path(engine.__file__).is_relative_to(site), engine.__file__
    finally:
        sys.path.remove(str(site))
        for name in [name for name in sys.modules if name.partition(".")[0] == "micrograd"]:
            del sys.modules[name]
        sys.modules.update(ours)
    return engine, nn
