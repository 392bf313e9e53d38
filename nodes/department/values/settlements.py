"""What persons of a department sign when they settle a dispute or examine a filing, and what it takes for it to count [A6].

Pure: what was signed and the keys of the persons in force come in, nothing is stored here. An auditor judges with the same function.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import ValidationError

from crypto.encoding import canonical_json, digest
from crypto.errors import EnvelopeFormatError, SignatureError
from crypto.statements import SignKey, VerifyKey, check_signature, parse_envelope, sign_envelope
from nodes.errors import DecisionError, SecondPersonMissingError
from nodes.runtime.replica.relay import Uscc
from nodes.runtime.replica.value_messages import FieldName, Period, Text
from scoring.statements import Hex16, Index, MemberId, Name, Time
from scoring.statements.base import Record

PAYLOAD_TYPE = "application/vnd.xinqiao.settlement.v1+json"
MatterKind = Literal["dispute", "filing"]
Outcome = Literal["uphold", "approve", "reject"]
OUTCOMES: Mapping[MatterKind, tuple[Outcome, ...]] = {"dispute": ("uphold",), "filing": ("approve", "reject")}


class Settlement(Record):
    """One person's word on one dispute or filing. ``version`` is that of the value in question, ``since`` when the enterprise spoke,
    ``filing`` the filing's number (0 for a dispute). ``reason`` is what the enterprise is told.

    It stays on the node: persons and an enterprise are named in it.
    """

    v: Literal[1] = 1
    zone: Name
    member: MemberId
    kind: MatterKind
    uscc: Uscc
    period: Period
    field: FieldName
    version: Hex16
    since: Time
    filing: Index
    outcome: Outcome
    reason: Text
    person: Name
    time: Time

    @property
    def matter(self) -> str:
        """What is settled, by its name."""
        return matter_of(self.kind, self.uscc, self.period, self.field, self.version, self.since, self.filing)

    @property
    def said(self) -> bytes:
        """What two persons have to say alike: all but who says it, and when."""
        return canonical_json(self.model_dump(mode="json", exclude={"person", "time"}))


def matter_of(kind: MatterKind, uscc: str, period: str, field: str, version: str, since: int, filing: int) -> str:
    """The name of a dispute or filing: 64 hex digits, others when the same value is disputed anew."""
    return digest("value-matter", canonical_json([kind, uscc, period, field, version, since, filing])).hex()


def sign_settlement(settlement: Settlement, key: SignKey) -> bytes:
    """Bytes of the envelope of ``settlement``. Raises DecisionError when ``key`` is not named after its person."""
    if key.key_id != settlement.person:
        raise DecisionError(f"a settlement by {settlement.person} is not signed with the key of {key.key_id}")
    return sign_envelope(PAYLOAD_TYPE, canonical_json(settlement.model_dump(mode="json")), key)


def read_settlement(raw: bytes, people: Mapping[str, VerifyKey]) -> Settlement:
    """The settlement in ``raw``, signed by the person that it names, who is one of ``people``.

    Raises DecisionError when it is none, when the person is not (or no longer) one of the people, or the signature is not that person's.
    """
    try:
        envelope = parse_envelope(raw)
        settlement = Settlement.model_validate_json(envelope.payload)
    except (EnvelopeFormatError, ValidationError) as error:
        raise DecisionError("these bytes are no settlement") from error
    if envelope.payload_type != PAYLOAD_TYPE or envelope.key_ids != (settlement.person,):
        raise DecisionError("a settlement carries one signature, of the person that it names")
    key = people.get(settlement.person)
    if key is None:
        raise DecisionError(f"{settlement.person} is not one of the department's people")
    try:
        check_signature(envelope, key)
    except SignatureError as error:
        raise DecisionError(f"the settlement is not signed with the key of {settlement.person}") from error
    return settlement


def valid_settlements(matter: str, envelopes: Iterable[bytes], people: Mapping[str, VerifyKey]) -> list[Settlement]:
    """Those of ``envelopes`` that ``people`` signed about ``matter``, in order. What others said, or said of something else, is left out."""
    found = []
    for raw in envelopes:
        try:
            settlement = read_settlement(raw, people)
        except DecisionError:
            continue
        if settlement.matter == matter:
            found.append(settlement)
    return found


def check_settled(settlement: Settlement, envelopes: Iterable[bytes], people: Mapping[str, VerifyKey], persons: int) -> None:
    """Returns when ``persons`` different ones of ``people`` signed the very outcome and reason of ``settlement`` [A6].

    Raises SecondPersonMissingError otherwise.
    """
    alike = {word.person for word in valid_settlements(settlement.matter, envelopes, people) if word.said == settlement.said}
    if len(alike) < persons:
        raise SecondPersonMissingError("the outcome takes another person who signs it with the same reason")
