"""Watch a function while it is recorded: what it reads and sets outside, and where it draws random numbers.

    >>> from micrograd.compiler.outside.watch import Watch
    >>> class Model:
    ...     temperature = 2.0
    >>> model = Model()
    >>> with Watch() as watch:
    ...     _ = (lambda x: x / model.temperature)(1.0)
    >>> [(read.name, read.value) for read in watch.reads.values() if read.is_number]
    [('model.temperature', 2.0)]

Python's own tracing (`sys.settrace`) stops before each instruction that reads or sets a place; bytecode.py finds these
instructions. Functions of this package are skipped, except for the nets of nn.py, which belong to the user's model.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import itertools
import os
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any

from micrograd import nn
from micrograd.anomaly import PACKAGE, line_of_the_user
from micrograd.compiler.outside.bytecode import (
    READ,
    Expression,
    Place,
    asks_by_text,
    loose_names,
    places_in,
    said,
    texts_in,
)
from micrograd.compiler.outside.generators import restore, state_of
from micrograd.compiler.outside.places import (
    ABSENT,
    MISSING,
    Read,
    attributes_of,
    content_of,
    is_container,
    items_of,
    look,
    owner_of,
    set_back,
)
from micrograd.compiler.tape.recorder import number_inside
from micrograd.compiler.tape.symbols import Symbol
from micrograd.engine import Value

_LIBRARY = os.path.dirname(os.__file__) + os.sep
# Methods that change a container and return nothing of what it holds.
CHANGING = set("append appendleft add insert extend update clear remove discard sort reverse".split())


@functools.cache
def _is_passed_over(file: str) -> bool:
    """Whether a file is of this package or of Python's own library."""
    if file.startswith(PACKAGE):
        return file != nn.__file__
    return file.startswith(("<frozen ", _LIBRARY)) and "-packages" not in file


def _is_written_for_us(frame: types.FrameType) -> bool:
    """Whether the code was generated for a class of this package, as by dataclasses."""
    return frame.f_code.co_filename == "<string>" and str(frame.f_globals.get("__name__")).startswith("micrograd.")


@functools.cache
def _read_of_self(code: types.CodeType) -> list[Place]:
    """The attributes of `self` that a method reads."""
    places = places_in(code).values()
    return [place for place in places if place.kind == READ and place.expression[:2] == ("attr", ("local", "self"))]


class Watch:
    """A context manager that watches the functions of this thread.

    `reads` holds the places that were read before they were set, `sets` the value that each place had before it was
    first set, `drawn_from` the random generators that were seen, each with its state then and the line. `functions` are
    the functions known to be called: this makes it faster to find their variables.
    """

    def __init__(self, functions: Iterable[Any] = ()) -> None:
        self.reads: dict[Any, Read] = {}
        self.sets: dict[Any, tuple[str, Any, Any, Any]] = {}
        self.drawn_from: dict[int, tuple[Any, Any, str]] = {}
        self.assigned: tuple[str, str] | None = None  # a Value's data that the function sets, and the line
        self._functions: dict[types.CodeType, Any] = {}
        self._start: types.FrameType | None = None
        self._installed: Any = None
        self._before: Any = None
        self._loose: frozenset[str] = frozenset()  # attributes read from objects without a known name
        self._asks = False  # whether attributes are read by strings, such as those in a list
        for f in functions:
            self._note_function(f)

    def __enter__(self) -> Watch:
        self._before, self._start = sys.gettrace(), sys._getframe(1)
        sys._getframe().f_trace_opcodes = True  # from Python 3.12 on, some frame must set this before settrace
        self._installed = self._entered
        sys.settrace(self._installed)
        return self

    def __exit__(self, *_: Any) -> None:
        self.leave()
        self._start = None
        self._see_loose()

    def leave(self) -> None:
        """Stop watching. For Ctrl-C too, which may come when `with` does not listen yet, or no longer."""
        if self._installed and sys.gettrace() is self._installed:  # else a debugger of the function's has taken over
            sys.settrace(self._before)

    def _entered(self, frame: types.FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        if _is_passed_over(code.co_filename) or _is_written_for_us(frame):
            return None
        if code.co_filename == nn.__file__:  # faster than each instruction; its methods read only attributes of self
            if code is nn.Module.named_parameters.__code__:
                self._see_parameters(frame)
            for place in _read_of_self(code):
                self._see(frame, place)
            return None
        places = places_in(code)
        self._loose |= loose_names(code)
        self._asks = self._asks or asks_by_text(code)
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
        is_item, is_method = place.expression[0] == "item", place.expression[0] == "attr" and is_container(container)
        if (is_item and container is MISSING) or (is_method and by not in CHANGING):
            self._see_inside(frame, place.expression[1])
        if container is MISSING or (isinstance(container, (Symbol, Value)) and _is_symbolic(container)):
            return
        key = (kind, id(container), by)
        known = self.reads.get(key)
        if known is not None and place.kind == READ and place.whole and known.content is None:
            known.content = content_of(known.value)  # before, only a part of it was read
        if key in self.sets or (place.kind == READ and known is not None):
            return
        value = look(kind, container, by)
        if place.kind != READ:
            self.sets[key] = kind, container, by, value
            if isinstance(container, Value) and by == "data" and not self.assigned:
                self.assigned = said(place.expression), line_of_the_user(frame)
            return
        if value is MISSING:
            return
        line, name = line_of_the_user(frame), said(place.expression)
        self._note_generator(value, line)
        self._note_function(value)
        owner = owner_of(container, by) if kind == "attr" else None
        if owner is not None:  # note the class too, for its methods and for objects that the function creates
            kind_of_it = type(container)
            self._note(Read("attr", kind_of_it, by, look("attr", kind_of_it, by), name, line, whole=place.whole))
        is_method = isinstance(value, types.MethodType) and by not in (attributes_of(container) or ())
        if not is_method:  # a bound method is a new object each time
            self._note(Read(kind, container, by, value, name, line, whole=place.whole))

    def _note(self, read: Read) -> None:
        if read.value is not MISSING and read.key not in self.sets and not _is_told(read.value):
            self.reads.setdefault(read.key, read)

    def _see_parameters(self, frame: types.FrameType) -> None:
        """Note which parameters a walk through a net finds; to watch each step would take too long."""
        net = frame.f_locals["self"]
        if ("parameters", id(net), None) not in self.reads:
            name, line = f"{type(net).__name__}.parameters()", line_of_the_user(frame.f_back)
            found = look("parameters", net, None)
            self._note(Read("parameters", net, None, found, name, line, whole=False))

    def _see_inside(self, frame: types.FrameType, expression: Expression) -> None:
        """Note the whole content of a container, when a part of it is used through an index or a method."""
        if expression[0] in ("attr", "item", "global", "free") and is_container(self._evaluated(frame, expression)):
            kind, container, by = self._located(frame, expression)
            read = self.reads.get((kind, id(container), by))
            if read is not None and read.content is None:
                read.content = content_of(read.value)

    def _see_loose(self) -> None:
        """Find attributes read without a known name, as in `get().t` or getattr(model, "t")."""
        if self._asks:
            self._loose |= {text for read in self.reads.values() for text in texts_in(read.value)}
        found, seen = [*self.reads.values()] if self._loose else [], set()
        for read in found:  # `found` grows meanwhile, as one object leads to the next
            for x in [read.value, *(items_of(read.value) if read.content is not None else ())]:
                own = None if id(x) in seen or isinstance(x, (types.ModuleType, Value)) else attributes_of(x)
                seen.add(id(x))
                if own is None:
                    continue
                of_nn = type(x).__module__ == nn.__name__  # their classes do not change
                for name in self._loose.intersection(own) if of_nn else self._loose:
                    value, key = look("attr", x, name), ("attr", id(x), name)
                    if value is not ABSENT and key not in self.reads and not isinstance(value, types.MethodType):
                        self._note(Read("attr", x, name, value, f"{read.name}.{name}", read.line, whole=True))
                        found += [self.reads[key]] if key in self.reads else []

    def _note_function(self, value: Any) -> None:
        function = function_in(value)
        if not isinstance(value, type) and (owner := owner_of(value, "__call__")) is not None:
            said = f"{owner.__name__}.__call__"
            self._note(Read("attr", owner, "__call__", look("attr", owner, "__call__"), said, said, whole=False))
        if isinstance(value, types.MethodType) and (owner := owner_of(value.__self__, value.__name__)) is not None:
            said, kind = f"{owner.__name__}.{value.__name__}", type(value.__self__)
            self._note(Read("attr", kind, value.__name__, look("attr", kind, value.__name__), said, said, whole=False))
        if not isinstance(function, types.FunctionType):
            return
        self._functions[function.__code__] = function
        given = [("a default", function.__defaults__ or ()), ("a default", function.__kwdefaults__ or {})]
        while isinstance(value, functools.partial):
            given += [("an argument", value.args), ("an argument", value.keywords)]
            value = value.func
        line = f"{function.__code__.co_filename}:{function.__code__.co_firstlineno}"
        for what, items in given:
            for by, x in items.items() if isinstance(items, dict) else enumerate(items):
                if isinstance(items, dict) or is_container(x):
                    self._note(Read("item", items, by, x, f"{what} of {function.__name__}()", line, whole=True))

    def _located(self, frame: types.FrameType, expression: Expression) -> tuple[str, Any, Any]:
        """A place: its kind, its container, and its name or key there."""
        kind, *rest = expression
        if kind == "global":
            return "item", (frame.f_globals if rest[0] in frame.f_globals else MISSING), rest[0]
        if kind == "free":
            return "cell", self._cell(frame, rest[0]), None
        container = self._evaluated(frame, rest[0])
        if kind == "attr":
            return "attr", vars(type(container)).get("_stands_for", container), rest[1]
        key = self._evaluated(frame, rest[1])
        if type(container) not in (list, tuple, dict) or key is MISSING or not _has_hash(key):
            return "item", MISSING, None  # other classes' items may run the user's code
        return "item", container, key

    def _evaluated(self, frame: types.FrameType, expression: Expression) -> Any:
        kind, *rest = expression
        if kind == "const":
            return rest[0]
        if kind in ("local", "free"):
            return frame.f_locals.get(rest[0], MISSING)
        if kind == "global":
            return frame.f_globals.get(rest[0], MISSING)
        if kind == "module":
            module = sys.modules.get(rest[0], MISSING)
            return MISSING if _is_passed_over(getattr(module, "__file__", None) or "<frozen ") else module
        container = self._evaluated(frame, rest[0])
        if container is MISSING:
            return MISSING
        if kind == "attr":
            return look("attr", container, rest[1])
        key = self._evaluated(frame, rest[1])
        return look("item", container, key) if type(container) in (list, tuple, dict) else MISSING

    def _cell(self, frame: types.FrameType, name: str) -> Any:
        """The cell of an enclosing function's variable; MISSING if that function was called while watching."""
        code = frame.f_code
        if name not in code.co_freevars:
            return MISSING  # the function's own variable
        outer = frame.f_back
        while outer is not None and outer is not self._start:
            if name in outer.f_code.co_cellvars and code in outer.f_code.co_consts:
                return MISSING
            outer = outer.f_back
        value, place = frame.f_locals.get(name, MISSING), code.co_freevars.index(name)
        cell = _cell_of(self._functions.get(code), place, value)
        if cell is MISSING and name != "__class__":  # the cell that super() uses
            for found in gc.get_referrers(code):
                if isinstance(found, types.FunctionType) and found.__code__ is code:
                    cell = _cell_of(found, place, value)
                    if cell is not MISSING:
                        self._functions[code] = found
                        break
        return cell

    # -------------------------------------------------------------- random numbers

    def _note_generator(self, value: Any, line: str) -> None:
        generator = value
        if state_of(value) is None:  # ask the type first: __getattr__ may raise anything
            generator = value.__self__ if hasattr(type(value), "__self__") else None
        if generator is not None and id(generator) not in self.drawn_from:
            state = state_of(generator)
            if state is not None:
                self.drawn_from[id(generator)] = generator, state, line

    def drawn(self) -> tuple[Any, str] | None:
        """A generator that has drawn random numbers since it was first seen, and the line; or None."""
        for generator, state, line in self.drawn_from.values():
            if state_of(generator) != state:
                return generator, line
        return None

    def kept(self) -> Read | None:
        """A place that was read and now holds a number of the recording, such as a running mean; or None."""
        for key, (kind, container, by, _) in self.sets.items():
            if key in self.reads and holds_recorded(look(kind, container, by)):
                return self.reads[key]
        return None

    def put_back(self, *, only: Callable[[Any], bool] = lambda value: True) -> None:
        """Restore every place that was set and now holds a value for which `only` is true."""
        for kind, container, by, value in reversed(self.sets.values()):
            if only(look(kind, container, by)):
                with contextlib.suppress(AttributeError, ValueError):  # it did not exist before, and is already gone
                    set_back(kind, container, by, value)

    def rewind(self) -> None:
        """Restore the state of every random generator."""
        for generator, state, _ in self.drawn_from.values():
            if state_of(generator) != state:
                restore(generator, state)


def _cell_of(function: Any, place: int, value: Any) -> Any:
    """The cell of a function's free variable, if it holds this value: several functions may share one code object."""
    if function is None or function.__closure__ is None:
        return MISSING
    cell = function.__closure__[place]
    return cell if look("cell", cell, None) is value else MISSING


def function_in(f: Any) -> Any:
    """The Python function that a call of f runs, found through methods, partial() and callable instances."""
    while isinstance(f, functools.partial):
        f = f.func
    f = f.__func__ if isinstance(f, types.MethodType) else f
    return f if isinstance(f, types.FunctionType) else vars(type(f)).get("__call__")


def holds_recorded(x: Any, within: frozenset[int] = frozenset()) -> bool:
    """Whether x is a number of a recording, or a list, tuple or dict that holds one.

    `within` has the ids of the containers around x, so that a list that contains itself ends.
    """
    if not isinstance(x, (list, tuple, dict)):
        return _is_symbolic(x)
    if id(x) in within:
        return False
    items = x.values() if isinstance(x, dict) else x
    return any(map(holds_recorded, items, itertools.repeat(within | {id(x)})))


def _is_symbolic(x: Any) -> bool:
    return isinstance(x, Symbol) or (isinstance(x, Value) and isinstance(number_inside(x), Symbol))


def _is_told(value: Any) -> bool:
    """Whether a new object in this place means nothing: numbers of the recording, and methods of C objects, which are
    new each time they are read.
    """
    if isinstance(value, types.MethodWrapperType) or _is_symbolic(value):
        return True
    return isinstance(value, types.BuiltinFunctionType) and not isinstance(value.__self__, types.ModuleType)


def _has_hash(key: Any) -> bool:
    try:
        hash(key)
    except TypeError:
        return False
    return True
