"""What a claim rests on: papers of a loan that was given up, which the log's steps name [E6]."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, TypeVar

from pydantic import Field

from crypto.encoding import sha256
from crypto.statements import parse_envelope
from scoring.errors import PoolError, StatementFormatError, WrongSignerError
from scoring.exchange.view import ZoneView
from scoring.lending.application import share_of
from scoring.lending.pool import Claim
from scoring.statements import Hex16, HexBytes, LoanPaper, Record, parse_statement
from scoring.statements.lending import Bad, LoanContent, Offered

C = TypeVar("C", Offered, Bad)


class Claimed(Record):
    """An institution claims compensation: the application, the envelopes (hex) of the papers of offer and loss, and whether it was the
    enterprise's first loan, which an official looks into."""

    application: Hex16
    papers: Annotated[tuple[HexBytes, ...], Field(min_length=1, max_length=8)]
    first: bool = False


def claim_of(view: ZoneView, claimed: Claimed, member: str) -> Claim:
    """The claim of ``member``: as lender of a loan that the log knows as bad, or as the guarantor that its offer names. A loan without a
    guarantor counts as unsecured.

    Raises PoolError when the loan is not bad, or the papers are not those of its steps; WrongSignerError for anybody else.
    """
    state = view.loans.get(claimed.application)
    if state is None or state.course.phase != "bad":
        raise PoolError("the log knows no bad loan under this application")
    contents = [_content(paper, claimed.application, state.course.papers) for paper in claimed.papers]
    offer, bad = _sole(contents, Offered), _sole(contents, Bad)
    guaranteed = share_of(bad.principal_fen, offer.share_bp)
    first = claimed.first or not offer.guarantor
    if member == state.institution:
        return Claim(claimed.application, member, "direct", bad.principal_fen, bad.principal_fen - guaranteed, first)
    if member != offer.guarantor:
        raise WrongSignerError(f"{member} neither lent nor guaranteed this loan")
    return Claim(claimed.application, member, "guarantor", bad.principal_fen, guaranteed, first)


def _content(paper: str, application: str, known: Iterable[str]) -> LoanContent:
    raw = bytes.fromhex(paper)
    envelope = parse_envelope(raw)
    statement = parse_statement(envelope.payload_type, envelope.payload)
    if not isinstance(statement, LoanPaper):
        raise StatementFormatError("a claim rests on papers of a loan")
    if statement.application != application or sha256(raw).hex() not in known:
        raise PoolError("a paper is not one that a step of this application names")
    return statement.content


def _sole(contents: list[LoanContent], kind: type[C]) -> C:
    found = [content for content in contents if isinstance(content, kind)]
    if len(found) != 1:
        raise PoolError(f"a claim shows exactly one paper of the step {kind.__name__.lower()}")
    return found[0]
