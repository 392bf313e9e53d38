"""What an enterprise asks and says about policies, by requests signed with its own key: how it stands and why, and its own steps [O7]."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from crypto.encoding import sha256
from crypto.statements import parse_envelope
from gateway.intake import Own, Raw, SignedIntake
from gateway.policies.courier import Courier
from gateway.policies.desk import VIEWED
from gateway.policies.matches import Matching, Result
from gateway.policies.store import Change, Kept, PolicyStore, Sending
from nodes.runtime.clock import Clock
from nodes.runtime.web.request_document import POLICY_MATCHES, POLICY_STEPS
from scoring.errors import StatementFormatError, WrongSignerError
from scoring.policies.accounts import Account
from scoring.policies.claims import Claim, Payee, Step
from scoring.policies.errors import ClaimStateError, PolicyStateError
from scoring.policies.policy import Policy
from scoring.policies.steps import CLAIM_STEPS, ENTERPRISE
from scoring.statements import Base64, PolicyPaper, PolicyStep, parse_record, parse_statement

VERDICTS = {1: "in", 0: "unknown", -1: "out"}


class StepTaken(Own):
    """An enterprise's own step: the signed statement for the log and the paper that it names, each the base64 of its exact bytes."""

    envelope: Base64
    paper: Base64


class OwnPolicies:
    """Answers enterprises. Each sees itself alone."""

    def __init__(self, intake: SignedIntake, store: PolicyStore, matching: Matching, courier: Courier, now: Clock) -> None:
        self._intake, self._store, self._matching, self._courier, self._now = intake, store, matching, courier, now

    def matches(self, raw: Raw) -> dict[str, Any]:
        """Every policy in force and every library with how the enterprise stands and why. Counts the views. Raises Refused."""
        with self._intake.own(raw, POLICY_MATCHES, Own) as (asked, _):
            claims = {item.claim.policy: item for item in self._store.claims(subject=asked.subject)}
            known = [(policy, review) for policy, review in self._store.policies() if review.in_force and policy.in_time(self._matching.today)]
            self._store.seen(VIEWED, asked.subject, [policy.id for policy, _ in known])
            policies = [_policy(policy, self._matching.policy(policy, review), asked.subject, claims.get(policy.id)) for policy, review in known]
            libraries = [
                {"id": model.id, "title": model.title.model_dump(), **_standing(self._matching.library(model), asked.subject, model.id)}
                for model in self._matching.libraries()
            ]
            return {"policies": policies, "libraries": libraries, "as_of": self._matching.today.isoformat()}

    def take(self, raw: Raw) -> dict[str, Any]:
        """A step of the enterprise: confirmed, declined, disputed or filed; logged when this returns. Raises Refused."""
        with self._intake.own(raw, POLICY_STEPS, StepTaken) as (asked, key_id):
            envelope, document = _bytes(asked.envelope), _bytes(asked.paper)
            statement, paper = _said(envelope, document, key_id), parse_record(PolicyPaper, document)
            if document != paper.to_bytes():
                raise StatementFormatError("a paper is canonical JSON")
            if (paper.subject, paper.claim, paper.step, paper.by) != (asked.subject, statement.claim, statement.step, key_id):
                raise StatementFormatError("paper, statement and request are not about the same enterprise, claim and step")
            change = self._store.change(paper.policy, lambda policy, account, kept: self._planned(policy, account, kept, statement, paper, envelope))
            leaf = self._courier.send_now(change.sendings[0])
            return {"claim": paper.claim, "state": paper.step, "leaf_index": leaf, "digest": sha256(envelope).hex()}

    def _planned(
        self, policy: Policy, account: Account, kept: Mapping[str, Kept], statement: PolicyStep, paper: PolicyPaper, envelope: bytes
    ) -> Change:
        known = kept.get(paper.claim)
        step = Step(paper.step, paper.by, self._now(), paper.note)
        payee = None if paper.payee is None else Payee(paper.payee.name, paper.payee.bank, paper.payee.account)
        if statement.previous != (known.last if known else ""):
            raise ClaimStateError("the claim has moved on: ask how it stands and sign again")
        if paper.amount_fen != (known.claim.amount_fen if known else policy.award_fen):
            raise StatementFormatError("the paper names another amount than the claim")
        if known is None:
            if paper.step != "filed":
                raise ClaimStateError("there is no such claim: an enterprise begins one by filing")
            _, review = self._store.policy(policy.id)
            if not review.in_force or not policy.in_time(self._matching.today):
                raise PolicyStateError("the policy is not in force today")
            claim = Claim(paper.claim, policy.id, paper.subject, policy.award_fen).take(step, payee=payee)
            account.admit(claim)
        else:
            if known.claim.subject != paper.subject:
                raise WrongSignerError("the claim is another enterprise's")
            claim = account.move(paper.claim, step, payee=payee).claims[paper.claim]
        return Change([Sending(claim, paper.to_bytes(), envelope)])


def _policy(policy: Policy, result: Result, subject: str, kept: Kept | None) -> dict[str, Any]:
    claim = None
    if kept is not None:
        claim = {
            "id": kept.claim.id, "state": kept.claim.state, "amount_fen": kept.claim.amount_fen, "last": kept.last, "leaf_index": kept.leaf,
            "notice_ends": kept.claim.notice_ends, "busy": kept.busy,
        }  # fmt: skip
    return {
        "id": policy.id, "title": policy.title.model_dump(), "text": policy.text, "source": policy.source, "provenance": policy.provenance,
        "award_fen": policy.award_fen, "valid_from": policy.valid_from, "valid_until": policy.valid_until,
        **_standing(result, subject, policy.flags), "claim": claim,
    }  # fmt: skip


def _standing(result: Result, subject: str, model: str) -> dict[str, Any]:
    """How the enterprise stands; one that no register tells of is neither in nor out."""
    found = result.of(subject)
    if found is None:
        return {"verdict": "unknown", "away": False, "reasons": [], "flags": None}
    reasons = [{"title": item.title.model_dump(), "quote": item.quote, "verdict": VERDICTS[item.verdict]} for item in found.reasons]
    flags = {"model": model, "met": found.met, "needed": found.needed, "epoch": result.epoch} if found.needed else None
    return {"verdict": VERDICTS[found.verdict], "away": found.away, "reasons": reasons, "flags": flags}


def _said(envelope: bytes, paper: bytes, key_id: str) -> PolicyStep:
    """The step in an envelope that the asking key signed, naming this paper."""
    parsed = parse_envelope(envelope)
    statement = parse_statement(parsed.payload_type, parsed.payload)
    if not isinstance(statement, PolicyStep) or statement.paper != sha256(paper).hex():
        raise StatementFormatError("this takes a policy-step statement and the paper that it names")
    if parsed.key_ids[0] != key_id or ENTERPRISE not in CLAIM_STEPS[statement.step].by:
        raise WrongSignerError("the step is not one that this key may sign")
    return statement


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise StatementFormatError("envelope and paper are base64") from error
