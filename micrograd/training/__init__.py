"""`fit`: train, keep, resume, measure.

Read in this order:

    plots, curves              a trained net's regions, by matplotlib; curves over the epochs, as a small SVG
    history, progress          the measures of each epoch: kept, and shown during training
    options, parts             what was asked for, checked once; the rows to train on and those held out
    checkpoints, same_run      the file that keeps a run's state; does it belong to this model, data and options?
    run_state                  what training changes, from its start or from a checkpoint
    folder_lock, resume        one run at a time in a folder; the run kept in it, to go on from
    backends, choice           an epoch in eager and in compiled code; which takes less time here
    predict                    the outputs of a trained net
    fit                        the call, and its loop over the epochs
"""

import micrograd.installed  # noqa: F401  (refuses where another package has overwritten this one)
