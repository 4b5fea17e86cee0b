"""Step through forward and backward, back in time too: `t = trace(z)`, `t[3]`, `t.why(x)`, `t.debug()`.

    >>> from micrograd import Value
    >>> from micrograd.views.trace import trace
    >>> x, y = Value(2.0, label="x"), Value(-4.0, label="y")
    >>> s = x + y
    >>> z = x / s
    >>> trace(z, names={"s": s, "z": z})[2]
    [3/4] ∂s/∂x = 1; times s.grad: 1 × (-0.5) = -0.5
          x.grad = -0.5 from z + (-0.5) from s = -1

Everything is recorded once, by running the engine's own backward, and replayed when you look at it. The Values' own
`grad` are put back, and do not change until `t.apply()`.
"""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from micrograd.engine import Value
from micrograd.views import animate, page
from micrograd.views.prompt import Prompt
from micrograd.views.record import Record, Step
from micrograd.views.why import PATHS, Why

__all__ = ["Record", "Step", "Trace", "Why", "trace"]


class Trace(Record):
    """The record of one forward and backward, with all its views: `t[i]` is step i of backward.

    At position p the first p steps have happened; `t.grads(p)` are the gradients then.
    """

    def why(self, which: Value | str | int, *, limit: int = PATHS) -> Why:
        """Why a node's gradient is what it is: the paths to the result, with the products of their local derivatives.

        The `limit` largest are listed; the others stand as one sum.
        """
        return Why(self, self.graph.node(which), limit)

    def svg(
        self,
        step: int | None = None,
        *,
        rankdir: str = "LR",
        fold: str = "auto",
        derivatives: bool | None = None,
        theme: str = "auto",
    ) -> str:
        """The drawing after some steps of backward (all by default), as the text of an SVG, its edge lit.

        The settings are as in `draw_dot`; small graphs have their local derivatives on the edges.
        """
        step = len(self) if step is None else step
        return animate.still(self, step, rankdir=rankdir, fold=fold, derivatives=derivatives, theme=theme)

    def animate(
        self,
        path: str | os.PathLike[str],
        *,
        seconds: float = 1.5,
        rankdir: str = "LR",
        fold: str = "auto",
        derivatives: bool | None = None,
        theme: str = "auto",
    ) -> Path:
        """Save an SVG that plays the steps by itself, `seconds` each; settings as for `svg`.

        For readers who ask for less motion it shows the last step.
        """
        return animate.save(
            self, path, seconds=seconds, rankdir=rankdir, fold=fold, derivatives=derivatives, theme=theme
        )

    def html(self, path: str | os.PathLike[str], *, fold: str = "auto") -> Path:
        """Save the interactive page of this trace: one file, which needs no network; `fold` as in `explain`."""
        return page.save(self, path, fold=fold)

    def _repr_html_(self) -> str:
        """In a notebook: the page, in place; of a very large graph, the text alone."""
        if self.size > page.MAX_INLINE:
            return f"<pre>{html.escape(repr(self))}</pre>"
        return page.Page(self)._repr_html_()

    def debug(
        self,
        *,
        names: Mapping[str, Any] | None = None,
        forward: bool = False,
        stdin: IO[str] | None = None,
        stdout: IO[str] | None = None,
    ) -> None:
        """Open the prompt, which speaks pdb, on this trace: at the start of backward, or with `forward` before it.

        `names` are other variables in scope for Python there; `stdin` and `stdout` take the place of the terminal.
        """
        Prompt(self, names=names, forward=forward, stdin=stdin, stdout=stdout).cmdloop()


def trace(root: Any, *, names: Any = None) -> Trace:
    """Record forward and backward of the graph behind a Value; `names` as in `micrograd.views.snapshot.snapshot`.

    Raises the same error as backward where a derivative does not exist. The graph is not changed.
    """
    return Trace(root, names)
