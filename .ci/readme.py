"""Run README's sessions on the micrograd that is installed, and compare what they print.

    python -P .ci/readme.py            all sessions, in a folder that is removed afterwards
    python -P .ci/readme.py --first    the first one, which needs no extra

`.ci/release` runs it in each fresh environment.
"""

import doctest
import os
import re
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
sessions = re.findall(r"^```pycon\n(.*?)^```$", (CHECKOUT / "README.md").read_text("utf-8"), re.M | re.S)
sessions = sessions[:1] if "--first" in sys.argv else sessions
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    import micrograd

    assert not Path(micrograd.__file__).is_relative_to(CHECKOUT), f"{micrograd.__file__} is the checkout's"
    test = doctest.DocTestParser().get_doctest("\n".join(sessions), {}, "README.md", None, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(test)
    os.chdir(CHECKOUT)
if runner.failures or not runner.tries:
    sys.exit(f"README: {runner.failures} of {runner.tries} lines print something else")
print(f"README: {runner.tries} lines print what they show, on Python {sys.version.split()[0]}, {micrograd.core} core")
