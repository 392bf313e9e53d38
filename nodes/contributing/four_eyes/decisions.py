"""What persons of a department say about a contribution, and what it takes for it to leave [A3].

Pure: decisions and the keys of the persons in force come in, nothing is stored or sent here. An auditor judges with the same function.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import StringConstraints

from crypto.statements import VerifyKey
from nodes.contributing.four_eyes.words import Word, valid_words
from nodes.errors import DecisionError, SecondPersonMissingError
from scoring.statements import Hex32

LONGEST_REASON = 500
Act = Literal["propose", "approve", "reject"]
Reason = Annotated[str, StringConstraints(max_length=LONGEST_REASON)]


class Decision(Word):
    """One person's word on one contribution. ``contribution`` names the statement that is to leave, type and payload [A3]."""

    noun = "decision"
    payload_type = "application/vnd.xinqiao.decision.v1+json"

    contribution: Hex32
    act: Act
    reason: Reason = ""


def valid_decisions(contribution: str, envelopes: Iterable[bytes], people: Mapping[str, VerifyKey]) -> list[Decision]:
    """Those of ``envelopes`` that ``people`` signed about ``contribution``, in order."""
    return valid_words(Decision, envelopes, people, lambda word: word.contribution == contribution)


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
