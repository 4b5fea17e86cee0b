"""Look at a graph: draw it, step through it, ask why. All views read a snapshot; none walks Values itself.

Read in this order:

    groups, snapshot     which neuron made each value; the graph as it is now, in numbered nodes
    titles, fold         what a folded box is called; fewer boxes: what repeats, or belongs to a neuron, is shown as one
    tree                 the graph as indented lines, for a terminal
    theme, card          the colours, light and dark; one box, drawn as a card
    style, layout        what boxes and edges say; where Graphviz puts them
    picture              the cards in their places, light and dark by themselves
    record_style, draw   as the original notebook draws; the picture
    record, why          forward and backward, step by step; why a gradient is what it is
    animate              the record as an animation
    redrawn, page        the drawing without its colours and numbers; the record as a page to explore
    breakpoints, moves   where a walk through the record stops, and how it goes forward and back in time
    scope, prompt        Python with the nodes as they are there; a prompt that speaks pdb
    trace                the record with all these views: what `trace(z)` returns
    notebook             the prompt in IPython
"""
