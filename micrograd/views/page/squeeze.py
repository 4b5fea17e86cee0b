"""Write a script or a style sheet without its comments and spare spaces: `script("a = b + 1; // why")`.

    >>> from micrograd.views.page.squeeze import script, style
    >>> script("const a = b + 1;  // why\\nreturn a - -a;")
    'const a=b+1;return a- -a;'
    >>> script("const a = 1;\\nconst b = 2;\\nb.go();")
    'const a=1,b=2;b.go();'
    >>> script("each.map((x) => { go(x); });")
    'each.map(x=>{go(x)});'
    >>> style("a, b { color: red; }  /* why */")
    'a,b{color:red}'

The tokens stay as they are, so that the page's script can still be read with the files beside it. Only these are left
out: a semicolon that ends a block, the parentheses around the one operand of an arrow function, and the word `const`
where the statement before is a declaration too. Every statement must end with a semicolon or a brace.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

TEXT = r'"(?:[^"\\\n]|\\.)*"' + r"|'(?:[^'\\\n]|\\.)*'"
# Text in backticks, kept as it is. Its ${...} may hold one more such text, or one pair of braces.
TEMPLATE = r"`(?:[^`$\\]|\\.|\$(?!\{)|\$\{(?:[^`{}]|`[^`]*`|\{[^{}`]*\})*\})*`"
PATTERN = r"/(?![/*])(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*"
SPACE = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
TOKEN = re.compile(rf"{TEXT}|{TEMPLATE}|[\w$]+|[^\w$\s`\"']", re.DOTALL)
TOKEN_OR_PATTERN = re.compile(f"{PATTERN}|{TOKEN.pattern}", re.DOTALL)
TOGETHER = re.compile(r"[\w$]{2}|\+\+|--|/[/*=]|\d\.")

# A line that ends or starts with one of these goes on: JavaScript puts no semicolon there.
GOES_ON = frozenset("{([,;:?=&|<>*%!.")
VALUE_ENDS = frozenset("_$)]}\"'`")
CONTINUES = frozenset("})],;:?=&|<>*%.")


def tokens(source: str) -> list[tuple[str, str]]:
    """The tokens of a script, each with the space before it. Raises ValueError where a text does not end."""
    found: list[tuple[str, str]] = []
    at, before = 0, ""
    while at < len(source):
        if space := SPACE.match(source, at):
            at, before = space.end(), space[0]
            continue
        last = found[-1][1] if found else "("
        value_ended = last != "return" and (last[-1].isalnum() or last[-1] in VALUE_ENDS)  # so that a / divides
        token = (TOKEN if value_ended else TOKEN_OR_PATTERN).match(source, at)
        if token is None:
            raise ValueError(f"a text does not end: {source[at : at + 40]!r}")
        found.append((before, token[0]))
        at, before = token.end(), ""
    return found


def script(source: str) -> str:
    """A script in as few lines as it can be without other semicolons."""
    written: list[str] = []
    last = "{"
    for space, token in _needed(tokens(source)):
        if "\n" in space and last[-1] not in GOES_ON and token[0] not in CONTINUES:
            written.append("\n")
        elif space and _run_together(last, token):
            written.append(" ")
        written.append(token)
        last = token
    return "".join(written)


def _needed(found: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The tokens without those that a script can do without."""
    texts = [text for _, text in found] + ["", "", "", ""]
    starts = [""]  # the first token of the statement, for each brace or parenthesis that is open
    skipped = False
    for i, (space, text) in enumerate(found):
        if not i or (texts[i - 1] in ("{", ";") or (texts[i - 1] == "}" and "\n" in space)):
            starts[-1] = text
        if text in "({[":
            starts.append("")
        elif text in ")}]":
            starts.pop()
        opened = i - 2 * (text == ")")
        around_one = texts[opened] == "(" and texts[opened + 2 : opened + 5] == [")", "=", ">"]
        if skipped or (text in "()" and around_one and re.fullmatch(r"[\w$]+", texts[opened + 1])):
            skipped = False
        elif text == ";" and starts[-1] == texts[i + 1] == "const":  # one declaration goes on
            skipped = True
            yield "", ","
        elif text != ";" or texts[i + 1] != "}":
            yield space, text


def _run_together(last: str, token: str) -> bool:
    """Whether two tokens would be read as one, or as another."""
    return bool(TOGETHER.fullmatch(last[-1] + token[0]))


def style(source: str) -> str:
    """A style sheet in one line. Its texts in quotes have no signs such as {};,: in them."""
    source = re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
    source = re.sub(r"\s+", " ", source).strip()
    source = re.sub(r" ?([{};,]) ?|(?<=:) ", lambda found: found[1] or "", source)
    return source.replace(";}", "}")
