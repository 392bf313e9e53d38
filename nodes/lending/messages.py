"""What the parties of an application send each other: signed steps with their papers, sealed, never logged but for the steps' leaves [E4]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from crypto.encoding import sha256
from crypto.errors import SignatureError
from crypto.statements import Envelope, check_signature, parse_envelope
from scoring.errors import LoanStateError, StatementFormatError, WrongSignerError, ZoneMismatchError
from scoring.exchange.registry import MemberRegistry
from scoring.exchange.view import verify_key
from scoring.lending.course import PARTY
from scoring.statements import HexBytes, Index, LoanPaper, LoanStep, Record, SigningKey, Statement, parse_statement

MOST_STEPS = 100
K = TypeVar("K", bound=Statement)


class SignedStep(Record):
    """A step: the envelope of its paper, that of its statement, and the statement's leaf."""

    paper: HexBytes
    step: HexBytes
    leaf_index: Index


class LoanMessage(Record):
    """One or more steps of one application, in order. To whom the application is new: the terms, the county's binding of code, subject and
    service, and to a guarantor the enterprise's enrolment; empty otherwise."""

    steps: Annotated[tuple[SignedStep, ...], Field(min_length=1, max_length=MOST_STEPS)]
    terms: HexBytes | Literal[""] = ""
    binding: HexBytes | Literal[""] = ""
    enrolment: HexBytes | Literal[""] = ""


@dataclass(frozen=True, slots=True)
class ReadStep:
    """A step whose form and members' signatures hold. ``author`` signed the paper: a key of the acting member, or of an enterprise, which
    ``check_author`` judges."""

    signed: SignedStep
    statement: LoanStep
    paper: LoanPaper
    author: Envelope
    digest: str

    @property
    def by_enterprise(self) -> bool:
        """Whether the paper must bear the enterprise's own signature."""
        return PARTY[self.statement.step] == "enterprise"


def read_step(signed: SignedStep, registry: MemberRegistry) -> ReadStep:
    """The step in a message, signed by the member that takes it; a paper of the institution or the guarantor by the same member.

    Raises SignerUnknownError, WrongSignerError, SignatureError, ZoneMismatchError, StatementFormatError, LoanStateError when statement and paper
    are not about the same step.
    """
    envelope, statement = _statement(bytes.fromhex(signed.step), LoanStep)
    actor = registry.key(envelope.key_ids[0])
    _check_actor(statement, actor.member.id, actor.member.roles)
    check_signature(envelope, verify_key(actor.key))
    author, paper = _statement(bytes.fromhex(signed.paper), LoanPaper)
    if (statement.zone, paper.zone) != (registry.genesis.zone, registry.genesis.zone):
        raise ZoneMismatchError("the step is of another zone")
    if sha256(bytes.fromhex(signed.paper)).hex() != statement.paper:
        raise LoanStateError("the paper is not the one that the step names")
    if (paper.application, paper.content.step) != (statement.application, statement.step):
        raise LoanStateError("the paper is about another step than its statement")
    read = ReadStep(signed, statement, paper, author, sha256(bytes.fromhex(signed.step)).hex())
    if not read.by_enterprise:
        entry = registry.key(author.key_ids[0])
        if entry.member.id != actor.member.id:
            raise WrongSignerError("paper and step are signed by different members")
        check_signature(author, verify_key(entry.key))
    return read


def check_author(read: ReadStep, key: SigningKey) -> None:
    """The enterprise itself signed the paper, with the key that is enrolled for it. Raises SignatureError."""
    if key.key_id not in read.author.key_ids:
        raise SignatureError("the paper is not signed by the enterprise's enrolled key")
    check_signature(read.author, verify_key(key))


def _check_actor(statement: LoanStep, member: str, roles: tuple[str, ...]) -> None:
    party = PARTY[statement.step]
    if party == "guarantor":
        allowed = "bank" in roles and member != statement.institution
    else:
        allowed = member == (statement.service if party == "enterprise" else statement.institution)
    if not allowed:
        raise WrongSignerError(f"{member} does not take the step {statement.step} of this application")


def _statement(raw: bytes, kind: type[K]) -> tuple[Envelope, K]:
    envelope = parse_envelope(raw)
    statement = parse_statement(envelope.payload_type, envelope.payload)
    if not isinstance(statement, kind):
        raise StatementFormatError(f"this is a {statement.kind}, not a {kind.kind}")
    return envelope, statement
