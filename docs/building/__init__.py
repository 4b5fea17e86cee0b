"""What the site has beside the pages of docs/: each file makes one kind of it.

`python docs/build.py` calls all but curves, which `python docs/operations.py` calls.

Read in this order:

    links       where a link of the repository leads on the site
    sources     every source file as a page
    pictures    wide pictures, which a phone moves sideways
    tidy        a formula as a person would write it
    mathml      a formula as mathematics
    curves      a function and its derivative as a small picture
    reference   the API reference, from the docstrings
    live        pages that play a graph, step by step
"""
