"""The errors that are micrograd's own are in one module, with what to do about each, and a page shows them."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
from pathlib import Path

import pytest

from micrograd import errors

ROOT = Path(__file__).parent.parent
OURS = [x for x in vars(errors).values() if isinstance(x, type) and x.__module__ == errors.__name__]


def test_no_error_is_defined_anywhere_else():
    for path in sorted((ROOT / "micrograd").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and path.name != "errors.py":
                bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
                kinds = [getattr(builtins, name, None) or getattr(errors, name, None) for name in bases]
                assert not any(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds), node.name


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_each_error_is_in_the_tree_below_pythons_kind(kind):
    (tree,) = [part for part in (errors.__doc__ or "").split("\n\n") if part.startswith("    TypeError")]
    above = ""
    for line in tree.splitlines():
        name = line.split()[0]
        if not line.startswith("     "):
            above = name
        elif name == kind.__name__:
            assert issubclass(kind, getattr(builtins, above))
            break
    else:
        raise AssertionError(f"{kind.__name__} is not in the tree")
    assert "Met in" in kind.__doc__ or "You never see" in kind.__doc__


def page():
    """docs/errors.md, from the docstrings: `python tests/test_errors.py > docs/errors.md` writes it."""
    doc = inspect.getdoc(errors) or ""
    head, *rest = re.split(r"\n\n(?=[^ ])|\n\n(?=    )", doc)
    parts = [f"# Errors\n\n{head}"]
    for part in rest:
        if part.startswith("    >>>"):
            shown = inspect.cleandoc(part).replace("  # doctest: +ELLIPSIS", "")  # all pages have it
            parts.append(f"```pycon\n{shown}\n\n```")
        elif part.startswith("    "):
            parts.append(f"```text\n{inspect.cleandoc(part)}\n```")
        else:
            parts.append(part)
    seen = [kind for kind in OURS if "You never see" not in inspect.getdoc(kind)]
    parts += [f"## {kind.__name__}\n\n{inspect.getdoc(kind)}" for kind in seen]
    inside = [kind for kind in OURS if kind not in seen]
    parts.append("## Inside the compiler\n\nThese are here because they are in the source. You do not meet them.")
    parts += [f"**{kind.__name__}.** {inspect.getdoc(kind)}" for kind in inside]
    return "\n\n".join(parts) + "\n"


def test_the_page_says_what_the_docstrings_say():
    assert (ROOT / "docs" / "errors.md").read_text() == page()


if __name__ == "__main__":
    print(page(), end="")
