"""Run micrograd with its code for another system's x86-64: `python elsewhere.py LIBRARY TRIPLE`, in its own process.

The code is loaded by LLVM's own loader for its format, and called as that system calls: LIBRARY is other_systems.c,
compiled. The functions of the C library are found under that system's names only. What comes out is compared with what
the engine computes. Prints how many pages of Windows' stack were used.
"""

from __future__ import annotations

import ctypes
import functools
import math
import random
import sys

from micrograd import Value, core, jit, train_step
from micrograd.compiler import program, row_tape
from micrograd.compiler.loops import widths
from micrograd.compiler.native import native, pieces
from micrograd.compiler.native.machine import Machine, llvm, this_machine
from micrograd.losses import half_squared_sum, hinge
from micrograd.nn import MLP
from micrograd.optim import SGD, Adam

ONE = "acos asin atan cos cosh erf erfc exp expm1 log log1p sin sinh tan tanh".split()
LIBC = [*ONE, "pow", "memset", "malloc", "free"]


class Caller:
    """Takes the place of a ctypes signature: the code at an address is called as Windows would call it."""

    def __init__(self, library):
        self.call = library.windows_call
        self.call.argtypes, self.call.restype = [ctypes.c_void_p, ctypes.c_void_p], ctypes.c_int64

    def __call__(self, address):
        return functools.partial(self._called, address)

    def _called(self, address, argument):
        return self.call(address, argument if isinstance(argument, int) else ctypes.addressof(argument))


def address(function):
    return ctypes.cast(function, ctypes.c_void_p).value


def system(library, triple):
    """Let the compiler write for that system, and find what its C library has."""
    own = this_machine()
    machine = Machine(triple, cpu=own.cpu, features=own.features)
    program.this_machine = row_tape.this_machine = lambda: machine
    if machine.is_windows:
        for name in [*LIBC, "SwitchToThread"]:
            llvm().add_symbol(name, address(library[f"windows_{name}"]))
        program.CALL = widths.RUN = Caller(library)
        return machine
    libc, libm = ctypes.CDLL(None), ctypes.CDLL("libm.so.6")
    for name in [*LIBC, "bzero", "sched_yield"]:
        llvm().add_symbol(f"_{name}", address(getattr(libm if name in ONE or name == "pow" else libc, name)))
    llvm().add_symbol("___bzero", address(libc.bzero))
    llvm().add_symbol("___sincos_stret", address(library["macos___sincos_stret"]))
    return machine


def close(xs, ys):
    return all(math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12) for x, y in zip(xs, ys, strict=True))


def every_function(x, y):
    """Each function of the C library, and both of sin and cos of one number."""
    parts = [x.sin() * x.cos(), x.tan(), x.exp(), x.log(), x.log1p(), x.sinh(), x.cosh(), x.tanh(), x.erf(), x**y]
    parts += [x.expm1(), x.gelu(), (x * 0.1).asin(), (x * 0.1).acos(), x.atan(), x.sigmoid(), x.softplus()]
    return sum((1 + 0.1 * k) * part for k, part in enumerate(parts))


def at_once(length, inputs=20):
    """A function of so many numbers that are needed until its end. It does not fold."""
    rng = random.Random(0)
    drawn = [(rng.choice("*-t"), rng.randrange(k), rng.randrange(k)) for k in range(inputs, inputs + length)]

    def f(*xs):
        made = list(xs)
        for kind, i, j in drawn:
            a, b = made[i], made[j]
            made.append(a * b if kind == "*" else a - b if kind == "-" else a.tanh())
        out = xs[0]
        for x in reversed(made):
            out = (out * x + 0.5).tanh()
        return out

    return f


def calls(machine):
    compared(every_function, 2)
    if machine.is_windows:
        compared(at_once(600), 20)  # a frame of several pages
    native.modules_of = functools.partial(pieces.modules_of, longest=500, size=300)
    for most in (pieces.ON_STACK, 0):  # what passes from piece to piece: on the stack, or elsewhere
        pieces.ON_STACK = most
        native.native_of.cache_clear()
        compared(at_once(60), 20)
    native.modules_of = pieces.modules_of


def compared(f, count):
    given = [0.3 + 0.001 * k for k in range(count)]
    values, others = ([Value(x) for x in given] for _ in range(2))
    got, wanted = jit(f)(*values), f(*others)
    got.backward()
    wanted.backward()
    assert close([got.data, *[x.grad for x in values]], [wanted.data, *[x.grad for x in others]]), f


def training(sizes, optimizer, loss, *, count, **settings):
    rng = random.Random(0)
    rows = [[rng.uniform(-1, 1) for _ in range(sizes[0])] for _ in range(count)]
    answers = [[rng.choice([-1.0, 1.0]) for _ in range(sizes[-1])] for _ in range(count)]
    results = []
    for is_compiled in (True, False):
        net = MLP(sizes[0], sizes[1:], activation="tanh", rng=random.Random(1))
        moved = optimizer(net.parameters())
        if is_compiled:
            step = train_step(lambda x, y, net=net: loss(net(x), y), moved, **settings)
        losses = []
        for _ in range(3):
            if is_compiled:
                losses.append(float(step(rows, answers)))
                continue
            mean = sum(loss(net(x), y) for x, y in zip(rows, answers)) / count
            moved.zero_grad()
            mean.backward()
            moved.step()
            losses.append(mean.data)
        results.append([*losses, *[p.data for p in net.parameters()]])
    assert close(*results), (sizes, settings)


def main(path, triple):
    assert core == "python", "C would call native code as Linux does"
    library = ctypes.CDLL(path)
    machine = system(library, triple)
    calls(machine)
    first = lambda x, y: hinge(x, y[0])  # noqa: E731
    training([3, 4, 1], lambda p: SGD(p, lr=0.1, momentum=0.9), first, count=3)
    training([3, 4, 1], lambda p: Adam(p, lr=0.01), first, count=21)
    for threads in (1, 2):
        training([9, 8, 3], lambda p: Adam(p, lr=0.01), half_squared_sum, count=37, loops=True, threads=threads)
    print(library.windows_pages() if machine.is_windows else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
