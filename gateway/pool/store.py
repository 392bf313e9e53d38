"""The pool's ledger and the claims on it, in the gateway's database. Each change is one transaction, judged by ``scoring.lending.pool``,
proposed by one official and let go by another [E6]."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy import BigInteger, Boolean, Column, Connection, Engine, Integer, MetaData, String, Table, insert, select, update

from gateway.pool import proposals
from gateway.pool.proposals import Proposal
from nodes.errors import NotFoundError
from nodes.runtime.database import reading, writing
from scoring.errors import PoolError
from scoring.four_eyes import check_second
from scoring.lending.pool import Claim, Entry, Pool

METADATA = MetaData()
_entries = Table(
    "pool_entries",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("balance_fen", BigInteger, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("application", String(32), nullable=False),
    Column("party", String(200), nullable=False),
    Column("recovered_fen", BigInteger, nullable=False),
)
_claims = Table(
    "pool_claims",
    METADATA,
    Column("application", String(32), primary_key=True),
    Column("claimant", String(63), primary_key=True),
    Column("standing", String(10), nullable=False),
    Column("bad_fen", BigInteger, nullable=False),
    Column("liability_fen", BigInteger, nullable=False),
    Column("first", Boolean, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("state", String(10), nullable=False),
    Column("by", String(63), nullable=False),
    Column("paid_fen", BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class KeptClaim:
    """A claim as it stands: waiting, paid or rejected; ``by``: the official who decided."""

    claim: Claim
    time: int
    state: str
    by: str
    paid_fen: int


class PoolStore:
    """The pool of one zone."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def pool(self) -> Pool:
        """The pool as its ledger tells it; the ledger adds up. Raises PoolError when it does not."""
        with reading(self._engine) as connection:
            pool = _pool(connection)
        pool.check()
        return pool

    def claims(self) -> list[KeptClaim]:
        """Every claim, the last first."""
        with reading(self._engine) as connection:
            return _kept(connection)

    def put(self, claim: Claim, now: int) -> KeptClaim:
        """Keep a new claim. The same again changes nothing. Raises PoolError for another one for the same loan by the same claimant."""
        with writing(self._engine) as connection:
            known = next((kept for kept in _kept(connection) if _place(kept.claim) == _place(claim)), None)
            if known is not None and known.claim != claim:
                raise PoolError("another claim for this loan was made before")
            if known is None:
                values = {name: getattr(claim, name) for name in Claim.__slots__}
                connection.execute(insert(_claims).values(**values, time=now, state="waiting", by="", paid_fen=0))
        return known or KeptClaim(claim, now, "waiting", "", 0)

    def proposals(self) -> list[Proposal]:
        """Every proposal, the last first."""
        return proposals.listed(self._engine)

    def waiting(self) -> set[tuple[str, str]]:
        """(application, claimant) of what is proposed and not decided yet."""
        return {(each.application, each.claimant) for each in self.proposals() if each.state == proposals.WAITING}

    def propose(self, proposal: Proposal) -> None:
        """Keep a proposal that could be let go as the ledger and the claims stand.

        Raises PoolError when it could not, or when another one about the claim waits; NotFoundError for a claim that there is not.
        """
        with writing(self._engine) as connection:
            if proposal.act == "reject":
                _undecided(connection, proposal)
            else:
                _change(connection, proposal)(_pool(connection))
            proposals.keep(connection, proposal)

    def release(self, proposal: str, by: str, now: int) -> None:
        """Do what was proposed, at ``now``.

        Raises NotFoundError, FourEyesError when ``by`` proposed it, PoolError when it cannot be done any more.
        """
        with writing(self._engine) as connection:
            found = proposals.end(connection, proposal, proposals.RELEASED, by)
            check_second(found.by, by, "this change of the pool")
            kept = _undecided(connection, found) if found.act in {"pay", "reject"} else None
            paid = 0
            if found.act != "reject":
                paid = -_append(connection, _change(connection, replace(found, time=now))).amount_fen
            if kept is not None:
                here = (_claims.c.application == found.application) & (_claims.c.claimant == found.claimant)
                state = "paid" if found.act == "pay" else "rejected"
                connection.execute(update(_claims).where(here).values(state=state, by=by, paid_fen=paid))

    def withdraw(self, proposal: str, by: str) -> None:
        """Give up a proposal that waits. Raises NotFoundError, PoolError."""
        with writing(self._engine) as connection:
            proposals.end(connection, proposal, proposals.WITHDRAWN, by)


def _change(connection: Connection, proposal: Proposal) -> Callable[[Pool], Pool]:
    """What a proposal does to the pool, at the time that it names. Raises as ``_undecided``."""
    if proposal.act == "deposit":
        return lambda pool: pool.deposit(proposal.amount_fen, proposal.party, proposal.time)
    if proposal.act == "return":
        return lambda pool: pool.returned(proposal.application, proposal.claimant, proposal.amount_fen, proposal.time)
    claim = _undecided(connection, proposal).claim
    return lambda pool: pool.compensate(claim, proposal.time)


def _undecided(connection: Connection, proposal: Proposal) -> KeptClaim:
    """The claim that a proposal is about, which waits. Raises NotFoundError, PoolError when it was decided."""
    kept = next((kept for kept in _kept(connection) if _place(kept.claim) == (proposal.application, proposal.claimant)), None)
    if kept is None:
        raise NotFoundError("there is no such claim")
    if kept.state != "waiting":
        raise PoolError(f"the claim was {kept.state} before")
    return kept


def _append(connection: Connection, change: Callable[[Pool], Pool]) -> Entry:
    """The entry by which ``change`` makes the ledger longer, kept."""
    before = _pool(connection)
    entry = change(before).entries[-1]
    connection.execute(insert(_entries).values(number=len(before.entries) + 1, **{name: getattr(entry, name) for name in Entry.__slots__}))
    return entry


def _pool(connection: Connection) -> Pool:
    rows = connection.execute(select(_entries).order_by(_entries.c.number)).mappings()
    entries = tuple(Entry(**{name: row[name] for name in Entry.__slots__}) for row in rows)
    return Pool(entries, tuple((kept.claim, kept.paid_fen) for kept in _kept(connection) if kept.state == "paid"))


def _kept(connection: Connection) -> list[KeptClaim]:
    rows = connection.execute(select(_claims).order_by(_claims.c.time.desc(), _claims.c.application)).mappings()
    return [KeptClaim(Claim(**{name: row[name] for name in Claim.__slots__}), row["time"], row["state"], row["by"], row["paid_fen"]) for row in rows]


def _place(claim: Claim) -> tuple[str, str]:
    return claim.application, claim.claimant
