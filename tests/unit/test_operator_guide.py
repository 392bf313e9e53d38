"""The configurations printed in the operator guide are ones that the programs accept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nodes.runtime.settings import ROLES, role_of
from tests.settings_classes import settings_class

GUIDE = (Path(__file__).parents[2] / "docs" / "operator-guide.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```toml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


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
