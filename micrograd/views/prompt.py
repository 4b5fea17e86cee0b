"""A prompt that speaks pdb, to walk through backward step by step, and back in time: `micrograd.debug(z)`.

    (grad) s            one contribution            (grad) rs     back one contribution
    (grad) n            finish this node            (grad) rn     back to before this node
    (grad) r            finish this neuron or layer (grad) rc     back to the previous breakpoint
    (grad) c            to the next breakpoint      (grad) j 7    to step 7
    (grad) b x          stop when x receives        (grad) why x  all paths from x to the result

`help` lists all. Anything that is not a command is Python, with the nodes' names in scope: `x.grad * 2`.
"""

from __future__ import annotations

import cmd
import inspect
import pprint
import re
import traceback
from collections.abc import Mapping
from typing import IO, Any

from micrograd.files import write_whole
from micrograd.views import animate, page
from micrograd.views.breakpoints import check_expression
from micrograd.views.draw import with_suffix
from micrograd.views.moves import DONE, Hit, Position
from micrograd.views.record import Record
from micrograd.views.scope import Scope
from micrograd.views.tree import tree_of
from micrograd.views.why import PATHS, Why
from micrograd.words import short, unwrapped

# Long names of commands; the short ones have the docstrings.
LONG = {"step": "s", "next": "n", "return": "r", "continue": "c", "cont": "c", "until": "unt", "jump": "j"}
LONG |= {"break": "b", "clear": "cl", "where": "w", "bt": "w", "up": "u", "down": "d", "list": "l", "print": "p"}
LONG |= {"quit": "q", "exit": "q", "EOF": "q", "h": "help", "ll": "l all", "restart": "j 0"}

ALONE = ("n", "c", "rn", "rc", "w", "u", "d", "q")

# `s = 3`, `b.grad` and `d * 2` are Python, though they begin like a command.
PYTHON_AFTER_NAME = re.compile(r"\s*=|[-+*/%@&|^<>.(\[]|\s+[-+*/%@&|^<>]=?\s")


class Prompt(cmd.Cmd):
    """The commands, and what each prints. A wrong command raises ValueError, which is shown in one line."""

    prompt = "(grad) "

    def __init__(
        self,
        trace: Record,
        *,
        names: Mapping[str, Any] | None = None,
        stdin: IO[str] | None = None,
        stdout: IO[str] | None = None,
    ):
        super().__init__(stdin=stdin, stdout=stdout)
        self.use_rawinput = stdin is None
        self.trace = trace
        self.walk = Position(trace)
        self.scope = Scope(self.walk, names)
        self.displayed: list[str] = []
        self.intro = f"{trace.summary}\n{self.walk.where()}\nhelp lists the commands; s is one step"
        shadowed = sorted(name for name in self.scope.names() if hasattr(self, f"do_{name}"))
        if shadowed:
            self.intro += f"; {', '.join(shadowed)} name both a command and a node: p {shadowed[0]} shows the node"

    @property
    def position(self) -> int:
        """How many steps of backward have happened."""
        return self.walk.number

    def _say(self, text: object) -> None:
        print(text, file=self.stdout)

    def _complain(self, text: object) -> None:
        self._say(f"*** {text}")

    # ------------------------------------------------------------ moving

    def do_s(self, arg: str) -> None:
        """s(tep) [N]: do one contribution (or N): local derivative times upstream gradient, added to an operand."""
        self.walk.next_step()
        last = self.walk.after(_count(arg))
        self._say_steps(last - 1)
        self._go(last)

    def do_rs(self, arg: str) -> None:
        """rs [N]: undo one contribution (or N)."""
        self._go(self.walk.before(_count(arg)))

    def do_n(self, arg: str) -> None:
        """n(ext): do all that the current node sends to its operands."""
        self._finish(self.walk.end_of_node())

    def do_rn(self, arg: str) -> None:
        """rn: undo back to before the node that sent last."""
        self._go(self.walk.start_of_node())

    def do_r(self, arg: str) -> None:
        """r(eturn) [layer]: finish the current neuron, or its whole layer; outside of neurons, the current node."""
        self._finish(self.walk.end_of_group(arg))

    def do_rr(self, arg: str) -> None:
        """rr [layer]: undo back to before the neuron, or the layer, that sent last."""
        self._go(self.walk.start_of_group(arg))

    def do_c(self, arg: str) -> None:
        """c(ontinue): go on to the next breakpoint, or to the end."""
        self._stop(*self.walk.next_stop())

    def do_rc(self, arg: str) -> None:
        """rc: go back to the previous breakpoint, or to the start."""
        self._stop(*self.walk.previous_stop())

    def do_unt(self, arg: str) -> None:
        """unt(il) [NODE]: go on until the gradient of NODE is complete, so that it sends next; without NODE, as n."""
        if arg:
            self._go(self.walk.completion(self.walk.node(arg)))
        else:
            self.do_n(arg)

    def do_j(self, arg: str) -> None:
        """j(ump) N: go to the position after step N, forward or back; 0 is the start."""
        if not (arg.isascii() and arg.isdigit()) or int(arg) > len(self.trace):
            raise ValueError(f"j takes a step from 0 to {len(self.trace)}, not {arg!r}")
        self._go(int(arg))

    def _go(self, number: int) -> None:
        """Go to a position, print the last step on the way, and show what is displayed."""
        back = number < self.position
        self.walk.go(number)
        if back:
            self._say(f"back to {number}/{len(self.trace)}")
            self._say(self.walk.where())
        elif number:
            self._say(repr(self.trace[number - 1]))
            self._say_if_done()
        self._display()

    def _finish(self, number: int) -> None:
        """Go to a position, and print each step on the way."""
        self._say_steps(number)
        self._display()
        self._say_if_done()

    def _stop(self, number: int, hit: Hit | None) -> None:
        self._go(number)
        if hit:
            item, wrong = hit
            self._say(f"breakpoint {item}")
            if wrong:
                self._complain(f"its condition failed: {wrong}")
            if item.temporary:
                self.walk.breakpoints.remove(item)

    def _say_steps(self, number: int) -> None:
        while self.position < number:
            self._say(repr(self.trace[self.position]))
            self.walk.go(self.position + 1)

    def _say_if_done(self) -> None:
        if self.walk.step is None:
            self._say(DONE)

    def _display(self) -> None:
        for expression in self.displayed:
            self._show(expression, lead=f"display {expression}: ")

    # ------------------------------------------------------------ breakpoints

    def do_b(self, arg: str) -> None:
        """b(reak) [WHERE]: stop after a step to node WHERE, or where a condition holds; without WHERE, list them.

        b x              a contribution to x
        b op==tanh       a node of this operation sends
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
            self._say(f"deleted breakpoint {item}")

    def do_condition(self, arg: str) -> None:
        """condition N [EXPRESSION]: let breakpoint N stop only where the expression holds; without one, always."""
        number, _, expression = arg.partition(" ")
        self._say(self.walk.breakpoints.set_condition(number, expression.strip()))

    def _set(self, arg: str, *, temporary: bool) -> None:
        if arg:
            self._say(self.walk.breakpoints.add(arg, temporary=temporary))
        else:
            none = "no breakpoints: b NODE, b op==tanh, b nan or b abs(grad)>10 sets one"
            self._say("\n".join(map(str, self.walk.breakpoints.items)) or none)

    # ------------------------------------------------------------ looking

    def do_w(self, arg: str) -> None:
        """w(here): the path from the current node to the result; u and d go along it."""
        path, grads = self.walk.path(), self.walk.grads()
        for i in reversed(range(len(path))):
            mark = ">" if i == min(self.walk.frame, len(path) - 1) else " "
            self._say(f"{mark} {path[i]}   grad {short(grads[path[i].index])}")

    def do_u(self, arg: str) -> None:
        """u(p): go one node towards the result along the path that w shows."""
        self.walk.up()
        self.do_w("")

    def do_d(self, arg: str) -> None:
        """d(own): go one node back along the path that w shows."""
        self.walk.down()
        self.do_w("")

    def do_l(self, arg: str) -> None:
        """l(ist) [N | all]: the steps around the current one, or step N; ll or `l all` lists every step."""
        middle = int(arg) - 1 if arg.isascii() and arg.isdigit() else self.position
        first, last = (0, len(self.trace)) if arg == "all" else (middle - 5, middle + 6)
        for i in range(max(0, first), min(len(self.trace), last)):
            self._say(("-> " if i == self.position else "   ") + repr(self.trace[i]))
        if self.walk.step is None:
            self._say(f"-> {DONE}")

    def do_p(self, arg: str) -> None:
        """p EXPRESSION: print its value, with the nodes' names in scope."""
        self._show(arg)

    def do_pp(self, arg: str) -> None:
        """pp EXPRESSION: pretty-print its value."""
        self._show(arg, how=pprint.pformat)

    def do_display(self, arg: str) -> None:
        """display [EXPRESSION]: print its value after every move; without one, show all."""
        if arg:
            check_expression(arg)
            self.displayed.append(arg)
            self._show(arg, lead=f"display {arg}: ")
        else:
            self._display()

    def do_undisplay(self, arg: str) -> None:
        """undisplay [EXPRESSION]: stop displaying it; without one, stop displaying all."""
        if arg and arg not in self.displayed:
            raise ValueError(f"{arg!r} is not displayed; display lists what is")
        self.displayed = [e for e in self.displayed if arg and e != arg]

    def do_why(self, arg: str) -> None:
        """why NODE [N]: the paths from it to the result, with the product of the local derivatives along each.

        The 20 (or N) largest are listed, and the others as one sum.
        """
        name, _, most = arg.rpartition(" ")
        if not (name and most.isascii() and most.isdigit()):
            name, most = arg, ""
        node = self.walk.node(name.strip()) if name else self.walk.current()
        self._say(Why(self.trace, node, _count(most) if most else PATHS))

    def do_forward(self, arg: str) -> None:
        """forward [NODE]: replay the forward pass with the numbers put in, as far as NODE."""
        node = self.walk.node(arg) if arg else self.trace.graph.root
        for other in self.trace.graph.nodes[: node.index + 1]:
            if other.formula:
                self._say(self.trace.forward_line(other))

    def do_tree(self, arg: str) -> None:
        """tree [NODE]: the operands below it, with gradients as they are now."""
        node = self.walk.node(arg) if arg else self.trace.graph.root
        self._say(tree_of(self.trace.graph, top=node, grads=self.walk.grads()))

    def do_svg(self, arg: str) -> None:
        """svg [FILE]: save the drawing as it is now, by default to step.svg."""
        path = with_suffix(arg or "step.svg", ".svg")
        write_whole(path, animate.still(self.trace, self.position).encode())
        self._say(f"saved {path}")

    def do_html(self, arg: str) -> None:
        """html [FILE]: save the interactive page, by default to page.html."""
        self._say(f"saved {page.save(self.trace, arg or 'page.html')}")

    # ------------------------------------------------------------ Python

    def default(self, line: str) -> Any:
        """Anything that is not a command is Python; exit() leaves the prompt, and not the session around it."""
        line = line.removeprefix("!").strip()
        try:
            value = self.scope.run(line)
            if value is not None:
                self._say(repr(value))
        except SystemExit:
            return self.do_q("")
        except Exception as error:
            self._complain(_one_line(error, line))
            return False
        for name in self.scope.overwritten():
            self._complain(f"{name} is a node of this trace: a record, which cannot be changed")
        return False

    def _show(self, expression: str, *, how: Any = repr, lead: str = "") -> None:
        if not expression:
            self._complain("give an expression, such as p x.grad")
            return
        try:
            self._say(lead + how(self.scope.value(expression)))
        except (Exception, SystemExit) as error:
            self._complain(lead + _one_line(error, expression))

    # ------------------------------------------------------------ cmd

    def do_q(self, arg: str) -> bool:
        """q(uit): leave the prompt; the graph is as it was."""
        return True

    def precmd(self, line: str) -> str:
        """Long names become short ones, and Python is marked with the ! that pdb knows."""
        match = re.match(r"\s*([A-Za-z_]\w*)", line)
        if match is None:
            return line
        name, rest = match[1], line[match.end() :]
        command = LONG.get(name, name)
        if rest.startswith("(") and name in ("p", "pp", "display") and name not in self.scope.names():
            rest = " " + rest  # p(x.grad), as people write it
        if not hasattr(self, f"do_{command.split()[0]}") or PYTHON_AFTER_NAME.match(rest):
            return f"!{line.strip()}"
        if command in ALONE and rest.strip():
            self._complain(f"{name} takes nothing after it; for Python put ! before the line")
            return "!None"
        return command + rest

    def onecmd(self, line: str) -> bool:
        """Run one command; an error is shown in one line, and the prompt goes on."""
        try:
            return bool(super().onecmd(line))
        except KeyboardInterrupt:
            self._say("--KeyboardInterrupt--")
        except Exception as error:
            self._complain(unwrapped(error))
        return False

    def cmdloop(self, intro: Any = None) -> None:
        """Prompt until q or the end of input; Ctrl-C gives a new prompt, as in pdb."""
        while True:
            try:
                return super().cmdloop(intro)
            except KeyboardInterrupt:
                self._say("\n--KeyboardInterrupt--")
                intro = self.intro = ""

    def emptyline(self) -> bool:
        """An empty line repeats the last command."""
        return self.onecmd(self.lastcmd) if self.lastcmd else False

    def do_help(self, arg: str) -> None:
        """help [COMMAND]: what a command does, or a line about each."""
        commands = [name for name in self.get_names() if name.startswith("do_")]
        docs = {name.removeprefix("do_"): inspect.getdoc(getattr(self, name)) or "" for name in commands}
        if not arg:
            for text in docs.values():
                self._say("  " + text.splitlines()[0])
            self._say("an empty line repeats the last command; anything else is Python, with the nodes' names in scope")
        elif LONG.get(arg, arg) in docs:
            self._say(docs[LONG.get(arg, arg)])
        else:
            raise ValueError(f"no command is called {arg!r}; help lists them")

    def completenames(self, text: str, *ignored: Any) -> list[str]:
        """Commands, and the nodes' names for Python."""
        return super().completenames(text, *ignored) + self.completedefault(text)

    def completedefault(self, text: str, *ignored: Any) -> list[str]:
        """The nodes' names, and after a dot a node's attributes."""
        owner, dot, start = text.rpartition(".")
        if dot and owner in self.scope.names():
            return [f"{owner}.{key}" for key in ("data", "grad", "name", "op") if key.startswith(start)]
        return sorted(name for name in self.scope.names() if name.startswith(text))


def _count(arg: str) -> int:
    if arg and not (arg.isascii() and arg.isdigit() and int(arg)):
        raise ValueError(f"a number of steps is 1 or more, not {arg!r}")
    return int(arg or 1)


def _one_line(error: BaseException, source: str) -> str:
    return traceback.format_exception_only(error)[-1].strip() + f"   (in {source!r})"


def debug(root: Any, *, names: Any = None) -> None:
    """Open the prompt on the backward of a Value. `names` are as in `views.snapshot.snapshot`; no Value is changed.

    All other variables in `names=vars()` are in scope for Python at the prompt.
    """
    trace = Record(root, names)
    Prompt(trace, names=names if isinstance(names, Mapping) else None).cmdloop()
