"""Put the instructions of a tape into an order that folds well: `ordered(tape)` gives a new tape.

    >>> from micrograd.compiler.fold.ordering import ordered
    >>> from micrograd.compiler.tape.tape import Tape
    >>> tape = Tape(["x", "y"])
    >>> products = [tape.append("mul", 0, 0), tape.append("mul", 0, 1), tape.append("mul", 1, 1)]
    >>> tape.outputs["value"] = tape.append("add", tape.append("add", products[0], products[1]), products[2])
    >>> print(ordered(tape).tape)
    %0 = input x
    %1 = input y
    %2 = mul %0 %0
    %3 = mul %0 %1
    %4 = add %2 %3
    %5 = mul %1 %1
    %6 = add %4 %5
    value %6

A result that is used once is computed right before its use: then it needs no place in memory, and sums become loops of
`term, add`, wherever their terms came from. In backward this gathers the contributions to a gradient, which come from
all over a program, where the gradient is used. Nothing else changes: results that are used more often stay in their
order, and each instruction has the operands that it had, so all numbers stay the same to the bit.
"""

from __future__ import annotations

from typing import NamedTuple

from micrograd.compiler.tape.tape import Tape


class Ordered(NamedTuple):
    """A tape, how often each of its positions is used, and the operand that each is the next version of, or -1."""

    tape: Tape
    uses: list[int]
    before: list[int]


def ordered(tape: Tape) -> Ordered:
    """The tape with its inputs first, then its instructions, each result that is used once right before its use."""
    code, uses = tape.code, uses_of(tape)
    before = sums(tape, uses)
    comes_later = bytearray(len(code))  # whether a result is computed right before its only use
    for position, n in enumerate(uses):
        comes_later[position] = n == 1
    order: list[int] = []
    for position, instruction in enumerate(code):
        if instruction[0] == "input":
            comes_later[position] = False
            order.append(position)
    for x in tape.outputs.values():
        if isinstance(x, int):
            comes_later[x] = False
    inputs = len(order)
    for position, instruction in enumerate(code):
        if comes_later[position] or instruction[0] == "input":
            continue
        found, path = [], [position]
        while path:  # from the last operand to the first, then turned around
            x = path.pop()
            found.append(x)
            own = [y for y in code[x][1:] if y.__class__ is int and comes_later[y]]
            if own:
                if len(own) > 1 and before[x] in own:  # the sum so far comes first, wherever it stands
                    own.remove(before[x])
                    own.insert(0, before[x])
                path += own
        found.reverse()
        order += found
    place = [0] * (len(code) + 1)
    for new, old in enumerate(order):
        place[old] = new
    place[-1] = -1
    out = Tape([])
    out.inputs, out.code = list(tape.inputs), [code[x] for x in order[:inputs]]
    for x in order[inputs:]:
        name, *operands = code[x]
        out.code.append((name, *[place[y] if y.__class__ is int else y for y in operands]))
    out.outputs = {name: place[x] if isinstance(x, int) else x for name, x in tape.outputs.items()}
    return Ordered(out, [uses[x] for x in order], [place[before[x]] for x in order])


def uses_of(tape: Tape) -> list[int]:
    """How often each position is used, by instructions and as an output."""
    uses = [0] * len(tape)
    for instruction in tape.code:
        if instruction[0] != "input":
            for x in instruction[1:]:
                if x.__class__ is int:
                    uses[x] += 1
    for x in tape.outputs.values():
        if isinstance(x, int):
            uses[x] += 1
    return uses


def sums(tape: Tape, uses: list[int]) -> list[int]:
    """For each position: the operand that it is the next version of, or -1.

    A sum is one number that changes: `a + b`, `(a + b) + c`, ..., where nothing else uses the results between.
    """
    code = tape.code
    before = [-1] * len(code)
    for position, instruction in enumerate(code):
        if instruction[0] == "add":
            _, x, y = instruction
            x_is_own = x.__class__ is int and uses[x] == 1 and code[x][0] != "input"
            if x_is_own and code[x][0] == "add":
                before[position] = x
            elif y.__class__ is int and uses[y] == 1 and code[y][0] == "add":
                before[position] = y
            elif x_is_own:
                before[position] = x
    return before


def state_chains(given: Ordered) -> list[int]:
    """As `given.before`, also for numbers that others use on their way, as a state that is carried from turn to turn:
    `s + a`, `(s + a) - b`, ... The next version is the only sum, difference or product that uses the one before.
    """
    code, before = given.tape.code, list(given.before)
    users: dict[tuple[int, str], int] = {}
    for position, (name, *operands) in enumerate(code):
        if name in ("add", "sub", "mul"):
            for x in operands:
                if isinstance(x, int) and users.setdefault((x, name), position) != position:
                    users[x, name] = -1  # several
    taken = {x for x in before if x >= 0}
    for position, (name, *operands) in enumerate(code):
        if before[position] >= 0 or name not in ("add", "sub", "mul"):
            continue
        for x in operands:
            if isinstance(x, int) and code[x][0] != "input" and x not in taken and users[x, name] == position:
                before[position] = x
                taken.add(x)
                break
    return before
