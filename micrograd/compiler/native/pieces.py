"""Cut long straight-line functions into pieces that LLVM compiles one after the other: `modules_of(text)`.

    >>> from micrograd.compiler.native.pieces import modules_of
    >>> body = "  %a = fadd double %x, %x\\n  %b = fmul double %a, %a\\n  %c = fsub double %b, %a\\n"
    >>> text = "define double @f(double %x) {\\n" + body + "  ret double %c\\n}\\n"
    >>> first, second, whole = modules_of(text, longest=2, size=2)
    >>> print(second)
    define void @f.piece1(ptr noalias %scratch) {
      %at.b = getelementptr inbounds i8, ptr %scratch, i64 8
      %b = load double, ptr %at.b, align 8
      %at.a = getelementptr inbounds i8, ptr %scratch, i64 0
      %a = load double, ptr %at.a, align 8
      %c = fsub double %b, %a
      %at.c = getelementptr inbounds i8, ptr %scratch, i64 16
      store double %c, ptr %at.c, align 8
      ret void
    }

LLVM's time for a function grows faster than the function: 25 us a line at 5,000 lines, 135 us at 100,000. Pieces of
bounded size take a time in proportion, and between two of them compiling can stop. Each result that a later piece needs
is kept in memory; most results of a long function would be spilled to memory anyway. A slot is used again when no piece
needs its number any more. A cut is made where few numbers pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

LONGEST = 8000  # lines of a function that is compiled as one: below, cutting saves no time
SIZE = 1000  # lines of a piece, about: 0.02 s
ON_STACK = 1 << 16  # bytes: the stack of a thread may be small
LINE = 64  # bytes of the processor's cache: no vector in memory lies across two

_NAME = re.compile(r"%[\w.]+")
_TYPE = r"(<\d+ x \w+>|i\d+|double|float|ptr)"
_RESULT = re.compile(rf"(\w+) (?:\w+ )*?{_TYPE}[ ,]")
_CHOSEN = re.compile(rf"select {_TYPE} [^,]+, {_TYPE} ")
_CONVERTED = re.compile(rf" to {_TYPE}$")
_SHUFFLED = re.compile(r"shufflevector <\d+ x (\w+)> .*, <(\d+) x i32> ")
_FUNCTION = re.compile(r"^define (?:internal )?\w+ @(\w+)\((.*)\) \{$")


def modules_of(text: str, *, longest: int = LONGEST, size: int = SIZE) -> list[str]:
    """The texts of modules that together are the module `text`: the pieces, then the rest, which calls them.

    A module without a straight-line function of more than `longest` lines stays as it is.
    """
    if text.count("\n") <= longest:
        return [text]
    shared: list[str] = []  # types and declarations, which every module repeats
    rest: list[str] = []
    pieces: list[str] = []
    for part in _parts(text):
        found = _in_pieces(part, longest, size) if len(part) > longest else None
        if found is None:
            (rest if part[0].startswith("define") else shared).extend(part)
            continue
        own, outer = found
        pieces += own
        rest += [f"declare {own_part.partition(' {')[0].removeprefix('define ')}" for own_part in own]
        rest += outer
    if any(line.endswith("@free(ptr %memory)") for line in rest):
        rest = ["declare ptr @malloc(i64)", "declare void @free(ptr)", *rest]
    head = "".join(f"{line}\n" for line in shared if line)
    return [*(head + piece for piece in pieces), head + "\n".join([*rest, ""])]


def _parts(text: str) -> Iterator[list[str]]:
    """The functions, each from `define` to `}`, and the lines between them."""
    part: list[str] = []
    for line in text.splitlines():
        if line.startswith("define") and part:
            yield part
            part = []
        part.append(line)
        if line == "}":
            yield part
            part = []
    if part:
        yield part


def _in_pieces(lines: Sequence[str], longest: int, size: int) -> tuple[list[str], list[str]] | None:
    """A function's pieces, and the function that calls them; None if it has branches or is not understood."""
    head = _FUNCTION.match(lines[0])
    body, last = lines[1:-2], lines[-2]
    if head is None or not last.startswith("  ret ") or any(line.endswith(":") for line in body):
        return None
    places = {line[2 : line.index(" ", 2)]: i for i, line in enumerate(body) if line.startswith("  %")}
    used = [[name for name in _NAME.findall(line) if name in places] for line in body]
    kept = [name for name in _NAME.findall(last) if name in places]  # what the function returns
    cuts = _cuts(used, places, kept, size)
    starts = [0, *cuts]
    piece_of = [k for k, (start, end) in enumerate(zip(starts, [*cuts, len(body)])) for _ in range(end - start)]
    last_piece = {name: len(starts) for name in kept}  # the last that needs it: the function itself comes after all
    for k, names in zip(reversed(piece_of), reversed(used)):
        for name in names:
            if name not in last_piece:
                last_piece[name] = k
    passed = {name: last_piece[name] for name, i in places.items() if last_piece.get(name, 0) > piece_of[i]}
    types = {name: _type_of(body[places[name]]) for name in passed}
    if not all(types.values()):
        return None
    slots, bytes_used = _slots(passed, {name: piece_of[places[name]] for name in passed}, types)

    def access(name: str) -> str:
        return f"  %at.{name[1:]} = getelementptr inbounds i8, ptr %scratch, i64 {slots[name]}"

    def load(name: str) -> list[str]:
        return [access(name), f"  {name} = load {types[name]}, ptr %at.{name[1:]}, align 8"]

    function = head[1]
    parameters = {each.split(" ")[-1]: each for each in [*filter(None, head[2].split(", ")), "ptr noalias %scratch"]}
    pieces, calls = [], []
    for k, (start, end) in enumerate(zip(starts, [*cuts, len(body)])):
        out: list[str] = []
        here: set[str] = set()
        for i in range(start, end):
            for name in used[i]:
                if name not in here and piece_of[places[name]] != k:
                    here.add(name)
                    out += load(name)
            out.append(body[i])
            if (name := used[i][0] if body[i].startswith("  %") else "") in passed:
                out += [access(name), f"  store {types[name]} {name}, ptr %at.{name[1:]}, align 8"]
        wanted = {*parameters}.intersection(_NAME.findall("\n".join(out)))
        own = {name: text for name, text in parameters.items() if name in wanted}
        head_of_it = f"define void @{function}.piece{k}({', '.join(own.values())}) {{"
        pieces.append("\n".join([head_of_it, *out, "  ret void", "}"]))
        given = ", ".join(f"{text.split(' ')[0]} {name}" for name, text in own.items())
        calls.append(f"  call void @{function}.piece{k}({given})")
    outer = [lines[0], *_scratch(bytes_used), *calls]
    for name in kept:
        outer += load(name)
    if bytes_used > ON_STACK:
        outer.append("  call void @free(ptr %memory)")
    outer += [last, "}"]
    return pieces, outer


def _cuts(used: Sequence[Sequence[str]], places: dict[str, int], kept: Sequence[str], size: int) -> list[int]:
    """Where the pieces after the first begin: about every `size` lines, where the fewest results are still needed."""
    last = dict(places)
    for i, names in enumerate(used):
        for name in names:
            last[name] = i
    last |= dict.fromkeys(kept, len(used))
    change = [0] * (len(used) + 2)
    for name, i in places.items():
        change[i + 1] += 1
        change[last[name] + 1] -= 1
    passing, count = [], 0
    for step in change:
        count += step
        passing.append(count)  # how many results are needed after line i - 1, from line i on
    cuts, start = [], 0
    while len(used) - start > size + size // 4:
        start = min(range(start + size - size // 4, start + size + size // 4 + 1), key=passing.__getitem__)
        cuts.append(start)
    return cuts


def _slots(passed: dict[str, int], made: dict[str, int], types: dict[str, str]) -> tuple[dict[str, int], int]:
    """Where in memory each result is kept from the piece where it is `made` to its last one, and the bytes in all."""
    slots: dict[str, int] = {}
    free: dict[int, list[int]] = {}  # places by size
    ending: dict[int, list[str]] = {}
    end = now = 0
    for name, last in passed.items():
        while now < made[name]:  # a piece may store before it loads, so a slot is free after the last piece
            for over in ending.pop(now, ()):
                free.setdefault(_bytes(types[over]), []).append(slots[over])
            now += 1
        size = _bytes(types[name])
        if free.get(size):
            slots[name] = free[size].pop()
        else:
            slots[name] = -(-end // size) * size
            end = slots[name] + size
        ending.setdefault(last, []).append(name)
    return slots, end


def _bytes(of: str) -> int:
    if not of.startswith("<"):
        return 8
    count, _, element = of[1:-1].split(" ")
    return 8 if element == "i1" else 8 * int(count)


def _type_of(line: str) -> str:
    """The type of the result of an instruction, "" if it is not known here."""
    expression = line.partition(" = ")[2].partition("  ;")[0]
    if expression.startswith("getelementptr"):
        return "ptr"
    if found := _CHOSEN.match(expression):
        return found[2]
    if found := _SHUFFLED.match(expression):
        return f"<{found[2]} x {found[1]}>"
    if found := _CONVERTED.search(expression):
        return found[1]
    found = _RESULT.match(expression)
    if found is None or found[1] in ("select", "shufflevector"):
        return ""
    name, of = found.groups()
    if name == "extractelement":
        return of.rpartition(" ")[2].rstrip(">")
    if name in ("fcmp", "icmp"):
        return f"{of.rpartition(' ')[0]} i1>" if of.startswith("<") else "i1"
    return of


def _scratch(count: int) -> list[str]:
    """The lines that find memory for the results that pass from piece to piece: on the stack, if they are few."""
    if count <= ON_STACK:
        return [f"  %scratch = alloca [{count} x i8], align {LINE}"]
    return [
        f"  %memory = call ptr @malloc(i64 {count + LINE})",
        "  %unaligned = ptrtoint ptr %memory to i64",
        f"  %beyond = add i64 %unaligned, {LINE - 1}",
        f"  %aligned = and i64 %beyond, {-LINE}",
        "  %scratch = inttoptr i64 %aligned to ptr",
    ]
