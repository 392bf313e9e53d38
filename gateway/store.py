"""What the gateway keeps: nonces of signed requests, and the authority's openings and totals of released epochs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Boolean, Column, Engine, Integer, LargeBinary, MetaData, String, Table, delete, insert, select
from sqlalchemy.exc import IntegrityError

from nodes.runtime.database import reading, writing
from scoring.errors import RequestReplayedError

METADATA = MetaData()
NONCES = Table(
    "request_nonces",
    METADATA,
    Column("key_id", String(82), primary_key=True),
    Column("nonce", String(64), primary_key=True),
    Column("expires", BigInteger, nullable=False, index=True),
)
DOCUMENTS = Table(
    "epoch_stages",
    METADATA,
    Column("epoch", String(64), primary_key=True),
    Column("document", LargeBinary, nullable=False),
)
TICKETS = Table(
    "opened_tickets",
    METADATA,
    Column("epoch", String(64), primary_key=True),
    Column("ticket", String(64), primary_key=True),
    Column("functional", String(64), nullable=False),
    Column("record", LargeBinary, nullable=False),
)
TOTALS = Table(
    "totals",
    METADATA,
    Column("epoch", String(64), primary_key=True),
    Column("functional", String(64), primary_key=True),
    Column("subject", String(32), primary_key=True),
    Column("ticket", String(64), nullable=False),
    Column("position", Integer, nullable=False),
    Column("stage", String(64), nullable=False),
    Column("hundredths", Integer, nullable=False),
    Column("gated", Boolean, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Total:
    """One subject's released value of one functional, in hundredths; a gated one counts as 0 [P2.3]."""

    subject: str
    position: int
    stage: str
    hundredths: int
    gated: bool


class Store:
    """The gateway's database. Everything is on disk when a method returns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def use_nonce(self, key_id: str, nonce: str, expires: int, now: int) -> None:
        """Remember that ``key_id`` used ``nonce``. Raises RequestReplayedError when it did before. Forgets what expired an hour ago."""
        try:
            with writing(self._engine) as connection:
                connection.execute(delete(NONCES).where(NONCES.c.expires < now - 3600))
                connection.execute(insert(NONCES).values(key_id=key_id, nonce=nonce, expires=expires))
        except IntegrityError as error:
            raise RequestReplayedError("this nonce was used before with this key: sign a new request") from error

    def keep_stages(self, epoch: str, document: bytes) -> None:
        """Keep the ordered roster of an epoch; the last one before its opening counts."""
        with writing(self._engine) as connection:
            connection.execute(delete(DOCUMENTS).where(DOCUMENTS.c.epoch == epoch))
            connection.execute(insert(DOCUMENTS).values(epoch=epoch, document=document))

    def stages(self, epoch: str) -> bytes | None:
        """The kept ordered roster of an epoch."""
        with reading(self._engine) as connection:
            row = connection.execute(select(DOCUMENTS.c.document).where(DOCUMENTS.c.epoch == epoch)).one_or_none()
        return None if row is None else row.document

    def keep_opened(self, epoch: str, ticket: str, functional: str, record: bytes, totals: Sequence[Total]) -> None:
        """Keep all that one bulk ticket gave, at once: its record and its values. The same ticket again changes nothing."""
        with writing(self._engine) as connection:
            known = connection.execute(select(TICKETS.c.ticket).where(TICKETS.c.epoch == epoch, TICKETS.c.ticket == ticket)).one_or_none()
            if known is not None:
                return
            connection.execute(insert(TICKETS).values(epoch=epoch, ticket=ticket, functional=functional, record=record))
            connection.execute(
                insert(TOTALS),
                [
                    {
                        "epoch": epoch, "functional": functional, "ticket": ticket, "subject": total.subject,
                        "position": total.position, "stage": total.stage, "hundredths": total.hundredths, "gated": total.gated,
                    }
                    for total in totals
                ],
            )  # fmt: skip

    def opened_tickets(self, epoch: str) -> set[str]:
        """Digests of the tickets of an epoch that are opened and kept."""
        with reading(self._engine) as connection:
            return set(connection.execute(select(TICKETS.c.ticket).where(TICKETS.c.epoch == epoch)).scalars())

    def records(self, epoch: str) -> Iterable[tuple[str, bytes]]:
        """(ticket digest, opening record) of an epoch's opened tickets."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(TICKETS.c.ticket, TICKETS.c.record).where(TICKETS.c.epoch == epoch).order_by(TICKETS.c.ticket)).all()
        return [(row.ticket, row.record) for row in rows]

    def totals(self, epoch: str, functional: str) -> list[Total]:
        """Released values of one functional, in the roster's order."""
        query = select(TOTALS).where(TOTALS.c.epoch == epoch, TOTALS.c.functional == functional).order_by(TOTALS.c.position)
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return [Total(row.subject, row.position, row.stage, row.hundredths, row.gated) for row in rows]
