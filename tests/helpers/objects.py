"""Read what a loader reads of an object file, of ELF (Linux, and our code for Windows) or Mach-O (macOS), 64 bits.

    found = read(object_file)
    found.format, found.machine         "ELF", 62: x86-64
    found.undefined                     the names that others must define
    found.relocations                   the kinds of places that the loader fills in: numbers, from the format's manual

Written from the manuals: "System V ABI", chapter 4; Apple's "Mach-O Programming Topics", <mach-o/loader.h>.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field


@dataclass
class Object:
    format: str
    machine: int
    undefined: set[str] = field(default_factory=set)
    defined: set[str] = field(default_factory=set)
    sections: set[str] = field(default_factory=set)
    relocations: set[int] = field(default_factory=set)


def read(data):
    """The object in these bytes. Raises ValueError for any other format."""
    if data[:6] == b"\x7fELF\x02\x01":
        return _elf(data)
    if data[:4] == b"\xcf\xfa\xed\xfe":
        return _mach_o(data)
    raise ValueError(f"neither a 64-bit ELF nor a Mach-O object: it begins with {data[:8]!r}")


def _text(data, start):
    return data[start : data.index(b"\0", start)].decode()


def _elf(data):
    kind, machine = struct.unpack_from("<HH", data, 16)
    assert kind == 1, "not relocatable"
    (at,) = struct.unpack_from("<Q", data, 40)
    size, count, names = struct.unpack_from("<HHH", data, 58)
    # name, type, flags, address, offset, size, link, info, alignment, size of an entry
    headers = [struct.unpack_from("<IIQQQQIIQQ", data, at + k * size) for k in range(count)]
    found = Object("ELF", machine, sections={_text(data, headers[names][4] + header[0]) for header in headers} - {""})
    for header in headers:
        start, end = header[4], header[4] + header[5]
        if header[1] == 2:  # symbols
            for place in range(start + 24, end, 24):  # the first is none
                name, info, _, section, *_ = struct.unpack_from("<IBBHQQ", data, place)
                if info >> 4:  # not local
                    (found.defined if section else found.undefined).add(_text(data, headers[header[6]][4] + name))
        elif header[1] == 4:  # relocations with addends
            for place in range(start, end, 24):
                found.relocations.add(struct.unpack_from("<QQq", data, place)[1] & 0xFFFFFFFF)
        assert header[1] != 9, "relocations without addends"
    return found


def _mach_o(data):
    _, machine, _, kind, commands, *_ = struct.unpack_from("<8I", data)
    assert kind == 1, "not relocatable"
    found, place = Object("Mach-O", machine), 32
    for _ in range(commands):
        command, size = struct.unpack_from("<II", data, place)
        if command == 0x19:  # a segment
            (sections,) = struct.unpack_from("<I", data, place + 64)
            for k in range(sections):
                name, segment, *numbers = struct.unpack_from("<16s16sQQIIIIIIII", data, place + 72 + 80 * k)
                found.sections.add(",".join(part.rstrip(b"\0").decode() for part in (segment, name)))
                _, _, _, _, start, count, *_ = numbers
                for at in range(start, start + 8 * count, 8):
                    found.relocations.add(struct.unpack_from("<II", data, at)[1] >> 28)
        elif command == 2:  # symbols
            symbols, count, strings, _ = struct.unpack_from("<IIII", data, place + 8)
            for at in range(symbols, symbols + 16 * count, 16):
                name, kind, _, _, value = struct.unpack_from("<IBBHQ", data, at)
                if kind & 0xE0 == 0 and kind & 1:  # not for debuggers; external
                    assert kind & 0xE or not value, "a common symbol"
                    (found.defined if kind & 0xE else found.undefined).add(_text(data, strings + name))
        place += size
    return found
