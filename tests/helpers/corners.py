"""Numbers at which operations fail, overflow, round or choose, and numbers of all kinds at random."""

from __future__ import annotations

import math
import struct

_PLACES = [5e-324, 2.2250738585072014e-308, 1e-300, 1e-17, 0.1, 0.5, 1.0, 1.5, 2.0, 3.0, 1e17, 1e308, math.inf]
_PLACES += [709.782712893384, math.nextafter(709.782712893384, math.inf), 745.2, 800.0]
_PLACES += [710.4758600739439, math.nextafter(710.4758600739439, math.inf), math.nextafter(1.0, 0.0)]
CORNERS = [math.nan, 0.0, -0.0, *(sign * x for x in _PLACES for sign in (1.0, -1.0))]


def any_float(rng):
    """A float of any size and kind, each pattern of bits as likely as every other."""
    return struct.unpack("d", rng.randbytes(8))[0]


def hexed(numbers):
    """Numbers as exact text, the sign of 0.0 included; all nans are one."""
    return [float(x).hex() for x in numbers]
