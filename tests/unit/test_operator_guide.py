"""The configurations printed in the operator guide are ones that the programs accept."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path

import pytest

from nodes.commands.node import program_of
from nodes.runtime.settings import ROLES, NodeSettings, role_of

GUIDE = (Path(__file__).parents[2] / "docs" / "operator-guide.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```toml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


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


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.split('"')[1])
def test_example_is_accepted_by_its_program(example: str, tmp_path: Path) -> None:
    path = tmp_path / "example.toml"
    path.write_text(example, encoding="utf-8")
    settings = settings_class(role_of(path)).load(path)
    assert settings.zone == "hangzhou-binjiang"


def test_guide_shows_every_role(tmp_path: Path) -> None:
    path = tmp_path / "example.toml"
    shown = set()
    for example in EXAMPLES:
        path.write_text(example, encoding="utf-8")
        shown.add(role_of(path))
    assert shown == set(ROLES)
