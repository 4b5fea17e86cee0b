"""Find the line of somebody's code that a finding is about: `engine.py:31:  self.grad = other.data * out.grad`.

>>> from micrograd.foreign.source import Line
>>> Line("engine.py", 31, "self.grad = other.data * out.grad")
engine.py:31:  self.grad = other.data * out.grad
"""

from __future__ import annotations

import ast
import inspect
import linecache
import os
import sys
import textwrap
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from types import CodeType, TracebackType
from typing import Any


@dataclass(frozen=True)
class Line:
    """A line of code: its file's name, its number, and its text, which is empty where the file cannot be read."""

    file: str
    number: int
    text: str

    def __repr__(self) -> str:
        return f"{self.file}:{self.number}" + (f":  {self.text}" if self.text else "")


def line_at(path: str, number: int) -> Line:
    return Line(_cell(path) or os.path.basename(path) or path, number, linecache.getline(path, number).strip())


def _cell(path: str) -> str:
    """A notebook's cell as its reader knows it, `In[3]`; empty for what is not a cell."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    named = getattr(getattr(shell, "compile", None), "format_code_name", lambda path: None)(path)
    return named[1] if named else ""


def code_of(function: Any) -> CodeType | None:
    """The code of a function or a method; None for what is not written in Python."""
    function = inspect.unwrap(function) if callable(function) else function
    found = getattr(function, "__code__", None)
    return found if isinstance(found, CodeType) else None


def first_line(function: Any) -> Line | None:
    """The line where a function begins."""
    code = code_of(function)
    return code and line_at(code.co_filename, code.co_firstlineno)


def statements(function: Any) -> Iterator[tuple[ast.AST, Line]]:
    """Each part of a function's syntax, with the line it is on; nothing where the source cannot be found."""
    code = code_of(function)
    try:
        source = textwrap.dedent(inspect.getsource(code)) if code else ""
        tree = ast.parse(source)
    except (OSError, SyntaxError, TypeError):
        return
    for node in ast.walk(tree):
        if code and isinstance(node, (ast.stmt, ast.expr)):
            yield node, line_at(code.co_filename, code.co_firstlineno + node.lineno - 1)


def line_of_setting(function: Any, name: str) -> Line | None:
    """The first line of a function that sets an attribute of this name; or where the function begins."""

    def sets(node: ast.AST) -> bool:
        return isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr == name

    return _first(function, sets) or first_line(function)


def line_of_gap(function: Any) -> Line | None:
    """The first line of a function where `...` stands for what is still to be written."""
    return _first(function, lambda node: isinstance(node, ast.Constant) and node.value is ...)


def sets_grad(node: ast.AST, variables: Container[str] | None = None) -> bool:
    """Whether this statement changes the `grad` of one of these variables, or of any."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
    return any(
        isinstance(x, ast.Attribute)
        and x.attr == "grad"
        and (variables is None or (isinstance(x.value, ast.Name) and x.value.id in variables))
        for x in targets
    )


def line_of_grad(step: Any, variables: Container[str], *, plain: bool = False) -> Line | None:
    """The line of a step of backward that changes the gradient of one of these variables.

    `plain=True` prefers a plain assignment, `x.grad = ...`, to `x.grad += ...`.
    """
    changes = [(node, line) for node, line in statements(step) if sets_grad(node)]
    found = [(node, line) for node, line in changes if sets_grad(node, variables)] or changes
    found.sort(key=lambda pair: (plain and not isinstance(pair[0], ast.Assign), pair[1].number))
    return found[0][1] if found else first_line(step)


def set_first(step: Any, variables: list[str]) -> list[str]:
    """The same variables, those first whose gradient a plain assignment sets: `x.grad = ...`."""
    assigned = [node for node, _ in statements(step) if isinstance(node, ast.Assign)]
    return sorted(variables, key=lambda name: not any(sets_grad(node, [name]) for node in assigned))


def line_of_making(method: Any, names: Container[str]) -> Line | None:
    """The line of a method with a call of the class with operands; None where another method makes its result."""

    def makes(node: ast.AST) -> bool:
        if not isinstance(node, ast.Call):
            return False
        called = node.func
        name = called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
        return name in names and len(node.args) + len(node.keywords) > 1

    return _first(method, makes)


def line_of_return(method: Any) -> Line | None:
    """The line of a method's `return`, its first; or where it begins."""
    return _first(method, lambda node: isinstance(node, ast.Return)) or first_line(method)


def line_of_result(method: Any, names: Container[str]) -> Line | None:
    """The line of a method that makes its result: a call of the class with operands, or its `return`."""
    return line_of_making(method, names) or line_of_return(method)


def line_of_loop(backward: Any, does: Callable[[ast.AST], bool]) -> Line | None:
    """The line of backward with the loop in which something is done; or the line where it is done."""

    def loops(node: ast.AST) -> bool:
        return isinstance(node, (ast.For, ast.While)) and any(map(does, ast.walk(node)))

    return _first(backward, loops) or _first(backward, does) or first_line(backward)


def _first(function: Any, wanted: Callable[[ast.AST], bool]) -> Line | None:
    return min(
        (line for node, line in statements(function) if wanted(node)), key=lambda line: line.number, default=None
    )


def calls(name: str) -> Callable[[ast.AST], bool]:
    """Whether a piece of syntax calls something of this name: `node._backward()`."""
    return lambda node: isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == name


def files_of(kind: type) -> frozenset[str]:
    """The files in which a class's own methods are written; several where it was written in a notebook's cells."""
    found = [code_of(x) for base in kind.__mro__ if base is not object for x in vars(base).values()]
    return frozenset(code.co_filename for code in found if code)


def line_of_error(error: BaseException, files: Container[str]) -> Line | None:
    """The innermost line of these files that an error passed through; of endless calls, the line that calls again."""
    found: list[tuple[str, int]] = []
    at = error.__traceback__
    while isinstance(at, TracebackType):
        if at.tb_frame.f_code.co_filename in files:
            found.append((at.tb_frame.f_code.co_filename, at.tb_lineno))
        at = at.tb_next
    if not found:
        return None
    return line_at(*(max(set(found), key=found.count) if isinstance(error, RecursionError) else found[-1]))
