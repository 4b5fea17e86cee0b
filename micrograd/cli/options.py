"""From an option's text to its value: the types that argparse calls, and their error messages."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable


def _between(text: str, least: int, most: int) -> int:
    try:
        n = int(text) if text.strip().isascii() and "_" not in text else None
    except ValueError:  # not a number, or one of thousands of digits
        n = None
    if n is None or not least <= n <= most:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number from {least} to {most:,}")
    return n


def whole(text: str) -> int:
    return _between(text, 1, 10**9)


def seed(text: str) -> int:
    return _between(text, 0, 2**32 - 1)  # the seeds that scikit-learn's data sets accept


def sizes(text: str) -> list[int]:
    if text.strip() == "none":
        return []
    try:
        return [whole(part) for part in text.split(",")]
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}; write hidden layers as 16,16 or none") from None


def _number(text: str, is_right: Callable[[float], bool], what: str) -> float:
    try:
        x = float(text)
    except ValueError:
        x = math.nan
    if not is_right(x):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a {what}")
    return x


def rate(text: str) -> float:
    return _number(text, lambda x: 0 < x < math.inf, "number above 0")


def decay(text: str) -> float:
    return _number(text, lambda x: 0 <= x < math.inf, "number of at least 0")


def fraction(text: str) -> float:
    return _number(text, lambda x: 0 <= x < 1, "fraction, from 0 to below 1")


def activation(text: str) -> str:
    from micrograd.cli.recipe import check_activation

    try:
        return check_activation(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
