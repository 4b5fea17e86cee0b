"""What a function uses from outside while it is recorded: what it reads and sets there, and random numbers.

Read in this order:

    bytecode            where code reads and sets places
    generators          the state of random generators
    places              what is in a place now, to compare with later
    watch               watch the function while it runs
    recording           two recordings that must agree, and the places to check before each call
"""
