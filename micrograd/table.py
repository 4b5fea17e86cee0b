"""What a row of the table of operations is, and the decorator that enters one.

    @op("cube", cases=[(2.0,), (-1.5,)])
    def cube(m, x):
        return m.power(x, exponent=3), lambda: (3.0 * x * x,)

`m` is the namespace of elementary functions for whatever kind of number the operands are: floats here,
`Value`s in engine.py, text in text.py. Each namespace knows every operation of the table by name: it defines
the elementary ones itself, and expands the rules of the others.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ParamSpec, overload

from micrograd.c_core import native
from micrograd.coerce import Recordable, as_float, elementwise, is_array
from micrograd.formulas import formula, in_words
from micrograd.words import count

if TYPE_CHECKING:
    from micrograd.kinds import Operation

Rule = Callable[..., tuple[Any, Callable[[], tuple[Any, ...]]]]
P = ParamSpec("P")


def _no_rule(*operands: Any) -> Any:
    raise TypeError("this operation was written by hand: it has no rule")


class _Table(dict[str, "Op"]):
    """The rows by name. Who asked `on_replaced` hears of each that is set or deleted."""

    def __setitem__(self, name: str, entry: Op) -> None:
        super().__setitem__(name, entry)
        for hear in _hearing:
            hear(name)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        for hear in _hearing:
            hear(name)

    if not TYPE_CHECKING:
        pop, popitem, clear, update, setdefault = (  # dict's own would set and delete rows unheard
            getattr(MutableMapping, name) for name in ("pop", "popitem", "clear", "update", "setdefault")
        )


TABLE = _Table()
_hearing: list[Callable[[str], None]] = []
WHOLE = 2**53  # up to here every whole number is a float
_installers: list[Callable[[Op], None]] = []


@dataclass(frozen=True, eq=False)
class Op:
    """One row of the table: call it with floats, `Value`s or arrays to apply it.

    `cases` are operands that every test tries, `domain` the range (or one range for each operand) in which
    property tests draw more; `needs` says in words where the operation is defined.
    """

    name: str
    symbol: str
    rule: Rule = field(default=_no_rule, repr=False)
    cases: tuple[tuple[Any, ...], ...] = field(default=(), repr=False)
    domain: tuple[Any, ...] = field(default=(), repr=False)
    needs: str = field(default="", repr=False)
    method: str = field(default="", repr=False)
    prepare: Callable[..., Sequence[Any]] | None = field(default=None, repr=False)
    static: tuple[tuple[str, Any], ...] = ()
    function: Any = field(default=None, init=False, repr=False)  # what users call
    road: Any = field(default=None, init=False, repr=False)  # what it calls for operands alone, without settings

    @functools.cached_property
    def operands(self) -> tuple[str, ...]:
        """The names of the operands, as the rule spells them; a starred one keeps its star."""
        found = self._parameters
        return tuple(
            ("*" if p.kind is p.VAR_POSITIONAL else "") + p.name for p in found if p.kind is not p.KEYWORD_ONLY
        )

    @functools.cached_property
    def settings(self) -> tuple[str, ...]:
        """The names of the keyword-only settings."""
        return tuple(p.name for p in self._parameters if p.kind is p.KEYWORD_ONLY)

    @functools.cached_property
    def defaults(self) -> dict[str, Any]:
        """The settings that need not be given."""
        return {p.name: p.default for p in self._parameters if p.kind is p.KEYWORD_ONLY and p.default is not p.empty}

    @functools.cached_property
    def is_unary(self) -> bool:
        """Whether it takes one operand and no setting has to be given, as an activation function does."""
        return len(self.operands) == 1 and self.operands[0][0] != "*" and set(self.settings) == set(self.defaults)

    @functools.cached_property
    def _parameters(self) -> list[inspect.Parameter]:
        return list(inspect.signature(self.rule).parameters.values())[1:]  # the first is m

    @property
    def by_hand(self) -> bool:
        """Whether a user made the node without a rule, as `Value(data, (x,), 'f')`."""
        return self.rule is _no_rule

    @functools.cached_property
    def built_in(self) -> bool:
        """Whether the row is one of micrograd's own."""
        return getattr(self.rule, "__module__", None) == "micrograd.ops"

    @property
    def in_table(self) -> bool:
        """Whether this is a row of the table, settings fixed or not; jitted functions and by-hand nodes are not."""
        row = TABLE.get(self.name)
        return row is not None and getattr(self.rule, "func", self.rule) is row.rule

    def __call__(self, *args: Any, **static: Any) -> Any:
        return self.apply(self.prepare(*args) if self.prepare else args, static)

    def apply(self, operands: Sequence[Any], static: dict[str, Any]) -> Any:
        """Apply the rule to operands in its own order, of whatever kind they are."""
        self.check_arity(operands)
        if any(map(is_array, operands)):
            return elementwise(functools.partial(self, **static), operands)
        for x in operands:
            if isinstance(x, Recordable):
                return x._apply_op(self, operands, static)
        entry = self.bind(**static)
        operands = [as_float(x, f"{self.name}()") for x in operands]
        try:
            return entry.rule(FLOAT, *operands)[0]
        except (ArithmeticError, ValueError) as error:
            raise in_words(error, entry, operands) from None

    def bind(self, **static: Any) -> Op:
        """The same operation with its keyword-only settings fixed, as the node of a graph keeps it."""
        if not static and "{" not in self.symbol:
            return self
        unknown = set(static) - set(self.settings)
        if unknown:
            raise TypeError(f"{self.name}() has no setting {sorted(unknown)[0]!r}; operands are given by position")
        for name, x in static.items():
            kind = x.__class__
            if kind is not float and kind is not bool and not (kind is int and -WHOLE <= x <= WHOLE):
                static[name] = x = as_float(x, f"{self.name}(): the constant {name}")
            if x == 0.0 and math.copysign(1.0, x) < 0.0:
                return _bind.__wrapped__(self, **static)  # -0.0 equals 0.0, which the cache would give
        return _bind(self, **static)

    def check_arity(self, operands: Sequence[Any]) -> None:
        """Refuse a wrong number of operands in the user's words, before Python does in the rule's."""
        wanted = self.operands
        if not (wanted and wanted[-1].startswith("*")) and len(operands) != len(wanted):
            settings = f" and, by name, {', '.join(self.settings)}" if self.settings else ""
            takes = f"{count(len(wanted), 'operand')} by position{settings}"
            raise TypeError(f"{self.name}({', '.join(wanted)}) takes {takes}; got {len(operands)}")

    def formula(self, names: Sequence[str]) -> str:
        """How this operation reads with the operands' names or numbers put in: `x * y`, `tanh(x)`, `x**3`."""
        return formula(self, names)

    def printed_as(self, symbol: str) -> Op:
        """The same operation under another symbol."""
        if symbol == self.symbol:
            return self
        return written_by_hand(symbol) if self.by_hand else replace(self, symbol=symbol)

    def __reduce__(self) -> Any:
        return _restore, (self.name, self.symbol, self.static, not self.in_table)

    def __deepcopy__(self, memo: Any) -> Op:
        return self


@functools.lru_cache(maxsize=4096, typed=True)
def _bind(entry: Op, **static: Any) -> Op:
    symbol = entry.symbol
    for name, x in {**entry.defaults, **static}.items():
        symbol = symbol.replace(f"{{{name}}}", str(x))
    return replace(entry, symbol=symbol, rule=functools.partial(entry.rule, **static), static=tuple(static.items()))


@functools.lru_cache(maxsize=4096)
def written_by_hand(symbol: str) -> Op:
    """The operation of a node that a user built as `Value(data, (x,), 'f')`: a symbol and no rule."""
    return Op(name=symbol, symbol=symbol)


CONSTANT = Op(name="constant", symbol="")  # a plain number that met a Value, such as the 2 in 2 * x
DETACHED = Op(name="detached", symbol="")  # what an operation gave inside no_grad()
RECORDED = Op(name="recorded", symbol="")  # what stands for an argument or a parameter in a function that is compiled


def _restore(name: str, symbol: str, static: tuple[tuple[str, Any], ...], by_hand: bool) -> Op:
    """Copies and unpickled nodes share the table's row instead of carrying one of their own."""
    for marker in (CONSTANT, DETACHED, RECORDED):
        if by_hand and not symbol and name == marker.name:
            return marker
    if by_hand:
        return written_by_hand(symbol)
    bound = TABLE[name].bind(**dict(static))
    return bound if bound.symbol == symbol else bound.printed_as(symbol)


@overload
def op(
    symbol: str,
    *,
    cases: Iterable[tuple[Any, ...]],
    domain: tuple[Any, ...] = (-10.0, 10.0),
    needs: str = "",
    method: str = "",
    prepare: None = None,
) -> Callable[[Rule], Operation]: ...
@overload
def op(
    symbol: str,
    *,
    cases: Iterable[tuple[Any, ...]],
    domain: tuple[Any, ...] = (-10.0, 10.0),
    needs: str = "",
    method: str = "",
    prepare: Callable[P, Sequence[Any]],
) -> Callable[[Rule], Callable[P, Any]]: ...
def op(
    symbol: str,
    *,
    cases: Iterable[tuple[Any, ...]],
    domain: tuple[Any, ...] = (-10.0, 10.0),
    needs: str = "",
    method: str = "",
    prepare: Callable[..., Sequence[Any]] | None = None,
) -> Any:
    """Enter the decorated rule into the table and get back the function that users call.

    `cases` is a list of operand tuples, each optionally ending in a dict of settings. `domain` is `(low, high)`,
    or one such pair for each operand. `needs` completes an error message, with `{0}` for the first operand:
    `"{0} > 0"`. `method` names the Python operator to bind (`"__add__"`), `prepare` turns the caller's arguments
    into operands. Defining a row again replaces it, so a notebook cell can run twice; the built-in rows stay.

    Raises ValueError when the row has no case, when a case's closure does not give one derivative for each
    operand, or when the name is taken.
    """

    def enter(rule: Rule) -> Any:
        if prepare:
            prepare.__name__ = prepare.__qualname__ = rule.__name__  # what Python's own messages call it
        entry = Op(rule.__name__, symbol, rule, tuple(cases), domain, needs, method, prepare)
        _check_row(entry)
        function = _function(entry)
        for install in _installers:
            install(entry)
        TABLE[entry.name] = entry

        return function

    return enter


def _function(entry: Op) -> Callable[..., Any]:
    """What users call: the function of a row, which is the method of Value as well."""

    @functools.wraps(entry.rule)
    def function(*args: Any, **static: Any) -> Any:
        return entry.road(*args, **static) if args and entry.road else entry(*args, **static)

    function.__signature__ = _public_signature(entry)  # type: ignore[attr-defined]
    function.op = entry  # type: ignore[attr-defined]
    if native and entry.name in native.rows:
        function = functools.update_wrapper(native.Operation(function, native.rows[entry.name][0]), function)
    object.__setattr__(entry, "function", function)
    return function


def on_new_op(install: Callable[[Op], None]) -> None:
    """Call `install` with every row, those that are entered later too."""
    for entry in TABLE.values():
        install(entry)
    _installers.append(install)


def on_replaced(hear: Callable[[str], None]) -> None:
    """Call `hear` with the name of every row that is set in the table, or deleted from it, from now on."""
    _hearing.append(hear)


def _check_row(entry: Op) -> None:
    existing = TABLE.get(entry.name)
    if existing and existing.built_in and not entry.built_in:
        raise ValueError(f"{entry.name} is one of micrograd's own operations: choose another name")
    if not entry.cases:
        raise ValueError(f"{entry.name} needs at least one case, such as cases=[(2.0,)]: the tests try each")
    if not entry.operands:
        raise ValueError(f"{entry.name}: a rule takes m, the operations to compute with, first: def {entry.name}(m, x)")
    for case in entry.cases:
        if not isinstance(case, tuple):
            raise ValueError(f"{entry.name}: a case is a tuple of operands: cases=[({case!r},)], not cases=[{case!r}]")
        operands, static = split_case(case)
        entry.check_arity(operands)
        found = entry.rule(FLOAT, *operands, **static)
        if not isinstance(found, tuple) or len(found) != 2 or not callable(found[1]):
            raise ValueError(
                f"{entry.name}{case}: the rule must return its value and a function that gives its local derivatives, "
                f"as in return x * x, lambda: (2.0 * x,); it returned {found!r}"
            )
        derivatives = found[1]()
        if not isinstance(derivatives, tuple) or len(derivatives) != len(operands):
            raise ValueError(
                f"{entry.name}{case}: the closure must return a tuple of {len(operands)} local derivatives, one for "
                f"each operand; it returned {derivatives!r}"
            )


def split_case(case: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A case's operands and its settings: `(2.0, {"exponent": 3})` gives `(2.0,)` and `{"exponent": 3}`."""
    return (case[:-1], case[-1]) if isinstance(case[-1], dict) else (case, {})


def _public_signature(entry: Op) -> inspect.Signature:
    """What help() shows: the operands, which are given by position, and the settings; not the rule's namespace `m`."""
    found = inspect.signature(entry.prepare).parameters.values() if entry.prepare else []
    settings = [p for p in entry._parameters if p.kind is p.KEYWORD_ONLY]
    operands = [*found] or [p for p in entry._parameters if p.kind is not p.KEYWORD_ONLY]
    return inspect.Signature(
        [
            p.replace(annotation=p.empty, kind=p.kind if p.kind is p.VAR_POSITIONAL else p.POSITIONAL_ONLY)
            for p in operands
        ]
        + settings
    )


class Namespace:
    """Elementary functions for one kind of number. Any other operation is computed by expanding its rule."""

    def __getattr__(self, name: str) -> Any:
        if name not in TABLE:
            raise AttributeError(f"the table has no operation {name!r}")
        return self.function_of(TABLE[name])

    def function_of(self, entry: Op) -> Callable[..., Any]:
        """The operation as a function of this kind of number."""

        def expanded(*operands: Any, **static: Any) -> Any:
            return entry.rule(self, *operands, **static)[0]

        return expanded


def _real_pow(x: float, y: float) -> float:
    out = x**y
    if isinstance(out, complex):  # Python leaves the real line silently: (-8) ** (1/3)
        raise ValueError("a negative number to a power that is not whole")
    return out


class Floats(Namespace):
    """Elementary functions of Python floats."""

    if not TYPE_CHECKING:
        exp, expm1, log, log1p, sqrt = math.exp, math.expm1, math.log, math.log1p, math.sqrt
        sin, cos, tan, asin, acos, atan = math.sin, math.cos, math.tan, math.asin, math.acos, math.atan
        sinh, cosh, tanh, abs = math.sinh, math.cosh, math.tanh, math.fabs
        erf, erfc = math.erf, math.erfc
        pow = staticmethod(_real_pow)

    @staticmethod
    def where(condition: Any, x: float, y: float) -> float:
        return x if condition else y


FLOAT = Floats()
ELEMENTARY = (
    "abs", "acos", "asin", "atan", "cos", "cosh", "erf", "erfc", "exp", "expm1", "log", "log1p", "pow", "sin", "sinh",
    "sqrt", "tan", "tanh", "where",
)  # fmt: skip
