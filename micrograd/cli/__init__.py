"""The `micrograd` command, and the folder that a training run fills.

Read in this order:

    expression          an expression that a user typed, as a graph
    recipe, model       how a net is built, in words that a file keeps; a trained net with all that is needed to use it
    run_folder          the folder with all of a run
    report, bench       what is printed of a run; how long a step of training takes
    train, results      `micrograd train`: what is done, and the files and lines that it leaves
    options             from an option's text to its value
    graph_commands      the commands that take an expression: `draw`, `step` and `explain`
    net_commands        `train`, `predict`, `show` and `bench`
    output, command     all that is printed, or an error; the parser, and `main`
    demo                `run`, which gives a demo its options
"""

from micrograd.cli.command import main
from micrograd.cli.demo import run

__all__ = ["main", "run"]
