"""Look at a graph: draw it, step through it, ask why. All views read a snapshot; none walks Values itself.

Read in this order:

    groups, naming       which neuron made each value; what each is called
    snapshot             the graph as it is now, in numbered nodes
    objective            which loss is computed from a net's outputs
    titles, fold         what a folded box is called; fewer boxes: what repeats, or belongs to a neuron, is shown as one
    sentence, terminal   forward and backward in words: each step the same in every view; their colours in a terminal
    top, tree            the nodes nearest to the result; the graph as indented lines, for a terminal
    theme, card          the colours, light and dark; one box, drawn as a card
    style, layout        what boxes and edges say; where Graphviz puts them
    finish               the cards in their places, light and dark by themselves
    record_style, draw   as the original notebook draws; the picture
    small, net           small pictures written by hand; a net as circles and lines
    record, why          forward and backward, step by step; why a gradient is what it is
    animate              the record as an animation
    page                 the record as a page to explore, with live numbers
    seen, breakpoints    a node as it is at a position of the record; where a walk through it stops
    moves, narration     how a walk goes forward and back in time; what is said on the way
    scope                Python with the nodes as they are there
    repl, prompt         lines, help and suggestions of a prompt; its commands, which speak pdb
    trace                the record with all these views: what `trace(z)` returns
    notebook             the prompt in IPython
"""

import micrograd.installed  # noqa: F401  (refuses where another package has overwritten this one)
