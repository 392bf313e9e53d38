"""What a claim rests on: papers of a loan that was given up, which the log's steps name, and the enterprise's own word for what it took [E6]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeVar

from pydantic import Field

from crypto.statements import Envelope, check_signature, parse_envelope
from scoring.errors import PoolError, StatementFormatError, WrongSignerError
from scoring.exchange.loans import LoanState
from scoring.exchange.view import ZoneView, verify_key
from scoring.lending.application import share_of
from scoring.lending.pool import Claim
from scoring.statements import Hex16, HexBytes, LoanPaper, LoanStep, Record, parse_statement
from scoring.statements.lending import Accepted, Bad, LoanContent, Offered

C = TypeVar("C", Offered, Accepted, Bad)


class Claimed(Record):
    """An institution claims compensation: the application, the envelopes (hex) of the papers of offer, acceptance and loss, and whether
    it was the enterprise's first loan, which an official looks into."""

    application: Hex16
    papers: Annotated[tuple[HexBytes, ...], Field(min_length=1, max_length=8)]
    first: bool = False


def claim_of(view: ZoneView, claimed: Claimed, member: str) -> Claim:
    """The claim of ``member``: as lender of a loan that the log knows as bad, or as the guarantor that its offer names. A loan without a
    guarantor counts as unsecured.

    Raises PoolError when the loan is not bad, the papers are not those of its steps, or more is bad than the enterprise took; SignatureError when
    the enterprise did not sign what it took; WrongSignerError for anybody else.
    """
    state = view.loans.get(claimed.application)
    if state is None or state.course.phase != "bad":
        raise PoolError("the log knows no bad loan under this application")
    named = _named(view, claimed.application, state)
    papers = [_paper(paper, claimed.application, named) for paper in claimed.papers]
    (offered, offer), (signed, accepted), (_, bad) = _sole(papers, Offered), _sole(papers, Accepted), _sole(papers, Bad)
    if accepted.offer != offered.digest.hex():
        raise PoolError("the enterprise accepted another offer")
    _check_own_word(view, state, signed)
    if bad.principal_fen > offer.amount_fen:
        raise PoolError(f"{bad.principal_fen} fen are claimed to be lost, the enterprise took {offer.amount_fen}")
    guaranteed = share_of(bad.principal_fen, offer.share_bp)
    first = claimed.first or not offer.guarantor
    if member == state.institution:
        return Claim(claimed.application, member, "direct", bad.principal_fen, bad.principal_fen - guaranteed, first)
    if member != offer.guarantor:
        raise WrongSignerError(f"{member} neither lent nor guaranteed this loan")
    return Claim(claimed.application, member, "guarantor", bad.principal_fen, guaranteed, first)


def _named(view: ZoneView, application: str, state: LoanState) -> Mapping[str, str]:
    """The step that names each paper of an application: nobody passes a paper of one step off as another's."""
    found = (logged.statement for index, logged in view.statements.items() if index >= state.index and isinstance(logged.statement, LoanStep))
    return {step.paper: step.step for step in found if step.application == application}


def _paper(paper: str, application: str, named: Mapping[str, str]) -> tuple[Envelope, LoanContent]:
    envelope = parse_envelope(bytes.fromhex(paper))
    statement = parse_statement(envelope.payload_type, envelope.payload)
    if not isinstance(statement, LoanPaper):
        raise StatementFormatError("a claim rests on papers of a loan")
    if statement.application != application or named.get(envelope.digest.hex()) != statement.content.step:
        raise PoolError("a paper is not one that a step of this application names")
    return envelope, statement.content


def _check_own_word(view: ZoneView, state: LoanState, accepted: Envelope) -> None:
    """A lender says what it offered and lost; what was taken, the enterprise signed with a key of its own, enrolled with the service of the loan."""
    enrolment = view.enrolments.get(accepted.key_ids[0])
    if enrolment is None or enrolment.statement.service != state.service:
        raise PoolError("the acceptance is not signed by an enterprise of the loan's service")
    check_signature(accepted, verify_key(enrolment.statement.key))


def _sole(papers: list[tuple[Envelope, LoanContent]], kind: type[C]) -> tuple[Envelope, C]:
    found = [(envelope, content) for envelope, content in papers if isinstance(content, kind)]
    if len(found) != 1:
        raise PoolError(f"a claim shows exactly one paper of the step {kind.__name__.lower()}")
    return found[0]
