"""Timed comparisons with other engines. Never imported by the package; nothing here is asserted by a test."""

import os

# One thread for every engine; libraries read these variables when they are loaded.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC"):
    os.environ.setdefault(_name, "1")
