"""docs/verifier/verify.py, loaded as the stranger's program that it is: nothing of it is imported by ours, nor the reverse."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

PATH = Path(__file__).parents[2] / "docs" / "verifier" / "verify.py"


def load() -> ModuleType:
    """The program as a module."""
    spec = importlib.util.spec_from_file_location("independent_verifier", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their own module up
    spec.loader.exec_module(module)
    return module
