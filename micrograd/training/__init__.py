"""`fit`: train, keep, resume, measure.

Read in this order:

    fit                          the call and its loop over the epochs
    choice, backends             eager or compiled: which takes less time here, and how each goes through an epoch
    history, progress, plots     what is known of each epoch, shown while it trains, and drawn
    run_state, checkpoints       all that training changes, and the file that keeps it
    same_run, lock               is a file of this run? is this folder somebody's already?
"""
