"""Numbers as people read them: `quantity(1.7e-05)` is `17 µs`, `ratio(14.66)` is `15`; and `say(text)` tells progress.

>>> quantity(1.7e-05), quantity(0.00123), quantity(25.0), quantity(144, "bytes")
('17 µs', '1.2 ms', '25 s', '144 bytes')
>>> ratio(14.66), ratio(0.618), ratio(3712.0), ratio(0.996)
('15', '0.62', '3,700', '1.0')
"""

from __future__ import annotations

import sys
import time
from math import floor, log10

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def significant(x: float, digits: int = 2) -> str:
    """`x` with so many significant digits, and commas between thousands."""
    if not x:
        return "0"
    places = digits - 1 - floor(log10(abs(float(f"{x:.{digits - 1}e}"))))
    return f"{round(x, places):,.{max(places, 0)}f}"


def quantity(x: float, unit: str = "s", digits: int = 2) -> str:
    """Seconds in the unit that suits them; what is not seconds is a count."""
    if unit != "s":
        return f"{x:,.0f} {unit}"
    x = float(significant(x, digits).replace(",", ""))
    size, name = next((pair for pair in UNITS if x >= pair[0] * 0.9999), UNITS[-1])
    return f"{significant(x / size, digits)} {name}"


def ratio(x: float) -> str:
    return significant(x)


def say(text: str) -> None:
    """A line of progress, with the time, on standard error: standard output is for what was measured."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)
