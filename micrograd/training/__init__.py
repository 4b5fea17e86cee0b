"""`fit`: train, keep, resume, measure.

Read in this order:

    plots, history, progress   what is known of each epoch: drawn, kept, and shown while it trains
    options, parts             what was asked for, checked once; the rows to train on and those held out
    checkpoints, same_run      the file that keeps all that training changes; is it of this model, data and options?
    run_state                  what training changes, from its start or from a checkpoint
    folder_lock, resume        a folder is for one run at a time; the run kept in it, to go on from
    backends, choice           how eager and compiled code go through an epoch; which of them takes less time here
    predict                    the outputs of a net that is trained
    fit                        the call, and its loop over the epochs
"""
