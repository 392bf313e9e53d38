"""Alembic on the history of one of our databases. Not imported by who only opens a database that is current."""

from __future__ import annotations

import threading
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from nodes.runtime.migrations.catalogue import HERE, versions_of

_one_at_a_time = threading.Lock()  # Alembic's operations act on one context for all threads


def configuration(kind: str, **attributes: Any) -> Config:
    """Alembic's configuration for the history of ``kind``; ``attributes`` are for the environment."""
    config = Config()
    for option, value in {"script_location": HERE, "version_locations": versions_of(kind), "path_separator": "newline"}.items():
        config.set_main_option(option, str(value).replace("%", "%%"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes.update(attributes)
    return config


def run(step: str, connection: Connection, kind: str, revision: str) -> None:
    """``upgrade`` or ``downgrade`` the tables of ``kind`` to ``revision`` in the transaction of ``connection``."""
    with _one_at_a_time:
        getattr(command, step)(configuration(kind, connection=connection), revision)
