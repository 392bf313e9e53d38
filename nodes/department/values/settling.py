"""Settles what enterprises dispute and file: by the department's persons where it has some, two of them where its policy asks for two [V2, V3, A6].

A person's word is on disk before anything follows from it, so that a crash in between loses nothing: ``finish`` goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection

from connectors.records import Delivery
from crypto.statements import VerifyKey, parse_envelope
from nodes.contributing.four_eyes.people import People
from nodes.contributing.four_eyes.words import read_word, sign_word
from nodes.department.values.book import ValueBook, note_examined
from nodes.department.values.matters import SELF_FILED, FiledDelivery, Matter, Said
from nodes.department.values.settlements import Outcome, Settlement, check_settled, valid_settlements
from nodes.errors import DecisionError, SecondPersonMissingError
from nodes.records.deliveries import Taken
from nodes.records.store import RecordStore
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.peers.identity import SigningKeyPair
from nodes.runtime.replica.value_messages import Text
from scoring.errors import ValueStateError
from scoring.lifecycle import Filing, HeldValue, examine, uphold, version_of

VALUE_DECIDED, VALUE_SETTLED = "value.decided", "value.settled"
_REASON: TypeAdapter[str] = TypeAdapter(Text)
_log = logging.logger("department.values")


class Taker(Protocol):
    """Where an approved filing becomes a record: ``nodes.records.deliveries``."""

    def take(self, connector: str, delivery: Delivery, note: Callable[[Connection, Taken], None], /) -> object: ...


@dataclass(frozen=True, slots=True)
class Settling:
    """Settles over the department's own records. ``people`` is None where nobody may sign in: then whoever has the machine settles.
    ``persons``: how many have to sign the same outcome."""

    zone: str
    member: str
    book: ValueBook
    records: RecordStore
    taker: Taker
    people: People | None
    persons: int
    now: Clock

    def open(self) -> list[Matter]:
        """Everything that waits: disputes, those due first in front, then filings, oldest first. A dispute of what the records do not say any
        more is none: the correction has settled it."""
        disputes = [self._dispute(one.uscc, one.period, one.held) for one in self.book.disputes() if self._stands(one.uscc, one.period, one.held)]
        filings = [self._filing(one.number, one.uscc, one.period, one.filing) for one in self.book.waiting()]
        return disputes + filings

    def find(self, matter: str) -> Matter:
        """The matter with this name. Raises ValueStateError when it is not open (any more)."""
        for item in self.open():
            if item.id == matter:
                return item
        raise ValueStateError("this dispute or filing is not open any more: the value changed, the enterprise withdrew it, or it was settled")

    def history(self, matter: Matter) -> list[Said]:
        """All that sources said of the value in question, oldest first."""
        versions = self.records.history(matter.uscc, matter.period)
        return [Said(one.said[matter.field], one.valid_from, one.recorded_at, one.origin) for one in versions if matter.field in one.said]

    def signed(self, newest: int) -> list[Settlement]:
        """The newest words of persons, the last one first, also of persons who are not there any more."""
        return [Settlement.model_validate_json(parse_envelope(raw).payload) for raw, _ in self.book.signed(newest)]

    def settle(self, matter: Matter, outcome: Outcome, reason: str, key: SigningKeyPair | None) -> bool:
        """The word of the person with ``key`` on ``matter``; whether the matter is settled by it, or waits for another person's.

        Raises ValueStateError when the matter is not open any more, cannot end so, or the reason is missing; DecisionError without a person where
        the department has some, and when the person said the same before, or is not one of the people any more.
        """
        reason = reason.strip()
        if outcome not in matter.outcomes:
            raise ValueStateError(f"a {matter.kind} does not end as: {outcome}")
        if not reason and outcome != "approve":
            raise ValueStateError(f"{matter.field}: the enterprise is told the reason")
        _check_reason(reason)
        if self.people is None:
            self._carry_out(matter, outcome, reason)
            return True
        if key is None:
            raise DecisionError("this department has people: one of them settles it, with name and password")
        settlement = self._settlement(matter, outcome, reason, key.key_id)
        in_force = self.people.in_force()
        raw = sign_word(settlement, key)
        read_word(Settlement, raw, in_force)
        self.book.keep_word(matter.id, raw, key.public, partial(_not_yet, settlement, in_force))
        _log.info(VALUE_DECIDED, person=settlement.person, kind=matter.kind, outcome=outcome)
        return self._finish(matter)

    def finish(self) -> None:
        """When the process starts: settle what enough persons have signed, as a crash or a changed policy left it."""
        for matter in self.open():
            self._finish(matter)

    def _finish(self, matter: Matter) -> bool:
        envelopes, in_force = self.book.words(matter.id), {} if self.people is None else self.people.in_force()
        for word in valid_settlements(matter.id, envelopes, in_force):
            try:
                check_settled(word, envelopes, in_force, self.persons)
            except SecondPersonMissingError:
                continue
            self._carry_out(matter, word.outcome, word.reason)
            return True
        return False

    def _carry_out(self, matter: Matter, outcome: Outcome, reason: str) -> None:
        if matter.kind == "dispute":
            upheld = partial(uphold, version=matter.version, note=reason, now=self.now())
            record = self.records.find(matter.uscc, matter.period) or {}
            failed = self.book.change(matter.uscc, matter.period, record, self.now(), {matter.field: upheld})
            if failed:
                raise failed[matter.field]
        else:
            self._examine(matter, outcome == "approve", reason)
        _log.info(VALUE_SETTLED, kind=matter.kind, outcome=outcome)

    def _examine(self, matter: Matter, approved: bool, reason: str) -> None:
        """The record and the note of its approval become durable together; what is examined is what the person saw, or nothing."""
        seen = Filing(matter.field, matter.value, "filed", matter.since, matter.note)
        examined = examine(seen, approved, reason, self.now())
        if not approved:
            self.book.examined(matter.filing, seen, examined)
            return

        def note(connection: Connection, taken: Taken) -> None:
            if taken.refused:
                raise ValueStateError(f"{matter.field}: what was filed cannot become a record: {taken.refused[0].reason}")
            note_examined(connection, matter.filing, seen, examined)

        self.taker.take(SELF_FILED, FiledDelivery(matter.filing, matter.uscc, matter.period, examined), note)

    def _settlement(self, matter: Matter, outcome: Outcome, reason: str, person: str) -> Settlement:
        return Settlement(
            zone=self.zone, member=self.member, kind=matter.kind, uscc=matter.uscc, period=matter.period, field=matter.field,
            version=matter.version, since=matter.since, filing=matter.filing, outcome=outcome, reason=reason, person=person, time=self.now(),
        )  # fmt: skip

    def _stands(self, uscc: str, period: str, held: HeldValue) -> bool:
        value = (self.records.find(uscc, period) or {}).get(held.field)
        return value is not None and version_of(uscc, period, held.field, value) == held.version

    def _dispute(self, uscc: str, period: str, held: HeldValue) -> Matter:
        matter = Matter("dispute", uscc, period, held.field, held.value, held.version, held.since, held.due, held.note, 0)
        return self._with_words(matter)

    def _filing(self, number: int, uscc: str, period: str, filing: Filing) -> Matter:
        version = version_of(uscc, period, filing.field, filing.value)
        return self._with_words(Matter("filing", uscc, period, filing.field, filing.value, version, filing.since, 0, filing.note, number))

    def _with_words(self, matter: Matter) -> Matter:
        if self.people is None or not (envelopes := self.book.words(matter.id)):
            return matter
        return replace(matter, words=tuple(valid_settlements(matter.id, envelopes, self.people.in_force())))


def _check_reason(reason: str) -> None:
    """Returns when the enterprise can be told ``reason``. Raises DecisionError."""
    try:
        _REASON.validate_python(reason)
    except ValidationError as error:
        raise DecisionError(f"the reason has 500 characters at most, and no control characters: {error.errors()[0]['msg']}") from error


def _not_yet(settlement: Settlement, people: Mapping[str, VerifyKey], before: Sequence[bytes]) -> None:
    """Returns when the person has not said the very same before. Raises DecisionError."""
    for word in valid_settlements(settlement.matter, before, people):
        if (word.person, word.said) == (settlement.person, settlement.said):
            raise DecisionError(f"{settlement.person} has signed this already: another person must sign the same")
