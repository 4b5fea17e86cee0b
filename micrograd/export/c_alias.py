"""The older name of a C file's function: NAME beside NAME_run, so that programs which call NAME keep working.

>>> from micrograd.export.c_alias import has_alias
>>> has_alias("net"), has_alias("double"), has_alias("exp")
(True, False, False)

Names that C or its library uses were never allowed: no program calls them, and a function under one would clash.
"""

from __future__ import annotations

KEYWORDS = """
    auto break case char const continue default do double else enum extern float for goto if inline int long register
    restrict return short signed sizeof static struct switch typedef union unsigned void volatile while asm bool
""".split()
# Names of the C library that a compiler knows, or that could clash when linking. Those of MATH also end in f and l.
MATH = """
    acos asin atan atan2 cos sin tan acosh asinh atanh cosh sinh tanh exp exp2 expm1 frexp ilogb ldexp log log10 log1p
    log2 logb modf scalbn scalbln cbrt fabs hypot pow sqrt erf erfc lgamma tgamma ceil floor nearbyint rint lrint llrint
    round lround llround trunc fmod remainder remquo copysign nan nextafter nexttoward fdim fmax fmin fma
    j0 j1 jn y0 y1 yn gamma significand drem pow10 exp10 sincos
""".split()
LIBRARY = """
    main abs labs llabs div ldiv lldiv abort exit atexit free malloc calloc realloc rand srand system getenv qsort
    bsearch atof atoi atol atoll strtod strtof strtold strtol strtoll strtoul strtoull printf fprintf sprintf snprintf
    vprintf vfprintf vsprintf vsnprintf scanf fscanf sscanf vscanf vfscanf vsscanf puts fputs gets fgets putchar putc
    getchar getc fopen freopen fclose fflush fread fwrite fseek ftell rewind remove rename signal raise time clock
    memcpy memmove memset memcmp memchr strcpy strncpy strcat strncat strcmp strncmp strcoll strxfrm strchr strrchr
    strspn strcspn strpbrk strstr strtok strlen strerror index rindex bcmp bcopy bzero isalnum isalpha isblank iscntrl
    isdigit isgraph islower isprint ispunct isspace isupper isxdigit tolower toupper alloca isfinite isinf isnan
    isnormal signbit fpclassify isgreater isgreaterequal isless islessequal islessgreater isunordered signgam
    math_errhandling float_t double_t NAN INFINITY HUGE_VAL HUGE_VALF HUGE_VALL linux unix
""".split()
RESERVED = {*KEYWORDS, *LIBRARY, *(name + suffix for name in MATH for suffix in ("", "f", "l"))}


def has_alias(name: str) -> bool:
    """Whether a function may be called NAME alone: not if C or its library uses that name."""
    return name not in RESERVED
