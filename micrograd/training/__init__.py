"""`fit`: train, keep, resume, measure.

Read in this order:

    plots, history, progress   what is known of each epoch: drawn, kept, and shown while it trains
    checkpoints, same_run      the file that keeps all that training changes; is it of this model, data and options?
    run_state                  what training changes, from its start or from a checkpoint
    backends, choice           how eager and compiled code go through an epoch; which of them takes less time here
    folder_lock                a folder is for one run at a time
    fit                        the call, and its loop over the epochs
"""
