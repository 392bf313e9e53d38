"""What these tests have in common: they look at what is logged, from the level of information up."""

from __future__ import annotations

import pytest
import structlog


@pytest.fixture(autouse=True)
def every_level_is_logged() -> None:
    """A command that another test of this process ran has had warnings alone logged since."""
    structlog.reset_defaults()
