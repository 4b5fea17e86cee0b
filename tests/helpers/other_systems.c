/* What Windows and macOS have and Linux has not: compiled by gcc, loaded by ctypes (see elsewhere.py).

   Windows' rules for calls are kept, and enforced:

   windows_call(function, argument)   calls a function of Windows' kind, on a stack of Windows' kind
   windows_exp, windows_memset, ...   functions of the C library that are called as Windows calls them

   A callee must keep rbx, rbp, rdi, rsi, r12 to r15 and xmm6 to xmm15; it may write to the 32 bytes above its return
   address. Each page of the stack can be used after the one above it has been. Whoever breaks a rule ends the process. */
#define _GNU_SOURCE
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WINDOWS __attribute__((ms_abi, noinline))
enum { PAGE = 4096, STACK = 1 << 20 };

static __thread char *stack, *usable;

static void broken(const char *what) {
    (void)!write(2, what, strlen(what));
    _exit(99);
}

/* The page below those in use is the guard: a touch makes it usable. A touch further below is an error. */
static void touched(int signal, siginfo_t *info, void *context) {
    char *at = info->si_addr;
    (void)signal, (void)context;
    if (at < stack || at >= stack + STACK) broken("a fault outside the stack\n");
    if (at < usable - PAGE) broken("a page of the stack was skipped\n");
    usable -= PAGE;
    mprotect(usable, PAGE, PROT_READ | PROT_WRITE);
}

static void begin(void) {
    stack_t own = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
    struct sigaction action = {.sa_sigaction = touched, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    stack = mmap(0, STACK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    usable = stack + STACK - PAGE;
    mprotect(usable, PAGE, PROT_READ | PROT_WRITE);
    sigaltstack(&own, 0);
    sigaction(SIGSEGV, &action, 0);
}

/* How much of this thread's stack was ever used. */
long windows_pages(void) { return (stack + STACK - usable) / PAGE; }

/* rdi: the function, rsi: its argument, rdx: the top of its stack. Gives 0 in rdx if all registers were kept. */
__asm__(
    ".globl call_and_compare\n"
    "call_and_compare:\n"
    "  pushq %rbx; pushq %rbp; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n"
    "  movq %rdi, %rax\n  movq %rsi, %rcx\n"
    "  movq %rsp, -16(%rdx)\n"
    "  leaq -64(%rdx), %rsp\n" /* 32 bytes for the callee, two words of ours; a multiple of 16 */
    "  movq $101, %rbx; movq $102, %rbp; movq $103, %rdi; movq $104, %rsi\n"
    "  movq $105, %r12; movq $106, %r13; movq $107, %r14; movq $108, %r15\n"
    "  .irp k, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
    "  movq $(200 + \\k), %r10; movq %r10, %xmm\\k; punpcklqdq %xmm\\k, %xmm\\k\n"
    "  .endr\n"
    "  callq *%rax\n"
    "  xorl %edx, %edx\n"
    "  subq $101, %rbx; orq %rbx, %rdx; subq $102, %rbp; orq %rbp, %rdx\n"
    "  subq $103, %rdi; orq %rdi, %rdx; subq $104, %rsi; orq %rsi, %rdx\n"
    "  subq $105, %r12; orq %r12, %rdx; subq $106, %r13; orq %r13, %rdx\n"
    "  subq $107, %r14; orq %r14, %rdx; subq $108, %r15; orq %r15, %rdx\n"
    "  .irp k, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15\n"
    "  movq %xmm\\k, %r10; subq $(200 + \\k), %r10; orq %r10, %rdx\n"
    "  psrldq $8, %xmm\\k; movq %xmm\\k, %r10; subq $(200 + \\k), %r10; orq %r10, %rdx\n"
    "  .endr\n"
    "  movq 48(%rsp), %rsp\n"
    "  popq %r15; popq %r14; popq %r13; popq %r12; popq %rbp; popq %rbx\n"
    "  ret\n");

struct result { int64_t value, changed; };
struct result call_and_compare(void *function, void *argument, char *top);

int64_t windows_call(void *function, void *argument) {
    if (!stack) begin();
    struct result result = call_and_compare(function, argument, stack + STACK - PAGE / 2);
    if (result.changed) broken("a register was not kept\n");
    return result.value;
}

/* A function of Windows' may use the caller's 32 bytes and change all the other registers; so these do. */
#define SPOIL() \
    do { \
        memset((char *)__builtin_frame_address(0) + 16, 0x5A, 32); \
        __asm__ volatile("movq $-1, %%r10\n movq %%r10, %%r11\n movq %%r10, %%r8\n movq %%r10, %%r9\n" \
                         "movq %%r10, %%rcx\n movq %%r10, %%rdx\n" ::: "r8", "r9", "r10", "r11", "rcx", "rdx"); \
        __asm__ volatile("pcmpeqd %%xmm1, %%xmm1\n movdqa %%xmm1, %%xmm2\n movdqa %%xmm1, %%xmm3\n" \
                         "movdqa %%xmm1, %%xmm4\n movdqa %%xmm1, %%xmm5" ::: "xmm1", "xmm2", "xmm3", "xmm4", "xmm5"); \
    } while (0)
#define ONE(name) WINDOWS double windows_##name(double x) { double y = name(x); SPOIL(); return y; }
ONE(acos) ONE(asin) ONE(atan) ONE(cos) ONE(cosh) ONE(erf) ONE(erfc) ONE(exp) ONE(expm1) ONE(log) ONE(log1p)
ONE(sin) ONE(sinh) ONE(tan) ONE(tanh)
WINDOWS double windows_pow(double x, double y) { double z = pow(x, y); SPOIL(); return z; }
WINDOWS void *windows_memset(void *to, int x, size_t count) { memset(to, x, count); SPOIL(); return to; }
WINDOWS void *windows_malloc(size_t count) { void *found = malloc(count); SPOIL(); return found; }
WINDOWS void windows_free(void *memory) { free(memory); SPOIL(); }
WINDOWS int windows_SwitchToThread(void) { sched_yield(); SPOIL(); return 1; }

/* macOS on x86-64 has Linux's rules for calls. */
struct both { double sin, cos; };
struct both macos___sincos_stret(double x) { return (struct both){sin(x), cos(x)}; }
