"""What an institution keeps beside the papers: records of visits, contracts' texts, and the public list of the
dishonest. None of it leaves the node; of records and texts only their SHA-256 goes into papers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, Column, Engine, LargeBinary, MetaData, String, Table, delete, func, insert, select

from crypto.encoding import canonical_json, sha256
from crypto.errors import SubjectError
from crypto.subjects import check_uscc
from nodes.errors import RecordFileError
from nodes.runtime.database import reading, writing
from nodes.runtime.peers.signing import fresh_nonce

METADATA = MetaData()
_documents = Table(
    "loan_documents",
    METADATA,
    Column("sha256", String(64), primary_key=True),
    Column("application", String(32), nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
_dishonest = Table("dishonest_list", METADATA, Column("uscc", String(18), primary_key=True))
MOST_CODES = 200_000


class LoanFiles:
    """The institution's own files about applications."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, application: str, kind: str, content: dict[str, Any], now: int) -> str:
        """Keep a document (``survey`` or ``contract``); its SHA-256, which a nonce in it keeps from being guessed."""
        document = canonical_json({**content, "nonce": fresh_nonce()})
        name = sha256(document).hex()
        with writing(self._engine) as connection:
            connection.execute(insert(_documents).values(sha256=name, application=application, kind=kind, time=now, content=document))
        return name

    def of(self, application: str) -> list[dict[str, Any]]:
        """The documents of an application, the newest first: sha256, kind, time, and what they say."""
        query = select(_documents).where(_documents.c.application == application).order_by(_documents.c.time.desc())
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return [{"sha256": row.sha256, "kind": row.kind, "time": row.time, "content": json.loads(row.content)} for row in rows]

    def replace_dishonest(self, codes: Iterable[str]) -> int:
        """The public list as it is now, in place of the one before; how many codes it has. Raises RecordFileError for what is no code."""
        listed = dict.fromkeys(codes)
        if len(listed) > MOST_CODES:
            raise RecordFileError(f"the list has at most {MOST_CODES} codes")
        for code in listed:
            try:
                check_uscc(code)
            except SubjectError as error:
                raise RecordFileError(f"{code[:18]!r} is no unified social credit code") from error
        with writing(self._engine) as connection:
            connection.execute(delete(_dishonest))
            if listed:
                connection.execute(insert(_dishonest), [{"uscc": code} for code in listed])
        return len(listed)

    def dishonest(self, uscc: str) -> bool:
        """Whether the code is on the public list that is kept here."""
        with reading(self._engine) as connection:
            return connection.execute(select(_dishonest.c.uscc).where(_dishonest.c.uscc == uscc)).first() is not None

    def dishonest_count(self) -> int:
        """How many codes the list has."""
        with reading(self._engine) as connection:
            return int(connection.execute(select(func.count()).select_from(_dishonest)).scalar_one())
