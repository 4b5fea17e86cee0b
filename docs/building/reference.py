"""The API reference, from the docstrings: what each page holds, and how a name is shown.

A page is a list of groups, and a group the names of one module that users import. Everything else comes from the
objects: signatures, docstrings, the line of the source.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from building.links import ROOT

# For each page its title, and for each module the names that users import from it.
PAGES: dict[str, tuple[str, dict[str, str]]] = {
    "engine": (
        "Value and engine",
        {"micrograd": "Value topological_order no_grad detect_anomaly collector_paused op"},
    ),
    "transforms": (
        "Derivatives of functions",
        {
            "micrograd": "grad value_and_grad jacobian hessian check_grads",
            "micrograd.check": "Report Comparison",
        },
    ),
    "views": (
        "Views",
        {
            "micrograd": "trace debug explain draw_dot save svg tree draw_net load_ipython_extension",
            "micrograd.views.trace": "Trace Record Step Why",
            "micrograd.views.draw": "Drawing",
            "micrograd.views.page": "Page",
        },
    ),
    "nn": ("Nets", {"micrograd.nn": "Module Neuron Layer MLP made_of uniform xavier he init_for"}),
    "losses": (
        "Losses and metrics",
        {
            "micrograd.losses": "mse half_squared_sum binary_cross_entropy cross_entropy softmax hinge margin_ranking",
            "micrograd.metrics": "predict is_right accuracy",
        },
    ),
    "optim": (
        "Optimizers",
        {
            "micrograd.optim": "Optimizer SGD RMSProp Adam AdamW "
            "step_decay exponential_decay cosine_decay linear_decay",
        },
    ),
    "training": ("Training", {"micrograd": "fit", "micrograd.training.history": "History"}),
    "data": (
        "Data",
        {
            "micrograd.data": "iris moons circles spirals xor digits diabetes mnist named NamedSet split split_table "
            "batches batch_indices",
            "micrograd.data.tables": "read_csv table_of Table Column",
            "micrograd.data.preparation": "Preparation Scale scale_of",
        },
    ),
    "compiler": (
        "Compiler",
        {
            "micrograd": "jit train_step",
            "micrograd.compiler.jit": "Jitted BatchJitted Lowered",
            "micrograd.compiler.train_step": "TrainStep",
        },
    ),
    "estimators": ("Estimators", {"micrograd.estimators": "MLPClassifier MLPRegressor"}),
    "export": ("Export", {"micrograd.export": "to_onnx to_safetensors from_safetensors to_c c_text"}),
    "foreign": (
        "Your own engine",
        {"micrograd": "check_engine adopt", "micrograd.foreign.findings": "EngineReport Finding"},
    ),
}
# The module whose docstring opens the page; without one, the first that is named.
OPENINGS = {
    "engine": "micrograd.engine",
    "transforms": "micrograd.transforms",
    "views": "micrograd.views",
    "training": "micrograd.training.fit",
    "compiler": "micrograd.compiler",
    "foreign": "micrograd.foreign",
}
WIDE = 88  # a longer signature is written with one parameter to a line


@dataclasses.dataclass(frozen=True)
class Entry:
    """A name of the reference: where users import it from, and on which page it is."""

    page: str
    module: str
    name: str

    @cached_property
    def thing(self) -> Any:
        return getattr(importlib.import_module(self.module), self.name)

    @property
    def kind(self) -> str:
        return "class" if inspect.isclass(self.thing) else "function"


def entries() -> dict[str, Entry]:
    """All names of the reference."""
    return {
        name: Entry(page, module, name)
        for page, (_, groups) in PAGES.items()
        for module, names in groups.items()
        for name in names.split()
    }


def write_reference(folder: Path) -> dict[str, str]:
    """Write the pages. Gives the page of each source file that one is about: links to the file lead there."""
    known = entries()
    about = {}
    for page in PAGES:
        path = folder / "api" / f"{page}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(page_text(page, known), encoding="utf-8")
        about[source_of(importlib.import_module(opening_module(page)))[0]] = f"api/{page}.md"
    return about


def opening_module(page: str) -> str:
    return OPENINGS.get(page, next(iter(PAGES[page][1])))


def page_text(page: str, known: dict[str, Entry]) -> str:
    """One page: what its module says of itself, the list of names, and each name."""
    title, groups = PAGES[page]
    module = importlib.import_module(opening_module(page))
    said = (inspect.getdoc(module) or "").partition("Read in this order")[0]
    mine = [entry for entry in known.values() if entry.page == page]
    parts = [f"# {title}", source_link(module), as_markdown(said, known, page)]
    for name, names in groups.items():
        rows = [f"| [`{n}`](#{n}) | {linked(first_sentence(known[n].thing), known, page)} |" for n in names.split()]
        parts.append(imports(name, names.split()))
        parts.append("| name | |\n|---|---|\n" + "\n".join(rows))
    parts += [described(entry, known) for entry in mine]
    return "\n\n".join(part for part in parts if part) + "\n"


def imports(module: str, names: list[str]) -> str:
    """The line that imports the names, on several lines where it is long."""
    line = f"from {module} import {', '.join(names)}"
    if len(line) > WIDE:
        wrapped, rest = [], ""
        for name in names:
            if len(rest) + len(name) > WIDE - 8:
                wrapped, rest = [*wrapped, rest], ""
            rest += f"{name}, "
        line = f"from {module} import (\n" + "".join(f"    {x.rstrip()}\n" for x in [*wrapped, rest]) + ")"
    return f"```python\n{line}\n```"


def described(entry: Entry, known: dict[str, Entry]) -> str:
    """A name: its signature, its docstring, and for a class its public methods and properties."""
    thing = entry.thing
    parts = [
        f"## {shown(entry.name)} {{ #{entry.name} .api .{entry.kind} }}",
        signature_block(thing, entry.name),
        as_markdown(inspect.getdoc(thing) or "", known, entry.page),
    ]
    if inspect.isclass(thing):
        bases = [base.__name__ for base in thing.__mro__[1:] if base.__name__ in known]
        if bases:
            parts.append(linked(f"Has what `{bases[0]}` has, too.", known, entry.page))
    parts.append(source_link(thing))
    for name, member in members(thing):
        parts += [
            f"### {shown(name)} {{ #{entry.name}.{name.strip('_')} .api .method }}",
            property_block(member, name) if is_property(member) else signature_block(member, name),
            as_markdown(inspect.getdoc(member) or "", known, entry.page),
        ]
    return "\n\n".join(part for part in parts if part)


def members(thing: Any) -> Iterator[tuple[str, Any]]:
    """What a class of ours defines for users: methods and properties that have a docstring."""
    if not inspect.isclass(thing):
        return
    operations = importlib.import_module("micrograd.table").TABLE
    for cls in thing.__mro__:
        if not cls.__module__.startswith("micrograd.") or (cls is not thing and not cls.__name__.startswith("_")):
            continue
        for name, member in vars(cls).items():
            if name.startswith("_") and (name != "__call__" or not getattr(member, "__doc__", None)):
                continue
            if name in operations or hasattr(member, "op"):
                continue  # the page of operations has these
            plain = member.__func__ if isinstance(member, (classmethod, staticmethod)) else member
            if (callable(plain) or is_property(plain)) and plain.__doc__ and not inspect.isclass(plain):
                yield name, plain


def shown(name: str) -> str:
    """A name as Markdown, which would take `__call__` for a bold word."""
    return name.replace("_", "\\_")


def is_property(member: Any) -> bool:
    return isinstance(member, (property, cached_property))


def signature_block(thing: Any, name: str) -> str:
    try:
        signature = inspect.signature(thing)
    except ValueError:  # of a C type, which has no signature
        return ""
    written = [parameter_text(p) for p in signature.parameters.values() if p.name not in ("self", "cls")]
    kinds = [p.kind for p in signature.parameters.values() if p.name not in ("self", "cls")]
    keyword = next((i for i, k in enumerate(kinds) if k is inspect.Parameter.KEYWORD_ONLY), None)
    if keyword is not None and inspect.Parameter.VAR_POSITIONAL not in kinds:
        written.insert(keyword, "*")
    positional = sum(k is inspect.Parameter.POSITIONAL_ONLY for k in kinds)
    if positional:
        written.insert(positional, "/")
    back = "" if inspect.isclass(thing) or signature.return_annotation is signature.empty else returned(signature)
    line = f"{name}({', '.join(written)}){back}"
    if len(line) > WIDE:
        line = f"{name}(\n" + "".join(f"    {text},\n" for text in written) + f"){back}"
    return f"```{{ .python .signature }}\n{line}\n```"


def property_block(member: Any, name: str) -> str:
    function = member.fget if isinstance(member, property) else member.func
    kind = inspect.signature(function).return_annotation
    typed = "" if kind is inspect.Signature.empty else f": {annotation(kind)}"
    return f"```{{ .python .signature }}\n{name}{typed}\n```"


def parameter_text(p: inspect.Parameter) -> str:
    stars = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
    kind = "" if p.annotation is p.empty else f": {annotation(p.annotation)}"
    equals = " = " if kind else "="
    return f"{stars}{p.name}{kind}" + ("" if p.default is p.empty else f"{equals}{default(p.default)}")


def annotation(kind: Any) -> str:
    return kind if isinstance(kind, str) else inspect.formatannotation(kind)


def default(x: Any) -> str:
    """A default as a reader would write it."""
    if inspect.ismodule(x) or inspect.isroutine(x) or inspect.isclass(x):
        return x.__name__
    if isinstance(x, str):
        return json.dumps(x, ensure_ascii=False)
    text = repr(x)
    return "..." if text.startswith("<") else text


def returned(signature: inspect.Signature) -> str:
    return f" -> {annotation(signature.return_annotation)}"


def first_sentence(thing: Any) -> str:
    said = " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())
    return re.split(r"(?<=[.!?]) (?=[A-Z`])", said)[0].replace("|", "\\|")


def as_markdown(said: str, known: dict[str, Entry], page: str) -> str:
    """A docstring as Markdown: sessions and indented lines are blocks of code, names of the reference are links."""
    parts = []
    for block in re.split(r"\n\s*\n", inspect.cleandoc(said)):
        code = [line for line in block.splitlines() if line.startswith("    ") or line.startswith(">>>")]
        first = next((i for i, line in enumerate(block.splitlines()) if line in code), None)
        if not code:
            parts.append(linked(re.sub(r"(?m)^Raises ", "**Raises** ", block), known, page))
            continue
        lines = block.splitlines()
        if first:
            parts.append(linked("\n".join(lines[:first]), known, page))
        body = inspect.cleandoc("\n".join(lines[first:]))
        language = "pycon" if body.startswith(">>>") else "python" if re.search(r"[(=@]", body) else "text"
        previous = parts[-1] if parts else ""
        if previous.startswith(f"```{language}\n") and language != "pycon":  # one example with an empty line in it
            parts[-1] = previous[:-4] + f"\n\n{body}\n```"
        else:
            parts.append(f"```{language}\n{body}\n```")
    return "\n\n".join(parts)


def linked(text: str, known: dict[str, Entry], page: str) -> str:
    """Each name of the reference, where it stands in backticks, as a link."""

    def link(match: re.Match[str]) -> str:
        entry = known.get(match[1])
        if not entry:
            return match[0]
        return f"[`{match[1]}`]({'' if entry.page == page else f'{entry.page}.md'}#{match[1]})"

    return re.sub(r"(?<![\[`])(?<!extra )`(\w+)(?:\(\))?`(?![\]`])", link, text)


def source_of(thing: Any) -> tuple[str, int]:
    """The file of the repository in which something stands, and its line there."""
    thing = inspect.unwrap(thing) if callable(thing) else thing
    path = Path(inspect.getsourcefile(thing) or "").resolve().relative_to(ROOT).as_posix()
    if inspect.ismodule(thing):
        return path, 1
    if not inspect.isclass(thing):
        return path, thing.__code__.co_firstlineno
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()  # inspect would parse the file for each class
    return path, next(i for i, line in enumerate(lines, 1) if re.match(rf"\s*class {thing.__name__}\b", line))


def source_link(thing: Any) -> str:
    path, line = source_of(thing)
    return f"[{shown(path)}](../source/{path}.md#__codelineno-0-{line}){{ .source }}"
