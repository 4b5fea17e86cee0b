"""The colours of drawings: light and dark by themselves, or one theme for good, or greys for a printer.

    >>> from micrograd.views.theme import LIGHT, fixed, style_sheet, tint
    >>> LIGHT["paper"], LIGHT["ink"], tint(-0.2, 6), tint(0.0, 3)
    ('#ffffff', '#111827', 'negative6', None)
    >>> fixed('<path stroke="#111827"/>', "dark")
    '<path stroke="#f3f4f6"/>'
    >>> style_sheet("g1").splitlines()[3]
    '#g1 [fill="#ffffff"]{fill:var(--paper)}'

A drawing is written in the light theme's colours, as plain attributes that every program understands. Where it is to
be light and dark by itself, a style sheet puts a variable in the place of each colour. All of its selectors begin with
the drawing's own id, so that ten drawings can share a page. Jupyter and VS Code name their themes, which come before
what the reader's system asks for.
"""

from __future__ import annotations

import html
import re

THEMES = ("auto", "light", "dark", "print")
STEPS = 6  # of strength, for each sign; more cannot be told apart

LIGHT = {"paper": "#ffffff", "ink": "#111827", "muted": "#6b7280", "line": "#d1d5db", "wire": "#9ca3af"}
DARK = {"paper": "#1b1d21", "ink": "#f3f4f6", "muted": "#9ca3af", "line": "#3f444d", "wire": "#6b7280"}
PRINT = {"paper": "#ffffff", "ink": "#000000", "muted": "#333333", "line": "#777777", "wire": "#555555"}
LIGHT |= {"lit": "#7c3aed", "alarm": "#b91c1c", "born": "#fee2e2", "shade": "#f3f4f6"}
DARK |= {"lit": "#a78bfa", "alarm": "#fca5a5", "born": "#4c1d1d", "shade": "#25282e"}
PRINT |= {"lit": "#000000", "alarm": "#000000", "born": "#dddddd", "shade": "#f4f4f4"}
# Lines of small pictures, for positive and negative numbers.
LIGHT |= {"plus": "#2563eb", "minus": "#ea580c"}
DARK |= {"plus": "#60a5fa", "minus": "#fb923c"}
PRINT |= {"plus": "#000000", "minus": "#000000"}
# A gradient's ink, and its tint at full strength; "mixed" is for gradients of both signs together.
LIGHT |= {"positive-ink": "#1e40af", "negative-ink": "#9a3412", "mixed-ink": "#4a4560"}
DARK |= {"positive-ink": "#bfdbfe", "negative-ink": "#fed7aa", "mixed-ink": "#d5d0e6"}
PRINT |= {"positive-ink": "#000001", "negative-ink": "#000002", "mixed-ink": "#000003"}
FULL = {
    "light": {"positive": "#a9cffd", "negative": "#fec78b", "mixed": "#d3cfe2"},
    "dark": {"positive": "#1e40af", "negative": "#8a3210", "mixed": "#514b69"},
    "print": {"positive": "#c4c4c4", "negative": "#c4c4c4", "mixed": "#c4c4c4"},
}
SIGNS = ("positive", "negative", "mixed")


def _mixed(paper: str, full: str, amount: float) -> str:
    pairs = zip(bytes.fromhex(paper[1:]), bytes.fromhex(full[1:]))
    return "#" + "".join(f"{round(p + (f - p) * amount):02x}" for p, f in pairs)


for _name, _colours in (("light", LIGHT), ("dark", DARK), ("print", PRINT)):
    for _sign in SIGNS:
        for _step in range(1, STEPS + 1):
            _tint = _mixed(_colours["paper"], FULL[_name][_sign], 0.12 + 0.88 * _step / STEPS)
            _colours[f"{_sign}{_step}"] = _tint
# A tinted row in an HTML-like label. For a printer a negative one is dashed and white: Graphviz has no hatching.
PILL = 'BORDER="0" STYLE="ROUNDED" BGCOLOR="{}"'
DASHED = f'BORDER="1" STYLE="ROUNDED,DASHED" COLOR="{PRINT["muted"]}" BGCOLOR="{PRINT["paper"]}"'
PALETTES = {"light": LIGHT, "dark": DARK, "print": PRINT}
# Jupyter, VS Code and Google Colab say on an element around the drawing which theme they show. VS Code's kinds are
# vscode-light, vscode-dark, vscode-high-contrast, which is dark, and vscode-high-contrast-light.
SAY_LIGHT = (
    '[data-jp-theme-light="true"]',
    ".vscode-light",
    '[data-vscode-theme-kind$="light"]',
    "html[theme=light]",
)
SAY_DARK = (
    '[data-jp-theme-light="false"]',
    ".vscode-dark",
    '[data-vscode-theme-kind$="dark"]',
    '[data-vscode-theme-kind$="contrast"]',
    "html[theme=dark]",
)


def tint(x: float, step: int) -> str | None:
    """The colour of a gradient of this sign, at a step of strength from 1 to STEPS; a gradient of 0 has none."""
    return None if x == 0 or not step else f"{'positive' if x > 0 else 'negative'}{step}"


def checked(theme: str) -> str:
    """The theme, if there is one of this name. Raises ValueError otherwise."""
    if theme not in THEMES:
        raise ValueError(f"theme={theme!r} is not a theme: choose {', '.join(map(repr, THEMES))}")
    return theme


def fixed(text: str, theme: str) -> str:
    """A picture or a DOT source, written in the light theme's colours, in the colours of another."""
    if theme in ("auto", "light"):
        return text
    if theme == "print":
        for step in range(1, STEPS + 1):
            text = text.replace(PILL.format(LIGHT[f"negative{step}"]), DASHED)
    colours = {LIGHT[name]: colour for name, colour in PALETTES[theme].items()}
    return re.sub('(?<=")#[0-9a-f]{6}(?=")', lambda match: colours.get(match[0], match[0]), text)


def sheet_of(id: str, theme: str, used: str) -> str:
    """The style sheet of a picture in a theme; `used` is all in which its colours stand."""
    return style_sheet(id, used) if theme == "auto" else f"#{id}{{max-width:100%;height:auto}}"


def style_sheet(id: str, used: str = "") -> str:
    """The style sheet of a drawing that is light and dark by itself; with `used`, only for the colours in that text."""
    names = [name for name, colour in LIGHT.items() if not used or f'"{colour}"' in used or name in ("paper", "ink")]
    variables = {theme: ";".join(f"--{name}:{PALETTES[theme][name]}" for name in names) for theme in ("light", "dark")}
    around = {theme: ",".join(f"{sel} #{id}" for sel in sel_of) for theme, sel_of in _SAY.items()}
    rules = [
        f"#{id}{{{variables['light']};color-scheme:light dark;max-width:100%;height:auto}}",
        f"@media (prefers-color-scheme:dark){{#{id}{{{variables['dark']}}}}}",
        f"{around['light']}{{{variables['light']}}}{around['dark']}{{{variables['dark']}}}",
    ]
    for name in names:
        for what in ("fill", "stroke"):
            if not used or f'{what}="{LIGHT[name]}"' in used:
                rules.append(f'#{id} [{what}="{LIGHT[name]}"]{{{what}:var(--{name})}}')
    # What a user added to the drawing has Graphviz's own black.
    rules += [f"#{id} text:not([fill]){{fill:var(--ink)}}"] if not used or "<text" in used else []
    for what in ("fill", "stroke"):
        if f'{what}="black"' in used:
            rules.append(f'#{id} [{what}="black"]{{{what}:var(--ink)}}')
    return "\n".join(rules)


_SAY = {"light": SAY_LIGHT, "dark": SAY_DARK}


def hatching(id: str) -> str:
    """For a printer without colours: the pattern that marks a negative gradient."""
    return (
        f'<pattern id="{html.escape(id)}-hatch" width="5" height="5" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><path d="M0 0V5" stroke="#bbbbbb" stroke-width="1.5"/></pattern>'
    )
