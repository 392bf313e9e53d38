"""What the cockpit keeps: publications, made once and never again; where tables count an enterprise; planned closing days."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import BigInteger, Column, Engine, LargeBinary, MetaData, String, Table, delete, insert, select

from nodes.runtime.database import reading, writing

METADATA = MetaData()
PUBLICATIONS = Table(
    "cockpit_publications",
    METADATA,
    Column("epoch", String(64), primary_key=True),
    Column("leaf", BigInteger, nullable=False),  # of the release: publications follow each other in its order
    Column("document", LargeBinary, nullable=False),
)
HOMES = Table(
    "cockpit_homes",
    METADATA,
    Column("subject", String(32), primary_key=True),
    Column("division", String(6), nullable=False),
    Column("section", String(1), nullable=False),
)
PLANS = Table(
    "cockpit_plans",
    METADATA,
    Column("epoch", String(64), primary_key=True),
    Column("closing", String(10), nullable=False),
)


class CockpitStore:
    """The cockpit's part of the gateway's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[str, dict[str, Any]] = {}

    def publications(self) -> list[dict[str, Any]]:
        """Every publication, in the order of the epochs' releases."""
        with reading(self._engine) as connection:
            epochs = list(connection.execute(select(PUBLICATIONS.c.epoch).order_by(PUBLICATIONS.c.leaf)).scalars())
        found = [self.publication(epoch) for epoch in epochs]
        return [document for document in found if document is not None]

    def publication(self, epoch: str) -> dict[str, Any] | None:
        """What was published of an epoch; None before. It never changes, so that it is read once."""
        if epoch not in self._known:
            with reading(self._engine) as connection:
                data = connection.execute(select(PUBLICATIONS.c.document).where(PUBLICATIONS.c.epoch == epoch)).scalar_one_or_none()
            if data is None:
                return None
            self._known[epoch] = json.loads(data)
        return self._known[epoch]

    def publish(self, epoch: str, leaf: int, document: Mapping[str, Any], homes: Mapping[str, tuple[str, str]]) -> None:
        """Keep a publication and where it counted each enterprise; what is kept of an epoch or enterprise already stays as it is."""
        with writing(self._engine) as connection:
            if connection.execute(select(PUBLICATIONS.c.epoch).where(PUBLICATIONS.c.epoch == epoch)).first() is not None:
                return
            known = set(connection.execute(select(HOMES.c.subject)).scalars())
            fresh = [{"subject": name, "division": home[0], "section": home[1]} for name, home in homes.items() if name not in known]
            if fresh:
                connection.execute(insert(HOMES), fresh)
            connection.execute(insert(PUBLICATIONS).values(epoch=epoch, leaf=leaf, document=json.dumps(document).encode()))

    def homes(self) -> dict[str, tuple[str, str]]:
        """Subject id -> county and section under which every table counts it."""
        with reading(self._engine) as connection:
            return {row.subject: (row.division, row.section) for row in connection.execute(select(HOMES))}

    def plan(self, epoch: str, closing: str) -> None:
        """Note on which day an epoch is meant to be closed (ISO date); empty takes the note away."""
        with writing(self._engine) as connection:
            connection.execute(delete(PLANS).where(PLANS.c.epoch == epoch))
            if closing:
                connection.execute(insert(PLANS).values(epoch=epoch, closing=closing))

    def planned(self, epoch: str) -> str:
        """The day on which an epoch is meant to be closed; empty where none was noted."""
        with reading(self._engine) as connection:
            return connection.execute(select(PLANS.c.closing).where(PLANS.c.epoch == epoch)).scalar_one_or_none() or ""
