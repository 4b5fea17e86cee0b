"""Move along a trace, forward and back in time: the commands s, n, r, c, unt, j and rs, rn, rr, rc of the prompt."""

from __future__ import annotations

import cmd
from collections.abc import Callable
from typing import IO

from micrograd.views.breakpoints import Breakpoint, Breakpoints
from micrograd.views.record import Record, Step
from micrograd.views.snapshot import Node

DONE = "backward is done: every gradient is there (rs goes back, q leaves)"


class Walk(cmd.Cmd):
    """The commands of the prompt that move along a trace. `position` steps have happened; `step` is the next one.

    What is wrong with a command is a ValueError, which the prompt says in a line.
    """

    prompt = "(grad) "

    def __init__(self, trace: Record, *, stdin: IO[str] | None = None, stdout: IO[str] | None = None):
        super().__init__(stdin=stdin, stdout=stdout)
        self.use_rawinput = stdin is None
        self.trace = trace
        self.position = 0
        self.breakpoints = Breakpoints(trace)
        self.frame = 0  # how far up the path to the result `u` has gone
        self.intro = f"{trace!r}\n{self._where()}\nhelp lists the commands; s is one step"

    # ------------------------------------------------------------ state

    @property
    def step(self) -> Step | None:
        """The step that would happen next, None at the end."""
        return self.trace[self.position] if self.position < len(self.trace) else None

    def _where(self) -> str:
        if self.trace.graph.error:
            return f"forward failed, so there is no backward: {self.trace.graph.error}"
        return f"-> {self.step!r}" if self.step else DONE

    def _say(self, text: object) -> None:
        print(text, file=self.stdout)

    def _complain(self, text: object) -> None:
        self._say(f"*** {text}")

    def _move(self, position: int, *, quiet: bool = False) -> None:
        """Go to a position, say what happened on the way's last step, and show what is displayed."""
        back = position < self.position
        self.position, self.frame = position, 0
        if not quiet:
            if back:
                self._say(f"back to {position}/{len(self.trace)}")
                self._say(self._where())
            elif position:
                self._say(repr(self.trace[position - 1]))
                if position == len(self.trace):
                    self._say(DONE)
        self.moved()

    def moved(self) -> None:
        """Called after every move."""

    def _node(self, name: str) -> Node:
        if not name:
            raise ValueError("give a node's name")
        try:
            return self.trace.graph.node(name)
        except KeyError as error:
            raise ValueError(error.args[0]) from None

    # ------------------------------------------------------------ moving

    def do_s(self, arg: str) -> None:
        """s(tep) [N]: do one contribution (or N): local derivative times upstream gradient, added to an operand."""
        self._next()
        for _ in range(min(_count(arg), len(self.trace) - self.position) - 1):
            self._say(repr(self.trace[self.position]))
            self.position += 1
        self._move(self.position + 1)

    def do_rs(self, arg: str) -> None:
        """rs [N]: undo one contribution (or N)."""
        self._back_to(self.position - _count(arg))

    def do_n(self, arg: str) -> None:
        """n(ext): do all that the current node sends to its operands."""
        self._through(lambda step: step.sender)

    def do_rn(self, arg: str) -> None:
        """rn: undo back to before the node that sent last."""
        self._through_back(lambda step: step.sender)

    def do_r(self, arg: str) -> None:
        """r(eturn) [layer]: finish the current neuron, or its whole layer; a node that belongs to none on its own."""
        here = self._group(self._next(), arg)
        last = max(step.number for step in self.trace if self._group(step, arg) == here)
        while self.position < last:
            self._say(repr(self.trace[self.position]))
            self.position += 1
        self._move(last, quiet=True)
        if self.step is None:
            self._say(DONE)

    def do_rr(self, arg: str) -> None:
        """rr [layer]: undo back to before the neuron, or the layer, that sent last."""
        if self.position:
            here = self._group(self.trace[self.position - 1], arg)
            self._back_to(min(step.number for step in self.trace if self._group(step, arg) == here) - 1)
        else:
            self._back_to(0)

    def do_c(self, arg: str) -> None:
        """c(ontinue): go on to the next breakpoint, or to the end."""
        self._next()
        for position in range(self.position, len(self.trace)):
            hit = self.breakpoints.at(position)
            if hit:
                self._move(position + 1)
                self._say_hit(*hit)
                return
        self._move(len(self.trace))

    def do_rc(self, arg: str) -> None:
        """rc: go back to the breakpoint before, or to the start."""
        for position in range(self.position - 2, -1, -1):
            hit = self.breakpoints.at(position)
            if hit:
                self._back_to(position + 1)
                self._say_hit(*hit)
                return
        self._back_to(0)

    def _say_hit(self, item: Breakpoint, wrong: str) -> None:
        self._say(f"breakpoint {item}")
        if wrong:
            self._complain(f"its condition failed: {wrong}")
        if item.temporary:
            self.breakpoints.remove(item)

    def do_unt(self, arg: str) -> None:
        """unt(il) [NODE]: go on until the gradient of NODE is complete, so that it sends next; alone, as n."""
        if not arg:
            return self.do_n(arg)
        node = self._node(arg)
        last = max((s.number for s in self.trace if s.receiver == node.index), default=0)
        if last <= self.position:
            raise ValueError(f"the gradient of {node.name} is complete already; j {last} goes back to it")
        self._move(last)

    def do_j(self, arg: str) -> None:
        """j(ump) N: go to the position after step N, forward or back; 0 is the start."""
        if not (arg.isascii() and arg.isdigit()) or int(arg) > len(self.trace):
            raise ValueError(f"j takes a step from 0 to {len(self.trace)}, not {arg!r}")
        self._move(int(arg))

    def _back_to(self, position: int) -> None:
        if self.position == 0:
            raise ValueError("this is the start of backward")
        self._move(max(0, position))

    def _group(self, step: Step, arg: str) -> object:
        if arg not in ("", "neuron", "layer"):
            raise ValueError(f"r finishes a neuron, r layer a layer; {arg!r} is neither")
        group = self.trace.graph.nodes[step.sender].group
        if group is None:
            return step.sender
        return (group.layer, group.call) if arg == "layer" else group

    def _through(self, key: Callable[[Step], object]) -> None:
        here = key(self._next())
        while self.step is not None and key(self.step) == here:
            self._say(repr(self.step))
            self.position += 1
        self._move(self.position, quiet=True)
        if self.step is None:
            self._say(DONE)

    def _through_back(self, key: Callable[[Step], object]) -> None:
        position = self.position - 1
        if position >= 0:
            here = key(self.trace[position])
            while position > 0 and key(self.trace[position - 1]) == here:
                position -= 1
        self._back_to(position)

    def _next(self) -> Step:
        if self.step is None:
            raise ValueError(self._where())
        return self.step


def _count(arg: str) -> int:
    if arg and not (arg.isascii() and arg.isdigit() and int(arg)):
        raise ValueError(f"a number of steps is 1 or more, not {arg!r}")
    return int(arg or 1)
