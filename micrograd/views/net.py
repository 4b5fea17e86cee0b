"""A net as people draw nets: `draw_net(net)` gives neurons as circles and weights as lines, in one small SVG.

    >>> import random
    >>> from micrograd.nn import MLP
    >>> from micrograd.views.net import draw_net
    >>> net = MLP(2, [4, 4, 1], rng=random.Random(0))
    >>> draw_net(net)
    <picture of MLP 2 → 4 → 4 → 1, ReLU, 37 parameters, 480 by 278: save it with .save("picture.svg")>
    >>> draw_net(net, [1.0, -2.0], inputs=["width", "height"]).svg.count("<circle")
    11

A line is blue for a positive number and orange for a negative one; the larger the number, the thicker the line. A
neuron is tinted by its bias, or by its output if a row is given. Hover over either for its exact numbers. Call it in a
loop while the net trains: each call draws the parameters of that moment.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from micrograd.coerce import as_float, float_of
from micrograd.engine import Value
from micrograd.intake import rows_of
from micrograd.modes import no_grad
from micrograd.nn import Layer, Module, Neuron
from micrograd.node import UNREACHED
from micrograd.number import number_at
from micrograd.views.small import Picture, escaped, paint, text
from micrograd.views.titles import names_given
from micrograd.words import count, cut, drawn, shown

MOST = 16  # circles in a column, unless the caller asks for more; the middle of a longer one is left out
NAME_LENGTH, LETTER = 22, 6.6  # characters of a name that are shown, and about how wide one is
TOP, BOTTOM, SIDE = 64, 44, 34  # room for the titles, the legend, and at the sides
# Over a neuron, its own weights come forward.
STYLE = "#:has(.neuron:hover) .neuron:not(:hover) path{stroke-opacity:.08}"


class Spot(NamedTuple):
    """A circle: which of its column it is, its centre, the number that tints it, and what it says on hover."""

    place: int
    x: float
    y: float
    tint: float | None
    title: str


def draw_net(
    net: Module,
    row: Sequence[float] | None = None,
    *,
    by: str = "weight",
    inputs: Sequence[str] = (),
    classes: Sequence[str] = (),
    most: int = MOST,
    theme: str = "auto",
) -> Picture:
    """A picture of a net of layers: an MLP, a Layer, a Neuron, or a module of yours made of layers in a chain.

    With a `row` of inputs, the net computes it, and neurons are tinted by their outputs instead of their biases.
    `by="grad"` draws the weights' gradients instead of the weights. `inputs` and `classes` are names for the first and
    the last column; of a column longer than `most` the middle is left out. `theme` is as in `draw_dot`.

    Raises TypeError for what is not a net of layers, ValueError for names or a row that do not fit it, and for an
    unknown theme.
    """
    if by not in ("weight", "grad"):
        raise ValueError(f"draw_net: by={by!r} is not drawn: choose 'weight' or 'grad'")
    if not isinstance(most, int) or most < 3:
        raise ValueError(f"draw_net: most={most!r}: show at least 3 circles of a column")
    layers = _layers(net)
    sizes = [len(layers[0][0].w), *map(len, layers)]
    inputs, classes = names_given(inputs, "inputs", "input"), names_given(classes, "classes", "output")
    for names, size, what in ((inputs, sizes[0], "input"), (classes, sizes[-1], "output")):
        if len(names) not in (0, size):
            raise ValueError(f"draw_net: {count(len(names), 'name')} for {count(size, what)}: {list(names)[:5]!r}")
    return _Drawing(net, layers, sizes, row, by, inputs, classes, most).picture(theme)


def _layers(net: Any) -> list[list[Neuron]]:
    """The neurons of each layer, in the order in which they feed each other."""
    if not isinstance(net, Module):
        hint = "draw_dot draws a Value" if isinstance(net, Value) else "give an MLP, a Layer or a Neuron"
        raise TypeError(f"draw_net draws nets, not a {type(net).__name__}: {hint}")
    layers = list(_found(net))
    if not layers:
        raise TypeError(f"draw_net: this {type(net).__name__} has no layers; draw_dot draws what it computes")
    for i, (one, following) in enumerate(itertools.pairwise(layers)):
        if len(following[0].w) != len(one):
            raise TypeError(
                f"draw_net: layers {i} and {i + 1} of this {type(net).__name__} are not a chain: {len(one)} outputs, "
                f"then {len(following[0].w)} inputs; draw one layer of it, or draw_dot what it computes"
            )
    return layers


def _found(thing: Any) -> Iterator[list[Neuron]]:
    if isinstance(thing, Neuron):
        yield [thing]
    elif isinstance(thing, Layer):
        yield list(thing.neurons)
    elif isinstance(thing, (Module, list, tuple)):
        for part in vars(thing).values() if isinstance(thing, Module) else thing:
            yield from _found(part)


class _Drawing:
    """One picture while it is made."""

    def __init__(
        self,
        net: Module,
        layers: list[list[Neuron]],
        sizes: list[int],
        row: Any,
        by: str,
        inputs: Sequence[str],
        classes: Sequence[str],
        most: int,
    ):
        self.net, self.layers, self.by, self.most = net, layers, by, most
        self.names = {id(p): name for name, p in net.named_parameters()}
        self.outputs = _outputs(layers, row, sizes[0])
        self.words = [self._words(inputs, 0), self._words(classes, -1)]
        shown = max(min(size, most + 1) for size in sizes)
        self.radius, self.pitch = (15, 46) if shown <= 6 else (12, 36) if shown <= 11 else (10, 28)
        left, right = (max((len(w) for pair in words for w in pair), default=-2) * LETTER + 13 for words in self.words)
        lines = max(min(a, most) * min(b, most) for a, b in itertools.pairwise(sizes))  # between two columns
        self.strongest = 4 if lines <= 48 else 3 if lines <= 100 else 1.8  # many lines are thinner, and further apart
        gap = max(100 + min(lines, 256) * 0.45, (412 - left - right) / len(layers))
        self.width = 2 * SIDE + left + right + gap * len(layers)
        self.tall = self.pitch * (shown - 1)
        self.height = TOP + BOTTOM + self.tall + 2 * self.radius + 2
        self.columns = [self._column(i, size, SIDE + left + gap * i) for i, size in enumerate(sizes)]
        shown_weights = [abs(x) for _, x in self._weights() if x is not None and math.isfinite(x)]
        self.largest = max(shown_weights, default=0.0)
        tints = [abs(s.tint) for column in self.columns for s in column if s.tint and math.isfinite(s.tint)]
        self.largest_tint = max(tints, default=0.0)

    def picture(self, theme: str) -> Picture:
        parts = []
        for place, column in reversed([*enumerate(self.columns)]):  # so that a circle lies on the lines that leave it
            parts += [self._neuron(place, spot) for spot in column]
        parts += [self._gap(column) for column in self.columns]
        parts += [self._heading(number) for number in range(len(self.columns))]
        ends = (self.columns[0], self.words[0], "end"), (self.columns[-1], self.words[1], "start")
        parts += [self._beside(*end) for end in ends]
        body = "\n".join([*parts, self._legend()])
        return Picture(body, self.width, self.height, about=self.net.summary(), style=STYLE, theme=theme)

    # ------------------------------------------------------------------ what is shown

    def _words(self, names: Sequence[str], column: int) -> list[list[str]]:
        """What stands beside each circle of the first or last column: its name, its number if a row was given, or both.

        The name stands above the number.
        """
        numbers = [drawn(x) for x in self.outputs[column]] if self.outputs else []
        return [list(words) for words in zip(*filter(None, ([cut(str(n), NAME_LENGTH) for n in names], numbers)))]

    def _column(self, number: int, size: int, x: float) -> list[Spot]:
        """The circles of a column that are shown, from above."""
        places = min(size, self.most + 1)  # the middle that is left out has a place too
        pitch = min(1.6 * self.pitch, self.tall / max(1, places - 1))  # a short column is spread out a little
        top = TOP + self.radius + (self.tall - pitch * (places - 1)) / 2
        half = -(-self.most // 2)
        spots = []
        for i in range(size):
            place = i if size <= self.most or i < half else i - size + self.most + 1
            if size <= self.most or i < half or place > half:
                spots.append(Spot(i, x, top + pitch * place, *self._about(number, i)))
        return spots

    def _about(self, column: int, i: int) -> tuple[float | None, str]:
        """The number that tints a circle, and what it says on hover."""
        output = self.outputs[column][i] if self.outputs else None
        said = "" if output is None else f"\noutput {_exact(output)}"
        if column == 0:
            return output, f"input {i}{said.replace('output', '=')}".replace("\n", " ")
        neuron = self.layers[column - 1][i]
        name = self.names.get(id(neuron.w[0]), f"neuron.{i}.w.0").removesuffix("w.0").removesuffix(".")
        bias = number_at(neuron.b) if neuron.b is not None else None
        lines = [f"{name or 'neuron'}: {neuron.summary()}"]
        if neuron.b is not None and bias is not None:
            lines.append(f"bias {_exact(bias)}, gradient {_exact(_grad(neuron.b))}")
        tint = output if self.outputs else _grad(neuron.b) if self.by == "grad" and neuron.b is not None else bias
        return tint, "\n".join(lines) + said

    def _weights(self) -> Iterator[tuple[Value, float | None]]:
        for column, (before, after) in enumerate(itertools.pairwise(self.columns)):
            for spot in after:
                weights = self.layers[column][spot.place].w
                yield from ((weights[s.place], self._shown(weights[s.place])) for s in before)

    def _shown(self, weight: Value) -> float | None:
        return number_at(weight) if self.by == "weight" else _grad(weight)

    # ------------------------------------------------------------------ its parts

    def _neuron(self, column: int, spot: Spot) -> str:
        """A circle and the weights that lead to it."""
        lines = [self._line(column, s, spot) for s in self.columns[column - 1]] if column else []
        colour, opacity = "paper", ""
        if spot.tint and math.isfinite(spot.tint):
            colour = "positive" if spot.tint > 0 else "negative"
            opacity = f' fill-opacity="{0.15 + 0.85 * abs(spot.tint) / self.largest_tint:.2f}"'
        where = f'cx="{spot.x:g}" cy="{spot.y:g}" r="{self.radius}"'
        circle = f"<circle {paint(colour)}{opacity} {where}><title>{escaped(spot.title)}</title></circle>"
        return f'<g class="neuron">{"".join(lines)}<g {paint("outline")}>{circle}</g></g>'

    def _line(self, column: int, source: Spot, target: Spot) -> str:
        weight = self.layers[column - 1][target.place].w[source.place]
        x, name = self._shown(weight), self.names.get(id(weight), "weight")
        title = f"{name} = {_exact(number_at(weight))}\ngradient {_exact(_grad(weight))}"
        ends = f"M{source.x + self.radius:g} {source.y:g}L{target.x - self.radius:g} {target.y:g}"
        colour, look = "rule", 'stroke-width="0.8"'
        if x is not None and not math.isfinite(x):
            colour, look = "now", 'stroke-width="2" stroke-dasharray="4 3"'
        elif x:
            share = abs(x) / self.largest
            colour = "plus" if x > 0 else "minus"
            look = f'stroke-width="{0.5 + (self.strongest - 0.5) * share:.2f}" stroke-opacity="{0.2 + 0.7 * share:.2f}"'
        return f'<path {paint(colour)} {look} d="{ends}"><title>{escaped(title)}</title></path>'

    def _gap(self, column: list[Spot]) -> str:
        """`⋮ 48 more`, where the middle of a column is left out."""
        for above, below in itertools.pairwise(column):
            if (left_out := below.place - above.place - 1) > 0:
                said, y = f"⋮ {left_out:,} more", (above.y + below.y) / 2
                wide = len(said) * 6 + 14
                place = f'x="{above.x - wide / 2:g}" y="{y - 9:g}" width="{wide}" height="18" rx="9"'
                label = text(above.x, y + 4, said, "muted", size=11, more=MIDDLE)
                return f"<g {paint('rule')}><rect {paint('paper')} {place}/></g>{label}"
        return ""

    def _heading(self, column: int) -> str:
        """What a column is, above it: its activation function, and how many neurons it has."""
        size = len(self.layers[0][0].w) if column == 0 else len(self.layers[column - 1])
        kinds = {"inputs" if size > 1 else "input"} if column == 0 else {n.kind for n in self.layers[column - 1]}
        title, below = kinds.pop() if len(kinds) == 1 else "mixed", count(size, "neuron") if column else f"{size:,}"
        x = self.columns[column][0].x
        return text(x, 24, title, size=13, more=TITLE) + text(x, 41, below, "muted", size=11, more=MIDDLE)

    def _beside(self, column: list[Spot], words: list[list[str]], anchor: str) -> str:
        away = (-1 if anchor == "end" else 1) * (self.radius + 8)
        more = f'text-anchor="{anchor}"'
        parts = []
        for s in column if words else ():
            first, *second = words[s.place]
            parts.append(text(s.x + away, s.y - 2 if second else s.y + 4, first, more=more))
            parts += [text(s.x + away, s.y + 11, x, "muted", size=11, more=more) for x in second]
        return "".join(parts)

    def _legend(self) -> str:
        """What lines and tints mean, with the largest of each."""
        y = self.height - 16
        what = "weights" if self.by == "weight" else "gradients"
        if not self.largest:
            none = "are all 0" if self.by == "weight" else "are not computed yet: call backward() first"
            return text(SIDE / 2, y, f"{what} {none}", "muted", size=11)
        tint = "output" if self.outputs else "bias" if self.by == "weight" else "bias's gradient"
        parts, x = [], SIDE / 2
        for colour, word in (("plus", "positive"), ("minus", "negative")):
            parts.append(f'<path {paint(colour)} stroke-width="3" d="M{x:g} {y - 4:g}h14"/>')
            parts.append(text(x + 19, y, word, "muted", size=11))
            x += 72
        said = f"{what} up to {drawn(self.largest)}"
        said += f"; tint: {tint} up to {drawn(self.largest_tint)}" if self.largest_tint else ""
        return "".join(parts) + text(x + 4, y, said, "muted", size=11)


MIDDLE = 'text-anchor="middle"'
TITLE = 'text-anchor="middle" font-weight="bold"'


def _outputs(layers: list[list[Neuron]], row: Any, size: int) -> list[list[float]]:
    """The inputs and what each layer makes of them; nothing without a row."""
    if row is None:
        return []
    (values,) = rows_of([row], "row")
    if isinstance(values, (str, bytes, Mapping)) or not hasattr(values, "__len__") or getattr(values, "ndim", 1) == 0:
        raise TypeError(
            f"draw_net: the row is {shown(row)}: give a list with a number for each of the net's {count(size, 'input')}"
        )
    if len(values) != size:
        raise ValueError(f"draw_net: a row of {count(len(values), 'number')} for a net of {count(size, 'input')}")
    outputs = [
        [float_of(x) if isinstance(x, Value) else as_float(x, f"draw_net: input {i}") for i, x in enumerate(values)]
    ]
    with no_grad():
        for layer in layers:
            outputs.append([float_of(neuron(outputs[-1])) for neuron in layer])
    return outputs


def _grad(p: Value) -> float | None:
    """A gradient, or None if backward has not reached it."""
    return None if p.grad is UNREACHED or p.grad is None else float_of(p.grad)


def _exact(x: float | None) -> str:
    return drawn(x) if x is None else repr(x + 0.0).replace("-", "\N{MINUS SIGN}")
