"""One engine in its own process, told over pipes what to measure: `Worker("python")`.

A line of JSON goes in, one comes out: the name of a program gives its results, and `null` measures one block of it.
A worker sleeps while another measures, and keeps its engine, its net and its caches warm.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


class Worker:
    """A process with one engine: "native", "python", "original" or "slotted". `home` holds another checkout of ours."""

    def __init__(self, engine: str, home: str = ""):
        variables = {name: x for name, x in os.environ.items() if name != "MICROGRAD_PURE"}
        if engine == "python":
            variables["MICROGRAD_PURE"] = "1"
        command = [sys.executable, "-m", "benchmarks.worker", engine, home]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, cwd=ROOT, env=variables, text=True, **pipes)
        self.engine, self.about = engine, self._answer()

    def ask(self, question: Any) -> Any:
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker of {self.engine} ended: its error stands above")
        return json.loads(line)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def load(name: str, home: str) -> Any:
    from benchmarks.programs import Engine

    if name == "original":
        from benchmarks.original import original

        engine, nn = original()
        return Engine(name, engine.Value, nn.MLP)
    if name == "slotted":
        from benchmarks.slotted import Value

        return Engine(name, Value)
    home = home or str(ROOT)
    sys.path.insert(0, home)
    import micrograd
    from micrograd.nn import MLP

    assert Path(micrograd.__file__).is_relative_to(home), micrograd.__file__
    core = getattr(micrograd, "core", "python")
    return Engine(name, micrograd.Value, MLP, core=core, home=home)


def main() -> None:
    from benchmarks.measures import PROGRAMS

    answers, sys.stdout = sys.stdout, sys.stderr
    engine, program = load(*sys.argv[1:]), None

    def answer(x: Any) -> None:
        answers.write(json.dumps(x) + "\n")
        answers.flush()

    answer({"core": engine.core})
    for line in sys.stdin:
        question = json.loads(line)
        if question is None:
            answer(program.block())
        else:
            program = PROGRAMS[question["program"]](engine, question["quick"])
            answer(program.results())


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
