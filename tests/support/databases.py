"""Databases for tests: SQLite files in the directory that a test names, or, with TEST_DATABASE_URL in the environment, schemas of a
PostgreSQL database, one for each such file. So the same tests hold stores to the same promises on both."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import Engine

from nodes.runtime.database import open_database

VARIABLE = "TEST_DATABASE_URL"
URL = os.environ.get(VARIABLE, "")
on_files = pytest.mark.skipif(bool(URL), reason="about SQLite's files")


def database_in(directory: Path, kind: str, *, name: str = "") -> Engine:
    """As ``open_database``; opened again, it is the same database. Belongs to the test, whose end closes nothing."""
    schema = f"{name or kind}_{sha256(str(directory.resolve()).encode()).hexdigest()[:12]}"
    if URL:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)  # which others find there otherwise, made for the file
    return open_database(directory, kind, URL, name=name, schema=schema)
