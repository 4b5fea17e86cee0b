"""What a recording takes from outside of the function: numbers that are read there, and what is set or drawn.

bytecode, places    where code reads and sets; what is there now, to compare with later
generators          the state of generators of random numbers
watch               look on while the function runs
recording           two recordings that must agree, and the places to look at before each call
"""
