"""Write a net, or any function of numbers, as C99 for a microcontroller: `to_c(net, "net.c")`.

    >>> from micrograd import tanh
    >>> from micrograd.export.c_file import c_text
    >>> print(c_text(lambda x, y: tanh(x) / (x + y), "ratio", example=(1.0, 2.0)), end="")
    /* ratio.c: a function, written as C99 by micrograd. It allocates nothing and needs only math.h (link with -lm).
    <BLANKLINE>
       void ratio_run(const double x[2], double y[1]);
           Computes y from x; the two must not overlap.
             x[0]            x
             x[1]            y
             y[0]            the result
    <BLANKLINE>
       void ratio(const double x[2], double y[1]);
           The same as ratio_run, under its older name.
    */
    <BLANKLINE>
    #include <math.h>
    <BLANKLINE>
    void ratio_run(const double x[2], double y[1])
    {
        const double v1 = tanh(x[0]);
        const double v2 = x[0] + x[1];
        const double v3 = v1 / v2;
        y[0] = v3;
    }
    <BLANKLINE>
    void ratio(const double x[2], double y[1])
    {
        ratio_run(x, y);
    }

With `train=(loss, optimizer)` the file also has a training step, `double NAME_step(x, y, rate)`. The statements come
from the compiler's tape: the table's rules, the engine's backward and the optimizer's `update`, run once on symbols.
A long tape is written as the loops that it folds to, so that a large net is a page or two of C. Loops that keep many
numbers are in `NAME_run_in` and `NAME_step_in`, which are given the memory for them; without `_in`, the stack has it.
Every name that the file defines begins with NAME, which may even be a keyword of C: `double_run`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from micrograd.compiler.arguments import flatten, names_of
from micrograd.compiler.tape.plan import rule_plan
from micrograd.compiler.tape.rule import check_rule, scale_tape, update_tape
from micrograd.compiler.train_step import TrainStep
from micrograd.export.c_alias import has_alias
from micrograd.export.c_loops import given_room
from micrograd.export.c_recording import Argument, Names, Recording, located
from micrograd.export.c_statements import (
    Statements,
    array_of,
    block,
    inputs_used,
    is_input,
    is_name,
    literal,
    plain,
)
from micrograd.export.layers import refuse_keeper
from micrograd.files import write_whole
from micrograd.nn import MLP, Layer, Module, Neuron
from micrograd.optim import Optimizer


def to_c(f: Callable[..., Any], path: str | os.PathLike[str], *, example: Any = None, train: Any = None) -> Path:
    """Write `f` as a self-contained C99 file, NAME.c, whose function NAME_run computes what `f` returns.

    `f` is a net, or a function of numbers that `jit` could compile. `example` is a tuple of arguments: it shows how
    many numbers `f` takes and how they are arranged; an MLP, a Layer or a Neuron needs none. In C all arguments come
    one after the other in `x`, and all results in `y`; the file says where each is. Values from outside, such as the
    parameters, become arrays of their present numbers.

    `train` is `(loss, optimizer)`, or a `train_step`: the file then also has `NAME_step(x, y, rate)`, a step on one
    example. It returns the loss before the step, and skips a step whose loss or gradient is nan or inf. The optimizer
    continues from its present state. `loss` takes the arguments of `f` and then the target, which is `y` in C. An
    `example` then ends with a target, such as `([0.0] * 4, 2)` for a class; without one, the target is arranged like
    the net's output.

    What is long and repeats itself, such as the layers of a large net, is written as loops, from about 2000
    instructions: they compute the same numbers, to the bit if the C compiler does not fuse multiplications with
    additions (gcc: -std=c99).

    C has no errors: where Python would raise, results are nan or inf. Raises ValueError for a file name that cannot
    begin a C name, and TypeError when `f` asks for a number while it is recorded: see `jit`.
    """
    path = Path(path)
    if path.suffix != ".c":
        raise ValueError(f"to_c: {path.name!r} must end in .c, as 'net.c' does")
    return write_whole(path, c_text(f, path.stem, example=example, train=train).encode("ascii"))


def c_text(f: Callable[..., Any], name: str, *, example: Any = None, train: Any = None) -> str:
    """The text of the file NAME.c that `to_c` writes."""
    if not is_name(name):
        what = "must be letters, digits and _, starting with a letter"
        raise ValueError(f"to_c: the C function gets the file's name, so {name!r} {what}; try 'net.c'")
    refuse_keeper(f, "to_c")
    if not callable(f):
        raise TypeError(f"to_c takes a net or a function, not {f!r}")
    loss, optimizer = _training(train)
    arguments, target = _arguments(f, example, with_target=loss is not None)
    names: Names = {id(p): path for path, p in f.named_parameters()} if isinstance(f, Module) else {}
    given = Recording({"x": arguments}, f, names)
    step = None
    if loss is not None and optimizer is not None:
        of_target = target[1] if target else given.arrangement
        structures = [*(structure for _, structure in arguments), of_target]
        *named, last = zip(names_of(loss, len(structures)), structures, strict=True)
        try:
            step = Recording({"x": named, "y": [last]}, loss, names, by=optimizer.parameters)
        except (TypeError, ValueError, IndexError) as error:
            said = ", ".join(item for item, _ in [*named, last])
            error.add_note(
                f"to_c calls the loss with the net's arguments and then the target: loss({said}), for example "
                "lambda x, y: cross_entropy(net(x), y)"
            )
            raise
    return _File(f, name, names, given, step, optimizer).text()


def _training(train: Any) -> tuple[Callable[..., Any] | None, Optimizer | None]:
    if train is None:
        return None, None
    if isinstance(train, TrainStep):
        train = train.loss, train.optimizer
    if not isinstance(train, tuple) or len(train) != 2 or not callable(train[0]) or not isinstance(train[1], Optimizer):
        raise TypeError(f"to_c: train must be a pair (loss, optimizer), or a train_step, not {train!r}")
    loss, optimizer = train
    check_rule(optimizer, "to_c")
    return loss, optimizer


def _arguments(f: Callable[..., Any], example: Any, *, with_target: bool) -> tuple[list[Argument], Argument | None]:
    """The arguments of f, and the target if the example gives one."""
    if example is None:
        inner = f.layers[0].neurons[0] if isinstance(f, MLP) else f.neurons[0] if isinstance(f, Layer) else f
        if not isinstance(inner, Neuron):
            wanted = "example=([0.0, 0.0], 1.0)" + (", ending with a target" if with_target else "")
            raise TypeError(
                "to_c: only an MLP, a Layer or a Neuron shows by itself how many numbers it takes; for this "
                f"{type(f).__name__} give the arguments of one call: {wanted}"
            )
        return [(names_of(f, 1)[0], ("list", *["number"] * len(inner.w)))], None
    given = example if isinstance(example, tuple) else (example,)
    named = list(zip(names_of(f, len(given)), [flatten(x, []) for x in given], strict=True))
    if not with_target:
        return named, None
    if len(given) < 2:
        raise TypeError(f"to_c: with train=, example is the loss's arguments, such as (x, target), not {example!r}")
    return named[:-1], named[-1]


AT_ONCE = 16  # numbers on a line of a large array; C compilers need not take lines of more than 4095 characters


class _File:
    """The parts of a C file: arrays of numbers, and the functions that use them."""

    def __init__(
        self,
        f: Any,
        name: str,
        names: Names,
        given: Recording,
        step: Recording | None,
        optimizer: Optimizer | None,
    ):
        self.f, self.name, self.names, self.given, self.step, self.optimizer = f, name, names, given, step, optimizer
        trained = {id(p): p for p in optimizer.parameters} if optimizer else {}
        needed = {id(p): p for part in (given, step) if part for p in part.leaves()}
        order = {key: i for i, key in enumerate(names)}
        rest = sorted([p for p in needed.values() if id(p) not in trained], key=lambda p: order.get(id(p), len(order)))
        self.arrays = {"parameters": list(trained.values()), "fixed": rest} if trained else {"parameters": rest}
        self.places = {id(p): f"{name}_{array}[{i}]" for array, ps in self.arrays.items() for i, p in enumerate(ps)}
        arguments = ", ".join([*given.declared(), f"double y[{len(given.tape.outputs)}]"])
        self.inference = f"void {name}_run({arguments})"
        self.alias = f"void {name}({arguments})" if has_alias(name) else ""
        self.training = f"double {name}_step({', '.join([*step.declared(), 'double rate'])})" if step else ""
        self.loops = given.folded(self.places)
        self.step_loops = step.folded(self.places, first=1) if step else None  # the loss comes after the gradient
        self.room, self.step_room = (given_room(loops) if loops else 0 for loops in (self.loops, self.step_loops))
        self.at_once = AT_ONCE if self.loops or self.step_loops else 1

    def text(self) -> str:
        parts = [self._header(), "#include <math.h>"]
        for array, values in self.arrays.items():
            if values:
                noted = [f"{self.names.get(id(p)) or p.label or array} = {p.data!r}" for p in values]
                constant = "" if array == "parameters" and self.optimizer else "const "
                declared = f"static {constant}double {self.name}_{array}"
                parts.append(array_of(declared, [p.data for p in values], noted, at_once=self.at_once))
        if self.loops:
            lines = self.given.loops(self.loops, "y")
        else:
            statements, lines = self.given.statements(self.places)
            lines += [f"{key} = {statements.of(x)};" for key, x in self.given.tape.outputs.items()]
        parts += _in_given_room(self.inference, lines, self.room, [*self._given(), "y"])
        if self.step and self.optimizer:
            parts += [*self._update(self.optimizer), *self._step(self.step, len(self.optimizer.parameters))]
        if self.alias:
            parts.append(block(self.alias, [f"{self.name}_run({', '.join([*self._given(), 'y'])});"]))
        return "\n\n".join(parts) + "\n"

    def _given(self) -> list[str]:
        """The arrays of numbers that the function is given."""
        return [array for array, size in self.given.sizes.items() if size]

    def _header(self) -> str:
        what = f"{type(self.f).__name__} of {len(self.names)} parameters" if self.names else "a function"
        about = "written as C99 by micrograd. It allocates nothing and needs only math.h (link with -lm)."
        count = len(self.given.tape.outputs)
        result = "the result" if count == 1 else "the results, in order"
        lines = [f"/* {self.name}.c: {plain(what)}, {about}", "", f"   {self.inference};"]
        lines += ["       Computes y from x; the two must not overlap."]
        lines += [f"         {line}" for line in (*self.given.layout, located("y", 0, count, result))]
        lines += [f"         {line}" for line in self.given.indices()]
        if self.step and self.optimizer:
            lines += ["", f"   {self.training};"]
            rate = "" if callable(self.optimizer.lr) else f" ({self.optimizer.lr!r} in Python)"
            lines += [
                f"       One step of {plain(type(self.optimizer).__name__)} on the example x with the target y; rate is"
                f" the learning rate{rate}.",
                "       Returns the loss before the step. A step whose loss or gradient is nan or inf is skipped.",
            ]
            lines += [f"         {line}" for line in (*self.step.layout, *self.step.indices())]
        lines += _about_room(f"{self.name}_run", self.inference, self.room)
        lines += _about_room(f"{self.name}_step", self.training, self.step_room)
        if self.alias:
            lines += ["", f"   {self.alias};", f"       The same as {self.name}_run, under its older name."]
        return "\n".join([*lines, "*/"])

    def _step(self, step: Recording, count: int) -> list[str]:
        """Loss and gradient, and the update if all of them are finite."""
        name = self.name
        if self.step_loops:
            lines, loss = step.loops(self.step_loops, f"{name}_gradient"), f"{name}_gradient[{count}]"
        else:
            statements, lines = step.statements(self.places)
            first, *gradients = step.tape.outputs.items()
            lines += [f"{name}_{key} = {statements.of(x)};" for key, x in gradients]
            loss = statements.of(first[1])
        lines += [
            f"const double loss = {loss};",
            "if (!isfinite(loss)) {",
            "    return loss;",
            "}",
            f"for (int i = 0; i < {count}; i++) {{",
            f"    if (!isfinite({name}_gradient[i])) {{",
            "        return loss;",
            "    }",
            "}",
            *self._clipping(count),
            f"{name}_update(rate);",
            "return loss;",
        ]
        given = [*(array for array, size in step.sizes.items() if size), "rate"]
        return _in_given_room(self.training, lines, self.step_room, given)

    def _clipping(self, count: int) -> list[str]:
        """Scale the gradient, if the optimizer does."""
        assert self.optimizer is not None
        tape = scale_tape(self.optimizer)
        (scale,) = tape.outputs.values()
        if isinstance(scale, float) and scale == 1.0:  # whatever the norm
            return []
        gradient, statements = f"{self.name}_gradient[i]", Statements(tape, ["norm"], prefix="s")
        lines = statements.lines(range(len(tape)))
        each = f"for (int i = 0; i < {count}; i++) {{"
        return [
            *("double squares = 0.0;", each, f"    squares += {gradient} * {gradient};", "}"),
            *("const double norm = sqrt(squares);", "if (!isfinite(norm)) {", "    return loss;", "}"),
            *(*lines, each, f"    {gradient} *= {statements.of(scale)};", "}"),
        ]

    def _update(self, optimizer: Optimizer) -> list[str]:
        """The optimizer's state, and its rule in a loop over the parameters."""
        name, count = self.name, len(optimizer.parameters)
        tape = update_tape(optimizer)
        used = inputs_used(tape)
        states = dict(zip(tape.inputs[2:-2], _state_names(optimizer.state_names)))
        arrays = {"x": "parameters", "grad": "gradient", **states}
        own = {given: f"{called}_i" for given, called in states.items()}  # no keyword of C ends in _i
        local = {"x": "parameter", "grad": "gradient", **own, "lr": "rate", "t": f"{name}_steps"}
        places = [local[given] for given in tape.inputs]
        size = f"{count + 1}]; /* the last is the loss */" if self.step_loops else f"{count}];"
        parts = [f"static double {name}_gradient[{size}"]
        for i, (given, called) in enumerate(zip(optimizer.state_names, states.values()), start=2):
            if i in used:
                numbers = list(optimizer.state[given])
                parts.append(array_of(f"static double {name}_{called}", numbers, at_once=self.at_once))
        lines, plan, statements = [], rule_plan(tape), Statements(tape, places)
        if len(tape.inputs) - 1 in used:
            parts.append(f"static double {name}_steps = {literal(float(optimizer.steps))};")
            lines.append(f"{name}_steps += 1.0;")
        if len(tape.inputs) - 2 not in used:
            lines.append("(void)rate;")
        lines += statements.lines(plan.once)
        inside = [
            f"const double {local[given]} = {name}_{array}[i];"
            for i, (given, array) in enumerate(arrays.items())
            if i in used
        ]
        inside += statements.lines(plan.each_row)
        for given, x in tape.outputs.items():
            if not is_input(tape, x, given) and (given == "x" or tape.inputs.index(given) in used):
                inside.append(f"{name}_{arrays[given]}[i] = {statements.of(x)};")
        lines += [f"for (int i = 0; i < {count}; i++) {{", *(f"    {line}" for line in inside), "}"]
        return [*parts, block(f"static void {name}_update(double rate)", lines)]


def _with_room(head: str, room: int) -> str:
    """The head of the function that is given the memory for what it keeps."""
    return f"{head.replace('(', '_in(', 1)[:-1]}, double kept[restrict {room}])"


def _about_room(name: str, head: str, room: int) -> list[str]:
    """What the file says of that function; nothing if there is none."""
    if not room:
        return []
    own = "" if head.startswith("double") else " Calls at the same time need memory of their own."
    return [
        *("", f"   {_with_room(head, room)};"),
        f"       The same as {name}, which takes {room / 125:.0f} kB of the stack for `kept`. Where that is small,",
        f"       give other memory, which need not be set.{own}",
    ]


def _in_given_room(head: str, lines: list[str], room: int, given: list[str]) -> list[str]:
    """A function, and before it the one that is given the memory, if there is much to keep."""
    if not room:
        return [block(head, lines)]
    name, back = head.partition("(")[0].split(" ")[-1], "return " if head.startswith("double") else ""
    call = f"{back}{name}_in({', '.join([*given, 'kept'])});"
    return [block(_with_room(head, room), lines), block(head, [f"double kept[{room}];", call])]


def _state_names(names: Sequence[str]) -> list[str]:
    """The C names of the optimizer's state, without the file's: Python's, unless something else is called so."""
    taken = {
        "parameters",
        "fixed",
        "gradient",
        "steps",
        "run",
        "run_in",
        "step",
        "step_in",
        "update",
        "t",
    }  # double_t is a type
    own = all(is_name(x) and x not in taken for x in names)
    return list(names) if own else [f"state{k}" for k in range(len(names))]
