"""Compile a function of Values to native code: `fast = jit(f)`, and use it where `f` was used.

    >>> from micrograd import Value
    >>> from micrograd.compiler.jit import jit
    >>> f = jit(lambda x, y: x / (x + y))
    >>> x, y = Value(2.0), Value(-4.0)
    >>> z = f(x, y)
    >>> z.backward()
    >>> z.data, x.grad, y.grad
    (-1.0, -1.0, -0.5)
    >>> f(2.0, -4.0)
    -1.0

The function is run on symbols, twice, for each structure of arguments. So it cannot use `if` on a number (write
`where`), and its side effects, such as printing, happen only then. Values that it uses from outside are read again at
each call; other things from outside are checked, and if one has changed, the function is recorded again.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import operator
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, Generic, Literal, NamedTuple, ParamSpec, Self, TypeVar, overload

from micrograd import modes
from micrograd.blame import of_row
from micrograd.c_core import native
from micrograd.compiler import notice
from micrograd.compiler.arguments import flatten, names_of
from micrograd.compiler.arguments import static as as_static
from micrograd.compiler.batch import BatchProgram
from micrograd.compiler.compiled_forms import CompiledForms
from micrograd.compiler.one_row import noted
from micrograd.compiler.outside.recording import Programs
from micrograd.compiler.program import Program
from micrograd.compiler.row_tape import row_tape
from micrograd.compiler.rows import LoadedRows, Rows, WholeNumber, as_rows
from micrograd.compiler.several import node_of
from micrograd.compiler.tape.tape import Tape
from micrograd.engine import Value
from micrograd.errors import NotFiniteError, TraceError
from micrograd.locks import new_in_child
from micrograd.table import DETACHED, Op
from micrograd.text import TEXT, opaque

P = ParamSpec("P")
More = ParamSpec("More")
Out = TypeVar("Out", covariant=True)
MOST_STRUCTURES = 64  # structures of arguments for which one function keeps compiled code


class Lowered(NamedTuple):
    """What a function was compiled to, from the tape down to the processor's instructions."""

    tape: Tape
    llvm_ir: str
    assembly: str


@overload
def jit(
    f: Callable[P, Out], *, batch: Literal[False] = False, static: str | Sequence[str] = (), exact: bool = False
) -> Jitted[P, Out]: ...
@overload
def jit(
    f: Callable[..., Any], *, batch: Literal[True], static: str | Sequence[str] = (), exact: bool = False
) -> BatchJitted: ...
@overload
def jit(
    *, batch: Literal[False] = False, static: str | Sequence[str] = (), exact: bool = False
) -> Callable[[Callable[P, Out]], Jitted[P, Out]]: ...
@overload
def jit(
    *, batch: Literal[True], static: str | Sequence[str] = (), exact: bool = False
) -> Callable[[Callable[..., Any]], BatchJitted]: ...
def jit(
    f: Callable[..., Any] | None = None, *, batch: bool = False, static: str | Sequence[str] = (), exact: bool = False
) -> Any:
    """A function that gives what `f` gives, computed by native code.

    Arguments are numbers, Values, arrays, and lists, tuples and dicts of them. If one is a Value, or `f` uses Values
    from outside, the result is a Value: one node of the graph, with its derivatives. `static` names arguments whose
    value is part of the code, such as a number of layers; strings, bools and objects are always static.

    With `batch=True`, arguments that are lists or arrays hold rows; `f` is given one of each, and the result is the
    mean over the rows, one number.

    The tape has an instruction for every operation that `f` does, loops included, and for its derivatives. Compiling
    takes 100 microseconds or more for each, and about 40 where a long tape repeats itself and is written as loops. So
    give rows with `batch=True`, or to `train_step`, rather than in one long list.

    What `f` reads from outside, such as a global `temperature` or `model.training`, is checked before each call; if it
    has changed, `f` is recorded again. `f.constants` lists the numbers among these. A function that changes something
    each time it runs, by random numbers or a counter, is refused.

    A product and a sum may be rounded once together. That is more accurate but differs from `f`: it may give 1e-17
    where `f` gives 0. With `exact=True` every operation is rounded as in `f`, and without `batch`, results and
    derivatives are equal to the last bit.

    When an operation fails, or a result or derivative is nan or inf, `f` itself is run, so that the error is the one
    that `f` raises; inside `detect_anomaly()`, `f` always runs. Raises TypeError when `f` asks for a number while it is
    recorded.

    Needs the extra `jit`. `f.tape`, `f.program` (the tape as loops), `f.llvm_ir` and `f.assembly` show what it was
    compiled to for the last call; `f.lower(*args)` shows it for other arguments.
    """
    if f is None:  # @jit(batch=True)
        return functools.partial(jit, batch=batch, static=static, exact=exact)
    if not isinstance(static, (str, list, tuple, set)):
        raise TypeError(f"jit: static must be names of arguments, such as static='n', not {static!r}")
    names = (static,) if isinstance(static, str) else tuple(static)
    return (BatchJitted if batch else Jitted)(f, names, exact)


class _Jitted(CompiledForms, Generic[P, Out]):
    """What Jitted and BatchJitted share: argument names, the cache of programs, and looking inside."""

    def __init__(self, f: Callable[..., Any], static: tuple[str, ...], exact: bool = False):
        if not callable(f):
            raise TypeError(f"jit takes a function, not {f!r}")
        self.f: Callable[..., Any] = f
        self.exact: bool = exact
        functools.update_wrapper(self, f, updated=())
        self._name = getattr(f, "__name__", type(f).__name__)
        try:
            self._signature = inspect.signature(f)
        except ValueError:
            self._signature = inspect.signature(lambda *x: x)
        unknown = set(static) - set(self._signature.parameters)
        if unknown:
            raise ValueError(f"jit: {self._name}{self._signature} has no argument {sorted(unknown)[0]!r} to be static")
        self._static = frozenset(static)
        self._programs: Programs[Any] = Programs(MOST_STRUCTURES)
        self._positional = functools.cache(lambda count: names_of(f, count))
        self._lock = threading.RLock()
        new_in_child(self)

    def _names(self, args: Sequence[Any], kwargs: dict[str, Any]) -> list[str]:
        return self._positional(len(args)) + list(kwargs)

    if TYPE_CHECKING:

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Out: ...

        parameters: Callable[[], list[Value]]  # these are a jitted model's
        named_parameters: Callable[[], Iterator[tuple[str, Value]]]
        zero_grad: Callable[[], None]
        state_dict: Callable[[], dict[str, float]]
        load_state_dict: Callable[[Mapping[str, float]], None]

    def _kept(self, key: Any, make: Callable[[], Any]) -> Any:
        """The program for a structure that fits what is outside now."""
        with self._lock:
            return self._programs.get(key, make)

    @staticmethod
    def _found(get: Callable[[], Any], itself: Callable[[], Any]) -> Any:
        """The program that `get` gives; None if it fails on constants, as log(-1.0): the function then raises it."""
        try:
            return get()
        except (ArithmeticError, ValueError, LookupError):
            return None
        except TypeError as error:
            if not isinstance(error, TraceError):
                with contextlib.suppress(TypeError):
                    itself()  # an error that eager code meets first comes first
            raise

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """The tape, LLVM code and assembly for such arguments; without arguments, those of the last call."""
        if args or kwargs or self._programs.latest is None:
            with modes.plainly():
                self(*args, **kwargs)
        program = self._last()
        return Lowered(program.tape, program.shown.native.llvm_ir, program.shown.native.assembly)

    def _last(self) -> Any:
        program = self._programs.latest
        if program is None:
            raise RuntimeError(f"{self._name} has not been compiled yet: call it, or {self._name}.lower(...), first")
        return program

    @overload
    def __get__(self, instance: None, owner: Any = None) -> Self: ...
    @overload
    def __get__(
        self: _Jitted[Concatenate[Any, More], Out], instance: object, owner: Any = None
    ) -> Callable[More, Out]: ...
    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """As a method: the instance is the first argument."""
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        return f"jit({self._name})"

    def __deepcopy__(self, memo: Any) -> Any:
        return self

    def __reduce__(self) -> Any:
        return type(self), (self.f, tuple(self._static), self.exact)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in ("parameters", "named_parameters", "zero_grad", "state_dict", "load_state_dict"):
                return getattr(self.__dict__["f"], name)  # so that a jitted model still acts as a model
            raise AttributeError(f"{self!r} has no attribute {name!r}; its attribute f is the original function")


if TYPE_CHECKING:

    class _Call: ...
else:
    _Call = native.Call if native else object


class Jitted(_Jitted[P, Out], _Call):
    """A compiled function of numbers. With the native core, C calls the machine code for floats and Values itself.

    C does this for the program used last, where `_code` has that program's code.
    """

    def _called(self, *args: Any, **kwargs: Any) -> Any:
        connected = True
        if modes.active:
            if modes.state.recorder or modes.state.anomaly:
                return self.f(*args, **kwargs)
            connected = not modes.state.no_grad
        numbers: list[Any] = []
        if kwargs or self._static:
            key: Any = self._structure(args, kwargs, numbers)
        else:
            key = tuple([flatten(x, numbers) for x in args])
        ready = self._programs.ready
        program = ready.get(key)
        if program is None or len(ready) == MOST_STRUCTURES or not program.outside.holds():
            with notice.compiling():
                get = lambda: self._kept(key, lambda: self._compile(args, kwargs, key))  # noqa: E731
                program = self._found(get, lambda: self._itself(args, kwargs))
                if program is None:
                    return self._itself(args, kwargs)
                return self._run(program, numbers, args, kwargs, connected=connected)
        return self._run(program, numbers, args, kwargs, connected=connected)

    def _run(self, program: Program, numbers: list[Any], args: Any, kwargs: dict[str, Any], *, connected: bool) -> Any:
        self._programs.latest = program
        self._code = None if kwargs else program.code
        try:
            return program(numbers, connected=connected)
        except NotFiniteError:
            return self._itself(args, kwargs)

    if not native and not TYPE_CHECKING:
        __call__ = _called

    def _itself(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Call the function, with floats for ints: with Python's ints, 10 ** (10 ** 9) would take forever."""
        names = self._names(args, kwargs)
        given = [x if name in self._static else _as_floats(x) for name, x in zip(names, [*args, *kwargs.values()])]
        return self.f(*given[: len(args)], **dict(zip(kwargs, given[len(args) :])))

    def _structure(self, args: Sequence[Any], kwargs: dict[str, Any], numbers: list[Any]) -> Any:
        names = self._names(args, kwargs)
        items = [
            as_static(x) if name in self._static else flatten(x, numbers)
            for name, x in zip(names, [*args, *kwargs.values()])
        ]
        return ("call", tuple(items), tuple(kwargs))

    def _compile(self, args: Sequence[Any], kwargs: dict[str, Any], key: Any) -> Program:
        count = len(args)

        def call(items: list[Any]) -> Any:
            return self.f(*items[:count], **dict(zip(kwargs, items[count:])))

        structures = key[1] if key[:1] == ("call",) else key
        names = self._names(args, kwargs)
        return Program(call, self._name, names, structures, functions=(self.f,), exact=self.exact)


def _as_floats(x: Any) -> Any:
    """An argument as compiled code takes it: ints become floats that may still be used as an index."""
    if type(x) is int:
        return WholeNumber(x) if x.bit_length() < 1024 else x
    if type(x) in (list, tuple):
        return type(x)(map(_as_floats, x))
    return {key: _as_floats(item) for key, item in x.items()} if type(x) is dict else x


class _BatchCall(NamedTuple):
    """A call of a function of rows: its arguments, which of them are rows, and the numbers that all rows share."""

    f: Callable[..., Any]
    args: Sequence[Any]
    kwargs: dict[str, Any]
    chosen: list[int]  # the places of the rows among all arguments
    rows: Rows
    row_names: list[str]
    numbers: list[Any]
    structures: list[Any]

    def of_rows(self, *rows: Any) -> Any:
        """Call the function with these in place of its rows."""
        items = [*self.args, *self.kwargs.values()]
        for place, x in zip(self.chosen, rows):
            items[place] = x
        return self.of_row(items)

    def of_row(self, items: Sequence[Any]) -> Any:
        """Call the function on one row of each."""
        count = len(self.args)
        return self.f(*items[:count], **dict(zip(self.kwargs, items[count:])))

    def eagerly(self) -> Any:
        results = []
        for i in range(self.rows.count):
            try:
                results.append(self.of_rows(*self.rows.row(i)))
            except (ValueError, LookupError) as error:
                if hasattr(error, "failed"):  # an operation failed, and the error says where
                    raise
                raise of_row(error, i) from None
        return functools.reduce(operator.add, results) / self.rows.count


class BatchJitted(_Jitted[..., Any]):
    """A compiled mean over rows."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        call = self._read(args, kwargs)
        if modes.active and (modes.state.recorder or modes.state.anomaly):
            return call.eagerly()
        connected = not (modes.active and modes.state.no_grad)
        with notice.compiling():
            with noted(f"jit({self._name}, batch=True)", call.of_rows, call.row_names, call.rows, always=False):
                program = self._found(lambda: self._program(call, connected=connected), call.eagerly)
                if program is None:
                    return call.eagerly()
            with program.in_use:
                out = program.means(call.rows, call.numbers)
        if out is None:
            return call.eagerly()
        operands = [x for x in call.numbers if isinstance(x, Value)] + program.leaves
        if not operands:
            return out[-1]
        if not connected:
            return node_of(out[-1], DETACHED, (), ())
        return node_of(out[-1], self._entry, tuple(operands), tuple(out[:-1]))

    def trace(self, *args: Any, **kwargs: Any) -> Tape:
        """The tape for such arguments, without derivatives and not yet compiled."""
        return self._program(self._read(args, kwargs), connected=False).tape

    def _read(self, args: Sequence[Any], kwargs: dict[str, Any]) -> _BatchCall:
        given = [*args, *kwargs.values()]
        names = self._names(args, kwargs)
        is_rows = [
            name not in self._static and (isinstance(x, (list, LoadedRows)) or getattr(x, "ndim", 0) > 0)
            for name, x in zip(names, given)
        ]
        if not any(is_rows):
            raise TypeError(f"jit({self._name}, batch=True) needs rows: give it a list or an array of examples")
        chosen = [i for i, yes in enumerate(is_rows) if yes]
        row_names = [names[i] for i in chosen]
        rows = as_rows([given[i] for i in chosen], row_names)
        numbers: list[Any] = []
        structures: list[Any] = []
        described = iter(rows.structures)
        for name, x, yes in zip(names, given, is_rows):
            structure = next(described) if yes else as_static(x) if name in self._static else flatten(x, numbers)
            structures.append((yes, structure))
        return _BatchCall(self.f, args, kwargs, chosen, rows, row_names, numbers, structures)

    def _program(self, call: _BatchCall, *, connected: bool) -> BatchProgram:
        key = (tuple(call.structures), tuple(call.kwargs), connected)
        names, by = self._names(call.args, call.kwargs), None if connected else ()
        return self._kept(
            key,
            lambda: BatchProgram(
                row_tape(call.of_row, names, call.structures, parameters=by, functions=(self.f,), exact=self.exact)
            ),
        )

    @functools.cached_property
    def _entry(self) -> Op:
        name = self._name

        def rule(m: Any, *operands: Any) -> Any:
            if m is TEXT:
                return opaque(name, operands)
            raise TypeError(
                f"backward(create_graph=True) through jit({name}, batch=True): a batch has no graph to differentiate "
                f"again; use jit({name}) on each row, or {name} itself"
            )

        return Op(name, name if name.isidentifier() else "jit", rule)
