"""Random graphs, for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from micrograd import tanh


@st.composite
def programs(draw):
    """A random program on three leaves: each line applies an operation to any two earlier results."""
    return draw(
        st.lists(st.tuples(st.sampled_from("+-*t"), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=20)
    )


def run(program, leaves):
    nodes = list(leaves)
    for symbol, i, j in program:
        x, y = nodes[i % len(nodes)], nodes[j % len(nodes)]
        nodes.append({"+": lambda: x + y, "-": lambda: x - y, "*": lambda: x * y, "t": lambda: tanh(x)}[symbol]())  # noqa: B023
        if abs(nodes[-1].data) > 1e3:
            nodes[-1] = tanh(nodes[-1])
    return nodes[-1]
