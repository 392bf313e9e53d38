"""A drop folder beside its mapping."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.connecting import MAPPING


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    (tmp_path / "tax.yaml").write_text(MAPPING, encoding="utf-8")
    return folder
