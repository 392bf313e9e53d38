"""Alembic's environment, the same for every kind: it runs on the connection, and in the transaction, that the caller hands over."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import LargeBinary


def _render(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """A type of our own is, in a migration, the type that the database gives the column."""
    if kind == "type" and isinstance(item, LargeBinary):
        return "sa.LargeBinary()" if item.length is None else f"sa.LargeBinary(length={item.length})"
    return False


_attributes = context.config.attributes
context.configure(
    connection=_attributes["connection"],
    target_metadata=_attributes.get("metadata"),
    process_revision_directives=_attributes.get("directives"),
    render_as_batch=True,  # SQLite alters a table by making it anew
    render_item=_render,
)
with context.begin_transaction():
    context.run_migrations()
