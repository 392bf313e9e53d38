"""What is costly to keep running ends with the last module that uses it, not with the run."""

from __future__ import annotations

import pytest


def is_last_to_use(name: str, request: pytest.FixtureRequest) -> bool:
    """Whether no module after that of ``request`` uses the fixture ``name`` in this run."""
    users = [item for item in request.session.items if isinstance(item, pytest.Function) and name in item.fixturenames]
    return users[-1].module is request.module
