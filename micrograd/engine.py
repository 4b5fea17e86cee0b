"""Compute with numbers that remember where they came from, and ask any result for its gradients.

    >>> from micrograd import Value
    >>> x, y = Value(2.0), Value(-4.0)
    >>> z = x / (x + y)
    >>> z.backward()
    >>> x.grad, y.grad
    (-1.0, -0.5)

Four ideas, in the order of this file:

    Value                a number, its operands in order, the operation that made it, and its local derivatives
    record               apply an operation: its rule gives the number and the local derivatives of a new Value
    topological_order    all that a result was computed from, operands before results
    sweep, chain_rule    from the result to the leaves, each node hands its gradient on to its operands

The operations are in ops.py. A Value is a node (node.py) that behaves as a number (number.py); operators.py gives it
`x + y` and `x.tanh()`, modes.py is `no_grad()` and its kin, and derivatives.py has the local derivatives that are not
plain numbers, or that can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import micrograd.ops  # noqa: F401  (fills the table)
from micrograd import modes
from micrograd.c_core import native
from micrograd.coerce import as_float
from micrograd.derivatives import ByHand, Pending, derivatives_as_graphs, local_derivatives
from micrograd.formulas import in_words
from micrograd.node import NOTHING, UNREACHED, set_up
from micrograd.number import Number, number_of
from micrograd.results import Gathering, OneOf
from micrograd.table import CONSTANT, DETACHED, Op, written_by_hand

NAN, _new = float("nan"), object.__new__


class Value(Number):
    """A number in a computation graph.

    `data` is the number; `grad` is the derivative, with respect to it, of the last result on which `backward()` was
    called, 0.0 until then. `_prev` are the operands in order, `_op` is the operation's printed symbol, `label` a name
    of your own. Operations of the table are methods too: `x.tanh()`, `x.maximum(y)`, and `x + y` for "+".

    Raises TypeError when `data` is not a real number; one Value holds one number.
    """

    __slots__ = ()

    def __init__(self, data: Any, _children: Iterable[Value] = (), _op: str = "", label: str = ""):
        number, children = number_of(data, "Value()"), tuple(_children)
        for child in children:
            if not isinstance(child, Value):
                raise TypeError(f"Value(): the children are the Values this one was made from, not {child!r}")
        set_up(self, number, children, written_by_hand(_op), ())
        self.label = label
        if modes.active:
            modes.made_by_hand(self)

    @property
    def _op(self) -> str:
        """The operation's printed symbol; setting it changes what is printed, not what is computed."""
        return self._operation.symbol

    @_op.setter
    def _op(self, symbol: str) -> None:
        self._operation = self._operation.printed_as(symbol)

    def backward(self, *, create_graph: bool = False) -> None:
        """Set the `grad` of every value this one was computed from to the derivative of this one.

        Gradients of leaves add up over calls, so set them to 0.0 (a module's `zero_grad()`) between training steps;
        intermediate gradients are computed afresh. With `create_graph=True` each grad is itself a Value that can be
        differentiated again. When an error stops the pass, the leaves keep the gradients they had, and intermediate
        values count as not reached.

        Raises RuntimeError for a result of `no_grad()`, and an operation's own error where it has no derivative.
        Reverse-mode accumulation; see Griewank and Walther, Evaluating Derivatives (2008), chapter 3.
        """
        if self._operation is DETACHED:
            raise RuntimeError("backward(): this value was computed inside no_grad(), so it has no graph to go through")
        if modes.active and modes.state.recorder:
            raise modes.state.recorder.error(
                "backward() in a jitted function", "call it on the result, or use train_step"
            )
        with modes.one_sweep:
            if native and not create_graph and native.backward(self):
                return  # all done in C; MICROGRAD_PURE=1 takes what follows, to step through
            order = order_beyond(self, set())
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
        return lambda: chain_rule(self._prev, local if isinstance(local, tuple) else local_derivatives(self), self.grad)

    @_backward.setter
    def _backward(self, step: Callable[[], None]) -> None:
        self._local = ByHand(step)


if native:
    native.bind(init=Value.__init__, made_by_hand=written_by_hand(""), constant=CONSTANT, detached=DETACHED)
    del Value.__init__  # C makes a Value of a plain number, and calls this for all others


def constant(x: Any, where: str) -> Value:
    """A plain number beside a Value, such as the 2 in 2 * x."""
    return set_up(_new(Value), number_of(x, where), (), CONSTANT, ())


def record(entry: Op, operands: tuple[Value, ...], reading: tuple[Any, ...]) -> Value:
    """Make the node for one operation. Every operation passes here that the native core does not do; while jit records,
    its recorder makes the node.

    `reading` holds the rule's arguments: FLOAT and the operands' numbers. The caller makes the tuple, because making it
    here would cost more than all the checks.

    The rule's closure is called at once: keeping it would give the garbage collector four more objects to visit at
    each node, which more than doubled the time of training. Where there is no derivative, a `Pending` is kept, so that
    there is still a value, and the error comes from the backward that needs the derivative.
    """
    in_a_mode = modes.active
    if in_a_mode and modes.state.recorder:
        return modes.state.recorder.record(entry, operands)
    try:
        data, derivatives = entry.rule(*reading)
    except (ArithmeticError, ValueError) as error:
        if not modes.state.quiet:
            raise in_words(error, entry, operands) from None
        data, derivatives = NAN, lambda: (NAN,) * len(operands)
    node = _new(Value)  # as `set_up` does, without a call that would take a tenth of an operation's time
    node.data, node.grad = data, UNREACHED
    node.label = ""
    node._prev = operands
    node._operation = entry
    try:
        node._local = derivatives()
    except (ArithmeticError, ValueError):
        node._local = Pending(entry, reading[1:])
    if in_a_mode:
        modes.made(node)
    return node


def topological_order(root: Value, *, inputs: Iterable[Value] = ()) -> list[Value]:
    """Every value that `root` was computed from, operands before results, `root` last; the same in each process.

    A value is visited once, however often it is used. The search stops at `inputs`, which are left out. It is
    depth-first and without recursion: a chain of a million values is fine.
    """
    return order_beyond(root, {*inputs})


def order_beyond(root: Value, seen: set[Value]) -> list[Value]:
    """`topological_order` without the values in `seen`, to which it adds all that it gives."""
    if native and isinstance(root, Value):
        return native.order_beyond(root, seen)
    order: list[Value] = []
    done, see = order.append, seen.add
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
    derivatives: Callable[[Any], tuple[Any, ...]] | None = None,
    zero: Any = 0.0,
) -> None:
    """Set the gradient of every value in `order`, the topological order of `root`, or add to it at the leaves.

    The values are Values, or Shadows where the Values' own gradients must not change. `derivatives(node)` gives a
    node's local derivatives, results first: the stepper listens by passing its own. Sums start from `zero`.
    """
    one: Any = 1.0
    shared = None if derivatives or modes.state.anomaly else Gathering(order, create_graph=create_graph)
    if create_graph:
        derivatives, zero, one = derivatives_as_graphs, NOTHING, constant(1.0, "backward()")
    asked = derivatives or (local_derivatives if modes.active else None)  # nearly always None, to save calls
    in_c = native if not asked and zero.__class__ is float and isinstance(root, Value) else None
    for node in order:
        if in_c and in_c.begin(node):  # where there are only floats, C does what follows
            continue
        if node._prev or not node.grad:
            node.grad = zero
        elif node.grad.__class__ is not float and not isinstance(node.grad, Value):
            node.grad = as_float(node.grad, f"the gradient of {node.label or 'a Value'}")
    root.grad = one if root._prev else root.grad + one
    for node in reversed(order):
        if in_c and in_c.send(node):
            continue
        local = node._local
        if asked or local.__class__ is not tuple:
            taken = local.__class__ is OneOf and shared and shared.takes(node)
            if taken or not (local or (create_graph and node._prev)):
                continue
            local = (asked or local_derivatives)(node)
        elif not local:
            continue  # a leaf
        chain_rule(node._prev, local, node.grad)
        if asked and modes.active:
            modes.passed_on(node)
    if shared:
        shared.end()


def chain_rule(operands: Iterable[Any], derivatives: Iterable[Any], upstream: Any) -> None:
    """Local derivative times upstream gradient, added up where branches meet."""
    for operand, local in zip(operands, derivatives):
        operand.grad += local * upstream
