"""What is said at a position of a record: the step before, the step to come, the path to the result.

>>> from micrograd import Value
>>> from micrograd.views.moves import Position
>>> from micrograd.views.narration import following, told
>>> from micrograd.views.record import Record
>>> from micrograd.views.sentence import text
>>> x = Value(2.0, label="x")
>>> walk = Position(Record((x * x).tanh()))
>>> print(text(*told(walk, walk.start, 1)))
[forward 1/2] v1 = x * x = 2 * 2 = 4
[forward 2/2] v2 = tanh(v1) = tanh(4) = 0.9993
forward is done: v2 = 0.9993; backward starts with v2.grad = 1
[1/3] ∂v2/∂v1 = 1 - v2 * v2 = 0.001341; times v2.grad: 0.001341 × 1 = 0.001341
      v1.grad = 0.001341 from v2
>>> print(text(*following(walk)))
-> [1/3] ∂v2/∂v1 = 1 - v2 * v2; times v2.grad: 0.001341 × 1 = 0.001341
         v1.grad = 0.001341 from v2
"""

from __future__ import annotations

from micrograd.views.moves import Position
from micrograd.views.record import Step
from micrograd.views.sentence import NAMES, WIDTH, Line, Part, columns, fitting, name_in
from micrograd.words import count, cut, short

NEXT, OTHER = "-> ", "   "  # before what comes next, and before other lines of the same list


def told(walk: Position, first: int, last: int, *, folded: bool = False) -> list[Line]:
    """What happens from one position to another; `folded` has a line for each neuron in place of its steps."""
    if first < 0 < last:
        return told(walk, first, 0, folded=folded) + told(walk, 0, last, folded=folded)
    lines: list[Line] = []
    for numbers in _parts(walk, first, last) if folded else [[i] for i in range(first, last)]:
        lines += [_neuron(walk, numbers)] if len(numbers) > 1 else happening(walk, numbers[0])
    return lines + [turn(walk)] * (first < 0 == last)


def happening(walk: Position, number: int, lead: str = "") -> list[Line]:
    """What leads from one position to the next: a line for an operation of forward, two for a step of backward."""
    found = walk.happens(number)
    if isinstance(found, Step):
        return list(found.lines_after(lead))
    head = f"{lead}[forward {number - walk.start + 1}/{-walk.start}] "
    return [walk.trace.forward_parts(found, head)]


def following(walk: Position) -> list[Line]:
    """What comes next."""
    if walk.number == walk.end:
        return [[Part("", walk.done())]]
    return happening(walk, walk.number, NEXT)


def listed(walk: Position, first: int, last: int) -> list[Line]:
    """What happens from one position to another, the next marked."""
    lines: list[Line] = []
    for number in range(first, last):
        lines += happening(walk, number, NEXT if number == walk.number else OTHER)
    return lines


def place(walk: Position) -> str:
    """A position in a few characters: `2/4`, or `forward 1/2`."""
    if walk.number < 0:
        return f"forward {walk.number - walk.start}/{-walk.start}"
    return f"{walk.number}/{walk.end}"


def path(walk: Position) -> list[Line]:
    """The nodes from the one that comes next to the result, the result first, with what is known of them here."""
    nodes, grads, data = walk.path(), walk.grads(), walk.data()
    lines = []
    for i in reversed(range(len(nodes))):
        node, mark = nodes[i], ">" if i == min(walk.frame, len(nodes) - 1) else " "
        grad = Part("grad", short(grads[node.index]), grads[node.index])
        end = f" = {short(data[node.index])}   grad "
        said = f"{node.name} = {node.formula}" if node.formula else node.name
        room = WIDTH - columns(mark + end + grad.text) - 1
        lines.append([Part("head", mark), Part("name", f" {cut(said, room)}"), Part("", end), grad])
    return lines


def turn(walk: Position) -> Line:
    """Where forward is done and backward starts."""
    root = walk.trace.graph.root
    if walk.trace.graph.error:
        return [Part("", walk.done())]

    def line(most: int) -> Line:
        name = name_in(root.name, most)
        return [Part("", f"forward is done: {name} = {short(root.data)}; backward starts with {name}.grad = 1")]

    return fitting(map(line, NAMES))


def _parts(walk: Position, first: int, last: int) -> list[list[int]]:
    """The positions in a range: a neuron's together, where it acts first; what no neuron does, alone."""
    found: dict[object, list[int]] = {}
    for i in range(first, last):
        group = walk.acting(i).group
        found.setdefault(group or i, []).append(i)
    return list(found.values())


def _neuron(walk: Position, numbers: list[int]) -> Line:
    """A neuron's steps in one line: `[5-17/34] neuron layers.1.neurons.0: 13 steps, sends to 7 operands`."""
    group, first, last = walk.acting(numbers[0]).group, numbers[0], numbers[-1] + 1
    assert group is not None
    if first < 0:
        result = walk.acting(last - 1)
        head = f"[forward {first - walk.start + 1}-{last - walk.start}/{-walk.start}]"
        said = f": {count(len(numbers), 'operation')}; {name_in(result.name, 20)} = {short(result.data)}"
    else:
        to = {walk.trace[i].receiver for i in numbers} - {walk.acting(i).index for i in numbers}
        head = f"[{first + 1}-{last}/{walk.end}]"
        said = f": {count(len(numbers), 'step')}, sends to {count(len(to), 'operand')}"
    room = WIDTH - columns(f"{head} neuron {said}")
    return [Part("head", head), Part("", " neuron "), Part("name", name_in(group.neuron, room)), Part("", said)]
