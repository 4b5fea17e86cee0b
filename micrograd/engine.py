"""Compute with numbers that remember where they came from, and ask any result for its gradients.

    >>> from micrograd import Value
    >>> x, y = Value(2.0), Value(-4.0)
    >>> z = x / (x + y)
    >>> z.backward()
    >>> x.grad, y.grad
    (-1.0, -0.5)

A `Value` keeps its number, its operands in order, the operation that made it and that operation's local
derivatives. `backward` goes through the graph from the result to the leaves and applies the chain rule at each
node. The operations themselves stand in ops.py; this file only records them and differentiates the record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import micrograd.ops  # noqa: F401  (fills the table)
from micrograd import modes
from micrograd.table import CONSTANT, DETACHED, FLOAT, GraphLostError, Op, as_float, explain, written_by_hand

UNREACHED = float("0")  # the one zero that says of a gradient: backward has not come here
NAN = float("nan")


class Value:
    """A number in a computation graph.

    `data` is the number, `grad` the derivative of the last result that `backward()` was called on, with respect to
    this number, 0.0 until then. `_prev` are the operands in order, `_op` the operation's printed symbol, `label` a
    name of your own. Operations of the table are methods too: `x.tanh()`, `x.maximum(y)`, and `x + y` for "+".

    Raises TypeError when `data` is not a real number; one Value holds one number.
    """

    # Before NumPy's own operators take a Value for an object array: they would turn a result into an array, and a
    # longdouble would call itself without end.
    __array_priority__ = 1000.0

    __slots__ = ("__dict__", "__weakref__", "_local", "_operation", "_prev", "data", "grad", "label")

    # A node's local derivatives are a tuple of floats, one for each operand; or, where they cannot be had (the
    # square root of 0) or were written by hand, a function that is called when backward needs them.
    _local: tuple[float, ...] | Callable[[], tuple[Any, ...]]
    _operation: Op
    _prev: tuple[Value, ...]
    data: float
    grad: Any  # a float, or a Value after backward(create_graph=True)
    label: str
    _call: Any  # set by nn on what a neuron gave
    _made_at: str  # set by detect_anomaly

    def __init__(self, data: Any, _children: Iterable[Value] = (), _op: str = "", label: str = ""):
        self.data = number_of(data, "Value()")
        self.grad = UNREACHED
        self._prev = tuple(_children)
        self._operation = written_by_hand(_op)
        self._local = ()
        self.label = label
        for child in self._prev:
            if not isinstance(child, Value):
                raise TypeError(f"Value(): the children are the Values this one was made from, not {child!r}")
        if modes.active:
            if modes.state.trace:
                modes.state.trace.made(self)
            if modes.state.no_grad:
                self._prev = ()
            if modes.state.anomaly:
                modes.check_forward(self)

    @property
    def _op(self) -> str:
        """The operation's printed symbol; set it to print another. What is computed stays."""
        return self._operation.symbol

    @_op.setter
    def _op(self, symbol: str) -> None:
        self._operation = self._operation.printed_as(symbol)

    def backward(self, *, create_graph: bool = False) -> None:
        """Set the `grad` of every value this one was computed from to the derivative of this one.

        Gradients of leaves add up over calls, so set them to 0.0 (a module's `zero_grad()`) between training steps;
        gradients in between are computed afresh. With `create_graph=True` each grad is itself a Value that can be
        differentiated again. When an error stops the pass, the leaves keep the gradients they had, and those in between
        count as not reached.

        Raises RuntimeError for a result of `no_grad()`, and what an operation without a derivative raises.
        Reverse-mode accumulation; see Griewank and Walther, Evaluating Derivatives (2008), chapter 3.
        """
        if self._operation is DETACHED:
            raise RuntimeError("backward(): this value was computed inside no_grad(), so it has no graph to go through")
        if modes.active and modes.state.trace:
            raise modes.state.trace.error("backward() in a jitted function", "call it on the result, or use train_step")
        order = topological_order(self)
        with modes.one_sweep:
            before = [node.grad for node in order]
            try:
                sweep(self, order, create_graph=create_graph)
            except BaseException:
                for node, grad in zip(order, before):
                    node.grad = UNREACHED if node._prev else grad
                raise

    @property
    def _backward(self) -> Callable[[], None]:
        """This node's own step of backward, as the original micrograd spells it; assign one to write it by hand."""
        local = self._local
        if isinstance(local, ByHand):
            return local.step
        return lambda: send_to_operands(self, local if isinstance(local, tuple) else local_derivatives(self))

    @_backward.setter
    def _backward(self, step: Callable[[], None]) -> None:
        self._local = ByHand(step)

    def __lt__(self, other: Any) -> Any:
        return _number(self) < _number(other)

    def __le__(self, other: Any) -> Any:
        return _number(self) <= _number(other)

    def __gt__(self, other: Any) -> Any:
        return _number(self) > _number(other)

    def __ge__(self, other: Any) -> Any:
        return _number(self) >= _number(other)

    def __float__(self) -> float:
        number = float(_number(self))  # a number of a trace says by itself that it has no float
        if self._operation not in (CONSTANT, DETACHED) and not modes.state.no_grad:
            raise GraphLostError(
                f"float() of {self.label or repr(self)}, which the functions of math take too, would lose its graph: "
                "write value.data for the number, or micrograd.exp(value) for math.exp(value)"
            )
        return number

    def __pos__(self) -> Value:
        return self

    def __format__(self, spec: str) -> str:
        return format(self.data, spec) if spec else repr(self)

    def __repr__(self) -> str:
        grad = self.grad
        return f"Value(data={self.data}, grad={grad.data if isinstance(grad, Value) else grad})"

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """Arrays hold Values as objects; a float array would silently drop the graph, so it is refused."""
        import numpy

        if dtype is not None and numpy.dtype(dtype) != numpy.dtype(object):
            raise TypeError(f"an array of {dtype} would drop the graph of {self!r}: use dtype=object, or value.data")
        out = numpy.empty((), dtype=object)
        out[()] = self
        return out

    @staticmethod
    def _apply_op(entry: Op, operands: tuple[Any, ...], static: dict[str, Any]) -> Value:
        """What a function of the table, such as `micrograd.tanh`, calls when an operand is a Value."""
        where = f"{entry.name}()"
        values = tuple([x if isinstance(x, Value) else constant(x, where) for x in operands])
        numbers = [x.data if x.data.__class__ is float else number_at(x) for x in values]
        return record_checked(entry.bind(**static), values, (FLOAT, *numbers))

    if TYPE_CHECKING:  # what operators.py adds, for type checkers
        __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = lambda self, other: self
        __truediv__ = __rtruediv__ = __pow__ = __rpow__ = lambda self, other: self
        __neg__ = __abs__ = lambda self: self

        def __getattr__(self, name: str) -> Any: ...


_new = object.__new__


def record(entry: Op, operands: tuple[Value, ...], reading: tuple[Any, ...]) -> Value:
    """Make the node for one operation. Every operation passes here; in a trace, the compiler makes the node.

    `reading` is what the rule is called with: FLOAT and the operands' numbers. The tuple is made once, for another
    would cost more than all the checks here.

    The rule's closure is called at once: a kept closure costs four more objects for the collector to visit at
    each node, which more than doubled the time of training. Where there is no derivative, it is kept, so that a value
    can still be had and the error comes from the backward that needs it.
    """
    in_a_mode = modes.active
    if in_a_mode and modes.state.trace:
        return modes.state.trace.record(entry, operands)
    try:
        data, derivatives = entry.rule(*reading)
    except (ArithmeticError, ValueError) as error:
        if not modes.state.quiet:
            raise explain(error, entry, operands) from None
        data, derivatives = NAN, lambda: (NAN,) * len(operands)
    node = _new(Value)
    node.data = data
    node.grad = UNREACHED
    node.label = ""
    node._prev = operands
    node._operation = entry
    try:
        node._local = derivatives()
    except (ArithmeticError, ValueError):
        node._local = Pending(entry, reading[1:])
    if in_a_mode:
        if modes.state.anomaly:
            modes.check_forward(node)
        if modes.state.no_grad:
            node._prev, node._operation, node._local = (), DETACHED, ()
    return node


def record_checked(entry: Op, operands: tuple[Value, ...], reading: tuple[Any, ...]) -> Value:
    """`record` for rules that may compute in other numbers than Python's floats, as those of users may."""
    node = record(entry, operands, reading)
    if node.data.__class__ is not float:
        node.data = number_at(node)
    if node._local.__class__ is tuple and any(x.__class__ is not float for x in node._local):
        node._local = tuple([number_of(x, f"a derivative of {entry.name}") for x in node._local])
    return node


class Pending:
    """Local derivatives that did not exist when a node was made: calling this tries again, and raises."""

    def __init__(self, entry: Op, numbers: tuple[float, ...]):
        self.entry, self.numbers = entry, numbers

    def __call__(self) -> tuple[float, ...]:
        return self.entry.rule(FLOAT, *self.numbers)[1]()


def constant(x: Any, where: str) -> Value:
    node = _new(Value)
    node.data = number_of(x, where)
    node.grad, node.label, node._prev, node._operation, node._local = UNREACHED, "", (), CONSTANT, ()
    return node


def number_of(x: Any, where: str) -> Any:
    """The float that x stands for; in a trace, a number of the trace stands for itself."""
    if x.__class__ is float:
        return x
    if isinstance(x, Value):
        if x._prev:
            raise TypeError(f"{where} would lose the graph of {x!r}: use it as it is, or its number, value.data")
        x = _number(x)
    return x if modes.active and modes.state.trace and modes.state.trace.owns(x) else as_float(x, where)


def number_at(node: Value) -> Any:
    """The float that a Value's `data` stands for, whatever was assigned; a number of a trace stands for itself."""
    x = node.data
    if x.__class__ is float or (hasattr(x, "_apply_op") and not isinstance(x, Value)):
        return x
    return as_float(x, f"the data of {node.label or 'a Value'}")


def _number(x: Any) -> Any:
    """What a comparison compares: a Value's data, which a trace knows by a name."""
    if not isinstance(x, Value):
        return x
    return modes.state.trace.number(x) if modes.active and modes.state.trace else x.data


def topological_order(root: Value, *, inputs: Iterable[Value] = ()) -> list[Value]:
    """Every value that `root` was computed from, operands before results, `root` last, the same in each process.

    A value is visited once however often it is used. The graph is not followed beyond `inputs`, which are left out
    themselves. Depth-first and without recursion: a chain of a million values is fine.
    """
    return order_beyond(root, {*inputs})


def order_beyond(root: Value, seen: set[Value]) -> list[Value]:
    """`topological_order` without what was seen; all that it gives is seen then."""
    order: list[Value] = []
    done = order.append
    see = seen.add
    if root in seen:
        return order
    see(root)
    path = [(root, iter(root._prev))]
    while path:
        node, operands = path[-1]
        for operand in operands:
            if operand not in seen:
                see(operand)
                if operand._prev:
                    path.append((operand, iter(operand._prev)))
                    break
                done(operand)
        else:
            done(node)
            path.pop()
    return order


def sweep(
    root: Any,
    order: Sequence[Any],
    *,
    create_graph: bool = False,
    visit: Callable[[Any], None] | None = None,
    zero: Any = 0.0,
) -> None:
    """Set the gradient of every value in `order`, the topological order of `root`, or add to it at the leaves.

    They are Values, or Shadows where the Values' own gradients are not to be touched.
    `visit` is called on each node that was computed, results first, in place of `pass_on`: how the stepper listens.
    `zero` is what the sums start from.
    """
    if create_graph:
        from micrograd.derivatives import pass_on_graphs

        visit, zero = pass_on_graphs, NOTHING
    visit = visit or pass_on
    for node in order:
        if node._prev or not node.grad:
            node.grad = zero
        elif node.grad.__class__ is not float and not isinstance(node.grad, Value):
            node.grad = as_float(node.grad, f"the gradient of {node.label or 'a Value'}")
    one = constant(1.0, "backward()") if create_graph else 1.0
    root.grad = one if root._prev else root.grad + one
    plainly = visit is pass_on and not modes.active  # nearly always; it spares each node two calls
    for node in reversed(order):
        local = node._local
        if plainly and local.__class__ is tuple:
            send_to_operands(node, local)
        elif local or (create_graph and node._prev):
            visit(node)


def pass_on(node: Value) -> None:
    """One node's part of backward: its operands receive what the chain rule gives them."""
    send_to_operands(node, local_derivatives(node))
    if modes.active and modes.state.anomaly:
        modes.check_sums(node)


def send_to_operands(node: Any, derivatives: Any) -> None:
    """The chain rule: local derivative times upstream gradient, added up where branches meet."""
    upstream = node.grad
    for operand, local in zip(node._prev, derivatives):
        operand.grad += local * upstream


class _Nothing:
    """What a graph of gradients, or a tape, starts a sum from: no term yet, where 0.0 + would draw one."""

    def __add__(self, other: Any) -> Any:
        return other


NOTHING: Any = _Nothing()


class ByHand:
    """A `_backward` that a user assigned: it adds to the operands' gradients itself, and leaves none to send."""

    def __init__(self, step: Callable[[], None]):
        self.step = step

    def __call__(self) -> tuple[float, ...]:
        self.step()
        return ()


def local_derivatives(node: Value) -> tuple[Any, ...]:
    """The derivative of a node's value with respect to each of its operands, in order, all else held fixed.

    Raises ZeroDivisionError or ValueError where one does not exist; by a constant, which nobody asks for, it is then
    0.0. A node whose `_backward` was written by hand has
    none to give: calling this runs it, and gives an empty tuple.
    """
    local = node._local
    if not isinstance(local, tuple):
        try:
            local = local()
        except (ArithmeticError, ValueError) as error:
            if isinstance(node._local, ByHand) or not node._operation.in_table:
                raise  # compiled code has the function's own words already
            from micrograd.derivatives import derivatives_asked_for

            found = derivatives_asked_for(node)
            if found is None:
                raise explain(error, node._operation, node._prev, doing="backward through ") from None
            local = found
    if modes.active and modes.state.anomaly:
        modes.check_backward(node, local)
    return local
