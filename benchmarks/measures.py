"""What is measured besides training: whole processes, memory, long chains, calls of compiled functions, operations.

Written like programs.py, whose trainings stand beside these in `PROGRAMS`.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import time
import timeit
import tracemalloc
from pathlib import Path
from typing import Any

from benchmarks import programs
from benchmarks.programs import ROOT, Engine, Moons, Program, timed, with_and_without_collector


def child(engine: Engine, *arguments: str) -> str:
    """What a new process says that loads the same engine. It inherits MICROGRAD_PURE from this one."""
    program = [sys.executable, "-c", f"import sys; sys.path.insert(0, {engine.home!r}); {arguments[0]}", *arguments[1:]]
    done = subprocess.run(program, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


class Iris(Program):
    """The Iris demo without `--jit`, from the start of its process to its end."""

    engines = ("native", "python")
    rounds = 3
    run = "import runpy; sys.argv[0] = 'iris.py'; runpy.run_path('demos/iris.py', run_name='__main__')"

    def results(self) -> dict[str, list[float]]:
        return {"what it prints": [float(x) for x in self.demo(2).replace("%", " ").split() if x[:1].isdigit()]}

    def demo(self, epochs: int) -> str:
        return child(self.engine, self.run, "--epochs", str(epochs))

    def block(self) -> dict[str, float]:
        return {"whole process": timed(lambda: self.demo(2 if self.quick else 80))}


class Import(Program):
    """`import micrograd` in a new process."""

    engines = ("native", "python")
    run = "import time; t = time.perf_counter(); import micrograd; print(time.perf_counter() - t)"

    def block(self) -> dict[str, float]:
        found = {"import micrograd": float(child(self.engine, self.run))}
        found["its whole process"] = timed(lambda: child(self.engine, "import micrograd"))
        found["a process that imports nothing"] = timed(lambda: child(self.engine, "pass"))
        return found


class Memory(Program):
    """Bytes a node of the moons graph after backward, and of one `x * y` with all that it holds."""

    unit = "bytes"
    rounds = 1

    def block(self) -> dict[str, float]:
        moons, nodes = Moons(self.engine, self.quick), 0
        moons.step()
        graphs = [moons.loss]  # all are kept, so that no memory is used twice
        gc.collect()
        before = resident()
        found = {}
        if before and not self.quick:  # one graph may fit into pages that the process has already
            for _ in range(5):
                moons.step()
                graphs.append(moons.loss)
                nodes += made_by(moons)
            found["a node of the moons, resident"] = (resident() - before) / nodes
        gc.collect()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            moons.step()
            found["a node of the moons, allocated"] = allocated_since(before) / made_by(moons)
            x, y = self.engine.Value(1.5), self.engine.Value(2.5)
            made = [None] * 10_000
            before = tracemalloc.get_traced_memory()[0]
            for i in range(len(made)):
                made[i] = x * y
            found["x * y, allocated"] = allocated_since(before) / len(made)
        finally:
            tracemalloc.stop()
        if self.engine.is_ours:  # of another it would count neither its dictionary nor its closure
            found["sys.getsizeof(x * y)"] = sys.getsizeof(made[0])
        return found


def allocated_since(before: int) -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0] - before


def made_by(moons: Moons) -> int:
    """How many nodes a step has made: those of its graph that are not parameters."""
    seen, stack = {moons.loss}, [moons.loss]
    while stack:
        for operand in stack.pop()._prev:
            if operand not in seen:
                seen.add(operand)
                stack.append(operand)
    return len(seen) - len(moons.parameters())


def resident() -> int:
    """This process's memory in bytes; 0 where it cannot be known."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
    except OSError:
        return 0


class Chain(Program):
    """A chain of a million operations on two operands: forward, backward, and freed."""

    rounds = 3
    parts = ("forward", "backward", "freed")
    engines = ("native", "python")  # the original goes through a graph by recursion, and fails

    def __init__(self, engine: Engine, quick: bool):
        super().__init__(engine, quick)
        self.length = 10_000 if quick else 1_000_000

    def run(self) -> list[float]:
        x = y = self.engine.Value(1.0 + 1e-9)
        began = time.perf_counter()
        for _ in range(self.length):
            y = y * x
        made = time.perf_counter()
        y.backward()
        swept = time.perf_counter()
        self.found = [y.data, x.grad]
        again = time.perf_counter()
        del y
        freed = time.perf_counter()
        return [made - began, swept - made, freed - again]

    def results(self) -> dict[str, list[float]]:
        length, self.length = self.length, 1_000
        self.run()
        self.length = length
        return {"a thousand": self.found}

    def block(self) -> dict[str, float]:
        out = {}
        for mode, found in with_and_without_collector(self.run).items():
            out[f"all, {mode}"] = sum(found)
            out.update({f"{part}, {mode}": seconds for part, seconds in zip(self.parts, found)})
        return out


class Repeated(Program):
    """Statements that are repeated often enough to be measured. The empty statement's time is not taken off."""

    target = 0.05  # seconds for each statement in a block

    def __init__(self, engine: Engine, quick: bool):
        super().__init__(engine, quick)
        self.names = self.prepare()
        self.counts: dict[str, int] = {}

    def prepare(self) -> dict[str, Any]:
        """The names that the statements use."""
        raise NotImplementedError

    def statements(self) -> dict[str, str]:
        """What is timed, by the name that it is shown with."""
        raise NotImplementedError

    def block(self) -> dict[str, float]:
        found = {}
        for name, statement in self.statements().items():
            timer = timeit.Timer(statement, globals=self.names)
            if name not in self.counts:
                count, took = timer.autorange() if not self.quick else (10, self.target)
                self.counts[name] = max(1, round(count * self.target / took))
            found[name] = timer.timeit(self.counts[name]) / self.counts[name]
        return found


class Operations(Repeated):
    """Single operations on Values, each with the new Value made and dropped, and backward through a small graph."""

    def prepare(self) -> dict[str, Any]:
        Value = self.engine.Value
        names = {"Value": Value, "x": Value(0.5), "y": Value(2.5), "terms": [Value(float(i)) for i in range(10)]}
        if self.engine.is_ours:
            import micrograd

            names |= {"tanh": micrograd.tanh, "maximum": micrograd.maximum, "logsumexp": micrograd.logsumexp}
        x, y = names["x"], names["y"]
        names["z"] = ((x * y + x) * (y + 1.0) + x**2).relu()
        return names

    def statements(self) -> dict[str, str]:
        both = ["x * y", "x + y", "x + 1", "2.0 * x", "-x", "x - y", "x / y", "x**2", "x.relu()", "Value(2.0)"]
        ours = ["x.tanh()", "tanh(x)", "x.maximum(y)", "maximum(x, y)", "x**y", "logsumexp(terms)"]
        attributes = ["x.data", "x.grad", "x.grad = 0.0", "x.data = 0.5"]
        chosen = [*both, *(ours if self.engine.is_ours else []), *attributes]
        return {"pass": "pass", **{text: text for text in chosen}, "z.backward(), 12 nodes": "z.backward()"}

    def results(self) -> dict[str, list[float]]:
        found = {}
        for statement in self.statements().values():
            if "=" in statement or statement in ("pass", "z.backward()"):
                continue
            out = eval(statement, self.names)  # of the texts above
            if hasattr(out, "backward"):
                for leaf in ("x", "y"):
                    self.names[leaf].grad = 0.0
                out.backward()
                found[statement] = [out.data, self.names["x"].grad, self.names["y"].grad]
        return found


class Calls(Repeated):
    """Calls of compiled functions: `x / (x + y)` with its gradient, and one training step of xor."""

    engines = ("native", "python")

    def prepare(self) -> dict[str, Any]:
        from benchmarks.peers.ours_peer import Step, Trainer
        from benchmarks.workloads import net
        from micrograd import jit, value_and_grad

        def quotient(x, y):
            return x / (x + y)

        self.trainer, other = Step(net("xor")), Trainer(net("xor"))
        ((X, y),) = self.trainer.batches
        rows, targets = X.tolist(), y.tolist()
        loss = jit(lambda X, y: sum(map(other.loss, X, y)) / len(X))

        def train():
            found = loss(rows, targets)
            other.optimizer.zero_grad()
            found.backward()
            other.optimizer.step()
            return found.data

        self.start_train = other.start
        names = {"f": jit(quotient), "g": jit(value_and_grad(quotient, (0, 1))), "step": self.trainer.step}
        names |= {"X": X, "Y": y, "x": self.engine.Value(2.0), "y": self.engine.Value(-4.0)}
        names |= {"rows": rows, "targets": targets, "train": train}
        return names

    def statements(self) -> dict[str, str]:
        return {
            "jit(f)(x, y) of Values": "f(x, y)",
            "jit(f)(x, y) of Values, and backward": "f(x, y).backward()",
            "jit(f)(2.0, -4.0)": "f(2.0, -4.0)",
            "jit(value_and_grad(f))(2.0, -4.0)": "g(2.0, -4.0)",
            "step(X, y) of xor, arrays": "step(X, Y)",
            "step(X, y) of xor, lists": "step(rows, targets)",
            "a step of xor with jit on its loss": "train()",
        }

    def results(self) -> dict[str, list[float]]:
        names = self.names
        out = names["f"](names["x"], names["y"])
        out.backward()
        value, slopes = names["g"](2.0, -4.0)
        self.trainer.start()
        self.start_train()
        return {
            "value and gradient": [out.data, names["x"].grad, names["y"].grad],
            "value_and_grad": [value, *slopes],
            "losses of xor": [*map(float, self.trainer.run(25))],
            "its losses with jit": [names["train"]() for _ in range(25)],
        }


PROGRAMS = {
    "moons": Moons,
    "lecture": programs.Lecture,
    "lecture-tanh": programs.LectureTanh,
    "lecture-nn": programs.LectureNet,
    "microgpt": programs.MicroGPT,
    "microgpt-script": programs.MicroGPTScript,
    "iris": Iris,
    "import": Import,
    "memory": Memory,
    "chain": Chain,
    "calls": Calls,
    "operations": Operations,
}
