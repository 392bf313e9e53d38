"""Which settings class each role's program reads its configuration with."""

from __future__ import annotations

import importlib
import importlib.util

from nodes.commands.node import program_of
from nodes.runtime.settings import NodeSettings


def settings_class(role: str) -> type[NodeSettings]:
    """The settings of the program that runs ``role``."""
    program = program_of(role)
    name = f"{program}.settings" if importlib.util.find_spec(f"{program}.settings") else f"{program}.__main__"
    found = [
        value
        for value in vars(importlib.import_module(name)).values()
        if isinstance(value, type) and issubclass(value, NodeSettings) and role in value.model_fields
    ]
    assert len(found) == 1, f"{name} has one settings class"
    return found[0]
