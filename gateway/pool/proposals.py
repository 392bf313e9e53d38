"""What one official proposes of the pool's ledger, until another lets it go or somebody withdraws it; kept with both names [E6]."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import BigInteger, Column, Connection, Engine, MetaData, String, Table, insert, select, update

from nodes.errors import NotFoundError
from nodes.runtime.database import reading
from scoring.errors import PoolError

Act = Literal["deposit", "pay", "reject", "return"]
ACTS: Final[tuple[Act, ...]] = ("deposit", "pay", "reject", "return")
WAITING, RELEASED, WITHDRAWN = "waiting", "released", "withdrawn"

METADATA = MetaData()
_proposals = Table(
    "pool_proposals",
    METADATA,
    Column("id", String(16), primary_key=True),
    Column("act", String(10), nullable=False),
    Column("application", String(32), nullable=False),
    Column("claimant", String(63), nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("party", String(200), nullable=False),
    Column("by", String(63), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("state", String(10), nullable=False),
    Column("second", String(63), nullable=False),
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One change of the ledger that ``by`` proposed. ``amount_fen``: paid in, or recovered by the claimant; ``second``: who let it go or
    withdrew it."""

    id: str
    act: Act
    application: str
    claimant: str
    amount_fen: int
    party: str
    by: str
    time: int
    state: str = WAITING
    second: str = ""


def proposed(act: Act, by: str, now: int, *, application: str = "", claimant: str = "", amount_fen: int = 0, party: str = "") -> Proposal:
    """A fresh proposal."""
    return Proposal(secrets.token_hex(8), act, application, claimant, amount_fen, party, by, now)


def listed(engine: Engine) -> list[Proposal]:
    """Every proposal, the last first."""
    with reading(engine) as connection:
        rows = connection.execute(select(_proposals).order_by(_proposals.c.time.desc(), _proposals.c.id)).mappings()
        return [Proposal(**row) for row in rows]


def keep(connection: Connection, proposal: Proposal) -> None:
    """Keep a new proposal. Raises PoolError where another one about the same claim waits."""
    here = (_proposals.c.application == proposal.application) & (_proposals.c.claimant == proposal.claimant)
    same = select(_proposals.c.id).where(here & (_proposals.c.state == WAITING))
    if proposal.application and connection.execute(same).first() is not None:
        raise PoolError("something else is proposed of this claim: let it go or withdraw it first")
    connection.execute(insert(_proposals).values({name: getattr(proposal, name) for name in Proposal.__slots__}))


def end(connection: Connection, proposal: str, state: str, second: str) -> Proposal:
    """Note that a proposal that waits is let go or withdrawn by ``second``; what it was. Raises NotFoundError, PoolError when it does not wait."""
    row = connection.execute(select(_proposals).where(_proposals.c.id == proposal)).mappings().one_or_none()
    if row is None:
        raise NotFoundError("there is no such proposal")
    if row["state"] != WAITING:
        raise PoolError(f"the proposal was {row['state']} before")
    connection.execute(update(_proposals).where(_proposals.c.id == proposal).values(state=state, second=second))
    return Proposal(**row)
