"""In IPython and notebooks: `%load_ext micrograd`, then `%gradstep L` opens the prompt on the value L."""

from __future__ import annotations

from typing import Any


def load_ipython_extension(ipython: Any) -> None:
    """Register the magic; IPython calls this on `%load_ext micrograd`."""

    def gradstep(line: str) -> None:
        """%gradstep EXPRESSION: step through the backward of a Value, with the notebook's variables as names."""
        from micrograd.views.prompt import debug

        if not line:
            print("write the Value to step through after %gradstep: %gradstep z")
            return
        try:
            debug(ipython.ev(line), names=ipython.user_ns)
        except Exception as error:
            print(f"%gradstep {line}: {type(error).__name__}: {error}")

    ipython.register_magic_function(gradstep, "line", "gradstep")
