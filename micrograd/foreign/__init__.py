"""Other people's Values: read them as a graph of ours, which all views show, and hold their engine against the table.

Read in this order:

    reading          somebody's Value: its number, gradient, operands, symbol, and its own step of backward
    recognition      which row of the table a node is, and its operands in order
    adopt            the whole graph as a graph of ours
    source, limited  the line of code that a finding is about; code that runs for so long and no longer
    advice           what to do about an error that their code raised
    engines, trials  a class of Values behind its operations; what it is tried on
    conventions      why other numbers than the table's may be right too
    findings         what was found, and how it is printed
    rules            what is wrong with one step of backward
    diagnosis        from a trial that failed to what is wrong and where
    trying           one engine, tried on all of this
    building         a Value that is still being written, before it has a backward()
    learning         a neuron that is being written on top of it
    steps            the ten steps in which a Value is built, and what each asks for
    check            `check_engine`
"""

import micrograd.installed  # noqa: F401  (refuses where another package has overwritten this one)
