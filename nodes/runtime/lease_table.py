"""The row of each lease in the database that instances share, and what is asked of it [B3, B4]."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, MetaData, String, Table, UniqueConstraint, bindparam, func, select, text, update
from sqlalchemy.dialects import postgresql

SCHEMA = "lease"
METADATA = MetaData()
LEASES = Table(
    "leases",
    METADATA,
    Column("name", String(160), primary_key=True),
    Column("term", BigInteger, nullable=False),
    Column("holder", String(63), nullable=False),
    Column("renewed", DateTime(timezone=True), nullable=False),
    UniqueConstraint("name", "term"),  # as part of a key a term is held still by FOR KEY SHARE, which lets renewals of the lease pass
)

_leases = LEASES.to_metadata(MetaData(), schema=SCHEMA)  # as every session of the process names it, whatever its own schema
_here = _leases.c.name == bindparam("lease")
_this_term = _here & (_leases.c.term == bindparam("lead"))
MADE = postgresql.insert(_leases).values(name=bindparam("lease"), term=0, holder="", renewed=func.clock_timestamp()).on_conflict_do_nothing()
HOLD_TERM = select(_leases.c.term).where(_this_term).with_for_update(read=True, key_share=True)
RENEW = update(_leases).where(_this_term).values(renewed=func.clock_timestamp())
TAKE = (
    update(_leases)
    .where(_here)
    .values(term=_leases.c.term + 1, holder=bindparam("instance"), renewed=func.clock_timestamp())
    .returning(_leases.c.term)
)
TERM = select(_leases.c.term).where(_here)
SILENT = select(_leases.c.holder).where(_here, _leases.c.renewed < func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 0, 0, bindparam("life")))
END_SESSIONS = text("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = :holder AND pid <> pg_backend_pid()")
