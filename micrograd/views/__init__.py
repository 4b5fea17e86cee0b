"""Look at a graph: draw it, step through it, ask why. All views read a snapshot; none walks Values itself.

Read in this order:

    groups, snapshot     which neuron made each value; the graph as it is now, in numbered nodes
    fold                 fewer boxes: what repeats, or belongs to a neuron, is shown as one
    tree                 the graph as indented lines, for a terminal
    style, layout, draw  the boxes' shapes, colours and words; where Graphviz puts them; and the picture
    sentence             forward and backward in words: each step the same in every view
    picture, net         small pictures written by hand; a net as circles and lines
    record, why          forward and backward, step by step; why a gradient is what it is
    animate              the record as an animation
    page                 the record as a page to explore, with live numbers
    breakpoints, moves   where a walk through the record stops, and how it goes forward and back in time
    scope, prompt        Python with the nodes as they are there; a prompt that speaks pdb
    trace                the record with all these views: what `trace(z)` returns
    notebook             the prompt in IPython
"""
