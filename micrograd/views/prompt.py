"""A prompt that speaks pdb, to walk through forward and backward step by step, and back in time: `micrograd.debug(z)`.

    (grad) s            one step                    (grad) rs     back one step
    (grad) n            finish this node            (grad) rn     back to before this node
    (grad) r            finish this neuron or layer (grad) rr     back to before this neuron
    (grad) m            to the next merge           (grad) rm     back to the previous merge
    (grad) c            to the next breakpoint      (grad) rc     back to the previous breakpoint
    (grad) b x          stop when x receives        (grad) why x  all paths from x to the result

`help` lists all. Anything that is not a command is Python, with the nodes' names in scope: `x.grad * 2`. It opens where
forward is done and backward starts: a Value that is given has been computed. `rs` goes back into forward, `j f` to its
first operation, where `micrograd step` opens.
"""

from __future__ import annotations

import pprint
import re
from collections.abc import Collection, Mapping
from typing import IO, Any

from micrograd.files import write_whole
from micrograd.views import animate, narration, page
from micrograd.views.breakpoints import check_expression
from micrograd.views.draw import with_suffix
from micrograd.views.moves import Hit, Position
from micrograd.views.record import Record
from micrograd.views.repl import Repl, one_line
from micrograd.views.scope import Scope
from micrograd.views.tree import tree_lines
from micrograd.views.why import PATHS, Why
from micrograd.words import listed

AROUND = 3  # steps that l shows on either side


class Prompt(Repl):
    """The commands, and what each prints. A wrong command raises ValueError, which is shown in one line."""

    def __init__(
        self,
        trace: Record,
        *,
        names: Mapping[str, Any] | None = None,
        forward: bool = False,
        stdin: IO[str] | None = None,
        stdout: IO[str] | None = None,
    ):
        super().__init__(stdin=stdin, stdout=stdout)
        self.trace = trace
        self.walk: Position = Position(trace)
        if forward:
            self.walk.go(self.walk.start)
        self.scope: Scope = Scope(self.walk, names)
        self.displayed: list[str] = []

    def preloop(self) -> None:
        """Say what was recorded and what comes next."""
        if self.intro is not None:
            return  # after Ctrl-C
        self.intro = ""
        self.say(self.trace.summary)
        if self.position == 0 and self.walk.start:
            self.say_lines([narration.turn(self.walk)] if not self.trace.graph.error else [])
        self.say_lines(narration.following(self.walk))
        self.say("help lists the commands; s is one step")
        shadowed = sorted(name for name in self.names() if hasattr(self, f"do_{name}"))
        if shadowed:
            self.say(f"{listed(shadowed)}: a command here; p {shadowed[0]} shows the node")

    @property
    def position(self) -> int:
        """How many steps of backward have happened; below 0, how many operations of forward are still to come."""
        return self.walk.number

    # ------------------------------------------------------------ moving

    def do_s(self, arg: str) -> None:
        """s(tep) [N]: do one step, or N: compute a node, or send one contribution."""
        self._forth(self.walk.after(_count(arg)))

    def do_rs(self, arg: str) -> None:
        """rs [N]: undo one step, or N."""
        self._go(self.walk.before(_count(arg)))

    def do_n(self, arg: str) -> None:
        """n(ext): do all that the current node sends to its operands."""
        self._forth(self.walk.end_of_node())

    def do_rn(self, arg: str) -> None:
        """rn: undo all that the last node sent."""
        self._go(self.walk.start_of_node())

    def do_r(self, arg: str) -> None:
        """r(eturn) [layer]: finish this neuron, or its layer: a line for each neuron.

        Outside of neurons it finishes the node, as n does.
        """
        self._forth(self.walk.end_of_group(arg), folded=True)

    def do_rr(self, arg: str) -> None:
        """rr [layer]: undo all of the last neuron, or of its layer."""
        self._go(self.walk.start_of_group(arg))

    def do_m(self, arg: str) -> None:
        """m(erge): go on until a gradient gets a further contribution."""
        self._go(self.walk.next_merge())

    def do_rm(self, arg: str) -> None:
        """rm: go back to the previous merge."""
        self._go(self.walk.previous_merge())

    def do_c(self, arg: str) -> None:
        """c(ontinue): go on to the next breakpoint.

        Without one, go to where forward ends, and from there to where backward ends.
        """
        self._stop(*self.walk.next_stop())

    def do_rc(self, arg: str) -> None:
        """rc: go back to the previous breakpoint.

        Without one, go to where backward started, and from there to where forward did.
        """
        self._stop(*self.walk.previous_stop())

    def do_unt(self, arg: str) -> None:
        """unt(il) [NODE]: go on until NODE is computed, and then its gradient complete.

        Without NODE it finishes the node, as n does.
        """
        if arg:
            self._go(self.walk.completion(self.walk.node(arg)))
        else:
            self.do_n(arg)

    def do_j(self, arg: str) -> None:
        """j(ump) N: go to the position after step N of backward, forth or back.

        j 0    where forward is done and backward starts
        j f2   after the second operation of forward; j f is its start
        """
        number = self.walk.number_called(arg)
        if number is None:
            of_forward = f", or from f0 to f{-self.walk.start}" if self.walk.start else ""
            raise ValueError(f"j takes a step from 0 to {self.walk.end}{of_forward}, not {arg!r}")
        self._go(number)

    def _go(self, number: int) -> None:
        """Go to a position, print the last step on the way, and show what is displayed."""
        before = self.position
        self.walk.go(number)
        if number < before or number == self.walk.start:
            self.say(f"back to {narration.place(self.walk)}")
            self.say_lines(narration.following(self.walk))
        else:
            self.say_lines(narration.told(self.walk, number - 1, number))
            self._say_if_done()
        self._display()

    def _forth(self, number: int, *, folded: bool = False) -> None:
        """Go to a position, and print each step on the way."""
        self.say_lines(narration.told(self.walk, self.position, number, folded=folded))
        self.walk.go(number)
        self._say_if_done()
        self._display()

    def _stop(self, number: int, hit: Hit | None) -> None:
        self._go(number)
        if hit:
            item, wrong = hit
            self.say(f"breakpoint {item}")
            if wrong:
                self.complain(f"its condition failed: {wrong}")
            if item.temporary:
                self.walk.breakpoints.remove(item)

    def _say_if_done(self) -> None:
        if self.position == self.walk.end and self.position > 0:
            self.say(self.walk.done())

    def _display(self) -> None:
        for expression in self.displayed:
            self._show(expression, lead=f"display {expression}: ")

    # ------------------------------------------------------------ breakpoints

    def do_b(self, arg: str) -> None:
        """b(reak) [WHERE]: stop at a node, or where a condition holds; b lists them.

        b x              x is computed, or receives a contribution
        b op==tanh       a node of this operation computes or sends; b op==+ works too
        b nan            a nan or an inf appears
        b abs(grad)>10   any Python with op, name, sender, data, local, upstream, contribution, grad,
                         and with nodes as they are after the step: x.grad > 1
        """
        self._set(arg, temporary=False)

    def do_tbreak(self, arg: str) -> None:
        """tbreak WHERE: a breakpoint that stops once."""
        self._set(arg, temporary=True)

    def do_cl(self, arg: str) -> None:
        """cl(ear) [N]: delete breakpoint N, or all of them."""
        items = [self.walk.breakpoints.get(arg)] if arg else list(self.walk.breakpoints.items)
        for item in items:
            self.walk.breakpoints.remove(item)
            self.say(f"deleted breakpoint {item}")

    def do_condition(self, arg: str) -> None:
        """condition N [EXPRESSION]: let breakpoint N stop only where that holds."""
        number, _, expression = arg.partition(" ")
        self.say(self.walk.breakpoints.set_condition(number, expression.strip()))

    def _set(self, arg: str, *, temporary: bool) -> None:
        if arg:
            self.say(self.walk.breakpoints.add(arg, temporary=temporary))
        else:
            none = "no breakpoints: b NODE, b op==tanh, b nan or b abs(grad)>10 sets one"
            self.say("\n".join(map(str, self.walk.breakpoints.items)) or none)

    # ------------------------------------------------------------ looking

    def do_w(self, arg: str) -> None:
        """w(here): the path from this node to the result; u and d go along it."""
        self.say_lines(narration.path(self.walk))

    def do_u(self, arg: str) -> None:
        """u(p): go one node towards the result along the path that w shows."""
        self.walk.up()
        self.do_w("")

    def do_d(self, arg: str) -> None:
        """d(own): go one node back along the path that w shows."""
        self.walk.down()
        self.do_w("")

    def do_l(self, arg: str) -> None:
        """l(ist) [N | all]: the steps around this one, or around step N, or all (ll)."""
        first, last = self.walk.start, self.walk.end
        if arg != "all":
            number = self.walk.number_called(arg) if arg else self.position + 1
            if number is None:
                raise ValueError(f"l takes a step from 1 to {self.walk.end}, or all, not {arg!r}")
            first, last = max(first, number - 1 - AROUND), min(last, number + AROUND)
        self.say_lines(narration.listed(self.walk, first, last))
        if self.position == self.walk.end:
            self.say(f"{narration.NEXT}{self.walk.done()}")

    def do_p(self, arg: str) -> None:
        """p EXPRESSION: print its value, with the nodes' names in scope."""
        self._show(arg)

    def do_pp(self, arg: str) -> None:
        """pp EXPRESSION: pretty-print its value."""
        self._show(arg, how=pprint.pformat)

    def do_display(self, arg: str) -> None:
        """display [EXPRESSION]: print its value after every move."""
        if arg:
            check_expression(arg)
            self.displayed.append(arg)
            self._show(arg, lead=f"display {arg}: ")
        else:
            self._display()

    def do_undisplay(self, arg: str) -> None:
        """undisplay [EXPRESSION]: stop that, for one or for all."""
        if arg and arg not in self.displayed:
            raise ValueError(f"{arg!r} is not displayed; display lists what is")
        self.displayed = [e for e in self.displayed if arg and e != arg]

    def do_why(self, arg: str) -> None:
        """why NODE [N]: the paths to the result, with their products: its gradient.

        The 20 (or N) largest are listed, and the others as one sum.
        """
        asked = re.fullmatch(r"(.*\S)\s+(\d+)", arg)
        name, most = asked.groups() if asked else (arg, "")
        node = self.walk.node(name) if name else self.walk.current()
        self.say_lines(Why(self.trace, node, _count(most) if most else PATHS).lines)

    def do_forward(self, arg: str) -> None:
        """forward [NODE]: all of forward with the numbers put in, or as far as NODE."""
        node = self.walk.node(arg) if arg else self.trace.graph.root
        self.say_lines([self.trace.forward_parts(n) for n in self.walk.operations if n.index <= node.index])

    def do_tree(self, arg: str) -> None:
        """tree [NODE]: the operands below it, with their numbers as they are now."""
        top = self.walk.node(arg) if arg else self.trace.graph.root
        self.say_lines(tree_lines(self.trace.graph, top=top, data=self.walk.data(), grads=self.walk.grads()))

    def do_svg(self, arg: str) -> None:
        """svg [FILE]: save the drawing with the gradients of now (step.svg)."""
        path = with_suffix(arg or "step.svg", ".svg")
        write_whole(path, animate.still(self.trace, max(0, self.position)).encode())
        self.say(f"saved {path}")

    def do_html(self, arg: str) -> None:
        """html [FILE]: save the interactive page (page.html)."""
        self.say(f"saved {page.save(self.trace, arg or 'page.html')}")

    # ------------------------------------------------------------ Python

    def names(self) -> Collection[str]:
        return self.scope.nodes

    def python(self, line: str) -> str | None:
        try:
            return self.scope.run(line)
        finally:
            self._say_if_changed()

    def _show(self, expression: str, *, how: Any = repr, lead: str = "") -> None:
        if not expression:
            self.complain("give an expression, such as p x.grad")
            return
        try:
            self.say(lead + self.scope.shown(expression, how))
        except (Exception, SystemExit) as error:
            self.complain(lead + one_line(error, expression))
        self._say_if_changed()

    def _say_if_changed(self) -> None:
        if changed := self.scope.overwritten():
            others = f" and {len(changed) - 1:,} more are nodes" if len(changed) > 1 else " is a node"
            self.complain(f"{changed[0]}{others} of this record, which cannot be changed")


def _count(arg: str) -> int:
    if arg and not (arg.isascii() and arg.isdigit() and int(arg)):
        raise ValueError(f"a number is 1 or more, not {arg!r}")
    return int(arg or 1)


def debug(root: Any, *, names: Any = None, forward: bool = False) -> None:
    """Open the prompt on a Value, where its backward starts, or with `forward=True` where its forward does.

    `names` are as in `views.snapshot.snapshot`; no Value is changed. All other variables in `names=vars()` are in scope
    for Python at the prompt.
    """
    trace = Record(root, names)
    Prompt(trace, names=names if isinstance(names, Mapping) else None, forward=forward).cmdloop()
