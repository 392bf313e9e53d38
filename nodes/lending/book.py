"""What a party keeps of its applications: who and what each is about, every step with its paper, and what has still to be sent."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    RowMapping,
    String,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)

from crypto.statements import parse_envelope
from nodes.errors import NotFoundError
from nodes.lending.messages import LoanMessage, SignedStep
from nodes.lending.terms import terms_in
from nodes.runtime.database import reading, writing
from scoring.lending.application import Application
from scoring.lending.steps import take
from scoring.statements import LoanPaper, LoanStep, parse_statement

GRACE_S = 120
"""How much later than it was made a step may reach the log: what has a time limit is judged by the leaf's time less this."""

METADATA = MetaData()
_loans = Table(
    "loans",
    METADATA,
    Column("application", String(32), primary_key=True),
    Column("institution", String(63), nullable=False),
    Column("service", String(63), nullable=False),
    Column("subject", String(32), nullable=False),
    Column("uscc", String(18), nullable=False, index=True),
    Column("terms", LargeBinary, nullable=False),
    Column("binding", LargeBinary, nullable=False),
    Column("enrolment", LargeBinary, nullable=False),
)
_steps = Table(
    "loan_steps",
    METADATA,
    Column("application", String(32), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("paper", LargeBinary, nullable=False),
    Column("step", LargeBinary, nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("leaf_index", BigInteger, nullable=False),
    Column("time", BigInteger, nullable=False),
)
_made = Table(  # signed, not known to be logged: at most one of an application
    "loan_steps_made",
    METADATA,
    Column("application", String(32), primary_key=True),
    Column("paper", LargeBinary, nullable=False),
    Column("step", LargeBinary, nullable=False),
)
_outgoing = Table(
    "loan_messages",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("receiver", String(63), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("sent", Boolean, nullable=False, index=True),
)
_waiting = Table(  # came before what it needs: a consent's notice, or a step
    "loan_messages_waiting",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("sender", String(63), nullable=False),
    Column("message", LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Parties:
    """Whom an application is about and between. ``terms``, ``binding``, ``enrolment``: envelopes; the last is empty at the service."""

    application: str
    institution: str
    service: str
    subject: str
    uscc: str
    terms: bytes
    binding: bytes
    enrolment: bytes = b""


@dataclass(frozen=True, slots=True)
class KeptStep:
    """One step in the book. ``time``: its leaf's, Unix seconds."""

    number: int
    paper: LoanPaper
    statement: LoanStep
    signed: SignedStep
    digest: str
    time: int


@dataclass(frozen=True, slots=True)
class Kept:
    """An application with its parties, as it stands."""

    parties: Parties
    app: Application
    steps: int


class LoanBook:
    """The applications of one party."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._folded: dict[str, Kept] = {}
        self._turn = threading.Lock()

    # --- what there is ---

    def known(self, application: str) -> bool:
        """Whether the application is in the book."""
        with reading(self._engine) as connection:
            return connection.execute(select(_loans.c.application).where(_loans.c.application == application)).first() is not None

    def get(self, application: str) -> Kept:
        """The application as its steps leave it. Raises NotFoundError."""
        with self._turn, reading(self._engine) as connection:
            row = connection.execute(select(_loans).where(_loans.c.application == application)).one_or_none()
            if row is None:
                raise NotFoundError("no such application is known here")
            return self._fold(connection, Parties(**row._mapping))

    def all(self, uscc: str = "") -> list[Kept]:
        """Every application with a step, or those of one enterprise, the last changed first."""
        query = select(_loans).where(_loans.c.uscc == uscc) if uscc else select(_loans)
        counts = select(_steps.c.application, func.count()).group_by(_steps.c.application)
        with self._turn, reading(self._engine) as connection:
            steps = {application: int(count) for application, count in connection.execute(counts)}
            rows = connection.execute(query).all()
            found = [self._current(row.application, steps) or self._fold(connection, Parties(**row._mapping)) for row in rows]
        return sorted((kept for kept in found if kept.steps), key=lambda kept: (-kept.app.changed, kept.app.id))

    def steps(self, application: str) -> list[KeptStep]:
        """Every step of an application, in order."""
        with reading(self._engine) as connection:
            return _steps_after(connection, application, 0)

    # --- our own steps ---

    def begin(self, parties: Parties) -> None:
        """Enter a new application, without a step."""
        with writing(self._engine) as connection:
            connection.execute(insert(_loans).values(**{name: getattr(parties, name) for name in Parties.__slots__}))

    def made(self, application: str) -> tuple[bytes, bytes] | None:
        """(paper, step) that we signed and of which it is not known that it is logged."""
        with reading(self._engine) as connection:
            row = connection.execute(select(_made.c.paper, _made.c.step).where(_made.c.application == application)).one_or_none()
        return None if row is None else (row.paper, row.step)

    def unfinished(self) -> list[str]:
        """Applications with a step of ours that is not known to be logged."""
        with reading(self._engine) as connection:
            return list(connection.execute(select(_made.c.application)).scalars())

    def make(self, application: str, paper: bytes, step: bytes) -> None:
        """Keep a step of ours before it is sent."""
        with writing(self._engine) as connection:
            connection.execute(insert(_made).values(application=application, paper=paper, step=step))

    def drop(self, application: str) -> None:
        """Forget the step of ours that was refused; an application that has no other too."""
        with writing(self._engine) as connection:
            connection.execute(delete(_made).where(_made.c.application == application))
        self.drop_empty(application)

    def drop_empty(self, application: str) -> None:
        """Forget an application without a step, taken or on its way."""
        with writing(self._engine) as connection:
            made = connection.execute(select(_made.c.application).where(_made.c.application == application)).first()
            if made is None and not _count(connection, application):
                connection.execute(delete(_loans).where(_loans.c.application == application))
                self._folded.pop(application, None)

    def enter(self, application: str, signed: SignedStep, digest: str, time: int, messages: Sequence[tuple[str, bytes]]) -> None:
        """Keep a logged step, ours or another's, and what is to be sent about it (receiver, sealed bytes), at once."""
        with writing(self._engine) as connection:
            number = _count(connection, application) + 1
            values = {"paper": bytes.fromhex(signed.paper), "step": bytes.fromhex(signed.step), "digest": digest, "leaf_index": signed.leaf_index}
            connection.execute(insert(_steps).values(application=application, number=number, time=time, **values))
            connection.execute(delete(_made).where(_made.c.application == application, _made.c.step == values["step"]))
            for receiver, sealed in messages:
                connection.execute(insert(_outgoing).values(receiver=receiver, sealed=sealed, sent=False))

    # --- messages ---

    def unsent(self) -> list[tuple[int, str, bytes]]:
        """(number, receiver, sealed bytes) of messages that have to be sent, in order."""
        query = select(_outgoing.c.id, _outgoing.c.receiver, _outgoing.c.sealed).where(_outgoing.c.sent.is_(False)).order_by(_outgoing.c.id)
        with reading(self._engine) as connection:
            return [(row.id, row.receiver, row.sealed) for row in connection.execute(query).all()]

    def sent(self, number: int) -> None:
        """Note that a message is with the coordinator."""
        with writing(self._engine) as connection:
            connection.execute(update(_outgoing).where(_outgoing.c.id == number).values(sent=True, sealed=b""))

    def put_waiting(self, sender: str, message: LoanMessage) -> None:
        """Keep a message that came too early."""
        with writing(self._engine) as connection:
            connection.execute(insert(_waiting).values(sender=sender, message=message.model_dump_json().encode()))

    def waiting_of(self, sender: str) -> int:
        """How many messages of one sender came too early."""
        query = select(func.count()).select_from(_waiting).where(_waiting.c.sender == sender)
        with reading(self._engine) as connection:
            return int(connection.execute(query).scalar_one())

    def waiting(self) -> list[tuple[int, str, LoanMessage]]:
        """(number, sender, message) of those that came too early, oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(_waiting).order_by(_waiting.c.id)).all()
        return [(row.id, row.sender, LoanMessage.model_validate_json(row.message)) for row in rows]

    def done_waiting(self, number: int) -> None:
        """Forget a message that came too early: it was taken, or turned out not to hold."""
        with writing(self._engine) as connection:
            connection.execute(delete(_waiting).where(_waiting.c.id == number))

    def _current(self, application: str, steps: Mapping[str, int]) -> Kept | None:
        """The application as it was folded last, where no step has come since."""
        kept = self._folded.get(application)
        return kept if kept is not None and kept.steps == steps.get(application, 0) else None

    def _fold(self, connection: Connection, parties: Parties) -> Kept:
        kept = self._folded.get(parties.application)
        if kept is None:
            kept = Kept(parties, Application(parties.application, terms_in(parties.terms)), 0)
        for step in _steps_after(connection, parties.application, kept.steps):
            app = take(kept.app, step.paper.content, step.statement.paper, step.digest, step.time - GRACE_S)
            kept = Kept(parties, app, step.number)
        self._folded[parties.application] = kept
        return kept


def _steps_after(connection: Connection, application: str, number: int) -> list[KeptStep]:
    query = select(_steps).where(_steps.c.application == application, _steps.c.number > number).order_by(_steps.c.number)
    return [_kept_step(values) for values in connection.execute(query).mappings()]


def _kept_step(values: RowMapping) -> KeptStep:
    signed = SignedStep(paper=values["paper"].hex(), step=values["step"].hex(), leaf_index=values["leaf_index"])
    paper, step = (parse_envelope(values[name]) for name in ("paper", "step"))
    said, statement = parse_statement(paper.payload_type, paper.payload), parse_statement(step.payload_type, step.payload)
    assert isinstance(said, LoanPaper)
    assert isinstance(statement, LoanStep)
    return KeptStep(values["number"], said, statement, signed, values["digest"], values["time"])


def _count(connection: Connection, application: str) -> int:
    query = select(func.count()).select_from(_steps).where(_steps.c.application == application)
    return int(connection.execute(query).scalar_one())
