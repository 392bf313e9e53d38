"""What a contributor has to say, kept until it is acknowledged.

A message is final before it enters: exactly the bytes kept here are sent, as often as it takes, also after a restart [P4.4]. Each
message has a place (what it is about) and a revision. A message that waits for people is held: it is final but for the department's
signature, which it gets when they let it go [A3].
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
    update,
)

from nodes.errors import StorageError
from nodes.runtime.database import reading, writing

Call = Literal["contribute", "publish", "submit", "relay", "log"]

METADATA = MetaData()
MESSAGES = Table(  # four_eyes.book decides over those that are held
    "outbox",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("place", String(400), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("call", String(20), nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("receiver", String(64), nullable=False),
    Column("subject_matter", String(64), nullable=False),
    Column("source", String(64), nullable=False),
    Column("state", String(10), nullable=False, index=True),  # held, rejected, superseded: not signed; waiting, sent, refused
    Column("reason", String(50), nullable=False, default=""),
    Column("leaf_index", BigInteger),
    Column("leaf", LargeBinary),
    UniqueConstraint("place", "revision"),
)
_refused = Table(
    "refused_work", METADATA, Column("seq", BigInteger, primary_key=True, autoincrement=False), Column("item", LargeBinary, nullable=False)
)


@dataclass(frozen=True, slots=True)
class Message:
    """One call to the coordinator, or to the log.

    ``place`` and ``revision`` identify it; ``source`` tells what it was made from, so that a repeated request is answered with the
    same bytes unless the records changed. ``content``: ciphertexts, document, sealed bytes, or what a later answer is made of.
    ``receiver`` and ``subject_matter``: of a relayed message.
    """

    place: str
    revision: int
    call: Call
    envelope: bytes
    content: bytes = b""
    receiver: str = ""
    subject_matter: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is to be said under ``place``: ``source`` tells what it is made from, ``make(revision)`` makes and signs the message."""

    place: str
    source: str
    make: Callable[[int], Message]


@dataclass(frozen=True, slots=True)
class Kept:
    """A message in the outbox: held for people, rejected by them, superseded while it was held; waiting, sent, or refused for ``reason``.
    ``leaf_index`` is -1 where no leaf came back."""

    id: int
    message: Message
    state: str
    reason: str
    leaf_index: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A message that was acknowledged with its leaf, without its content."""

    id: int
    place: str
    revision: int
    envelope: bytes
    source: str
    leaf_index: int


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest message of a place, without its content."""

    place: str
    revision: int
    envelope: bytes
    source: str
    state: str


class Outbox:
    """The outbox of one contributor. ``engine`` was opened with METADATA. ``waiting`` is set while something may wait."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.waiting = threading.Event()
        self.waiting.set()

    def set_aside(self, seq: int, item: bytes) -> None:
        """Keep a work item that was refused for want of records, to be tried again when records come."""
        with writing(self._engine) as connection:
            connection.execute(delete(_refused).where(_refused.c.seq == seq))
            connection.execute(insert(_refused).values(seq=seq, item=item))

    def aside(self) -> list[tuple[int, bytes]]:
        """(sequence number, item) of the work set aside, oldest first."""
        with reading(self._engine) as connection:
            return [(row.seq, row.item) for row in connection.execute(select(_refused).order_by(_refused.c.seq))]

    def settle(self, seq: int) -> None:
        """Forget a work item that had been set aside: it has been done, or refused for another reason."""
        with writing(self._engine) as connection:
            connection.execute(delete(_refused).where(_refused.c.seq == seq))

    def offer(self, said: Prepared, *, held: bool = False) -> None:
        """See that ``said`` is sent, with ``held`` once people let it go; afterwards it is on disk.

        When the newest message in its place was made from the same source, those bytes are sent again; what is held or was rejected stays
        so. Otherwise a message is made with the next revision, from 0, and kept as well; with ``held`` it is made without a signature.
        """
        latest = self.latest(said.place)
        if latest is None or latest.message.source != said.source:
            self.keep(said.make(0 if latest is None else latest.message.revision + 1), held=held)
        elif latest.state in {"sent", "refused"}:
            with writing(self._engine) as connection:
                connection.execute(update(MESSAGES).where(MESSAGES.c.id == latest.id).values(state="waiting", reason=""))
            self.waiting.set()

    def keep(self, message: Message, *, held: bool = False) -> None:
        """Keep ``message`` for sending, or for people to decide on; afterwards it is on disk. The same message again is kept once.

        What was held in its place is superseded: it says what the records do not say any more.

        Raises StorageError when other bytes are here under the same place and revision: sending both would say two things [P4.1].
        """
        with writing(self._engine) as connection:
            here = _one(connection, (MESSAGES.c.place == message.place) & (MESSAGES.c.revision == message.revision))
            if here is None:
                values = {name: getattr(message, name) for name in Message.__slots__}
                older = (MESSAGES.c.place == message.place) & (MESSAGES.c.state == "held")
                connection.execute(update(MESSAGES).where(older).values(state="superseded"))
                connection.execute(insert(MESSAGES).values(**values, state="held" if held else "waiting"))
            elif here.message != message:
                raise StorageError(f"revision {message.revision} of {message.place} is in the outbox with other bytes")
        self.waiting.set()

    def latest(self, place: str) -> Kept | None:
        """The highest revision kept under ``place``."""
        with reading(self._engine) as connection:
            newest = select(func.max(MESSAGES.c.revision)).where(MESSAGES.c.place == place).scalar_subquery()
            return _one(connection, (MESSAGES.c.place == place) & (MESSAGES.c.revision == newest))

    def said(self, places: str) -> str | None:
        """``source`` of the newest message whose place begins with ``places``, of those acknowledged or that wait: what is offered after it is
        sent after it."""
        here = MESSAGES.c.place.startswith(places, autoescape=True) & MESSAGES.c.state.in_(("sent", "waiting"))
        newest = select(MESSAGES.c.source).where(here).order_by(MESSAGES.c.revision.desc()).limit(1)
        with reading(self._engine) as connection:
            return connection.execute(newest).scalar_one_or_none()

    def newest(self, places: str) -> list[Standing]:
        """The newest message of each place that begins with ``places``, in order of place."""
        here = MESSAGES.c.place.startswith(places, autoescape=True)
        newest = select(func.max(MESSAGES.c.id)).where(here).group_by(MESSAGES.c.place)
        columns = [getattr(MESSAGES.c, name) for name in Standing.__slots__]
        with reading(self._engine) as connection:
            rows = connection.execute(select(*columns).where(MESSAGES.c.id.in_(newest)).order_by(MESSAGES.c.place))
            return [Standing(*row) for row in rows]

    def was_refused(self, places: str, reason: str) -> bool:
        """Whether a message whose place begins with ``places`` stands refused for ``reason``."""
        return self._any(places, (MESSAGES.c.state == "refused") & (MESSAGES.c.reason == reason))

    def waits(self, places: str) -> bool:
        """Whether a message whose place begins with ``places`` waits to be sent."""
        return self._any(places, MESSAGES.c.state == "waiting")

    def count_waiting(self) -> int:
        """How many signed messages wait to be sent."""
        with reading(self._engine) as connection:
            return connection.execute(select(func.count()).where(MESSAGES.c.state == "waiting")).scalar_one()

    def acknowledged(self, places: str) -> list[Acknowledged]:
        """Messages of places that begin with ``places`` and were acknowledged with a leaf, in order of leaf."""
        columns = [getattr(MESSAGES.c, name) for name in Acknowledged.__slots__]
        here = MESSAGES.c.place.startswith(places, autoescape=True) & (MESSAGES.c.leaf_index >= 0)
        with reading(self._engine) as connection:
            return [Acknowledged(*row) for row in connection.execute(select(*columns).where(here).order_by(MESSAGES.c.leaf_index))]

    def content(self, message_id: int) -> bytes:
        """Content of a message by its id. Raises StorageError."""
        with reading(self._engine) as connection:
            content = connection.execute(select(MESSAGES.c.content).where(MESSAGES.c.id == message_id)).scalar_one_or_none()
        if content is None:
            raise StorageError(f"message {message_id} is not in the outbox")
        return bytes(content)

    def next(self) -> Kept | None:
        """The oldest message that waits; clears ``waiting`` when there is none."""
        self.waiting.clear()
        with reading(self._engine) as connection:
            oldest = select(func.min(MESSAGES.c.id)).where(MESSAGES.c.state == "waiting").scalar_subquery()
            kept = _one(connection, MESSAGES.c.id == oldest)
        if kept is not None:
            self.waiting.set()
        return kept

    def sent(self, kept: Kept, leaf_index: int = -1, leaf: bytes = b"") -> None:
        """Note the coordinator's acknowledgement, with the leaf where there is one."""
        with writing(self._engine) as connection:
            values = {"state": "sent", "reason": "", "leaf_index": leaf_index, "leaf": leaf}
            connection.execute(update(MESSAGES).where(MESSAGES.c.id == kept.id).values(**values))

    def refused(self, kept: Kept, reason: str) -> None:
        """Note that the coordinator refused the message for good."""
        with writing(self._engine) as connection:
            connection.execute(update(MESSAGES).where(MESSAGES.c.id == kept.id).values(state="refused", reason=reason[:50]))

    def _any(self, places: str, where: Any) -> bool:
        here = MESSAGES.c.place.startswith(places, autoescape=True)
        with reading(self._engine) as connection:
            return connection.execute(select(MESSAGES.c.id).where(here, where).limit(1)).first() is not None


def _one(connection: Any, where: Any) -> Kept | None:
    row = connection.execute(select(MESSAGES).where(where)).one_or_none()
    if row is None:
        return None
    message = Message(**{name: getattr(row, name) for name in Message.__slots__})
    return Kept(row.id, message, row.state, row.reason, -1 if row.leaf_index is None else row.leaf_index)
