"""The receipt: offline-verifiable evidence of one release, and its parts. Formats only; ``nodes.evidence.receipt`` judges.

Numbers are decimal strings, bytes lower-case hex, leaves and DSSE envelopes base64 of their exact bytes. Every inclusion proof
refers to the receipt's checkpoint. Schema: docs/specs/receipt.md.
"""

from __future__ import annotations

import base64
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from crypto.encoding import canonical_json, sha256
from scoring.statements import Hex16, Hex32, MemberId, Name, Record, StageId

FORMAT: Literal["xinqiao/receipt/v1"] = "xinqiao/receipt/v1"


def _canonical(text: str) -> str:
    """Whoever reads base64 strictly and whoever does not see the same bytes, or none."""
    if base64.b64encode(base64.b64decode(text, validate=True)).decode() != text:
        raise ValueError("base64 is not canonical")
    return text


Base64 = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]+={0,2}$", max_length=1 << 24), AfterValidator(_canonical)]
Number = Annotated[str, StringConstraints(pattern=r"^-?(0|[1-9][0-9]*)$", max_length=4096)]
"""An integer, read with int(), which takes 4,300 digits at most; n² at 4096 bits has 2,467."""

Hundredths = Annotated[str, StringConstraints(pattern=r"^-?(0|[1-9][0-9]*)\.[0-9]{2}$", max_length=64)]


class ReceiptKey(Record):
    bits: Number
    n: Number
    h: Number


class ReceiptModel(Record):
    id: Name
    version: str
    sha256: Hex32


class WeightedTerm(Record):
    """One term of a functional; a gate's term names the functional that it gates."""

    indicator: Name
    weight: Number
    functional: str = "-"


class InputRef(Record):
    """Which ciphertext enters: ``row`` is the index in ``rows``, ``position`` the index in that row."""

    indicator: Name
    row: Number
    position: Number
    functional: str = "-"


class ReceiptOpening(Record):
    """(1 + m·n)·r^n ≡ aggregate mod n²; value = balanced(m)/scale."""

    name: str
    functional: tuple[WeightedTerm, ...]
    constant: Number
    scale: Literal[100] = 100
    inputs: tuple[InputRef, ...]
    aggregate: Number
    m: Number
    r: Number


class ReceiptRow(Record):
    member: MemberId
    envelope: Base64
    ciphertexts: tuple[Number, ...]
    leaf: Base64
    leaf_index: Number
    inclusion_proof: tuple[Hex32, ...]


class Result(Record):
    stage: StageId
    total: Hundredths
    percentile: str | None
    line_fen: Number | None
    gated: bool


class StageEvidence(Record):
    """Inclusion of the subject in the stage column, and of the stage column's statement in the log."""

    subject: Hex16
    stage: StageId
    position: Number
    size: Number
    path: tuple[Hex32, ...]
    envelope: Base64
    leaf: Base64
    leaf_index: Number
    inclusion_proof: tuple[Hex32, ...]


class LoggedEvidence(Record):
    envelope: Base64
    leaf: Base64
    leaf_index: Number
    inclusion_proof: tuple[Hex32, ...]


MemberChanges = tuple[LoggedEvidence, ...]
"""Changes of the registry up to the checkpoint, in the order of the log, with the rounds that they rest on; left out while there is none."""


def _is_empty(changes: MemberChanges) -> bool:
    return not changes


class RequestRecord(Record):
    method: str
    target_uri: str
    headers: tuple[tuple[str, str], ...]
    body: str


class Evidence(Record):
    """What the coordinator hands over with a ticket: the parts of a receipt that it can prove."""

    rows: tuple[ReceiptRow, ...]
    inputs: tuple[InputRef, ...]
    aggregates: tuple[Number, ...]  # one for each opening of the ticket
    stage_proof: StageEvidence
    roster_sha256: Hex32
    consent: Base64
    enrolment: Base64
    quantile_table: LoggedEvidence | None
    ticket: Base64
    ticket_leaf: Base64
    ticket_leaf_index: Number
    inclusion_proof: tuple[Hex32, ...]
    checkpoint: str
    tlog_proof: str
    members: MemberChanges = Field(default=(), exclude_if=_is_empty)

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical_json(self.model_dump(mode="json"))


class Receipt(Record):
    format: Literal["xinqiao/receipt/v1"]
    zone: Name
    epoch: Name
    model: ReceiptModel
    audience: str
    subject: Hex16
    purpose: str
    product: str
    public_key: ReceiptKey
    openings: tuple[ReceiptOpening, ...]
    rows: tuple[ReceiptRow, ...]
    result: Result
    stage_proof: StageEvidence
    roster_sha256: Hex32
    consent: Base64
    enrolment: Base64
    request: RequestRecord
    quantile_table: LoggedEvidence | None
    ticket: Base64
    ticket_leaf: Base64
    ticket_leaf_index: Number
    inclusion_proof: tuple[Hex32, ...]
    checkpoint: str
    tlog_proof: str
    members: MemberChanges = Field(default=(), exclude_if=_is_empty)

    @property
    def id(self) -> str:
        """How its bank calls it: half of the ticket's digest, in hex."""
        return sha256(base64.b64decode(self.ticket)).hex()[:32]
