"""The `micrograd` command, and the folder that a training run fills.

Read in this order:

    expression          an expression that a user typed, as a graph
    recipe, model       how a net is built, as JSON; a trained net with all that is needed to use it
    run_folder          the folder that keeps a run
    report, bench       how good a trained net is, as text; how long a training step takes
    train, results      `micrograd train`: the run, and the files and lines that it leaves
    options             from an option's text to its value
    graph_commands      the commands that take an expression: `draw`, `step` and `explain`
    net_commands        `train`, `predict`, `show` and `bench`
    output, command     everything is printed, or an error is raised; the parser, and `main`
    demo                `run`, which gives a demo its options
"""

import micrograd.installed  # noqa: F401  (refuses where another package has overwritten this one)
from micrograd.cli.command import main
from micrograd.cli.demo import run

__all__ = ["main", "run"]
