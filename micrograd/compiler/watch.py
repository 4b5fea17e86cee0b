"""Watch a function while it is recorded: what it reads from outside, what it sets there, where it draws at random.

    >>> from micrograd.compiler.watch import Watch
    >>> class Model:
    ...     temperature = 2.0
    >>> model = Model()
    >>> with Watch() as watch:
    ...     _ = (lambda x: x / model.temperature)(1.0)
    >>> [(read.name, read.value) for read in watch.reads.values() if read.is_number]
    [('model.temperature', 2.0)]

Python's own tracing (`sys.settrace`) stops before each instruction that reads or sets a place; bytecode.py knows which
these are. Functions of this package are passed over, but for the nets of nn.py, which are the user's.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import random
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any

import micrograd
from micrograd import nn
from micrograd.compiler.bytecode import READ, Expression, Place, places_in, said
from micrograd.compiler.symbols import Symbol
from micrograd.engine import Value
from micrograd.modes import line_of_the_user
from micrograd.table import is_array, is_bool

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "nothing"})()
LARGEST = 10_000  # numbers in a list or an array that is compared number by number
_PACKAGE = os.path.dirname(micrograd.__file__) + os.sep
_LIBRARY = os.path.dirname(os.__file__) + os.sep


_COUNTING = (nn.Module.__setattr__.__code__, nn.Module.__delattr__.__code__)  # of no interest themselves


@functools.cache
def _is_passed_over(file: str) -> bool:
    """Whether a file is of this package or of Python's own library."""
    if file.startswith(_PACKAGE):
        return file != nn.__file__
    return file.startswith(("<frozen ", _LIBRARY)) and "-packages" not in file


class Read:
    """A place outside the function and what it held when the function first read it.

    `name` is how the function's code names it and `line` where. `now()` gives what it holds now.
    """

    __slots__ = ("by", "container", "content", "kind", "line", "name", "value")

    def __init__(self, kind: str, container: Any, by: Any, value: Any, name: str, line: str, *, whole: bool):
        self.kind, self.container, self.by, self.value, self.name, self.line = kind, container, by, value, name, line
        self.content = _content(value) if whole else None  # of a list, a dict or an array: what was in it

    def now(self) -> Any:
        return look(self.kind, self.container, self.by)

    @property
    def is_number(self) -> bool:
        return is_number(self.value) or self.content is not None

    def holds(self) -> bool:
        """Whether the place holds what it held: the same object, or an equal number."""
        now = self.now()
        if now is not self.value and not _equal(now, self.value):
            return False
        return self.content is None or _content(now) == self.content

    def same_as(self, other: Read) -> bool:
        """Whether two runs found the same here."""
        return (self.value is other.value or _equal(self.value, other.value)) and self.content == other.content


class Watch:
    """A context manager inside which this thread's functions are watched.

    `reads` holds the places that were read before they were set, `sets` the value that each place had before it was
    first set, `drawn_from` the random generators that were seen, each with its state of that moment and the line.
    `functions` are those that will be called, as far as they are known: their variables are found sooner then.
    """

    def __init__(self, functions: Iterable[Any] = ()) -> None:
        self.reads: dict[Any, Read] = {}
        self.sets: dict[Any, tuple[str, Any, Any, Any]] = {}
        self.drawn_from: dict[int, tuple[Any, Any, str]] = {}
        self._functions: dict[types.CodeType, Any] = {}
        self._start: types.FrameType | None = None
        for f in functions:
            self._note_function(f)

    def __enter__(self) -> Watch:
        self._before, self._start = sys.gettrace(), sys._getframe(1)
        sys._getframe().f_trace_opcodes = True  # from Python 3.12 on, some frame must have asked before settrace
        self._installed = self._entered
        sys.settrace(self._installed)
        return self

    def __exit__(self, *_: Any) -> None:
        if sys.gettrace() is self._installed:  # and a debugger that the function started has not taken over
            sys.settrace(self._before)
        self._start = None

    def _entered(self, frame: types.FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        if _is_passed_over(code.co_filename) or code in _COUNTING:
            return None
        places = places_in(code)
        if not places:
            return None
        at, see = places.get, self._see

        def traced(frame: types.FrameType, event: str, argument: Any) -> Any:
            if event == "opcode":
                place = at(frame.f_lasti)
                if place is not None:
                    see(frame, place)
            return traced

        frame.f_trace = traced  # before the next line: Python 3.13 looks at it there
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return traced

    # ------------------------------------------------------------------- places

    def _see(self, frame: types.FrameType, place: Place) -> None:
        kind, container, by = self._located(frame, place.expression)
        if container is MISSING and place.expression[0] == "item":
            self._see_array(frame, place.expression[1])
        if container is MISSING or (isinstance(container, (Symbol, Value)) and _is_traced(container)):
            return
        key = (kind, id(container), by)
        if key in self.sets or (place.kind == READ and key in self.reads):
            return
        value = look(kind, container, by)
        if place.kind != READ:
            self.sets[key] = kind, container, by, value
            return
        if value is MISSING:
            return
        line = line_of_the_user(frame)
        self._note_generator(value, line)
        self._note_function(value)
        if not _is_told(value):
            self.reads[key] = Read(kind, container, by, value, said(place.expression), line, whole=place.whole)

    def _see_array(self, frame: types.FrameType, expression: Expression) -> None:
        """Of an array that an item is read from, all numbers are looked at later."""
        if expression[0] in ("attr", "item", "global", "free") and is_array(self._evaluated(frame, expression)):
            kind, container, by = self._located(frame, expression)
            read = self.reads.get((kind, id(container), by))
            if read is not None and read.content is None:
                read.content = _content(read.value)

    def _note_function(self, value: Any) -> None:
        function = function_in(value)
        if isinstance(function, types.FunctionType):
            self._functions[function.__code__] = function

    def _located(self, frame: types.FrameType, expression: Expression) -> tuple[str, Any, Any]:
        """The kind of a place, what it is in, and by which name or key."""
        kind, *rest = expression
        if kind == "global":
            return "item", (frame.f_globals if rest[0] in frame.f_globals else MISSING), rest[0]
        if kind == "free":
            return "cell", self._cell(frame, rest[0]), None
        container = self._evaluated(frame, rest[0])
        if kind == "attr":
            return "attr", container, rest[1]
        key = self._evaluated(frame, rest[1])
        if type(container) not in (list, tuple, dict) or type(key) not in (int, str, bool, float, tuple):
            return "item", MISSING, None  # an item of another kind of object may be anything
        return "item", container, key

    def _evaluated(self, frame: types.FrameType, expression: Expression) -> Any:
        kind, *rest = expression
        if kind == "const":
            return rest[0]
        if kind in ("local", "free"):
            return frame.f_locals.get(rest[0], MISSING)
        if kind == "global":
            return frame.f_globals.get(rest[0], MISSING)
        container = self._evaluated(frame, rest[0])
        if container is MISSING:
            return MISSING
        if kind == "attr":
            return look("attr", container, rest[1])
        key = self._evaluated(frame, rest[1])
        return look("item", container, key) if type(container) in (list, tuple, dict) else MISSING

    def _cell(self, frame: types.FrameType, name: str) -> Any:
        """The cell of a variable of an enclosing function; MISSING for one that was made while watched."""
        code = frame.f_code
        if name not in code.co_freevars:
            return MISSING  # the function's own
        outer = frame.f_back
        while outer is not None and outer is not self._start:
            if name in outer.f_code.co_cellvars and code in outer.f_code.co_consts:
                return MISSING
            outer = outer.f_back
        value, place = frame.f_locals.get(name, MISSING), code.co_freevars.index(name)
        cell = _cell_of(self._functions.get(code), place, value)
        if cell is MISSING and name != "__class__":  # super()'s own
            for found in gc.get_referrers(code):
                if cell is MISSING and isinstance(found, types.FunctionType) and found.__code__ is code:
                    cell = _cell_of(found, place, value)
                    self._functions[code] = found
        return cell

    # -------------------------------------------------------------- random numbers

    def _note_generator(self, value: Any, line: str) -> None:
        generator = value if _state_of(value) is not None else getattr(value, "__self__", None)
        if generator is not None and id(generator) not in self.drawn_from:
            state = _state_of(generator)
            if state is not None:
                self.drawn_from[id(generator)] = generator, state, line

    def drawn(self) -> tuple[Any, str] | None:
        """A generator that has drawn random numbers since it was seen, and the line."""
        for generator, state, line in self.drawn_from.values():
            if _state_of(generator) != state:
                return generator, line
        return None

    def kept(self) -> Read | None:
        """A place that was read, and now holds a number of the recording: a running mean, say."""
        for key, (kind, container, by, _) in self.sets.items():
            if key in self.reads and holds_recorded(look(kind, container, by)):
                return self.reads[key]
        return None

    def put_back(self, *, only: Callable[[Any], bool] = lambda value: True) -> None:
        """Set every place that was set, and holds now what `only` says, to what it held before; generators too."""
        for kind, container, by, value in reversed(self.sets.values()):
            if only(look(kind, container, by)):
                with contextlib.suppress(AttributeError, ValueError):  # it was not there, and is gone already
                    _set(kind, container, by, value)

    def rewind(self) -> None:
        """Put every random generator back to where it was."""
        for generator, state, _ in self.drawn_from.values():
            if _state_of(generator) != state:
                _restore(generator, state)


def _cell_of(function: Any, place: int, value: Any) -> Any:
    """The cell of a function's free variable, if it holds this value: functions made in one place share their code."""
    if function is None or function.__closure__ is None:
        return MISSING
    cell = function.__closure__[place]
    return cell if look("cell", cell, None) is value else MISSING


def function_in(f: Any) -> Any:
    """The Python function that a call of f runs, through methods, partial() and instances that can be called."""
    while isinstance(f, functools.partial):
        f = f.func
    f = getattr(f, "__func__", f)
    return f if isinstance(f, types.FunctionType) else vars(type(f)).get("__call__")


def is_number(x: Any) -> bool:
    """Whether x is a number or a truth that Python computes with."""
    return isinstance(x, (int, float)) or is_bool(x) or (type(x).__module__ == "numpy" and getattr(x, "ndim", 1) == 0)


def holds_recorded(x: Any) -> bool:
    """Whether x is a number of a recording, or a list, tuple or dict with one in it."""
    if isinstance(x, (list, tuple)):
        return any(map(holds_recorded, x))
    if isinstance(x, dict):
        return any(map(holds_recorded, x.values()))
    return isinstance(x, Symbol) or _is_traced(x)


def _is_traced(x: Any) -> bool:
    return isinstance(x, Symbol) or (isinstance(x, Value) and isinstance(_slot(x, "data"), Symbol))


def _slot(x: Any, name: str) -> Any:
    return Value.__dict__[name].__get__(x) if not isinstance(type(x).__dict__.get(name), property) else None


def _is_told(value: Any) -> bool:
    """Whether another object in this place needs no notice: this package's own functions, classes and modules."""
    if isinstance(value, (type, types.ModuleType, types.BuiltinFunctionType, types.MethodType)) or _is_traced(value):
        return True
    return isinstance(value, types.FunctionType) and str(value.__module__).startswith("micrograd.")


def look(kind: str, container: Any, by: Any) -> Any:
    """What a place holds, without running any code of the container's own; MISSING where that cannot be known."""
    if kind == "cell":
        try:
            return container.cell_contents
        except ValueError:
            return MISSING
    if kind == "item":
        try:
            return container[by]
        except (LookupError, TypeError):
            return MISSING
    if isinstance(container, types.ModuleType):
        return vars(container).get(by, MISSING)
    own = MISSING
    for each in container.__mro__ if isinstance(container, type) else type(container).__mro__:
        if by in vars(each):
            own = vars(each)[by]
            break
    if isinstance(own, types.MemberDescriptorType):
        try:
            return own.__get__(container) if not isinstance(container, type) else MISSING
        except AttributeError:
            return MISSING
    if isinstance(own, property):
        return MISSING  # its own code is watched as it runs
    inside = getattr(container, "__dict__", None) if not isinstance(container, type) else None
    if isinstance(inside, dict) and by in inside:
        return inside[by]
    if isinstance(own, types.FunctionType) and not isinstance(container, type):
        return types.MethodType(own, container)
    if own is not MISSING and hasattr(type(own), "__get__") and not isinstance(own, types.FunctionType):
        bound = isinstance(own, (types.MethodDescriptorType, types.BuiltinFunctionType, types.BuiltinMethodType))
        return getattr(container, by, MISSING) if bound or _state_of(container) is not None else MISSING
    return own


def _set(kind: str, container: Any, by: Any, value: Any) -> None:
    if kind == "cell":
        if value is MISSING:
            del container.cell_contents
        else:
            container.cell_contents = value
    elif kind == "item":
        if value is MISSING:
            container.pop(by, None)
        else:
            container[by] = value
    elif value is MISSING:
        delattr(container, by)
    else:
        setattr(container, by, value)


def _content(x: Any) -> Any:
    """What a list, a dict or an array of numbers holds, to compare with later; None for anything else."""
    if is_array(x):
        return (x.shape, x.dtype.str, x.tobytes()) if x.size <= LARGEST and x.dtype.kind in "fiub" else None
    if isinstance(x, (list, dict)) and len(x) <= LARGEST:
        items = [*x.items()] if isinstance(x, dict) else x
        found = [_content(item) if isinstance(item, list) else item for item in items]
        flat = [item[1] if isinstance(x, dict) else item for item in found]
        if all(is_number(item) or (isinstance(item, list) and item is not None) for item in flat):
            return found
    return None


def frozen(x: Any) -> Any:
    """What tells x from what it may become: the content of a list, a dict or an array of numbers, else x itself."""
    content = _content(x)
    return x if content is None else content


def _equal(x: Any, y: Any) -> bool:
    """Whether two numbers, texts or pairs of them are the same in every respect that a function could ask."""
    if type(x) is not type(y) or not (is_number(x) or isinstance(x, (str, tuple, bytes, types.MethodType))):
        return False
    try:
        return (bool(x == y) and (not isinstance(x, float) or x.hex() == y.hex())) or (x != x and y != y)
    except Exception:
        return False


def _state_of(x: Any) -> Any:
    """The state of a random generator, something that can be compared; None for anything else."""
    if isinstance(x, random.Random):
        try:
            return x.getstate()
        except NotImplementedError:  # SystemRandom has none
            return None
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(x, (numpy.random.Generator, numpy.random.RandomState)):
        return _comparable((x.bit_generator if isinstance(x, numpy.random.Generator) else x._bit_generator).state)
    return None


def _comparable(state: Any) -> Any:
    if isinstance(state, dict):
        return tuple((key, _comparable(x)) for key, x in state.items())
    return ("array", state.tobytes(), state.dtype.str) if is_array(state) else state


def _restore(generator: Any, state: Any) -> None:
    if isinstance(generator, random.Random):
        generator.setstate(state)
        return
    numpy = sys.modules["numpy"]

    def plain(x: Any) -> Any:
        if isinstance(x, tuple) and x[:1] == ("array",):
            return numpy.frombuffer(x[1], dtype=x[2]).copy()
        return {key: plain(item) for key, item in x} if isinstance(x, tuple) else x

    bits = generator.bit_generator if isinstance(generator, numpy.random.Generator) else generator._bit_generator
    bits.state = plain(state)
