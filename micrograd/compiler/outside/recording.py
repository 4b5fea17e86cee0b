"""Record a function twice, to find and name what differs from run to run: `recorded(run)`.

Compiled code does at each call what the function did when it was recorded. So a function that draws random numbers,
counts its calls or keeps a running mean cannot be compiled: it is run twice, and refused if the second run differs. A
second run cannot show what will change later. So `Outside` keeps every place outside that the function read, such as
`model.temperature`, and each is checked before each call.

Torch Dynamo calls such places guards (Ansel et al., PyTorch 2, ASPLOS 2024).
"""

from __future__ import annotations

import contextlib
import keyword
import marshal
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from micrograd.anomaly import line_of_the_caller
from micrograd.changes import CountedList, changes
from micrograd.compiler.outside.places import ABSENT, Read
from micrograd.compiler.outside.watch import Watch, holds_recorded
from micrograd.compiler.paused import paused
from micrograd.compiler.tape.tape import Tape
from micrograd.errors import TraceError
from micrograd.locks import new_in_child

T = TypeVar("T")
AGAIN = 16  # how often a function is recorded again because something outside has changed
MOST_OF_ONE = 4  # programs kept for one structure


# Python 3.12 crashes when two threads have trace functions at once; other versions need no lock. It is not held over
# forks, because its holder may be waiting for a lock that is.
_one_at_a_time: Any = contextlib.nullcontext()
if sys.version_info[:2] == (3, 12):
    _one_at_a_time = threading.RLock()
    new_in_child(sys.modules[__name__], "_one_at_a_time")


class _HasOutside(Protocol):
    outside: Outside


P = TypeVar("P", bound=_HasOutside)


class Constant(NamedTuple):
    """A number that a recording took from outside: its name in the code, its value, and the line that read it."""

    name: str
    value: Any
    line: str

    def __str__(self) -> str:
        return f"{self.name} = {self.value!r}, at {self.line}"


def _is_counted(read: Read) -> bool:
    """Whether `changes.count` counts changes of this place: it is an attribute of a net of this package."""
    if read.kind == "parameters":
        return True
    own = type(read.container).__module__ == "micrograd.nn" and read.kind == "attr" and read.by in vars(read.container)
    return own and (read.content is None or isinstance(read.value, CountedList))


class Outside:
    """The places outside a recorded function that it read. `constants` lists those that held numbers."""

    constants: list[Constant]
    count: int

    def __init__(self, reads: Sequence[Read], count: int):
        self.reads: list[Read] = list(reads)
        self.constants = [Constant(read.name, read.value, read.line) for read in reads if read.is_number]
        # Nets count changes of their attributes in one number, so that not every neuron must be checked.
        self._others = [read for read in reads if not _is_counted(read)]
        self.count = count
        self.unmoved = self._compiled()

    def _compiled(self) -> Callable[[], bool]:
        """A function that checks, in one expression, that each place that is not counted holds the same object."""
        known: dict[str, Any] = {}
        parts = []
        for i, read in enumerate(self._others):
            known[f"c{i}"], known[f"k{i}"], known[f"v{i}"] = read.container, read.by, read.value
            place = {"attr": f"c{i}.{read.by}", "item": f"c{i}[k{i}]", "cell": f"c{i}.cell_contents"}[read.kind]
            is_name = read.kind != "attr" or (read.by.isidentifier() and not keyword.iskeyword(read.by))
            if is_name and read.value is not ABSENT:
                parts.append(f"{place} is v{i}")
            if not is_name or read.content is not None or read.value is ABSENT:
                known[f"h{i}"] = read.holds
                parts.append(f"h{i}()")
        same = " and ".join(parts) or "True"
        text = f"def unmoved():\n try: return {same}\n except Exception: return False"
        exec(text, known)  # raises if an attribute is gone
        return known["unmoved"]

    def holds(self) -> bool:
        """Whether every place holds what it held when it was read. `unmoved()` is a cheaper first check."""
        count = changes.count  # read first, so that the next check sees what another thread sets meanwhile
        if count == self.count and self.unmoved():
            return True
        if self.changed() is not None:
            return False
        replaced = False
        for read in self.reads:
            if (now := read.now()) is not read.value:
                read.value, replaced = now, True  # an equal number: let `unmoved()` find it next time
        if replaced:
            self.unmoved = self._compiled()
        self.count = count
        return True

    def changed(self) -> Read | None:
        """The first place that has changed, or None."""
        return next((read for read in self.reads if not read.holds()), None)

    def refusal(self, what: str) -> TraceError:
        """The error for a change that the compiled code cannot follow."""
        read = self.changed()
        if read is None:  # it was changed back meanwhile
            return TraceError(f"something that the function reads from outside {what}")
        now = "changed inside" if read.value is read.now() else repr(read.now())
        was = "as first read" if read.value is read.now() else repr(read.value)
        return TraceError(
            f"{read.name} {what}: it was {was} when the function was recorded and is {now}, at {read.line}; compiled "
            "code treats it as a constant: give it as an argument, or hold it in a Value"
        )


class Programs(Generic[P]):
    """The programs of one function by the structure of its arguments: `get(key, record)`.

    A structure may have several programs, each for what the places outside held: when a flag is switched back, its
    first program is used again. A place that keeps changing is refused after AGAIN recordings, with its line.
    """

    def __init__(self, most: int):
        self.most = most
        self.latest: P | None = None
        self.ready: dict[Any, P] = {}  # for each structure, the program used last
        self._kept: OrderedDict[Any, list[P]] = OrderedDict()
        self._again: dict[Any, int] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        """Forget all programs."""
        self._kept.clear()
        self._again.clear()
        self.ready.clear()
        self.latest = None

    def get(self, key: Any, record: Callable[[], P]) -> P:
        """The program for a structure that fits what is outside now; a new structure evicts the least recently used."""
        programs = self._kept.get(key)
        if programs is not None:
            self._kept.move_to_end(key)
            for program in programs:
                if program.outside.holds():
                    self.latest = self.ready[key] = program
                    return program
            self._again[key] = self._again.get(key, 0) + 1
            if self._again[key] > AGAIN:
                raise programs[-1].outside.refusal(f"has changed {self._again[key]} times since")
        program = record()
        self._kept[key] = [*(programs or [])[-MOST_OF_ONE + 1 :], program]
        if len(self._kept) > self.most:
            oldest, _ = self._kept.popitem(last=False)
            self._again.pop(oldest, None)
            self.ready.pop(oldest, None)
        self.latest = self.ready[key] = program
        return program


def recorded(run: Callable[[type[Tape]], tuple[Tape, Any, T]], *functions: Any) -> tuple[T, Outside]:
    """What `run` gives, after a second run has shown that it does the same each time. `run` calls the `functions`.

    `run(kind)` records on a tape of class `kind` and returns the tape, something else that must be equal in both runs,
    and its result. If two runs differ, a third run decides whether the first one only prepared something, such as a
    cached table. If not, raises TraceError, and sets back what the function set.
    """
    watches: list[Watch] = []
    count = changes.count  # read first, so that what is set meanwhile is checked again
    try:
        first = _written(_run(run, Tape, watches, functions))  # without its nodes, which take far more
        result = _run(run, Tape, watches, functions)
        second = _written(result)
        if not _same(first, second, watches):
            _refuse_random_numbers(watches)
            marked = _marked(_first_difference(first.code, second.code))
            result = _run(run, marked, watches, functions)
            third = _written(result)
            if not _same(second, third, watches) or first != third:
                raise _refused(watches, marked)
    except BaseException:
        for watch in reversed(watches):  # undo what the function set and drew
            watch.put_back()
            watch.rewind()
        raise
    before, last = watches[-2].reads, watches[-1].reads
    return result[2], Outside([read for key, read in last.items() if key in before], count)


def _run(run: Callable[[type[Tape]], Any], kind: type[Tape], watches: list[Watch], functions: Any) -> Any:
    watch = Watch(functions)
    watches.append(watch)
    try:
        with paused(), _one_at_a_time, watch:  # collection may call other functions that count calls
            result = run(kind)
    except BaseException:
        watch.leave()
        raise
    if watch.assigned:
        raise TraceError(
            f"the function sets {watch.assigned[0]}, at {watch.assigned[1]}; compiled code cannot set it: set it "
            "outside, or return the number"
        )
    if (read := watch.kept()) is not None:
        raise TraceError(_changes(read, f"{read.value!r}, then a number that it computed"))
    watch.put_back(only=holds_recorded)  # so that the next run finds what this one found
    return result


def _changes(read: Read, found: str) -> str:
    return (
        f"the function changes {read.name} each time it runs ({found}), at {read.line}; compiled code would keep its "
        "first value: give it as an argument, or change it outside the function"
    )


class Itself:
    """An object to be compared by identity. It stays alive, so that no other gets its id."""

    __slots__ = ("it",)

    def __init__(self, it: Any):
        self.it: Any = it

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Itself) and self.it is other.it

    __hash__ = None  # type: ignore[assignment]


class _Written(NamedTuple):
    """What is compared of a run. Bytes: 1 is a position and 1.0 a constant, 0.0 and -0.0 differ, and nan equals nan."""

    code: bytes
    others: Any


def _written(found: tuple[Tape, Any, Any]) -> _Written:
    return _Written(marshal.dumps(found[0].code, 2), found[1])


def _same(one: _Written, other: _Written, watches: Sequence[Watch]) -> bool:
    """Whether two runs wrote and read the same, and drew no random numbers."""
    return one == other and not any(watch.drawn() for watch in watches) and _changed_between(watches) is None


def _changed_between(watches: Sequence[Watch]) -> Read | None:
    """A place where the last run found something else than the run before, or None."""
    for key, read in watches[-1].reads.items():
        before = watches[-2].reads.get(key)
        if before is not None and not before.same_as(read):
            return before
    return None


def _first_difference(one: bytes, other: bytes) -> int:
    code = marshal.loads(one)
    pairs = enumerate(zip(code, marshal.loads(other)))
    return next((i for i, (a, b) in pairs if marshal.dumps(a, 2) != marshal.dumps(b, 2)), len(code))


def _marked(position: int) -> type[Tape]:
    """A class of tapes that note the user's line when the instruction at `position` is written."""

    class Marked(Tape):
        line = ""

        def append(self, name: str, *operands: Any) -> int:
            if len(self.code) == position:
                type(self).line = line_of_the_caller()
            return super().append(name, *operands)

    return Marked


def _refuse_random_numbers(watches: Sequence[Watch]) -> None:
    for watch in watches:
        drawn = watch.drawn()
        if drawn:
            raise TraceError(
                f"the function drew random numbers while jit recorded it, at {drawn[1]}; compiled code would use the "
                "same ones at each call: draw them outside, and give them as arguments"
            )


def _refused(watches: Sequence[Watch], marked: Any) -> TraceError:
    _refuse_random_numbers(watches)
    read = _changed_between(watches)
    if read is not None:
        found = f"{read.value!r}, then {watches[-1].reads[read.key].value!r}"
        return TraceError(_changes(read, found))
    return TraceError(
        "the function does not do the same each time it runs: jit recorded it twice, and the first difference is at "
        f"{marked.line or 'an unknown line'}; if it uses a random number, a counter or the time, give that as an "
        "argument"
    )
