"""What these tests have in common: each runs on SQLite, and in the slow run on a PostgreSQL server of our own."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest) -> str:
    """Of an empty database: none for SQLite's files in the state directory."""
    return str(request.getfixturevalue("postgresql_database")) if request.param == "postgresql" else ""
