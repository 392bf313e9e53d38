"""Databases that two instances of a process share: fenced by their lease, and changed by a newer program only while no instance leads [B7]."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from nodes.errors import InstanceLeadsError, LeaseLostError
from nodes.runtime.database import connect, open_database, writing
from nodes.runtime.lease import Lease
from nodes.runtime.migrations.upgrading import is_current


def open_shared(lease: Lease, directory: Path, kind: str, url: str = "", *, name: str = "") -> Engine:
    """As ``open_database``, fenced by ``lease``; whoever takes the lead looks again whether its program fits the tables.

    Raises as ``open_database``; InstanceLeadsError when the tables are older than this program and another instance leads by them.
    """
    if not lease.alone and not _is_current(kind, url, name):
        try:
            with lease.held():
                open_database(directory, kind, url, name=name).dispose()
        except InstanceLeadsError as error:
            raise InstanceLeadsError(
                f"{error}, with an older program than this one, which will not change the tables under it: stop that instance, and this one brings "
                f"the database {name or kind} up to date and leads"
            ) from error
    engine = lease.fence(open_database(directory, kind, url, name=name))
    lease.on_lead(lambda: _check_tables(engine, kind))
    return engine


def _is_current(kind: str, url: str, name: str) -> bool:
    engine = connect(Path(), url, name or kind)
    try:
        return is_current(engine, kind)
    finally:
        engine.dispose()


def _check_tables(engine: Engine, kind: str) -> None:
    """The tables are this program's. Raises DatabaseNewerError when a newer program has changed them meanwhile, LeaseLostError, with which the
    process begins anew, when people have taken changes back."""
    with writing(engine):  # waits for whoever changes them at this moment
        if not is_current(engine, kind):
            raise LeaseLostError(f"the tables of {kind} were taken back to an older version")
