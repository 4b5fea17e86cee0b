"""Timed comparisons with other engines. The package never imports them.

Tests check that they run, that a wrong engine is found, and that the page says what was measured; none asserts a time.

Read in this order:

    say                  numbers as people read them, and lines of progress
    original, slotted    two engines to compare with: micrograd 0.1.0, and a class of Values as scripts have it
    workloads            the work that is timed: expressions, and nets with their data
    peers                one file for each engine that does this work
    timing, memory       prepare, check and time an engine's rows; its peak of memory, in a process of its own
    fields               programs of other fields, as scalars and as arrays
    programs, measures   programs as people write them, without compiling; what is measured besides
    worker               one engine in its own process
    results, report      the file of measurements; what one measurement adds to it
    eager                the programs timed, each engine in turn
    facts, charts, page  what the measurements say; pictures of it; the page
    figures              the numbers in the other pages of the documentation

`python -m benchmarks` does all that. By themselves:

    compiling, growth    how long compiling takes, and what it needs as programs grow
    seeing               drawings, records and pages
    estimators           accuracy and fit times beside scikit-learn's
    stopping             how soon Ctrl-C stops native training
"""

import os

# One thread for every engine; libraries read these variables when they are loaded.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC"):
    os.environ.setdefault(_name, "1")
