"""Other people's Values: read them as a graph of ours, which all views show, and hold their engine against the table.

Read in this order:

    reading             somebody's Value: its number, gradient, operands, symbol, and its own step of backward
    recognition         which row of the table a node is, and its operands in order
    adopt               the whole graph as a graph of ours
"""
