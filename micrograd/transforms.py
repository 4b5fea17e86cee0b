"""Turn a function into the function that gives its derivatives: grad, value_and_grad, jacobian, hessian.

    >>> from micrograd import grad, hessian
    >>> f = lambda x: x**3
    >>> grad(f)(2.0), grad(grad(f))(2.0)
    (12.0, 12.0)
    >>> hessian(lambda v: v[0] ** 2 * v[1])([3.0, 5.0])
    [[10.0, 6.0], [6.0, 0.0]]

They compose, as in JAX. Arguments may be numbers, arrays, and lists, tuples and dicts of them; the derivatives
come back in the same arrangement. Results are floats; they are Values, connected to the graph, where an argument
was a Value or where one transformation runs inside another. No `grad` of the user's Values is touched.
"""

from __future__ import annotations

import contextlib
import functools
import numbers
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from micrograd import modes
from micrograd.engine import NOTHING, UNREACHED, Value, sweep, topological_order
from micrograd.table import as_float, is_array

_nesting = threading.local()


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The gradient of `f`, a function that returns one number, in its argument at `argnums` (or in several).

    Raises TypeError when `f` returns anything but one number.
    """
    both = value_and_grad(f, argnums)

    @functools.wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return gradient


def value_and_grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., tuple[Any, Any]]:
    """Like `grad`, and gives the pair `(f(...), gradient)` from one run of `f`."""

    @functools.wraps(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        run = _Run(f, argnums, args, kwargs)
        out = _checked(run.out, f, "grad")
        return run.result(out), run.gradient(out)

    return value_and_gradient


def jacobian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The derivatives of every output of `f`: the outputs' arrangement, with a gradient in the place of each number.

    For a function from a list of n numbers to a list of m, a list of m rows of n; for arrays, an array of the
    outputs' shape followed by the inputs'.
    """

    @functools.wraps(f)
    def derivatives(*args: Any, **kwargs: Any) -> Any:
        run = _Run(f, argnums, args, kwargs)
        return map_numbers(lambda out: run.gradient(_checked(out, f, "jacobian")), run.out)

    return derivatives


def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The second derivatives of `f`, a function that returns one number: the jacobian of its gradient."""
    return jacobian(grad(f, argnums), argnums)


class _Run:
    """One run of `f` on Values that stand in for the numbers of the differentiated arguments."""

    def __init__(self, f: Callable[..., Any], argnums: int | Sequence[int], args: tuple[Any, ...], kwargs: Any):
        self.depth = getattr(_nesting, "depth", 0)
        self.connected = self.depth > 0  # results belong to a surrounding graph
        self.inputs: list[Value] = []
        positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        for i in positions:
            if not -len(args) <= i < len(args):
                raise TypeError(f"{_name(f)} was called with {len(args)} arguments; there is no number {i} (argnums)")
        _nesting.depth = self.depth + 1
        try:
            with modes.recording():
                lifted = {i % len(args): map_numbers(self._stand_in, args[i]) for i in positions}
                self.arguments: Any = tuple(lifted.values())
                if isinstance(argnums, int):
                    self.arguments = self.arguments[0]
                taken = modes.state.floats_taken
                self.out = f(*[lifted.get(i, x) for i, x in enumerate(args)], **kwargs)
        finally:
            _nesting.depth = self.depth
        if modes.state.floats_taken != taken and not isinstance(self.out, (Value, list, tuple, dict)):
            raise TypeError(
                f"{_name(f)} lost the graph: it gave a plain number after float() of a Value, as the functions of math "
                "take it; use micrograd's own, such as micrograd.sin"
            )

    def _stand_in(self, x: Any) -> Value:
        if isinstance(x, Value):
            self.connected = True
            stand_in = x * 1.0  # a node of this run's own, through which a surrounding run still reaches x
        else:
            stand_in = Value(as_float(x, "grad: an argument"))
        self.inputs.append(stand_in)
        return stand_in

    def gradient(self, out: Any) -> Any:
        """The derivatives of one output, arranged as the arguments are."""
        found = dict(zip(self.inputs, gradients(out, self.inputs, create_graph=self.connected)))
        return map_numbers(lambda x: self.result(found[x]), self.arguments)

    def result(self, x: Any) -> Any:
        if self.connected:
            return x if isinstance(x, Value) else Value(x)
        return float(x)


_borrowing = threading.RLock()


@contextlib.contextmanager
def borrowed_gradients(nodes: Iterable[Value]) -> Iterator[None]:
    """Use the nodes' `grad`, all 0.0 at first, and put every one back as it was; one thread at a time."""
    with _borrowing:
        before = [(node, node.grad) for node in nodes]
        try:
            for node, _ in before:
                node.grad = UNREACHED
            yield
        finally:
            for node, grad in before:
                node.grad = grad


def gradients(out: Any, inputs: Sequence[Value], *, create_graph: bool = False) -> list[Any]:
    """The derivatives of `out` with respect to each of `inputs`. Every `grad` of the graph is put back as it was."""
    if not isinstance(out, Value):
        return [0.0] * len(inputs)  # a result that is a plain number depends on no input
    order = topological_order(out, inputs=inputs)
    with borrowed_gradients([*order, *inputs]), modes.recording():
        for x in inputs:
            x.grad = NOTHING if create_graph else 0.0
        sweep(out, order, create_graph=create_graph)
        return [0.0 if x.grad is NOTHING else x.grad for x in inputs]


def _checked(out: Any, f: Any, doing: str) -> Any:
    if isinstance(out, Value) or (isinstance(out, numbers.Real) and not isinstance(out, bool)):
        return out
    advice = "; for several outputs use jacobian" if doing == "grad" and isinstance(out, (list, tuple, dict)) else ""
    what = "one number" if doing == "grad" else "numbers"
    raise TypeError(f"{doing} of {_name(f)}: it must return {what}, not {type(out).__name__}{advice}")


def _name(f: Any) -> str:
    return getattr(f, "__name__", type(f).__name__)


def map_numbers(function: Callable[[Any], Any], tree: Any) -> Any:
    """Apply to each number in nested lists, tuples, dicts and arrays, keeping the arrangement."""
    if isinstance(tree, dict):
        return {key: map_numbers(function, x) for key, x in tree.items()}
    if isinstance(tree, (list, tuple)):
        items = [map_numbers(function, x) for x in tree]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    if is_array(tree):
        return _map_array(function, tree)
    return function(tree)


def _map_array(function: Callable[[Any], Any], array: Any) -> Any:
    numpy = sys.modules["numpy"]
    items = [function(x) for x in array.flat]
    if items and is_array(items[0]):  # a gradient in the place of each number
        return numpy.stack(items).reshape(array.shape + items[0].shape)
    out = numpy.empty(len(items), dtype=object)
    for i, item in enumerate(items):  # one by one: out[:] = items would take apart lists
        out[i] = item
    return (out.astype(float) if all(isinstance(x, float) for x in items) else out).reshape(array.shape)
