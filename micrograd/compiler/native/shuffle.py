"""Python's own `random.Random(seed).shuffle(list(range(n)))`, in native code: the same generator, the same order.

The generator is the Mersenne Twister (Matsumoto and Nishimura 1998), whose 624 words and place among them
`random.getstate()` gives; an index below n is drawn as `random` draws it, from as many bits as n has, again while it
is too large. So an epoch that native code shuffles visits the rows as `data.batches` does.
"""

from __future__ import annotations

import array
import random
from typing import Any

WORDS = 624  # and one more number: how many of them are used up

IR = """
define internal void @regenerate(ptr %state) {
entry:
  br label %each
each:
  %i = phi i64 [0, %entry], [%next, %each]
  %next = add i64 %i, 1
  %wraps = icmp eq i64 %next, 624
  %after = select i1 %wraps, i64 0, i64 %next
  %far = add i64 %i, 397
  %far.wraps = icmp uge i64 %far, 624
  %far.less = sub i64 %far, 624
  %ahead = select i1 %far.wraps, i64 %far.less, i64 %far
  %p = getelementptr i32, ptr %state, i64 %i
  %p.after = getelementptr i32, ptr %state, i64 %after
  %p.ahead = getelementptr i32, ptr %state, i64 %ahead
  %here = load i32, ptr %p
  %there = load i32, ptr %p.after
  %other = load i32, ptr %p.ahead
  %high = and i32 %here, 2147483648
  %low = and i32 %there, 2147483647
  %y = or i32 %high, %low
  %half = lshr i32 %y, 1
  %odd = trunc i32 %y to i1
  %twist = select i1 %odd, i32 2567483615, i32 0
  %mixed = xor i32 %other, %half
  %new = xor i32 %mixed, %twist
  store i32 %new, ptr %p
  br i1 %wraps, label %end, label %each
end:
  %p.used = getelementptr i32, ptr %state, i64 624
  store i32 0, ptr %p.used
  ret void
}

define internal i32 @random_bits(ptr %state) {
entry:
  %p.used = getelementptr i32, ptr %state, i64 624
  %before = load i32, ptr %p.used
  %empty = icmp uge i32 %before, 624
  br i1 %empty, label %fill, label %draw
fill:
  call void @regenerate(ptr %state)
  br label %draw
draw:
  %used = load i32, ptr %p.used
  %used.next = add i32 %used, 1
  store i32 %used.next, ptr %p.used
  %p = getelementptr i32, ptr %state, i32 %used
  %a = load i32, ptr %p
  %a1 = lshr i32 %a, 11
  %b = xor i32 %a, %a1
  %b1 = shl i32 %b, 7
  %b2 = and i32 %b1, 2636928640
  %c = xor i32 %b, %b2
  %c1 = shl i32 %c, 15
  %c2 = and i32 %c1, 4022730752
  %d = xor i32 %c, %c2
  %d1 = lshr i32 %d, 18
  %e = xor i32 %d, %d1
  ret i32 %e
}

define internal void @shuffle(ptr %state, ptr %order, i64 %n) {
entry:
  br label %number
number:
  %k = phi i64 [0, %entry], [%k.next, %number]
  %p.k = getelementptr i64, ptr %order, i64 %k
  store i64 %k, ptr %p.k
  %k.next = add i64 %k, 1
  %more = icmp ult i64 %k.next, %n
  br i1 %more, label %number, label %from.the.end
from.the.end:
  %last = sub i64 %n, 1
  br label %each
each:
  %i = phi i64 [%last, %from.the.end], [%i.next, %swap]
  %any = icmp sgt i64 %i, 0
  br i1 %any, label %choose, label %end
choose:
  %i32 = trunc i64 %i to i32
  %count = add i32 %i32, 1
  %unused = call i32 @llvm.ctlz.i32(i32 %count, i1 false)
  br label %again
again:
  %word = call i32 @random_bits(ptr %state)
  %j32 = lshr i32 %word, %unused
  %too.large = icmp ugt i32 %j32, %i32
  br i1 %too.large, label %again, label %swap
swap:
  %j = zext i32 %j32 to i64
  %p.i = getelementptr i64, ptr %order, i64 %i
  %p.j = getelementptr i64, ptr %order, i64 %j
  %one = load i64, ptr %p.i
  %other = load i64, ptr %p.j
  store i64 %other, ptr %p.i
  store i64 %one, ptr %p.j
  %i.next = sub i64 %i, 1
  br label %each
end:
  ret void
}
"""


def words_of(rng: random.Random) -> array.array[int]:
    """The generator's state as native code works on it."""
    return array.array("I", rng.getstate()[1])


def put_back(rng: random.Random, words: array.array[int]) -> None:
    """Set the generator to where native code left it."""
    version, _, gauss = rng.getstate()
    rng.setstate((version, tuple(words), gauss))


def generator(given: Any) -> random.Random | None:
    """The generator that a `shuffle=` option names: a seed, a `random.Random`, or None for no shuffling."""
    if given is None or given is False:
        return None
    if type(given) is random.Random:
        return given
    if isinstance(given, int) and not isinstance(given, bool):
        return random.Random(given)
    raise TypeError(f"shuffle is a seed such as 0, a random.Random, or None for rows in their order, not {given!r}")
