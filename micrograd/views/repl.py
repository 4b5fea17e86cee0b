"""The part of a prompt that knows no graphs: commands with long and short names, Python, help, and suggestions.

>>> import io
>>> from micrograd.views.repl import Repl
>>> class Counter(Repl):
...     def do_s(self, arg):
...         "s(tep): count one more."
...         self.say("one more")
...     def names(self):
...         return ["total"]
...     def python(self, line):
...         return str(eval(line))
>>> out = io.StringIO()
>>> Counter(stdin=io.StringIO("step\\n2 * 3\\nq\\n"), stdout=out).cmdloop()
>>> out.getvalue()
'(grad) one more\\n(grad) 6\\n(grad) '
"""

from __future__ import annotations

import cmd
import inspect
import re
import traceback
from collections.abc import Collection, Sequence
from typing import IO, Any

from micrograd.views.sentence import Line
from micrograd.views.terminal import for_stream
from micrograd.words import did_you_mean, printable, unwrapped

# Long names of commands; the short ones have the docstrings.
LONG = {"step": "s", "next": "n", "return": "r", "continue": "c", "cont": "c", "until": "unt", "jump": "j"}
LONG |= {"break": "b", "clear": "cl", "where": "w", "bt": "w", "up": "u", "down": "d", "list": "l", "print": "p"}
LONG |= {"quit": "q", "exit": "q", "h": "help", "ll": "l all", "restart": "j 0", "merge": "m"}

ALONE = ("n", "c", "m", "rn", "rc", "rm", "w", "u", "d", "q")

# `s = 3`, `b.grad` and `d * 2` are Python, though they begin like a command.
PYTHON_AFTER_NAME = re.compile(r"\s*=|[-+*/%@&|^<>.(\[]|\s+[-+*/%@&|^<>]=?\s")


class Repl(cmd.Cmd):
    """A prompt whose commands are its `do_` methods. A wrong command raises ValueError, which is shown in one line."""

    prompt = "(grad) "

    def __init__(self, *, stdin: IO[str] | None = None, stdout: IO[str] | None = None):
        super().__init__(stdin=stdin, stdout=stdout)
        self.use_rawinput = stdin is None

    def names(self) -> Collection[str]:
        """The names that Python knows here, for completion and suggestions."""
        raise NotImplementedError

    def python(self, line: str) -> str | None:
        """Run a line of Python; the text of its value, or None."""
        raise NotImplementedError

    def say(self, text: object) -> None:
        print(printable(text if isinstance(text, str) else str(text), self.stdout), file=self.stdout)

    def say_lines(self, lines: Sequence[Line]) -> None:
        """Print pieces of text, in colours if the terminal has them."""
        if lines:
            print(for_stream(lines, self.stdout), file=self.stdout)

    def complain(self, text: object) -> None:
        self.say(f"*** {text}")

    # ------------------------------------------------------------ lines

    def precmd(self, line: str) -> str:
        """Long names become short ones, and Python is marked with the ! that pdb knows."""
        if line == "EOF":
            self.say("")  # so that what comes after does not stand on the prompt's line
            return "q"
        match = re.match(r"\s*([A-Za-z_]\w*)", line)
        if match is None:
            return line
        name, rest = match[1], line[match.end() :]
        command = LONG.get(name, name)
        if rest.startswith("(") and name in ("p", "pp", "display") and name not in self.names():
            rest = " " + rest  # p(x.grad), as people write it
        if not hasattr(self, f"do_{command.split()[0]}") or PYTHON_AFTER_NAME.match(rest):
            return f"!{line.strip()}"
        if command in ALONE and rest.strip():
            self.complain(f"{name} takes nothing after it; for Python put ! before the line")
            return "!None"
        return command + rest

    def default(self, line: str) -> Any:
        """Anything that is not a command is Python; exit() leaves the prompt, and not the session around it."""
        line = line.removeprefix("!").strip()
        try:
            said = self.python(line)
            if said is not None:
                self.say(said)
        except SystemExit:
            return self.do_q("")
        except NameError as error:
            meant = did_you_mean(error.name or "", [*self._commands(), *LONG, *self.names()])
            self.complain(f"NameError: {error.args[0]}{meant}")
        except Exception as error:
            self.complain(one_line(error, line))
        return False

    def onecmd(self, line: str) -> bool:
        """Run one command; an error is shown in one line, and the prompt goes on."""
        try:
            return bool(super().onecmd(line))
        except KeyboardInterrupt:
            self.say("--KeyboardInterrupt--")
        except Exception as error:
            self.complain(unwrapped(error))
        return False

    def cmdloop(self, intro: Any = None) -> None:
        """Prompt until q or the end of input; Ctrl-C gives a new prompt, as in pdb."""
        while True:
            try:
                return super().cmdloop(intro)
            except KeyboardInterrupt:
                self.say("\n--KeyboardInterrupt--")
                intro = self.intro = ""

    def emptyline(self) -> bool:
        """An empty line repeats the last command."""
        return self.onecmd(self.lastcmd) if self.lastcmd else False

    def do_q(self, arg: str) -> bool:
        """q(uit): leave the prompt; the graph is as it was."""
        return True

    # ------------------------------------------------------------ help and completion

    def _commands(self) -> list[str]:
        """The commands, in the order of their definitions."""
        known = [name for kind in type(self).__mro__ if issubclass(kind, Repl) for name in vars(kind)]
        return [name.removeprefix("do_") for name in known if name.startswith("do_")]

    def do_help(self, arg: str) -> None:
        """help [COMMAND]: list the commands, or say what one does."""
        docs = {name: inspect.getdoc(getattr(self, f"do_{name}")) or "" for name in self._commands()}
        if not arg:
            for text in docs.values():
                self.say("  " + text.splitlines()[0])
            self.say("an empty line repeats the last command; anything else is Python: x.grad * 2")
        elif LONG.get(arg, arg).split()[0] in docs:
            self.say(docs[LONG.get(arg, arg).split()[0]])
        else:
            raise ValueError(f"no command is called {arg!r}{did_you_mean(arg, [*docs, *LONG])}; help lists them")

    def completenames(self, text: str, *ignored: Any) -> list[str]:
        """Commands, and the nodes' names for Python."""
        return super().completenames(text, *ignored) + self.completedefault(text)

    def completedefault(self, text: str, *ignored: Any) -> list[str]:
        """The nodes' names, and after a dot a node's attributes."""
        owner, dot, start = text.rpartition(".")
        if dot and owner in self.names():
            return [f"{owner}.{key}" for key in ("data", "grad", "name", "op") if key.startswith(start)]
        return sorted(name for name in self.names() if name.startswith(text))


def one_line(error: BaseException, source: str) -> str:
    """An error as Python says it, in one line, with the line that raised it."""
    return traceback.format_exception_only(error)[-1].strip() + f"   (in {source!r})"
