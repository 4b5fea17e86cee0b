"""Notice the original micrograd in this package's folder, where one has overwritten files of the other.

    >>> import micrograd.installed
    >>> micrograd.installed.ORIGINAL
    'micrograd'

Both are imported as `micrograd`, so pip puts both into one folder, and says nothing: `__init__.py`, engine.py and nn.py
belong to whichever was installed last, and are removed with whichever is removed first. While the files are ours, the
import warns. When they are not, every room and module of ours that is still there refuses to be imported, with the
command that mends it; `import micrograd` itself then runs the original's empty `__init__.py`, or none at all, and no
line of ours. Only an `__init__.py` of ours is not empty: that is how the two are told apart, for a few microseconds.
"""

from __future__ import annotations

import os
import warnings

from micrograd.version import DISTRIBUTION

ORIGINAL = "micrograd"  # its name on the index; it is installed beside its own list of files, micrograd-0.1.0.dist-info
AGAIN = f"python -m pip install --force-reinstall --no-deps {DISTRIBUTION}"


def _beside(folder: str) -> str:
    """The original's version, if pip has installed it into the folder that holds this package; else ""."""
    try:
        names = os.listdir(folder)
    except OSError:  # a zip file, or a folder that may not be read
        return ""
    start, end = f"{ORIGINAL}-", ".dist-info"
    versions = (name[len(start) : -len(end)] for name in names if name.startswith(start) and name.endswith(end))
    return next((version for version in versions if version[:1].isdigit()), "")  # others are projects with longer names


def _is_ours(here: str) -> bool:
    """Whether the package's `__init__.py` is ours, and not the original's, which is empty; if there is one at all."""
    for name in ("__init__.py", "__init__.pyc"):
        try:
            return os.stat(os.path.join(here, name)).st_size > 0
        except OSError:
            continue
    return not os.path.isdir(here)  # in a zip file nothing is overwritten


def _look() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    original = _beside(os.path.dirname(here))
    mend = f"python -m pip uninstall -y {ORIGINAL}, and then {AGAIN}" if original else AGAIN
    if not _is_ours(here):
        what = f"{ORIGINAL} {original} was installed over" if original else f"{ORIGINAL} was removed, with files of"
        raise ImportError(f"{what} {DISTRIBUTION}, in {here}: both are imported as micrograd. To mend it: {mend}")
    if original:
        warnings.warn(
            f"{ORIGINAL} {original} is installed in the same folder as {DISTRIBUTION}, and both are imported as "
            f"micrograd: removing or upgrading one breaks the other. To keep this one: {mend}. To have both, give "
            "each an environment of its own",
            stacklevel=4,  # the line that imports micrograd
        )


_look()
