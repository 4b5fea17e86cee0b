"""What to do about an error that somebody's code raised, where its own message does not say it to a learner.

>>> from micrograd.foreign.advice import advice_for
>>> class Value:
...     def __init__(self, data):
...         self.data = data
>>> try:
...     Value(2.0) + Value(3.0)
... except TypeError as error:
...     advice_for(error, Value, "x + y", "__add__")
'Value has no __add__ yet: Python calls it for x + y'
"""

from __future__ import annotations

import re
import traceback

from micrograd.words import unwrapped

LATEST = 60  # calls before an endless recursion was stopped: enough to see who calls whom
GAP = "there is still a gap, `...`, where your code belongs"

# What an error's message says, and what to do about it. A method is named where the message has it in a group.
MEANINGS: tuple[tuple[str, str], ...] = (
    (r"'?[Ee]llipsis'?", GAP),
    (
        r"'(?:int|float)' object has no attribute 'data'",
        "a plain number has no .data; where a number may stand beside a Value, make it a Value first: "
        "other = other if isinstance(other, Value) else Value(other)",
    ),
    (
        r"'(?:int|float)' object has no attribute '(?:grad|_prev|_backward)'",
        "a plain number is among the operands: keep the Values themselves there, (self, other), not their .data",
    ),
    (
        r"'NoneType' object has no attribute 'data'|'NoneType' and|and 'NoneType'",
        "a method gave None: its last line is return, with the new Value",
    ),
    (
        r"'NoneType' object is not callable",
        "_backward is None: write out._backward = _backward, without (), which would call it at once",
    ),
    (r"unsupported operand .*: '(?:int|float)' and '\w+'|must be real number, not \w*Value", "{number}"),
    (r"unsupported operand .*: '\w+' and '(?:int|float)'", "{number}"),
    (
        r"\w+\(\) takes no arguments",
        "it has no __init__ that takes the number: is it spelled with two underscores on either side?",
    ),
    (
        r"takes \d+ positional arguments? but \d+ were given",
        "the first parameter of a method is self; after self come the others, as in def __add__(self, other)",
    ),
    (r"maximum recursion depth exceeded", "compute with the numbers, self.data: with self, the method calls itself"),
)
NUMBER = "a number and a Value are put together there: take the number out of each Value, self.data and other.data"


def named(error: BaseException) -> str:
    """An error as one line: `TypeError: Value() takes no arguments`."""
    return f"{type(error).__name__}: {unwrapped(error)}" if str(error) else type(error).__name__


def advice_for(error: BaseException, kind: type, form: str = "", method: str = "") -> str:
    """What to do about an error that `form`, such as `x + y`, raised, for which Python calls a method of their class;
    empty where the error's own message says it.
    """
    said = str(error)
    if isinstance(error, RecursionError) and method == "backward":
        return _of_endless_backward(error)
    if isinstance(error, RecursionError) and method.startswith("__r"):
        return f"other is a plain number there, so Python calls {method} again: make it a Value first, Value(other)"
    if isinstance(error, TypeError) and re.search("unsupported operand|bad operand", said):
        lacks = method_of(form) or method
        if lacks and not hasattr(kind, lacks):
            is_reflected = lacks.startswith("__r")
            why = ", because the number on the left does not know what a Value is" if is_reflected else ""
            return f"{kind.__name__} has no {lacks} yet: Python calls it for {form}{why}"
    for pattern, advice in MEANINGS:
        if re.search(pattern, said):
            return advice.replace("{number}", NUMBER)
    return ""


def _of_endless_backward(error: RecursionError) -> str:
    """Why backward does not end: it calls itself for each value, or the function that it orders values with does."""
    latest = [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)][-LATEST:]
    name = max(set(latest), key=latest.count)
    if "backward" in latest or not name.isidentifier():
        return "call v._backward(), the step of one value: v.backward() goes through its whole graph again"
    return f"{name} calls itself without end: call it for each operand of v, and leave out the values visited before"


OPERATORS = {"+": "add", "-": "sub", "*": "mul", "/": "truediv", "**": "pow"}


def method_of(form: str) -> str:
    """The method that Python calls for an expression: `__add__` for `x + y`, `__rmul__` for `2 * x`."""
    if form.startswith("sum("):
        return "__radd__"
    if re.fullmatch(r"-\w+", form):
        return "__neg__"
    found = re.fullmatch(r"([\w.]+) ?(\*\*|[-+*/]) ?-?[\w.]+", form)
    if not found:
        return ""
    is_number = found[1][0].isdigit()
    return f"__{'r' if is_number else ''}{OPERATORS[found[2]]}__"
