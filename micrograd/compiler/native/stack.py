"""Windows gives a thread its stack page by page: a function with a large frame must touch the pages in order.

    >>> from micrograd.compiler.native.machine import Machine
    >>> from micrograd.compiler.native.stack import stack_modules
    >>> stack_modules(Machine("x86_64-unknown-linux-gnu"))
    []
    >>> (text,) = stack_modules(Machine("x86_64-pc-windows-msvc"))
    >>> print(text.splitlines()[0])
    define void @__chkstk() naked nounwind {

For Windows, LLVM begins such a function with a call of `__chkstk`. Microsoft links that into each program, and names no
library that has it for code made at run time; so native code for Windows brings its own. It is told the size of the
frame in a register (x86-64: rax, in bytes; arm64: x15, in units of 16 bytes), and may change no register but two.

Microsoft's documentation of both calling conventions: "Stack usage on x64", "Overview of ARM64 ABI conventions".
"""

from __future__ import annotations

from micrograd.compiler.native.machine import Machine

# From the top of the frame down: one touch for each page of 4096 bytes, and one for the rest.
TOUCH = {
    "x86_64": """
        movq %rsp, %r10
        movq %rax, %r11
    1:  cmpq $$4096, %r11
        jb 2f
        subq $$4096, %r10
        testq %rax, (%r10)
        subq $$4096, %r11
        jmp 1b
    2:  subq %r11, %r10
        testq %rax, (%r10)
        retq""",
    "aarch64": """
        lsl x16, x15, #4
        mov x17, sp
    1:  cmp x16, #4096
        b.lo 2f
        sub x17, x17, #4096
        ldr xzr, [x17]
        sub x16, x16, #4096
        b 1b
    2:  sub x17, x17, x16
        ldr xzr, [x17]
        ret""",
}


def stack_modules(machine: Machine) -> list[str]:
    """The text of the module with `__chkstk`, for a machine whose code calls it."""
    if not machine.is_windows:
        return []
    lines = "\\0A".join(line.strip() for line in TOUCH[machine.architecture].strip().splitlines())
    call = f'  call void asm sideeffect "{lines}", ""()'
    return ["\n".join(["define void @__chkstk() naked nounwind {", call, "  unreachable", "}", ""])]
