; Python's own shuffle: set %order to 0, 1, ... n-1; from the last place i down, swap place i with a random j <= i.
; As in Python's `random`, j has as many random bits as i + 1, and is drawn again while it is larger than i.
; %draw is NumPy's next_uint32, %generator the state of a Mersenne Twister.
define internal void @shuffle(ptr %draw, ptr %generator, ptr %order, i64 %n) {
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
  %word = call i32 %draw(ptr %generator)
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
