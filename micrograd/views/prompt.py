"""A prompt that speaks pdb, to walk through backward step by step, and back in time: `micrograd.debug(z)`.

    (grad) s            one contribution            (grad) rs     back one contribution
    (grad) n            finish this node            (grad) rn     back to before this node
    (grad) r            finish this neuron or layer (grad) rc     back to the breakpoint before
    (grad) c            to the next breakpoint      (grad) j 7    to step 7
    (grad) b x          stop when x receives        (grad) why x  all paths from x to the result

`help` lists all. Anything that is no command is Python, with the nodes' names in scope: `x.grad * 2`.
"""

from __future__ import annotations

import inspect
import pprint
import re
import traceback
from collections.abc import Mapping
from typing import IO, Any

from micrograd.files import write_whole
from micrograd.views import animate, page
from micrograd.views.breakpoints import Seen, check_expression
from micrograd.views.draw import with_suffix
from micrograd.views.moves import DONE, Walk
from micrograd.views.record import Record
from micrograd.views.snapshot import CONSTANT_NUMBER, Node, short
from micrograd.views.tree import tree_of
from micrograd.views.why import Why

# Long names of commands; what each does stands with the short one.
LONG = {"step": "s", "next": "n", "return": "r", "continue": "c", "cont": "c", "until": "unt", "jump": "j"}
LONG |= {"break": "b", "clear": "cl", "where": "w", "bt": "w", "up": "u", "down": "d", "list": "l", "print": "p"}
LONG |= {"quit": "q", "exit": "q", "EOF": "q", "h": "help", "ll": "l all", "restart": "j 0"}

ALONE = ("n", "c", "rn", "rc", "w", "u", "d", "q")

# `s = 3`, `b.grad` and `d * 2` are Python, though they begin like a command.
PYTHON_AFTER_NAME = re.compile(r"\s*=|[-+*/%@&|^<>.(\[]|\s+[-+*/%@&|^<>]=?\s")


class Prompt(Walk):
    """The prompt on a trace: how it moves is in moves.py, what it shows is here."""

    def __init__(
        self,
        trace: Record,
        *,
        names: Mapping[str, Any] | None = None,
        stdin: IO[str] | None = None,
        stdout: IO[str] | None = None,
    ):
        super().__init__(trace, stdin=stdin, stdout=stdout)
        self.displayed: list[str] = []
        self._given = dict(names or {})
        self._scope: dict[str, Any] = {**self._given, "node": self._seen_at}
        commands = {name.removeprefix("do_") for name in self.get_names() if name.startswith("do_")}
        shadowed = sorted(name for name in self._names() if name in commands)
        if shadowed:
            self.intro = (
                f"{self.intro}; {', '.join(shadowed)} name both a command and a node: p {shadowed[0]} shows the node"
            )

    def _seen_at(self, index: int) -> Seen:
        return Seen(self.trace.graph.nodes[index], self.trace.grads(self.position)[index])

    def moved(self) -> None:
        for expression in self.displayed:
            self._show(expression, lead=f"display {expression}: ")

    # ------------------------------------------------------------ breakpoints

    def do_b(self, arg: str) -> None:
        """b(reak) [WHERE]: stop after a step to node WHERE, or where a condition on the step holds; alone, list them.

        b x              a contribution to x
        b op==tanh       a node of this operation sends
        b nan            a nan or an inf appears
        b abs(grad)>10   any Python on: op, name, sender, data, local, upstream, contribution, grad,
                         and on nodes as they are after the step: x.grad > 1
        """
        self._set(arg, temporary=False)

    def do_tbreak(self, arg: str) -> None:
        """tbreak WHERE: a breakpoint that stops once."""
        self._set(arg, temporary=True)

    def do_cl(self, arg: str) -> None:
        """cl(ear) [N]: delete breakpoint N, or all of them."""
        items = [self.breakpoints.get(arg)] if arg else list(self.breakpoints.items)
        for item in items:
            self.breakpoints.remove(item)
            self._say(f"deleted breakpoint {item}")

    def do_condition(self, arg: str) -> None:
        """condition N [EXPRESSION]: let breakpoint N stop only where the expression holds; alone, always."""
        number, _, expression = arg.partition(" ")
        self._say(self.breakpoints.set_condition(number, expression.strip()))

    def _set(self, arg: str, *, temporary: bool) -> None:
        if arg:
            self._say(self.breakpoints.add(arg, temporary=temporary))
        else:
            none = "no breakpoints: b NODE, b op==tanh, b nan or b abs(grad)>10 sets one"
            self._say("\n".join(map(str, self.breakpoints.items)) or none)

    # ------------------------------------------------------------ looking

    def _current(self) -> Node:
        """The node chosen by u and d: the one that sends next, or one further on its way to the result."""
        path = self._path()
        return path[min(self.frame, len(path) - 1)]

    def _path(self) -> list[Node]:
        """From the node that sends next to the result, by the first use of each."""
        step = self.step or self.trace[-1] if len(self.trace) else None
        nodes = self.trace.graph.nodes
        path = [nodes[step.sender] if step else self.trace.graph.root]
        uses = {s.receiver: s.sender for s in reversed(self.trace.steps)}
        while path[-1].index in uses:
            path.append(nodes[uses[path[-1].index]])
        return path

    def do_w(self, arg: str) -> None:
        """w(here): the path from the current node to the result; u and d go along it."""
        path = self._path()
        grads = self.trace.grads(self.position)
        for i in reversed(range(len(path))):
            mark = ">" if i == min(self.frame, len(path) - 1) else " "
            self._say(f"{mark} {path[i]}   grad {short(grads[path[i].index])}")

    def do_u(self, arg: str) -> None:
        """u(p): go one node towards the result along the path that w shows."""
        if self.frame + 1 >= len(self._path()):
            raise ValueError("this is the result")
        self.frame += 1
        self.do_w("")

    def do_d(self, arg: str) -> None:
        """d(own): go one node back along the path that w shows."""
        if self.frame == 0:
            raise ValueError("this is the node that sends next; u goes towards the result")
        self.frame -= 1
        self.do_w("")

    def do_l(self, arg: str) -> None:
        """l(ist) [N | all]: the steps around the current one, or step N; ll or `l all` lists every step."""
        middle = int(arg) - 1 if arg.isascii() and arg.isdigit() else self.position
        first, last = (0, len(self.trace)) if arg == "all" else (middle - 5, middle + 6)
        for i in range(max(0, first), min(len(self.trace), last)):
            self._say(("-> " if i == self.position else "   ") + repr(self.trace[i]))
        if self.step is None:
            self._say(f"-> {DONE}")

    def do_p(self, arg: str) -> None:
        """p EXPRESSION: print its value, with the nodes' names in scope."""
        self._show(arg)

    def do_pp(self, arg: str) -> None:
        """pp EXPRESSION: pretty-print its value."""
        self._show(arg, how=pprint.pformat)

    def do_display(self, arg: str) -> None:
        """display [EXPRESSION]: print its value after every move; alone, list what is displayed."""
        if arg:
            check_expression(arg)
            self.displayed.append(arg)
        for expression in [arg] if arg else self.displayed:
            self._show(expression, lead=f"display {expression}: ")

    def do_undisplay(self, arg: str) -> None:
        """undisplay [EXPRESSION]: no longer display it, or anything."""
        if arg and arg not in self.displayed:
            raise ValueError(f"{arg!r} is not displayed; display lists what is")
        self.displayed = [e for e in self.displayed if arg and e != arg]

    def do_why(self, arg: str) -> None:
        """why NODE: every path from it to the result, with the product of the local derivatives along each."""
        node = self._node(arg) if arg else self._current()
        self._say(Why(self.trace, node, 50))

    def do_forward(self, arg: str) -> None:
        """forward [NODE]: replay the forward pass with the numbers put in, as far as NODE."""
        node = self._node(arg) if arg else self.trace.graph.root
        for other in self.trace.graph.nodes[: node.index + 1]:
            if other.formula:
                self._say(self.trace.forward_line(other))

    def do_tree(self, arg: str) -> None:
        """tree [NODE]: the operands below it, with gradients as they are now."""
        node = self._node(arg) if arg else self.trace.graph.root
        self._say(tree_of(self.trace.graph, top=node, grads=self.trace.grads(self.position)))

    def do_svg(self, arg: str) -> None:
        """svg [FILE]: save the drawing as it is now, by default to step.svg."""
        path = with_suffix(arg or "step.svg", ".svg")
        write_whole(path, animate.still(self.trace, self.position).encode())
        self._say(f"saved {path}")

    def do_html(self, arg: str) -> None:
        """html [FILE]: save the interactive page, by default to page.html."""
        self._say(f"saved {page.save(self.trace, arg or 'page.html')}")

    # ------------------------------------------------------------ Python

    def default(self, line: str) -> None:
        """Anything that is no command is Python."""
        line = line.removeprefix("!").strip()
        here = self._names()
        self._scope.update(here)
        try:
            source = self._python(line)
            is_expression = _is_expression(source)
            value = eval(compile(source, "<prompt>", "eval" if is_expression else "exec"), self._scope)
            if is_expression and value is not None:
                self._say(repr(value))
        except (Exception, SystemExit) as error:
            self._complain(_one_line(error, line))
            return
        for name, seen in here.items():
            if isinstance(seen, Seen) and self._scope.get(name) is not seen:
                self._complain(f"{name} is a node of this trace, a record: it stays what it was")

    def _show(self, expression: str, *, how: Any = repr, lead: str = "") -> None:
        if not expression:
            self._complain("give an expression, such as p x.grad")
            return
        try:
            self._say(lead + how(eval(self._python(expression), {**self._scope, **self._names()})))
        except (Exception, SystemExit) as error:
            self._complain(lead + _one_line(error, expression))

    def _names(self) -> dict[str, Any]:
        """What names stand for at this position: the nodes' own, and the user's names for Values of this graph."""
        graph, grads = self.trace.graph, self.trace.grads(self.position)
        seen = {n.name: Seen(n, grads[n.index]) for n in graph.nodes if n.kind != CONSTANT_NUMBER}
        by_value = {id(node.value): seen[node.name] for node in graph.nodes if node.kind != CONSTANT_NUMBER}

        aliases: dict[str, Any] = {}
        for name, thing in self._given.items():
            if id(thing) in by_value:
                aliases[name] = by_value[id(thing)]
            elif isinstance(thing, (list, tuple)) and any(id(x) in by_value for x in thing):
                aliases[name] = [by_value.get(id(x), x) for x in thing]
        return {**aliases, **seen}

    def _python(self, source: str) -> str:
        """Python in which a node such as layers.0.neurons.1.b may be named, though no variable could be."""
        for node in self.trace.graph.nodes:
            if "." in node.name and node.name in source:
                source = re.sub(rf"(?<![\w.]){re.escape(node.name)}(?!\w)", f"node({node.index})", source)
        return source

    # ------------------------------------------------------------ cmd

    def do_q(self, arg: str) -> bool:
        """q(uit): leave the prompt; the graph is as it was."""
        return True

    def precmd(self, line: str) -> str:
        """Long names become short ones, and what is Python is marked with the ! that pdb knows."""
        match = re.match(r"\s*([A-Za-z_]\w*)", line)
        if match is None:
            return line
        name, rest = match[1], line[match.end() :]
        command = LONG.get(name, name)
        if rest.startswith("(") and name in ("p", "pp", "display") and name not in self._names():
            rest = " " + rest  # p(x.grad), as people write it
        if not hasattr(self, f"do_{command.split()[0]}") or PYTHON_AFTER_NAME.match(rest):
            return f"!{line.strip()}"
        if command in ALONE and rest.strip():
            self._complain(f"{name} takes nothing after it; for Python put ! before the line")
            return "!None"
        return command + rest

    def onecmd(self, line: str) -> bool:
        """Run one command; what is wrong with it is said in a line, and the prompt goes on."""
        try:
            return bool(super().onecmd(line))
        except KeyboardInterrupt:
            self._say("--KeyboardInterrupt--")
        except Exception as error:
            self._complain(" ".join(str(error).split()))
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
        """The nodes' names, and after a dot what is known of a node."""
        owner, dot, start = text.rpartition(".")
        if dot and owner in self._names():
            return [f"{owner}.{key}" for key in ("data", "grad", "name", "op") if key.startswith(start)]
        return sorted(name for name in self._names() if name.startswith(text))


def _is_expression(line: str) -> bool:
    try:
        compile(line, "<prompt>", "eval")
    except SyntaxError:
        return False
    return True


def _one_line(error: BaseException, source: str) -> str:
    return traceback.format_exception_only(error)[-1].strip() + f"   (in {source!r})"


def debug(root: Any, *, names: Any = None) -> None:
    """Open the prompt on the backward of a Value. `names` are as in `views.snapshot.snapshot`; nothing is changed.

    The other things that `names=vars()` holds are in scope for Python at the prompt.
    """
    trace = Record(root, names)
    Prompt(trace, names=names if isinstance(names, Mapping) else None).cmdloop()
