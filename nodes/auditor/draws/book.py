"""What an auditor must not forget: the numbers that it committed to, what it asked, what it was shown. In the process's own database."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Column, Engine, Integer, LargeBinary, MetaData, String, Table, insert, select

from nodes.errors import StorageError
from nodes.runtime.database import reading, writing
from nodes.runtime.replica.audit_messages import OpeningAnswer

METADATA = MetaData()
_commits = Table(
    "commitments",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("place", String(120), nullable=False, unique=True),  # which draw it is: one commitment each
    Column("r", LargeBinary, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
)
_asked = Table(
    "asked",
    METADATA,
    Column("cause", String(64), primary_key=True),
    Column("member", String(64), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
_answers = Table(
    "answers",
    METADATA,
    Column("cause", String(64), primary_key=True),
    Column("contribution", String(64), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("member", String(64), nullable=False),
    Column("document", LargeBinary, nullable=False),
)
_said = Table(
    "said",
    METADATA,
    Column("said", String(64), primary_key=True),
    Column("envelope", LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Commitment:
    """A number R with the signed statement that commits to it."""

    digest: str
    place: str
    r: bytes
    envelope: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a member answered about one item."""

    member: str
    answer: OpeningAnswer


class Book:
    """The book in ``engine``, which was opened with METADATA. What a method keeps is on disk when it returns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def commitment(self, place: str) -> Commitment | None:
        """The commitment of one draw."""
        return self._commitment(_commits.c.place == place)

    def by_digest(self, digest: str) -> Commitment | None:
        """The commitment with this envelope."""
        return self._commitment(_commits.c.digest == digest)

    def commit(self, commitment: Commitment) -> None:
        """Keep a commitment, before it is logged: a number that is lost can never be shown. Raises StorageError for a second one of a draw."""
        if self.commitment(commitment.place) is not None:
            raise StorageError(f"a number is committed to for {commitment.place} already")
        values = {name: getattr(commitment, name) for name in Commitment.__slots__}
        with writing(self._engine) as connection:
            connection.execute(insert(_commits).values(**values))

    def said(self, said: str, envelope: bytes) -> bytes:
        """The envelope to log for what is ``said`` (a digest): one kept before, else ``envelope``, kept now. Logged again it is the same bytes."""
        with writing(self._engine) as connection:
            known = connection.execute(select(_said.c.envelope).where(_said.c.said == said)).scalar_one_or_none()
            if known is None:
                connection.execute(insert(_said).values(said=said, envelope=envelope))
        return envelope if known is None else bytes(known)

    def asked(self, cause: str) -> dict[str, bytes]:
        """Sealed requests of a draw or failure, by member."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(_asked.c.member, _asked.c.sealed).where(_asked.c.cause == cause))
            return {member: bytes(sealed) for member, sealed in rows}

    def ask(self, cause: str, sealed: dict[str, bytes]) -> None:
        """Keep the requests before they are sent: sent again they are the same bytes."""
        with writing(self._engine) as connection:
            for member, data in sealed.items():
                connection.execute(insert(_asked).values(cause=cause, member=member, sealed=data))

    def answers(self, cause: str) -> dict[tuple[str, int], Answer]:
        """What was answered, by contribution and position."""
        chosen = select(_answers.c.member, _answers.c.document).where(_answers.c.cause == cause)
        with reading(self._engine) as connection:
            found = [Answer(member, OpeningAnswer.model_validate_json(document)) for member, document in connection.execute(chosen)]
        return {(item.answer.contribution, item.answer.position): item for item in found}

    def answered(self, member: str, answer: OpeningAnswer) -> None:
        """Keep an answer of ``member``. A refusal may be followed by an opening, an opening by nothing."""
        key = (_answers.c.cause == answer.cause) & (_answers.c.contribution == answer.contribution) & (_answers.c.position == answer.position)
        with writing(self._engine) as connection:
            known = connection.execute(select(_answers.c.document).where(key)).scalar_one_or_none()
            if known is not None and not OpeningAnswer.model_validate_json(known).reason:
                return
            connection.execute(_answers.delete().where(key))
            names = {"cause": answer.cause, "contribution": answer.contribution, "position": answer.position}
            connection.execute(insert(_answers).values(**names, member=member, document=answer.model_dump_json().encode()))

    def _commitment(self, where: object) -> Commitment | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(_commits).where(where)).one_or_none()  # type: ignore[arg-type]  # a column expression
        return None if row is None else Commitment(row.digest, row.place, bytes(row.r), bytes(row.envelope))
