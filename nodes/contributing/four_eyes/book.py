"""The decisions of a department's people, kept beside its outbox: what is held is signed and let go with the second one, in one transaction.

After a crash at any point either both decisions and the signed message are there, or the message is held [A3]. The sender asks here
before each contribution goes out, so that none goes out for another reason.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Column as TableColumn
from sqlalchemy import Connection, Engine, Executable, Integer, LargeBinary, MetaData, String, Table, Update, insert, select, update

from crypto.encoding import sha256
from crypto.statements import VerifyKey, parse_envelope, said, sign_envelope
from nodes.contributing.corrections.epochs import ContributedEpochs
from nodes.contributing.four_eyes.decisions import Act, Decision, check_released, next_act, valid_decisions
from nodes.contributing.four_eyes.people import People
from nodes.contributing.four_eyes.words import read_word, sign_word
from nodes.contributing.outbox import MESSAGES, Kept, Outbox
from nodes.errors import DecisionError, SecondPersonMissingError
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.database import reading, writing
from nodes.runtime.peers.identity import Identity, SigningKeyPair
from scoring.errors import StatementFormatError
from scoring.statements import Column, Entry, Row, parse_leaf, parse_statement

METADATA = MetaData()
_decisions = Table(
    "decisions",
    METADATA,
    TableColumn("id", Integer, primary_key=True),
    TableColumn("contribution", String(64), nullable=False, index=True),
    TableColumn("envelope", LargeBinary, nullable=False),
    TableColumn("public", String(64), nullable=False),  # the person's key then, hex: who was removed since is still known by it
)
CONTRIBUTION_HELD, CONTRIBUTION_DECIDED, CONTRIBUTION_LET_GO = "contribution.held", "contribution.decided", "contribution.let_go"
_log = logging.logger("department.four_eyes")


@dataclass(frozen=True, slots=True)
class Policy:
    """Which contributions wait for two persons: every ``columns``, every ``rows``. Rows that say what no column says wait with columns [A4]."""

    columns: bool = False
    rows: bool = False

    @property
    def persons(self) -> int:
        """How many persons sign what a department's people settle."""
        return 2 if self.columns else 1


@dataclass(frozen=True, slots=True)
class Held:
    """A contribution that is held, or was rejected: ``contribution`` names its statement; ``decisions`` are those that count now."""

    id: int
    place: str
    revision: int
    state: str
    statement: bytes
    contribution: str
    decisions: tuple[Decision, ...]


class FourEyes:
    """Holds and releases over the department's own database ``engine``, which has the tables of ``corrections.epochs`` too. ``released`` is
    set after a contribution was let go.

    ``people`` is None where nobody may sign in: then ``policy`` asks for nothing.
    """

    def __init__(self, engine: Engine, outbox: Outbox, people: People | None, policy: Policy, identity: Identity, now: Clock) -> None:
        self._engine, self._outbox, self._people, self._identity, self._now = engine, outbox, people, identity, now
        self._epochs = ContributedEpochs(engine)
        self.policy = policy
        self.released = threading.Event()

    def row_held(self, epoch: str, entries: Iterable[Entry], columns: Collection[str]) -> bool:
        """Whether a row of ``entries`` is to be held, where the member owes ``epoch`` a column of each indicator in ``columns`` [A4].

        Raises SecondPersonMissingError when one of these columns was not let go and still can be: the row would say first what it says.
        """
        if not self.policy.columns:
            return False
        backed, over = True, epoch in self._epochs.over()
        for entry in entries:
            if entry.indicator not in columns:
                backed = False
            elif not self._column_said(epoch, entry.indicator):
                if not over:
                    raise SecondPersonMissingError(f"the column of {entry.indicator} has not been approved")
                backed = False
        return self.policy.rows or not backed

    def admits(self, kept: Kept) -> bool:
        """Whether ``kept`` may be sent now. What may not is held afterwards, without the department's signature."""
        if kept.message.call != "contribute" or not self.policy.columns:
            return True
        envelope = parse_envelope(kept.message.envelope)
        if kept.leaf_index >= 0 and self._is_logged(kept):  # what is in the log is no secret any more
            return True
        statement = parse_statement(envelope.payload_type, envelope.payload)
        if isinstance(statement, Row) and not self.policy.rows:
            header = statement.header
            if all(self._column_said(header.epoch, entry.indicator) for entry in header.entries):
                return True
        contribution = envelope.said.hex()
        try:
            check_released(contribution, [envelope for envelope, _ in self.evidence(contribution)], self._in_force())
        except SecondPersonMissingError:
            with writing(self._engine) as connection:
                connection.execute(_of(kept.id).values(state="held", envelope=envelope.payload))
            _log.warning(CONTRIBUTION_HELD, place=kept.message.place, revision=kept.message.revision)
            return False
        return True

    def settle(self) -> None:
        """When the process starts: sign and let go what is held though the policy does not ask for it any more. What was rejected stays."""
        if self.policy.columns:
            return
        with writing(self._engine) as connection:
            for held in self._held(connection, ("held",)):
                self._let_go(connection, held)
        self._outbox.waiting.set()

    def decide(self, key: SigningKeyPair, contributions: Sequence[str], *, approve: bool, reason: str = "") -> list[Decision]:
        """The word of the person with ``key`` on each of ``contributions``: all are kept or none. The second approval of one lets it go.

        Raises DecisionError when one is not held any more, is a column of a closed epoch, the person has approved it before, or is not one of
        the people any more.
        """
        over = self._epochs.over()
        with writing(self._engine) as connection:
            connection.execute(select(MESSAGES.c.id).where(MESSAGES.c.state == "held").with_for_update())  # two persons at once: one after the other
            here = {held.contribution: held for held in self._held(connection, ("held",)) if not missed(held.place, held.state, over)}
            made = [self._decide(connection, here.get(contribution), key, approve=approve, reason=reason) for contribution in contributions]
        let_go = [decision for decision in made if decision.act == "approve"]
        for decision in made:
            _log.info(CONTRIBUTION_DECIDED, person=decision.person, act=decision.act, contribution=decision.contribution)
        if let_go:
            self._outbox.waiting.set()
            self.released.set()
        return made

    def held(self) -> list[Held]:
        """What waits for people, and what they rejected, oldest first."""
        with reading(self._engine) as connection:
            return self._held(connection, ("held", "rejected"))

    def evidence(self, contribution: str) -> list[tuple[bytes, str]]:
        """Every decision about a contribution in the order of time, each with its person's public key (hex), for whoever audits them."""
        with reading(self._engine) as connection:
            return [(bytes(row.envelope), row.public) for row in connection.execute(_about(contribution))]

    def decided(self, contributions: Sequence[str]) -> dict[str, tuple[Decision, ...]]:
        """The decisions about ``contributions`` as they were made, also of persons who are not there any more, by contribution."""
        found: dict[str, tuple[Decision, ...]] = {}
        with reading(self._engine) as connection:
            rows = select(_decisions.c.contribution, _decisions.c.envelope).where(_decisions.c.contribution.in_(contributions))
            for name, envelope in connection.execute(rows.order_by(_decisions.c.id)):
                found[name] = (*found.get(name, ()), Decision.model_validate_json(parse_envelope(envelope).payload))
        return found

    def _decide(self, connection: Connection, held: Held | None, key: SigningKeyPair, *, approve: bool, reason: str) -> Decision:
        if held is None:
            raise DecisionError("this contribution is not held any more: its records changed, it was decided on, or its epoch was closed")
        act: Act = next_act(key.key_id, held.decisions) if approve else "reject"
        decision = Decision(
            zone=self._identity.zone, member=self._identity.member, contribution=held.contribution, person=key.key_id, act=act,
            reason=reason, time=self._now(),
        )  # fmt: skip
        raw = sign_word(decision, key)
        read_word(Decision, raw, self._in_force())
        connection.execute(insert(_decisions).values(contribution=held.contribution, envelope=raw, public=key.public.hex()))
        if act == "reject":
            connection.execute(_of(held.id).values(state="rejected"))
        elif act == "approve":
            check_released(held.contribution, _envelopes(connection, held.contribution), self._in_force())
            self._let_go(connection, held)
        return decision

    def _let_go(self, connection: Connection, held: Held) -> None:
        signed = sign_envelope(_payload_type(held.place), held.statement, self._identity.signer)
        connection.execute(_of(held.id).values(state="waiting", envelope=signed))
        _log.info(CONTRIBUTION_LET_GO, place=held.place, revision=held.revision)

    def _held(self, connection: Connection, states: Sequence[str]) -> list[Held]:
        columns = [MESSAGES.c[name] for name in ("id", "place", "revision", "state", "envelope")]
        people, found = self._in_force(), []
        for row in connection.execute(select(*columns).where(MESSAGES.c.state.in_(states)).order_by(MESSAGES.c.id)).all():
            contribution = said(_payload_type(row.place), row.envelope).hex()
            decided = valid_decisions(contribution, _envelopes(connection, contribution), people)
            found.append(Held(row.id, row.place, row.revision, row.state, bytes(row.envelope), contribution, tuple(decided)))
        return found

    def _is_logged(self, kept: Kept) -> bool:
        """Whether the leaf that was acknowledged is of the very envelope: a number alone is no leaf."""
        with reading(self._engine) as connection:
            leaf = connection.execute(select(MESSAGES.c.leaf).where(MESSAGES.c.id == kept.id)).scalar_one()
        try:
            return parse_leaf(bytes(leaf or b"")).digest == sha256(kept.message.envelope).hex()
        except StatementFormatError:
            return False

    def _column_said(self, epoch: str, indicator: str) -> bool:
        return self._outbox.said(f"column/{epoch}/{indicator}/") is not None

    def _in_force(self) -> dict[str, VerifyKey]:
        return {} if self._people is None else dict(self._people.in_force())


def missed(place: str, state: str, over: Collection[str]) -> bool:
    """Whether a contribution is a column that was held until its epoch was ``over``: it can never leave. Rows still do [P4.5]."""
    kind, epoch, *_ = place.split("/")
    return state == "held" and kind == "column" and epoch in over


def _of(message_id: int) -> Update:
    return update(MESSAGES).where(MESSAGES.c.id == message_id)


def _about(contribution: str) -> Executable:
    return select(_decisions.c.envelope, _decisions.c.public).where(_decisions.c.contribution == contribution).order_by(_decisions.c.id)


def _envelopes(connection: Connection, contribution: str) -> list[bytes]:
    return [bytes(row.envelope) for row in connection.execute(_about(contribution))]


def _payload_type(place: str) -> str:
    return (Column if place.startswith("column/") else Row).payload_type()
