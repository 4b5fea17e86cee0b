"""What a recording takes from outside of the function: numbers that are read there, and what is set or drawn.

Read in this order:

    bytecode            where code reads and sets places, and where it calls
    generators          the state of generators of random numbers
    places              what is in a place now, to compare with later
    watch               look on while the function runs
    recording           two recordings that must agree, and the places to look at before each call
"""
