"""Run somebody's code for so long and no longer: `limited(function, 10.0)`.

>>> from micrograd.foreign.limited import limited
>>> limited(lambda: 1 + 1, 10.0)
2
>>> def forever():
...     while True:
...         pass
>>> limited(forever, 0.1)
Traceback (most recent call last):
  ...
TimeoutError: it did not end within 0.1 seconds
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
import threading
from collections.abc import Callable
from typing import Any

from micrograd.locks import begin


def limited(function: Callable[[], Any], seconds: float, *, strict: bool = False) -> Any:
    """What the function returns or raises; TimeoutError where it takes longer, with the traceback of where it was.

    NumPy's numbers give nan or inf where Python's raise ZeroDivisionError or OverflowError, and warn. Here they do so
    without a word, or raise FloatingPointError, which is an ArithmeticError as Python's are, with `strict=True`.

    It runs in a thread of its own, in which Python can raise an error from outside. Code that is not Python, or that
    catches every error, is left behind in its thread, which does not keep the program from ending.
    """
    result: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            with _numpy(strict):
                result.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="check_engine", daemon=True)
    if not begin(thread):
        raise RuntimeError("no thread can be started to check the engine in: too many run, or Python is ending")
    thread.join(seconds)
    late = thread.is_alive()
    if late:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(TimeoutError))
        thread.join(1.0)
    if late:
        raise TimeoutError(f"it did not end within {seconds:g} seconds").with_traceback(
            errors[0].__traceback__ if errors else None
        )
    if errors:
        raise errors[0]
    return result[0]


def _numpy(strict: bool) -> contextlib.AbstractContextManager[Any]:
    """What NumPy does where a number is not finite; nothing has to be done where nobody has loaded it."""
    errstate: Any = getattr(sys.modules.get("numpy"), "errstate", None)  # None while another thread is importing it
    if errstate is None:
        return contextlib.nullcontext()
    if strict:
        return errstate(divide="raise", over="raise", invalid="raise", under="ignore")
    return errstate(all="ignore")
