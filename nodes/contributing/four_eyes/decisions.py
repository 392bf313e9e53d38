"""What persons of a department say about a contribution, and what it takes for it to leave [A3].

Pure: decisions and the keys of the persons in force come in, nothing is stored or sent here. An auditor judges with the same function.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import StringConstraints, ValidationError

from crypto.encoding import canonical_json
from crypto.errors import EnvelopeFormatError, SignatureError
from crypto.statements import SignKey, VerifyKey, check_signature, parse_envelope, sign_envelope
from nodes.errors import DecisionError, SecondPersonMissingError
from scoring.statements import Hex32, MemberId, Name, Time
from scoring.statements.base import Record

PAYLOAD_TYPE = "application/vnd.xinqiao.decision.v1+json"
LONGEST_REASON = 500
Act = Literal["propose", "approve", "reject"]
Reason = Annotated[str, StringConstraints(max_length=LONGEST_REASON)]


class Decision(Record):
    """One person's word on one contribution. ``contribution`` names the statement that is to leave, type and payload [A3].

    It stays on the node: persons are named in it, and the exchange log knows members only.
    """

    v: Literal[1] = 1
    zone: Name
    member: MemberId
    contribution: Hex32
    person: Name
    act: Act
    reason: Reason = ""
    time: Time


def sign_decision(decision: Decision, key: SignKey) -> bytes:
    """Bytes of the envelope of ``decision``. Raises DecisionError when ``key`` is not named after its person."""
    if key.key_id != decision.person:
        raise DecisionError(f"a decision of {decision.person} is not signed with the key of {key.key_id}")
    return sign_envelope(PAYLOAD_TYPE, canonical_json(decision.model_dump(mode="json")), key)


def read_decision(raw: bytes, people: Mapping[str, VerifyKey]) -> Decision:
    """The decision in ``raw``, signed by the person that it names, who is one of ``people``.

    Raises DecisionError when it is none, when the person is not (or no longer) one of the people, or the signature is not that person's.
    """
    try:
        envelope = parse_envelope(raw)
        decision = Decision.model_validate_json(envelope.payload)
    except (EnvelopeFormatError, ValidationError) as error:
        raise DecisionError("these bytes are no decision") from error
    if envelope.payload_type != PAYLOAD_TYPE or envelope.key_ids != (decision.person,):
        raise DecisionError("a decision carries one signature, of the person that it names")
    key = people.get(decision.person)
    if key is None:
        raise DecisionError(f"{decision.person} is not one of the department's people")
    try:
        check_signature(envelope, key)
    except SignatureError as error:
        raise DecisionError(f"the decision is not signed with the key of {decision.person}") from error
    return decision


def valid_decisions(contribution: str, envelopes: Iterable[bytes], people: Mapping[str, VerifyKey]) -> list[Decision]:
    """Those of ``envelopes`` that ``people`` signed about ``contribution``, in order. What others said, or said of something else, is left out."""
    found = []
    for raw in envelopes:
        try:
            decision = read_decision(raw, people)
        except DecisionError:
            continue
        if decision.contribution == contribution:
            found.append(decision)
    return found


def next_act(person: str, decisions: Iterable[Decision]) -> Act:
    """What an approval by ``person`` is, after ``decisions``: the first person proposes, another one approves.

    Raises DecisionError when the person has spoken already, or the contribution was rejected.
    """
    decided = list(decisions)
    if any(decision.act == "reject" for decision in decided):
        raise DecisionError("the contribution was rejected: it stays back until its records change")
    if any(decision.person == person for decision in decided):
        raise DecisionError(f"{person} has proposed it already: another person must approve")
    return "approve" if any(decision.act == "propose" for decision in decided) else "propose"


def check_released(contribution: str, envelopes: Iterable[bytes], people: Mapping[str, VerifyKey]) -> None:
    """Returns when one of ``people`` proposed exactly this contribution, another one approved it, and nobody rejected it [A3].

    Raises SecondPersonMissingError otherwise.
    """
    decided = valid_decisions(contribution, envelopes, people)
    if any(decision.act == "reject" for decision in decided):
        raise SecondPersonMissingError("the contribution was rejected")
    proposers = {decision.person for decision in decided if decision.act == "propose"}
    approvers = {decision.person for decision in decided if decision.act == "approve"}
    if not any(proposer != approver for proposer in proposers for approver in approvers):
        raise SecondPersonMissingError("two different persons of the department have not approved it")
