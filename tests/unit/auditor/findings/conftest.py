"""A zone that was honestly logged and witnessed, whatever its statements say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nodes.auditor.audit import Verdict
from tests.support.artifacts import write_zone
from tests.support.findings import Judge, Relogged
from tests.support.zone import MemoryZone


@pytest.fixture
def relogged(tmp_path: Path, judge: Judge) -> Relogged:
    """The verdict on a zone that is written down as it is now, signed and witnessed."""

    def written(zone: MemoryZone, **more: Any) -> Verdict:
        write_zone(zone, tmp_path / "zone", **more)
        return judge(tmp_path / "zone", tmp_path / "zone" / "public")

    return written
