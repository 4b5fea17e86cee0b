"""Programs of other fields, written as scalars, beside arrays in JAX and PyTorch: `python -m benchmarks.fields`.

Micrograd gets the program one number at a time, as a learner would write it, and folds it back into loops. The others
get arrays; JAX's recurrent net is a `lax.scan`. What they compute is checked to be equal before anything is timed.
An engine that is not installed is left out. Everything is float64, one thread.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.timing import TOLERANCE, noise

STEPS, UNITS, SERIES = 200, 8, 10
KINDS, DIMENSIONS, POINTS = 7, 5, 200
SEEN = 100
LR = 0.1
CHECKED = 5  # steps of training

Program = Callable[[], "np.ndarray[Any, Any]"]  # a step of training gives its loss, other programs all results


def values(array: Any) -> Any:
    """Arrays of parameters as nested lists of Values."""
    from micrograd import Value

    return Value(float(array)) if np.isscalar(array) else [values(part) for part in array]


def flat(tree: Any) -> list[Any]:
    return [leaf for part in tree for leaf in flat(part)] if isinstance(tree, list) else [tree]


class Field:
    """A loss written twice: `scalar` for one row, and `arrays` for all rows with the functions of a module `m`."""

    text = ""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)
        self.parameters: list[Any] = []
        self.data: tuple[Any, ...] = ()

    def scalar(self, parameters: Any, *row: Any) -> Any:
        raise NotImplementedError

    def arrays(self, m: Any, parameters: Any, *data: Any) -> Any:
        raise NotImplementedError

    def eager(self) -> tuple[Program, Any]:
        from micrograd.optim import SGD

        own = values(self.parameters)
        optimizer = SGD(flat(own), lr=LR)
        rows = list(zip(*(array.tolist() for array in self.data)))

        def step() -> Any:
            loss = sum(self.scalar(own, *row) for row in rows) / len(rows)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss.data

        return step, lambda: [p.data for p in flat(own)]

    def compiled(self) -> tuple[Program, Any]:
        from micrograd import train_step
        from micrograd.optim import SGD

        own = values(self.parameters)
        step = train_step(lambda *row: self.scalar(own, *row), SGD(flat(own), lr=LR))
        return (lambda: step(*self.data)), lambda: [p.data for p in flat(own)]

    def jax(self) -> tuple[Program, Any]:
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)
        data = [jnp.asarray(array) for array in self.data]
        gradient = jax.value_and_grad(lambda parameters: self.arrays(jnp, parameters, *data))

        @jax.jit
        def update(parameters: Any) -> Any:
            loss, gradients = gradient(parameters)
            return loss, [p - LR * g for p, g in zip(parameters, gradients)]

        state = [jnp.asarray(array) for array in self.parameters]

        def step() -> Any:
            nonlocal state
            loss, state = update(state)
            return loss.block_until_ready()

        return step, lambda: np.concatenate([np.ravel(p) for p in state])

    def torch(self) -> tuple[Program, Any]:
        import torch

        torch.set_num_threads(1)
        data = [torch.tensor(array) for array in self.data]
        state = [torch.tensor(array, requires_grad=True) for array in self.parameters]

        def step() -> Any:
            loss = self.arrays(torch, state, *data)
            gradients = torch.autograd.grad(loss, state)
            with torch.no_grad():
                for p, g in zip(state, gradients):
                    p -= LR * g
            return float(loss.detach())

        return step, lambda: np.concatenate([p.detach().numpy().ravel() for p in state])


class Recurrent(Field):
    text = f"a training step of a recurrent net of {UNITS} units over a series of {STEPS} numbers, {SERIES} series"

    def __init__(self) -> None:
        super().__init__()
        draw = self.rng.uniform
        self.parameters = [draw(-0.4, 0.4, (UNITS, UNITS)), draw(-1, 1, UNITS), draw(-1, 1, UNITS)]
        series = draw(-1, 1, (SERIES, STEPS))
        self.data = series, series.mean(1)

    def scalar(self, parameters: Any, *row: Any) -> Any:
        (w, u, v), (x, y) = parameters, row
        h = [0.0] * UNITS
        for t in range(STEPS):
            h = [(sum(a * b for a, b in zip(weights, h)) + u[j] * x[t]).tanh() for j, weights in enumerate(w)]
        return (sum(a * b for a, b in zip(v, h)) - y) ** 2

    def arrays(self, m: Any, parameters: Any, *data: Any) -> Any:
        (w, u, v), (x, y) = parameters, data
        if m.__name__.startswith("jax"):
            from jax import lax

            h, _ = lax.scan(lambda h, now: (m.tanh(h @ w.T + now[:, None] * u), None), m.zeros((SERIES, UNITS)), x.T)
        else:
            h = m.zeros((SERIES, UNITS), dtype=m.float64)
            for t in range(STEPS):
                h = m.tanh(h @ w.T + x[:, t, None] * u)
        return ((h @ v - y) ** 2).mean()


class Mixture(Field):
    text = (
        f"a training step of the log-likelihood of {KINDS} normal distributions in {DIMENSIONS} dimensions, "
        f"{POINTS} points"
    )

    def __init__(self) -> None:
        super().__init__()
        normal, uniform = self.rng.normal, self.rng.uniform
        self.parameters = [
            normal(size=(KINDS, DIMENSIONS)),
            uniform(-0.3, 0.3, (KINDS, DIMENSIONS)),
            normal(size=KINDS),
        ]
        self.data = (normal(size=(POINTS, DIMENSIONS)),)

    def scalar(self, parameters: Any, *row: Any) -> Any:
        from micrograd import logsumexp

        (means, scales, logits), (x,) = parameters, row
        exponents = [
            logit - sum(((a - m) * (-s).exp()) ** 2 / 2 + s for a, m, s in zip(x, mean, scale))
            for mean, scale, logit in zip(means, scales, logits)
        ]
        return logsumexp(logits) - logsumexp(exponents)

    def arrays(self, m: Any, parameters: Any, *data: Any) -> Any:
        (means, scales, logits), (x,) = parameters, data
        if m.__name__.startswith("jax"):
            from jax.nn import logsumexp
        else:
            logsumexp = m.logsumexp
        terms = ((x[:, None, :] - means) * m.exp(-scales)) ** 2 / 2 + scales
        return (logsumexp(logits, 0) - logsumexp(logits - terms.sum(2), 1)).mean()


class Camera(Field):
    """A pinhole camera with two numbers of lens distortion, turned by a rotation vector (Rodrigues' formula)."""

    text = f"the residuals of {SEEN} points seen by a camera, and their Jacobian with respect to its nine numbers"

    def __init__(self) -> None:
        super().__init__()
        rng = random.Random(0)
        self.camera = [0.1, -0.2, 0.05, 0.3, -0.1, -5.0, 1.2, 0.01, -0.002]
        self.points = [[rng.uniform(-1, 1) for _ in range(3)] for _ in range(SEEN)]
        self.seen = [[rng.uniform(-0.2, 0.2) for _ in range(2)] for _ in range(SEEN)]

    @staticmethod
    def project(m: Any, camera: Any, point: Any, seen: Any) -> Any:
        rx, ry, rz, tx, ty, tz, focal, k1, k2 = camera
        px, py, pz = point
        angle = m.sqrt(rx * rx + ry * ry + rz * rz)
        c, s, (ax, ay, az) = m.cos(angle), m.sin(angle), (rx / angle, ry / angle, rz / angle)
        along = (ax * px + ay * py + az * pz) * (1 - c)
        x = px * c + (ay * pz - az * py) * s + ax * along + tx
        y = py * c + (az * px - ax * pz) * s + ay * along + ty
        z = pz * c + (ax * py - ay * px) * s + az * along + tz
        p, q = -x / z, -y / z
        r = p * p + q * q
        scale = focal * (1 + r * (k1 + r * k2))
        return [scale * p - seen[0], scale * q - seen[1]]

    def residuals(self, m: Any, camera: Any) -> Any:
        """Point after point: two residuals each, in one list."""
        return [r for point, seen in zip(self.points, self.seen) for r in self.project(m, camera, point, seen)]

    def eager(self) -> tuple[Program, Any]:
        import micrograd

        f = micrograd.jacobian(lambda camera: self.residuals(micrograd, camera))
        return (lambda: np.array(f(self.camera))), lambda: []

    def compiled(self) -> tuple[Program, Any]:
        import micrograd

        f = micrograd.jit(micrograd.jacobian(lambda camera: self.residuals(micrograd, camera)))
        return (lambda: np.array(f(self.camera))), lambda: []

    def jax(self) -> tuple[Program, Any]:
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)
        points, seen, camera = jnp.array(self.points).T, jnp.array(self.seen).T, jnp.array(self.camera)
        f = jax.jit(jax.jacfwd(lambda camera: jnp.stack(self.project(jnp, camera, points, seen), 1).ravel()))
        return (lambda: np.asarray(f(camera).block_until_ready())), lambda: []

    def torch(self) -> tuple[Program, Any]:
        import torch

        torch.set_num_threads(1)
        points, seen, camera = (torch.tensor(x, dtype=torch.float64) for x in (self.points, self.seen, self.camera))
        points, seen = points.T, seen.T
        f = torch.func.jacfwd(lambda camera: torch.stack(self.project(torch, camera, points, seen), 1).ravel())
        return (lambda: f(camera).numpy()), lambda: []


FIELDS: dict[str, type[Field]] = {"recurrent": Recurrent, "mixture": Mixture, "camera": Camera}
ENGINES = {"micrograd, compiled": "compiled", "micrograd, eager": "eager", "JAX, jitted": "jax", "PyTorch": "torch"}
NEEDS = {"compiled": "llvmlite", "jax": "jax", "torch": "torch"}


def numbers_of(step: Program, parameters: Any) -> Any:
    found = np.concatenate([np.ravel(step()) for _ in range(CHECKED)])
    return np.concatenate([found, np.ravel(parameters())])


def measure(field: type[Field], *, rounds: int, block: float) -> tuple[list[dict[str, Any]], list[float]]:
    """A row for each engine, their steps checked and then timed in turns; and a fixed loop's times between them."""
    rows, wanted = [], None
    for name, how in ENGINES.items():
        if how in NEEDS and importlib.util.find_spec(NEEDS[how]) is None:
            continue
        began = time.perf_counter()
        step, parameters = getattr(field(), how)()
        first = np.ravel(step())
        ready = time.perf_counter() - began
        found = np.concatenate([first, numbers_of(step, parameters)])
        wanted = found if wanted is None else wanted
        worst = np.max(np.abs(found - wanted)) / np.max(np.abs(wanted))
        if worst > TOLERANCE:
            raise SystemExit(f"{name} differs from {rows[0]['engine']} by {worst:.1e} of the largest number")
        began = time.perf_counter()
        step()
        calls = max(1, round(block / (time.perf_counter() - began)))
        rows.append(
            {"engine": name, "how": how, "ready": ready, "worst": worst, "step": step, "calls": calls, "times": []}
        )
    loops = []
    for _ in range(rounds):
        for row in rows:
            loops.append(noise())
            began = time.perf_counter()
            for _ in range(row["calls"]):
                row["step"]()
            row["times"].append((time.perf_counter() - began) / row["calls"])
    return rows, loops


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    texts = "; ".join(f"{name}: {field.text}" for name, field in FIELDS.items())
    parser.add_argument("--fields", default=",".join(FIELDS), help=f"some of them, with commas between. {texts}")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--block", type=float, default=0.1, help="seconds that an engine is timed for in a round")
    options = parser.parse_args()
    for name in options.fields.split(","):
        if name not in FIELDS:
            parser.error(f"--fields: {name!r} is not one of {', '.join(FIELDS)}")
        rows, loops = measure(FIELDS[name], rounds=options.rounds, block=options.block)
        print(f"\n{name}: microseconds a step; the fixed loop took {min(loops) * 1e3:.2f} to {max(loops) * 1e3:.2f} ms")
        print("| engine | minimum | median | of ours | ready in s | differs at most by |")
        print("| --- | ---: | ---: | ---: | ---: | ---: |")
        for row in rows:
            best, median = (f(row["times"]) * 1e6 for f in (min, statistics.median))
            ratio = f"{best * 1e-6 / min(rows[0]['times']):.2f}"
            print(
                f"| {row['engine']} | {best:,.1f} | {median:,.1f} | {ratio} | {row['ready']:.2f} | {row['worst']:.0e} |"
            )


if __name__ == "__main__":
    main()
