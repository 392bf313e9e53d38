"""Every kind of statement, the leaf that stands for it in the log, and how either is read from its bytes."""

from __future__ import annotations

import json
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from crypto.encoding import canonical_json
from scoring.errors import StatementFormatError
from scoring.statements.audits import AuditCommit, AuditNote, AuditResult, AuditReveal, Failure
from scoring.statements.base import PAYLOAD_TYPE_PREFIX, Hex32, MemberId, Record, Statement, Time
from scoring.statements.contributions import Column, Row
from scoring.statements.epochs import EpochClose, EpochOpen, EpochRelease, RosterCompiled, StagesPublished
from scoring.statements.keys import (
    Blame,
    Ceremony,
    KeyAbandoned,
    KeyAcknowledged,
    KeyActivated,
    KeyDeal,
    KeyReceiver,
    KeyRound,
    PartialProof,
    ProofDemand,
    ShareAccepted,
)
from scoring.statements.lending import LoanPaper, LoanStep, ProductTerms
from scoring.statements.policies import PolicyStep
from scoring.statements.publications import PublicationStep
from scoring.statements.recognition import CredentialShown, Recognition
from scoring.statements.registry import (
    ChangeApproval,
    MemberChange,
    ModelAcceptance,
    ModelAdmitted,
    Registry,
    RegistryExtension,
    RegistryRenewal,
)
from scoring.statements.releases import Binding, Consent, Enrolment, Head, Partial, Refusal, Revocation, Split, Ticket
from scoring.statements.sharing import SharedItem

T = TypeVar("T", bound="Record")


LOGGED: tuple[type[Statement], ...] = (
    Registry, MemberChange, Ceremony, ShareAccepted, ModelAdmitted, RosterCompiled, StagesPublished, EpochOpen, EpochClose,
    EpochRelease, Column, Row, Enrolment, Consent, Revocation, Ticket, Refusal, AuditNote,
    AuditCommit, AuditReveal, AuditResult, Failure,
    KeyRound, KeyReceiver, KeyDeal, KeyAcknowledged, KeyActivated, KeyAbandoned, ProofDemand, PartialProof, Blame,
    PolicyStep, PublicationStep,
    ProductTerms, LoanStep,
    Recognition,
    RegistryRenewal, RegistryExtension,
)  # fmt: skip


PRIVATE: tuple[type[Statement], ...] = (Partial, Binding, ModelAcceptance, ChangeApproval, Head, Split, LoanPaper, CredentialShown, SharedItem)


BY_KIND: dict[str, type[Statement]] = {cls.kind: cls for cls in (*LOGGED, *PRIVATE)}


class Leaf(Record):
    """Public record of one statement in the log [L2]: canonical JSON {actor, digest, kind, time, v}."""

    v: Literal[1] = 1
    kind: str
    actor: MemberId
    time: Time
    digest: Hex32

    def to_bytes(self) -> bytes:
        return canonical_json(self.model_dump(mode="json"))


def kind_of(payload_type: str) -> str:
    """Kind named by a payload type. Raises StatementFormatError when it is none of ours."""
    if payload_type.startswith(PAYLOAD_TYPE_PREFIX) and payload_type.endswith(".v1+json"):
        kind = payload_type[len(PAYLOAD_TYPE_PREFIX) : -len(".v1+json")]
        if kind in BY_KIND:
            return kind
    raise StatementFormatError(f"payload type {payload_type!r} is not one of the exchange")


def parse_statement(payload_type: str, payload: bytes) -> Statement:
    """Statement held in a DSSE payload. Raises StatementFormatError for anything that does not fit its schema exactly."""
    return _parse(BY_KIND[kind_of(payload_type)], payload)


def parse_record(cls: type[T], data: bytes) -> T:
    """A record or an unsigned payload that a person hands over as JSON. Raises StatementFormatError."""
    return _parse(cls, data)


def parse_leaf(data: bytes) -> Leaf:
    """Leaf from its bytes, which must be canonical. Raises StatementFormatError."""
    leaf = _parse(Leaf, data)
    if leaf.to_bytes() != data:
        raise StatementFormatError("leaf is not canonical JSON")
    return leaf


def _parse(cls: type[T], data: bytes) -> T:
    try:
        _DECODER.decode(data.decode())
        return cls.model_validate_json(data)
    except (ValidationError, ValueError, RecursionError) as error:
        detail = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise StatementFormatError(f"{cls.__name__}: {detail}") from error


def unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object's pairs as a dict: an ``object_pairs_hook``. Raises ValueError when a name stands twice, since two readers could differ."""
    out = dict(pairs)
    if len(out) != len(pairs):
        raise ValueError("a JSON object repeats a name")
    return out


_DECODER = json.JSONDecoder(object_pairs_hook=unique_names)  # one for all: making it costs as much as a small statement
