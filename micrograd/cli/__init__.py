"""The `micrograd` command, and the folder that a training run fills.

Read in this order:

    expression           an expression that a user typed, as a graph
    recipe, run_folder   what a net and its data were, in words that a file keeps; the folder with all of a run
    report               what is printed of a run
    train, models        `micrograd train`; `predict`, `show` and `bench`
    command              the parser, the commands that take an expression, and `run`, which gives a demo its options
"""

from micrograd.cli.command import main, run

__all__ = ["main", "run"]
