"""Finish a drawing: put the cards where Graphviz found room for them, and make it light and dark by itself.

    >>> from micrograd.views.card import Card
    >>> from micrograd.views.layout import render
    >>> from micrograd.views.finish import finished, placeholder
    >>> card = Card("x", "input", names="b0")
    >>> source = f"digraph{{ b0 [id=b0 {' '.join(f'{k}={v!r}' for k, v in placeholder(card, []).items())}] }}"
    >>> source = source.replace("'", '"')
    >>> text = finished(render(source).decode(), "g", {"b0": card}, {}, "light")
    >>> '<g id="g-b0" class="node b0"' in text, ">input</text>" in text
    (True, True)

Graphviz lays out plain boxes of the cards' sizes, so that a drawing looks the same with every Graphviz: the one that is
WebAssembly has no HTML-like labels. What a user adds to a drawing is drawn as Graphviz draws it.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Mapping, Sequence

from micrograd.views.card import FONT, Card, plain
from micrograd.views.theme import LIGHT, fixed, hatching, sheet_of

NODE = re.compile(r'<g id="([^"]*)" class="node">\n<title>.*?</title>\n(.*?)</g>', re.DOTALL)
EDGE = re.compile(r'<g id="([^"]*)" class="edge">\n<title>.*?</title>\n(.*?)</g>', re.DOTALL)
OPENING = re.compile(r"<svg[^>]*>", re.DOTALL)
SCALE = 1.15  # CSS pixels for each point of the layout
HEAD = "M0 0 9 3.5 0 7z"  # an arrowhead, 9 by 7


def placeholder(card: Card, ports: Sequence[str]) -> dict[str, str]:
    """Graphviz's attributes for a box of the card's size; each port is a place where one edge enters."""
    width, height = card.size()
    fields = "".join(f"<{port}>|" for port in ports)[:-1] + " "  # with only ">" at its end it would be HTML-like
    size = {"width": f"{width / 72:.4f}", "height": f"{height / 72:.4f}", "fixedsize": "true"}
    return {"label": fields, "shape": "record", "fontsize": "1", "margin": "0", **size}


def id_of(source: str) -> str:
    """An id for a drawing: the same source has the same."""
    return "g" + hashlib.sha256(source.encode()).hexdigest()[:8]


def finished(text: str, id: str, cards: Mapping[str, Card], titles: Mapping[str, str], theme: str) -> str:
    """Graphviz's SVG with the cards in their places, in a theme; `titles` are the edges' hover titles, by their ids."""
    opening = OPENING.search(text)
    assert opening is not None, "Graphviz's SVG has an opening tag"
    return text[: opening.start()] + framed(id, size_of(text), content(text, id, cards, titles), theme) + "\n"


def size_of(text: str) -> tuple[float, float]:
    """The width and height of an SVG's viewBox."""
    width, height = re.findall(r'viewBox="([^"]*)"', text)[0].split()[2:]
    return float(width), float(height)


def framed(id: str, size: tuple[float, float], body: str, theme: str, *, css: str = "", lit: bool = False) -> str:
    """The <svg> element around a content that is written in the light theme's colours, with more CSS if there is."""
    width, height = size
    if theme == "print":
        ink = re.compile(r'(<path class="negative\d" d="[^"]*") fill="[^"]*"/>')
        body = ink.sub(rf'\1 fill="{LIGHT["paper"]}"/>\1 fill="url(#{id}-hatch)"/>', body)
    body = f"<defs>{heads(id, lit=lit)}{hatching(id) if theme == 'print' else ''}</defs>{body}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{id}" width="{width * SCALE:.0f}" '
        f'height="{height * SCALE:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" font-family="{FONT}" role="img">'
        f"<style>\n{sheet_of(id, theme, body + css)}\n{css}</style>{fixed(body, theme)}</svg>"
    )


def content(text: str, id: str, cards: Mapping[str, Card], titles: Mapping[str, str]) -> str:
    """What stands inside Graphviz's <svg>, with the cards in their places, in the light theme's colours."""

    def node(match: re.Match[str]) -> str:
        card = cards.get(html.unescape(match[1]))
        if card is None:
            return match[0].replace(f'id="{match[1]}"', f'id="{id}-{match[1]}"', 1)
        points = [float(x) for x in re.findall(r"-?[\d.]+", re.findall(r'points="([^"]*)"', match[2])[0])]
        width, height = card.size()
        x, y = (min(points[::2]) + max(points[::2]) - width) / 2, (min(points[1::2]) + max(points[1::2]) - height) / 2
        return (
            f'<g id="{id}-{match[1]}" class="node {card.names}" transform="translate({x:.1f} {y:.1f})">'
            f"<title>{plain(card.title or card.name)}</title>{card.svg()}</g>"
        )

    def edge(match: re.Match[str]) -> str:
        title = titles.get(match[1])
        if title is None:
            return match[0].replace(f'id="{match[1]}"', f'id="{id}-{match[1]}"', 1)
        path = " ".join(re.findall(r' d="([^"]*)"', match[2]))
        words = re.findall(r'<text[^>]*?x="([^"]*)" y="([^"]*)"[^>]*>(.*?)</text>', match[2], re.DOTALL)
        drawn = "".join(
            f'<text x="{x}" y="{y}" text-anchor="middle" font-size="10" fill="{LIGHT["muted"]}" '
            f'stroke="{LIGHT["paper"]}" stroke-width="3" paint-order="stroke">{inner}</text>'
            for x, y, inner in words
        )
        return (
            f'<g id="{id}-{match[1]}" class="edge {match[1].rpartition("_")[0]} {match[1]}"><title>{plain(title)}'
            f'</title><path d="{path}" fill="none" stroke="{LIGHT["wire"]}" marker-end="url(#{id}-head)"/>{drawn}</g>'
        )

    opening = OPENING.search(text)
    assert opening is not None
    body = EDGE.sub(edge, NODE.sub(node, text[opening.end() : text.rindex("</svg>")]))
    body = re.sub(r"<!--.*?-->\n", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="graph0" class="graph" transform="([^"]*)">', _moved, body)
    return re.sub(r'(<g transform="[^"]*">\n)<title>.*?</title>\n', r"\1", body).strip()


def heads(id: str, *, lit: bool = False) -> str:
    """The arrowhead at the end of an edge, and the one at the start of an edge that backward goes along."""
    place = 'viewBox="0 0 9 7" refX="8.5" refY="3.5" markerUnits="userSpaceOnUse"'
    found = (
        f'<marker id="{id}-head" {place} markerWidth="9" markerHeight="7" orient="auto">'
        f'<path d="{HEAD}" fill="{LIGHT["wire"]}"/></marker>'
    )
    if lit:
        found += (
            f'<marker id="{id}-back" {place} markerWidth="13" markerHeight="10" orient="auto-start-reverse">'
            f'<path d="{HEAD}" fill="{LIGHT["lit"]}"/></marker>'
        )
    return found


def _moved(match: re.Match[str]) -> str:
    """The group of everything: only its translation is needed."""
    place = re.findall(r"translate\(([^)]*)\)", match[1])
    return f'<g transform="translate({place[0]})">' if place else match[0]
