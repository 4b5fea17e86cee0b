"""Tables of what works: each case runs here and in the other core's process, and both give the same."""

from __future__ import annotations

import pytest


class Works:
    """A table of cases: `@case` enters a function, `@case.tests` makes a test of each."""

    def __init__(self):
        self.entered = []

    def __call__(self, function):
        self.entered.append(function)
        return function

    def tests(self, test):
        """The test, once for each case of the table."""
        return pytest.mark.parametrize("entered", self.entered, ids=lambda function: function.__name__)(test)


def raised(f, *args, **settings):
    """The kind and the words of the error that f raises."""
    with pytest.raises(Exception) as error:
        f(*args, **settings)
    # A class is called by its module too, since Python 3.13, where a slot is empty.
    return type(error.value).__name__, str(error.value).replace("'micrograd.engine.Value'", "'Value'")
