"""An import client's folders and the connector over them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.customs import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)
