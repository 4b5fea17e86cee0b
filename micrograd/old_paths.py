"""Find modules by the names that they had before they moved into rooms, which pickles and programs still use.

>>> from micrograd.history import History
>>> History.__module__
'micrograd.training.history'
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

NOW = {
    "animate": "views.animate",
    "backends": "training.backends",
    "breakpoints": "views.breakpoints",
    "c_code": "export.c_file",
    "c_statements": "export.c_statements",
    "cells": "data.cells",
    "checkpoints": "training.checkpoints",
    "choice": "training.choice",
    "commands": "cli.net_commands",
    "compiler.bytecode": "compiler.outside.bytecode",
    "compiler.context": "compiler.native.spec",
    "compiler.emit": "compiler.native.emit",
    "compiler.generators": "compiler.outside.generators",
    "compiler.guards": "compiler.tape.guards",
    "compiler.inside": "compiler.compiled_forms",
    "compiler.lanes": "compiler.native.lanes",
    "compiler.loop": "compiler.native.loop",
    "compiler.machine": "compiler.native.machine",
    "compiler.places": "compiler.outside.places",
    "compiler.plan": "compiler.tape.plan",
    "compiler.recording": "compiler.outside.recording",
    "compiler.rule": "compiler.tape.rule",
    "compiler.shuffle": "compiler.native.shuffle",
    "compiler.simplify": "compiler.tape.simplify",
    "compiler.store": "compiler.native.store",
    "compiler.symbols": "compiler.tape.symbols",
    "compiler.trace": "compiler.tape.recorder",
    "compiler.training": "compiler.train_step",
    "compiler.update": "compiler.native.update",
    "compiler.watch": "compiler.outside.watch",
    "draw": "views.draw",
    "explorable": "views.page",
    "expression": "cli.expression",
    "fold": "views.fold",
    "graph": "views.snapshot",
    "higher": "derivatives",
    "history": "training.history",
    "identity": "training.same_run",
    "layout": "views.layout",
    "notebook": "views.notebook",
    "onnx_nodes": "export.onnx_rules",
    "plots": "training.plots",
    "preparation": "data.preparation",
    "progress": "training.progress",
    "prompt": "views.prompt",
    "recipes": "cli.recipe",
    "reports": "cli.report",
    "run_state": "training.run_state",
    "runs": "cli.run_folder",
    "stepper": "views.trace",
    "tables": "data.tables",
    "train": "training.fit",
    "train_command": "cli.train",
    "walk": "views.moves",
}


class _Moved:
    """Finds and loads a module by its old name: the module itself, not a second one.

    It is the last finder, so it is asked only for modules that no other finder has.
    """

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        if not name.startswith("micrograd.") or name[len("micrograd.") :] not in NOW:
            return None
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, _Moved())  # type: ignore[arg-type]

    def create_module(self, spec: Any) -> Any:
        module = importlib.import_module("micrograd." + NOW[spec.name[len("micrograd.") :]])
        self._spec = module.__spec__  # which the import system is about to replace
        return module

    def exec_module(self, module: Any) -> None:
        module.__spec__ = self._spec

    @staticmethod
    def get_code(name: str) -> Any:
        """The code, for `python -m` with an old name."""
        new = "micrograd." + NOW[name[len("micrograd.") :]]
        loader: Any = importlib.import_module(new).__loader__
        return loader.get_code(new)


sys.meta_path.append(_Moved)
