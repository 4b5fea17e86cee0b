"""Write a tape's instructions as LLVM's, each on one number or on a vector of lanes.

    >>> from micrograd.compiler.native.emit import Emitter
    >>> from micrograd.compiler.native.machine import Machine
    >>> emitter = Emitter(Machine("x86_64-unknown-linux-gnu"), lanes=2)
    >>> product = emitter.instruction("mul", "%x", 0.5)
    >>> print("\\n".join(emitter.lines))
      %v1 = fmul contract <2 x double> %x, <double 0x3FE0000000000000, double 0x3FE0000000000000>

A product and a sum may become one fused multiply-add (`contract`), unless the emitter is `exact`. No other flag relaxes
IEEE arithmetic, so nan, inf and -0.0 keep their meaning. A function such as `exp` becomes one call of the C library's
vector function where the machine has one, and otherwise one call for each lane.

LLVM Language Reference Manual: fast-math flags, `select`, `fcmp`.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from micrograd.compiler.native.machine import Machine
from micrograd.compiler.tape.tape import Operand, Tape, is_condition

ARITHMETIC = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}
COMPARISONS = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge"}  # o: false if an operand is nan
INTRINSICS = {"abs": "llvm.fabs", "sqrt": "llvm.sqrt"}  # exact, and one instruction on every machine


def is_called(name: str) -> bool:
    """Whether an instruction calls a function of the C library, which may round otherwise for a vector."""
    return name not in {*ARITHMETIC, *COMPARISONS, *INTRINSICS, "neg", "and", "or", "where"}


def bits(x: float) -> str:
    """A double in LLVM's text, exactly."""
    return f"0x{struct.unpack('<Q', struct.pack('<d', x))[0]:016X}"


@dataclass(slots=True)
class _Body:
    """A function's body, which emitters for several numbers of lanes may write together."""

    lines: list[str] = field(default_factory=list)
    count: int = 0  # of names
    label: str = "0"  # of the block that is being written; LLVM numbers the first block 0


class Emitter:
    """Writes the lines of one function's body. An operand is a name in LLVM, such as `%v3`, or a float constant."""

    machine: Machine
    lanes: int
    exact: bool

    def __init__(self, machine: Machine, *, lanes: int = 1, declared: set[str] | None = None, exact: bool = False):
        self.machine, self.lanes, self.exact = machine, lanes, exact
        self.type: str = self.of("double")
        self.declared: set[str] = set() if declared is None else declared  # the declarations that the module needs
        self._body = _Body()

    def with_lanes(self, lanes: int) -> Emitter:
        """An emitter for other vectors, which writes on in the same function."""
        other = Emitter(self.machine, lanes=lanes, declared=self.declared, exact=self.exact)
        other._body = self._body
        return other

    def scalars(self) -> Emitter:
        """An emitter for single numbers, which writes on in the same function."""
        return self.with_lanes(1)

    @property
    def lines(self) -> list[str]:
        return self._body.lines

    @lines.setter
    def lines(self, lines: list[str]) -> None:
        self._body.lines = lines

    @property
    def label(self) -> str:
        """The label of the block that is being written."""
        return self._body.label

    @label.setter
    def label(self, label: str) -> None:
        self._body.label = label

    def begin(self, label: str) -> None:
        """Begin a block."""
        self.lines.append(f"{label}:")
        self.label = label

    def of(self, element: str) -> str:
        """The type of one element for each lane."""
        return element if self.lanes == 1 else f"<{self.lanes} x {element}>"

    def new(self, kind: str) -> str:
        """A name that the function does not have yet: `kind` and a number."""
        self._body.count += 1
        return f"{kind}{self._body.count}"

    def let(self, expression: str) -> str:
        """Give an expression a new name; return the name."""
        name = f"%{self.new('v')}"
        self._body.lines.append(f"  {name} = {expression}")
        return name

    def do(self, statement: str) -> None:
        self._body.lines.append(f"  {statement}")

    def value(self, x: str | float) -> str:
        """The text of an operand: a constant is written out for each lane."""
        if isinstance(x, str):
            return x
        one = f"double {bits(x)}"
        return bits(x) if self.lanes == 1 else f"<{', '.join([one] * self.lanes)}>"

    @contextlib.contextmanager
    def loop(
        self,
        name: str,
        end: str | int,
        *,
        start: str | int = 0,
        by: int = 1,
        carry: Sequence[tuple[str, str, str]] = (),
    ) -> Iterator[str]:
        """A loop over `%name` = start, start + by, ... below `end`. It runs at least once.

        `carry` are the types, names and first values of variables that each turn gives to the next: for each, the body
        writes %x.next, which also is its value after the loop.
        """
        before, inside = self.label, f"{name}.loop"
        self.do(f"br label %{inside}")
        self.begin(inside)
        top = len(self.lines)
        yield f"%{name}"
        self.lines[top:top] = [
            f"  {x} = phi {of} [{first}, %{before}], [{x}.next, %{self.label}]"
            for of, x, first in [("i64", f"%{name}", start), *carry]
        ]
        self.do(f"%{name}.next = add nuw nsw i64 %{name}, {by}")
        self.do(f"%{name}.more = icmp ult i64 %{name}.next, {end}")
        self.do(f"br i1 %{name}.more, label %{inside}, label %{name}.end")
        self.begin(f"{name}.end")

    def instruction(
        self, name: str, *operands: str | float, condition_is_number: bool = False, fuses: bool = True
    ) -> str:
        """Write one instruction of a tape. In a `where`, a condition that is a number holds if it is not 0.

        `fuses` says whether a sum may be fused with a product, so that both are rounded once.
        """
        if name == "where":
            condition, x, y = operands
            if condition_is_number:
                condition = self.let(f"fcmp une {self.type} {self.value(condition)}, {self.value(0.0)}")
            of = self.type
            return self.let(f"select {self.of('i1')} {condition}, {of} {self.value(x)}, {of} {self.value(y)}")
        given = [self.value(x) for x in operands]
        if name in ARITHMETIC:
            contract = " contract" if fuses and not self.exact and name != "div" else ""
            return self.let(f"{ARITHMETIC[name]}{contract} {self.type} {given[0]}, {given[1]}")
        if name == "neg":
            return self.let(f"fneg {self.type} {given[0]}")
        if name in COMPARISONS:
            return self.let(f"fcmp {COMPARISONS[name]} {self.type} {given[0]}, {given[1]}")
        if name in ("and", "or"):
            return self.let(f"{name} {self.of('i1')} {given[0]}, {given[1]}")
        return self._call(name, given)

    def _call(self, name: str, given: list[str]) -> str:
        if name in INTRINSICS:
            suffix = "f64" if self.lanes == 1 else f"v{self.lanes}f64"
            return self.call(f"{INTRINSICS[name]}.{suffix}", self.type, given)
        if self.lanes == 1:
            return self.call(name, "double", given)
        if whole := self.machine.vector_function(name, self.lanes):
            return self.call(whole, self.type, given)
        out = "poison"
        for lane in range(self.lanes):
            parts = [self.let(f"extractelement {self.type} {x}, i32 {lane}") for x in given]
            one = self.call(name, "double", parts)
            out = self.let(f"insertelement {self.type} {out}, double {one}, i32 {lane}")
        return out

    def call(self, function: str, of: str, given: list[str]) -> str:
        """Call a pure function whose arguments and result all have the type `of`."""
        self.declared.add(f"declare {of} @{function}({', '.join([of] * len(given))}) nounwind willreturn memory(none)")
        return self.let(f"call {of} @{function}({', '.join(f'{of} {x}' for x in given)})")

    def sum_of_lanes(self, vector: str) -> str:
        """The sum of a vector's numbers, halves added to halves: an order of its own, which LLVM may not change."""
        lanes = self.lanes
        while lanes > 1:
            of, lanes = f"<{lanes} x double>", lanes // 2
            halves = []
            for start in (0, lanes):
                places = ", ".join(f"i32 {start + k}" for k in range(lanes))
                halves.append(self.let(f"shufflevector {of} {vector}, {of} poison, <{lanes} x i32> <{places}>"))
            vector = self.let(f"fadd <{lanes} x double> {halves[0]}, {halves[1]}")
        return self.let(f"extractelement <1 x double> {vector}, i64 0") if self.lanes > 1 else vector

    def splat(self, scalar: str) -> str:
        """A vector with the number in every lane."""
        if self.lanes == 1:
            return scalar
        first = self.let(f"insertelement {self.type} poison, double {scalar}, i32 0")
        return self.let(f"shufflevector {self.type} {first}, {self.type} poison, <{self.lanes} x i32> zeroinitializer")

    def load(self, base: str, index: int, *, of: str = "double") -> str:
        """The number at `base[index]`."""
        return self.let(f"load {of}, ptr {self.at(base, index)}, align 8")

    def load_vector(self, base: str, index: int | str) -> str:
        """One number for each lane, from `base[index]` on."""
        return self.let(f"load {self.type}, ptr {self.at(base, index)}, align 8")

    def store(self, x: str, base: str, index: int | str, *, of: str = "") -> None:
        """Store a vector, or a number of the type `of`, at `base[index]`."""
        self.do(f"store {of or self.type} {x}, ptr {self.at(base, index)}, align 8")

    def at(self, base: str, index: int | str) -> str:
        """The address of `base[index]`, an array of doubles."""
        return self.let(f"getelementptr inbounds double, ptr {base}, i64 {index}") if index else base

    def code(
        self,
        tape: Tape,
        positions: Iterable[int],
        fetch: Callable[[int], str],
        store: Callable[[int, str], None],
    ) -> dict[int, str]:
        """Write the instructions at these positions; return the name of each result.

        `fetch` gives results that are computed elsewhere, `store` is called with each new result.
        """
        names: dict[int, str] = {}

        def given(x: Operand) -> str | float:
            return x if isinstance(x, float) else names[x] if x in names else fetch(x)

        for position in positions:
            name, *operands = tape.code[position]
            if name != "input":
                by_number = name == "where" and not is_condition(tape, operands[0])
                names[position] = self.instruction(
                    name,
                    *map(given, operands),
                    condition_is_number=by_number,
                    fuses=not is_sum_of_products(tape, name, operands),
                )
                store(position, names[position])
        return names


def call_module(tape: Tape, machine: Machine, *, exact: bool = False) -> str:
    """The text of a module with one function: `call(numbers)` reads the inputs and writes the outputs after them."""
    e = Emitter(machine, exact=exact)
    names: dict[int, str] = {}

    def fetch(position: int) -> str:
        if position not in names:
            names[position] = e.load("%numbers", tape.code[position][1])
        return names[position]

    results = e.code(tape, range(len(tape.code)), fetch, lambda position, name: None)
    for place, x in enumerate(tape.outputs.values(), start=len(tape.inputs)):
        result = e.value(x) if isinstance(x, float) else results[x] if x in results else fetch(x)
        e.do(f"store double {result}, ptr {e.at('%numbers', place)}")
    head = "define void @call(ptr noalias %numbers) {"
    return "\n".join([*sorted(e.declared), head, *e.lines, "  ret void", "}", ""])


def is_sum_of_products(tape: Tape, name: str, operands: Sequence[Operand]) -> bool:
    """Whether an instruction adds or subtracts two products.

    If a*b - c*d were fused with one of them, the two products would be rounded differently, and would leave a small
    rest where they are equal, as two parts of a gradient can be.
    """
    return name in ("add", "sub") and all(isinstance(x, int) and tape.code[x][0] == "mul" for x in operands)
