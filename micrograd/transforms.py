"""Turn a function into the function that gives its derivatives: grad, value_and_grad, jacobian, hessian.

    >>> from micrograd import grad, hessian
    >>> f = lambda x: x**3
    >>> grad(f)(2.0), grad(grad(f))(2.0)
    (12.0, 12.0)
    >>> hessian(lambda v: v[0] ** 2 * v[1])([3.0, 5.0])
    [[10.0, 6.0], [6.0, 0.0]]

They compose, as in JAX. Arguments may be numbers, arrays, and lists, tuples and dicts of them; the derivatives
come back in the same arrangement. No `grad` of the user's Values is touched.

Results are floats, unless something could be differentiated through them. They are Values, connected to the graph,
where an argument was a Value, where one transformation runs inside another, or where `f` computed with Values that are
not its arguments, such as the weights of a net:

    >>> from micrograd import Value
    >>> w = Value(3.0)
    >>> slope = grad(lambda x: w * x**2)(2.0)
    >>> slope.data, grad(lambda x: 3.0 * x**2)(2.0)
    (12.0, 12.0)
    >>> slope.backward()
    >>> w.grad
    4.0

A constant is written as a plain number: `Value(3.0)` is a Value from outside even where `f` itself makes it. Inside
`no_grad()` nothing is connected: floats stay floats, and Values have no graph.
"""

from __future__ import annotations

import contextlib
import functools
import numbers
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar, overload

from micrograd import modes
from micrograd.coerce import as_float, is_array
from micrograd.derivatives import ByHand, Shadow
from micrograd.engine import Value, constant, sweep, topological_order
from micrograd.node import NOTHING, UNREACHED
from micrograd.number import number_of
from micrograd.table import CONSTANT, DETACHED, Op

P = ParamSpec("P")
More = ParamSpec("More")
First = TypeVar("First")
Out = TypeVar("Out", covariant=True)
_nesting = threading.local()
ARGUMENT = Op(name="argument", symbol="")  # a plain number that was an argument of `f`, in a run that has ended
NOT_FROM_OUTSIDE = (CONSTANT, DETACHED, ARGUMENT)

if TYPE_CHECKING:
    from micrograd.kinds import Scalar

    class Gradient(Protocol[P]):
        """The gradient of a function: arranged as its first argument is.

        A function of a Value may be given a plain number in its place, and one of Values a list of numbers. The
        gradient is then of floats, or of Values where the function computes with Values from outside.
        """

        @overload
        def __call__(
            self: Gradient[Concatenate[First, More]], x: First, /, *args: More.args, **kwargs: More.kwargs
        ) -> First: ...
        @overload
        def __call__(
            self: Gradient[Concatenate[Value, More]], x: Scalar, /, *args: More.args, **kwargs: More.kwargs
        ) -> float | Any: ...
        @overload
        def __call__(
            self: Gradient[Concatenate[list[Value], More]],
            x: Sequence[Scalar],
            /,
            *args: More.args,
            **kwargs: More.kwargs,
        ) -> list[float | Any]: ...

    class ValueAndGradient(Protocol[P, Out]):
        """The same with the function's own result before it."""

        @overload
        def __call__(
            self: ValueAndGradient[Concatenate[First, More], Out], x: First, /, *args: More.args, **kwargs: More.kwargs
        ) -> tuple[Out, First]: ...
        @overload
        def __call__(
            self: ValueAndGradient[Concatenate[Value, More], Out], x: Scalar, /, *args: More.args, **kwargs: More.kwargs
        ) -> tuple[float | Any, float | Any]: ...
        @overload
        def __call__(
            self: ValueAndGradient[Concatenate[list[Value], More], Out],
            x: Sequence[Scalar],
            /,
            *args: More.args,
            **kwargs: More.kwargs,
        ) -> tuple[float | Any, list[float | Any]]: ...


@overload
def grad(f: Callable[P, Any], argnums: Literal[0] = 0) -> Gradient[P]: ...  # type: ignore[overload-overlap]
@overload
def grad(f: Callable[P, Any], argnums: int | Sequence[int]) -> Callable[P, Any]: ...
def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The gradient of `f`, a function that returns one number, with respect to its argument at `argnums` (or several).

    Raises TypeError when `f` returns anything but one number.
    """
    both = value_and_grad(f, argnums)

    @functools.wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return gradient


@overload
def value_and_grad(  # type: ignore[overload-overlap]
    f: Callable[P, Out], argnums: Literal[0] = 0
) -> ValueAndGradient[P, Out]: ...
@overload
def value_and_grad(f: Callable[P, Out], argnums: int | Sequence[int]) -> Callable[P, tuple[Out, Any]]: ...
def value_and_grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., tuple[Any, Any]]:
    """Like `grad`, and gives the pair `(f(...), gradient)` from one run of `f`."""

    @functools.wraps(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        run = _Run(f, argnums, args, kwargs)
        run.connect([_checked(run.out, f, "grad")])
        return run.result(run.out), run.gradient(run.out)

    return value_and_gradient


def jacobian(f: Callable[P, Any], argnums: int | Sequence[int] = 0) -> Callable[P, Any]:
    """The derivatives of every output of `f`, arranged as the outputs are, with a gradient in place of each number.

    For a function from a list of n numbers to a list of m, a list of m rows of n; for arrays, an array of the
    outputs' shape followed by the inputs'.
    """

    @functools.wraps(f)
    def derivatives(*args: Any, **kwargs: Any) -> Any:
        run = _Run(f, argnums, args, kwargs)
        outputs: list[Any] = []
        map_numbers(lambda out: outputs.append(_checked(out, f, "jacobian")), run.out)
        run.connect(outputs)
        return map_numbers(run.gradient, run.out)

    return derivatives


def hessian(f: Callable[P, Any], argnums: int | Sequence[int] = 0) -> Callable[P, Any]:
    """The second derivatives of `f`, a function that returns one number: the jacobian of its gradient."""
    return jacobian(grad(f, argnums), argnums)


def inside_another(f: Callable[[], Any]) -> Any:
    """What `f()` gives. Transformations in it know that they run inside another: their results belong to its graph.

    A function, not a context manager: Ctrl-C can come before the first line of an `__exit__`.
    """
    depth, no_grad = getattr(_nesting, "depth", 0), modes.state.no_grad
    try:
        _nesting.depth = depth + 1
        if no_grad:
            modes.put("no_grad", 0)  # as with_graphs() does
        return f()
    finally:
        _nesting.depth = depth
        if no_grad:
            modes.put("no_grad", no_grad)


class _Run:
    """One run of `f` on Values that stand in for the numbers of the differentiated arguments."""

    def __init__(self, f: Callable[..., Any], argnums: int | Sequence[int], args: tuple[Any, ...], kwargs: Any):
        self.depth = getattr(_nesting, "depth", 0)
        self.connected = self.depth > 0  # results belong to a surrounding graph
        self.inputs: list[Value] = []
        self.orders: dict[Value, list[Value]] = {}  # of the outputs whose graph was searched
        positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        for i in positions:
            if not -len(args) <= i < len(args):
                raise TypeError(f"{_name(f)} was called with {len(args)} arguments; argnums={i} is out of range")
        self.arguments: Any = None

        def run() -> Any:
            lifted = {i % len(args): map_numbers(self._stand_in, args[i]) for i in positions}
            self.arguments = lifted[argnums % len(args)] if isinstance(argnums, int) else tuple(lifted.values())
            return f(*[lifted.get(i, x) for i, x in enumerate(args)], **kwargs)

        self.out = inside_another(run)
        for x in self.inputs:
            if not x._prev:
                x._operation = ARGUMENT

    def _stand_in(self, x: Any) -> Value:
        if isinstance(x, Value):
            self.connected = True
            stand_in = x * 1.0  # a node of this run's own, through which a surrounding run still reaches x
        else:
            stand_in = Value(as_float(x, "grad: an argument"))
        self.inputs.append(stand_in)
        return stand_in

    def connect(self, outputs: Sequence[Any]) -> None:
        """Find out whether the outputs were computed with Values that are not arguments: then results are connected."""
        if self.connected or modes.state.no_grad:
            return
        for out in outputs:
            if isinstance(out, Value):
                order = self.orders[out] = topological_order(out, inputs=self.inputs)
                for x in order:
                    if not x._prev and x._operation not in NOT_FROM_OUTSIDE:
                        self.connected = True
                        return

    def gradient(self, out: Any) -> Any:
        """The derivatives of one output, arranged as the arguments are."""
        order = self.orders.get(out) if isinstance(out, Value) else None
        found = dict(zip(self.inputs, gradients(out, self.inputs, create_graph=self.connected, order=order)))
        return map_numbers(lambda x: self.result(found[x]), self.arguments)

    def result(self, x: Any) -> Any:
        if not self.connected:
            return x.data if isinstance(x, Value) else number_of(x, "grad: a result")
        value = x if isinstance(x, Value) else constant(x, "grad: a result")
        return value * 1.0 if modes.state.no_grad else value  # no_grad() takes its graph away


@contextlib.contextmanager
def borrowed_gradients(nodes: Iterable[Value]) -> Iterator[None]:
    """Use the nodes' `grad`, all 0.0 at first, and put every one back as it was; one thread at a time.

    A recording's nodes are its own, so it takes no lock: a thread in a sweep may be waiting for what it compiles.
    """
    with contextlib.nullcontext() if modes.state.recorder else modes.one_sweep:
        nodes = list(nodes)
        before = [node.grad for node in nodes]
        try:
            for node in nodes:
                node.grad = UNREACHED
            yield
        finally:
            for node, grad in zip(nodes, before):
                node.grad = grad


def gradients(
    out: Any, inputs: Sequence[Value], *, create_graph: bool = False, order: Sequence[Value] | None = None
) -> list[Any]:
    """The derivatives of `out` with respect to each of `inputs`. No `grad` of the graph is touched.

    Derivatives with respect to values that do not depend on `inputs` are not needed, and need not exist. `order` is the
    topological order of `out` up to `inputs`, where it is known.
    """
    if not isinstance(out, Value):
        return [0.0] * len(inputs)  # a result that is a plain number depends on no input
    order = topological_order(out, inputs=inputs) if order is None else order
    shadows = {x: Shadow(x, x._operation) for x in inputs}
    shadow_of, by_hand = shadows.get, False
    for node in order:
        operands = node._prev
        theirs: list[Any] = [*map(shadow_of, operands)]
        if any(theirs):
            local = node._local
            by_hand = by_hand or local.__class__ is ByHand
            if not all(theirs):
                theirs = [shadow or Shadow(p, CONSTANT) for shadow, p in zip(theirs, operands)]
            shadows[node] = Shadow(node, node._operation, local, tuple(theirs))
    if out not in shadows:
        return [0.0] * len(inputs)
    if by_hand:  # a step that adds to the operands' own gradients
        with borrowed_gradients([*order, *inputs]), modes.with_graphs():
            for x in inputs:
                x.grad = NOTHING if create_graph else 0.0
            sweep(out, [node for node in order if node in shadows], create_graph=create_graph)
            return [0.0 if x.grad is NOTHING else x.grad for x in inputs]
    if create_graph:
        with modes.with_graphs():
            sweep(shadows[out], list(shadows.values()), create_graph=True)
    else:
        sweep(shadows[out], list(shadows.values()))  # numbers need no graph
    found = [shadows[x].grad for x in inputs]
    return [0.0 if x is NOTHING else x for x in found]


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
    if items and is_array(items[0]):  # a gradient in place of each number
        return numpy.stack(items).reshape(array.shape + items[0].shape)
    out = numpy.empty(len(items), dtype=object)
    for i, item in enumerate(items):  # one by one: out[:] = items would take apart lists
        out[i] = item
    return (out.astype(float) if all(isinstance(x, float) for x in items) else out).reshape(array.shape)
