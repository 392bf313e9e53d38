"""Bodies and answers of the HTTP interface, for parsing what comes unsigned and for the OpenAPI document with its examples."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from scoring.custody.rounds import MAX_CUSTODIANS
from scoring.release.asking import BatchAsked, PortraitAsked, ScoreAsked
from scoring.statements import Hex32, MemberId, Name

SUBJECT, CONSENT = "5f3c0d1e9a7b4c2d8e6f0a1b2c3d4e5f", "0123456789abcdef0123456789abcdef"
_SCORE = {"subject": SUBJECT, "product": "innovation-loan", "purpose": "loan", "consent_id": CONSENT}
_SEALED = {"custodian": "credit-binjiang", "opening": 0, "enc": "5b1c…", "ciphertext": "90aa…"}


class Answer(BaseModel):
    """Base of answers: additional members may come with later versions."""

    model_config = ConfigDict(extra="allow")


class Problem(Answer):
    """RFC 9457, with the reason of the refusal catalogue and, where the refusal is in the log, its leaf."""

    type: str = Field(examples=["urn:xinqiao:reason:CONSENT_MISSING"])
    title: str = Field(examples=["The enterprise has given no such consent."])
    status: int = Field(examples=[403])
    reason: str = Field(examples=["CONSENT_MISSING"])
    detail: str | None = None
    instance: str | None = Field(default=None, examples=["/v1/scores"])
    leaf_index: int | None = Field(default=None, examples=[1042])


class Sealed(Answer):
    """One custodian's partial opening, HPKE-sealed to the audience [P5.4]; hex."""

    custodian: str
    opening: int
    generation: int = Field(0, description="of the custodian's share; it is part of the sealing's context")
    enc: str
    ciphertext: str


class Released(Answer):
    """A ticket, logged before anything was opened, with the sealed answers and what a receipt needs."""

    ticket: str = Field(description="DSSE envelope, base64 of its exact bytes")
    ticket_leaf_index: int = Field(examples=[1041])
    sealed: list[Sealed] = Field(examples=[[_SEALED]])
    inputs: list[dict[str, str]]
    checkpoint: str = Field(description="Signed note with witness cosignatures; covers the ticket")
    evidence: dict[str, Any] = Field(description="Parts of the receipt: rows, proofs, statements (docs/specs/receipt.md)")


class Awaiting(Answer):
    """Rows are still awaited: sign the request again after a moment."""

    status: int = 202
    reason: str = "ROWS_AWAITED"


class BatchResult(Answer):
    """One result for each item, in order: ``status`` 200 with the members of a single answer, 202, or a problem's members."""

    results: list[dict[str, Any]]


class Logged(Answer):
    """A statement's place in the log."""

    leaf: str = Field(description="canonical JSON of the leaf, base64")
    leaf_index: int = Field(examples=[977])
    digest: Hex32


class EpochToOpen(BaseModel):
    """``model``: id, id@version, or the sha256 of the pack."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"epoch": "e1995", "period": "1995", "model": "firm-panel@1"}]})

    epoch: Name
    period: str = Field(min_length=1, max_length=32, pattern=r"^[0-9A-Za-z][0-9A-Za-z.-]*$")
    model: str = Field(min_length=1, max_length=130)


class EpochToClose(BaseModel):
    """``allow_absent``: close although columns are missing; functionals that need them then cannot be opened."""

    model_config = ConfigDict(extra="forbid")

    allow_absent: bool = False


class RoundToBegin(BaseModel):
    """A refresh takes nothing more; a re-sharing names who is to hold shares, in order, how many open, and who deals (none: the first that stay)."""

    model_config = ConfigDict(extra="forbid")

    action: Literal["refresh", "reshare"]
    threshold: int = Field(default=0, ge=0, le=MAX_CUSTODIANS)
    custodians: list[MemberId] = Field(default=[], max_length=MAX_CUSTODIANS)
    dealers: list[MemberId] = Field(default=[], max_length=MAX_CUSTODIANS)


class AbsenceToPlan(BaseModel):
    """Custodians that are to be away, from when to when (Unix seconds), and which ones one operator runs."""

    model_config = ConfigDict(extra="forbid")

    away: list[MemberId] = Field(default=[], max_length=MAX_CUSTODIANS)
    begin: int = Field(ge=0, lt=1 << 40)
    end: int = Field(ge=0, lt=1 << 40)
    together: list[list[MemberId]] = Field(default=[], max_length=MAX_CUSTODIANS)


class RenewalToMake(BaseModel):
    """A renewal of the registry as it was written down for approval, and the custodians' approvals: envelopes in base64."""

    model_config = ConfigDict(extra="forbid")

    renewal: str = Field(max_length=4096)
    approvals: list[Annotated[Base64Bytes, Field(max_length=1 << 16)]] = Field(default=[], max_length=64)


def signed_body(kind: str) -> dict[str, Any]:
    """OpenAPI request body of an operation that takes the signed bytes as they are."""
    known: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "score": (ScoreAsked.model_json_schema(), _SCORE),
        "batch": (_inline(BatchAsked.model_json_schema()), {"items": [_SCORE]}),
        "portrait": (PortraitAsked.model_json_schema(), {"subject": SUBJECT, "consent_id": CONSENT}),
        "policy-matches": (_object("subject"), {"subject": SUBJECT}),
        "policy-step": (
            _object("subject", "envelope", "paper"),
            {"subject": SUBJECT, "envelope": "eyJwYXlsb2FkIjoi…", "paper": "eyJhbW91bnRfZmVuIjo…"},
        ),
    }
    return signed(*known[kind])


def signed(schema: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    """As ``signed_body``, for a body of this form."""
    parameters = [
        {"name": name, "in": "header", "required": True, "schema": {"type": "string"}, "description": "RFC 9421; docs/specs/signed-requests.md"}
        for name in ("Content-Digest", "Signature-Input", "Signature")
    ]
    return {"requestBody": json_body(schema, example), "parameters": parameters}


def envelope_body(kind: str) -> dict[str, Any]:
    """OpenAPI request body of an operation that takes a DSSE envelope of a ``kind`` statement."""
    entry = {"type": "object", "required": ["keyid", "sig"], "properties": {"keyid": {"type": "string"}, "sig": {"type": "string"}}}
    properties = {"payload": {"type": "string"}, "payloadType": {"type": "string"}, "signatures": {"type": "array", "items": entry, "minItems": 1}}
    schema = {"type": "object", "required": list(properties), "properties": properties, "additionalProperties": False}
    payload_type = f"application/vnd.xinqiao.{kind}.v1+json"
    example = {"payload": "eyJ2Ijox…", "payloadType": payload_type, "signatures": [{"keyid": "e-90a1b2c3d4e5f607", "sig": "MEUC…"}]}
    return {"requestBody": json_body(schema, example)}


def json_body(schema: dict[str, Any], example: object) -> dict[str, Any]:
    """OpenAPI request body of this form."""
    return {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}


def _object(*names: str) -> dict[str, Any]:
    """A closed object of texts."""
    return {"type": "object", "required": list(names), "properties": {name: {"type": "string"} for name in names}, "additionalProperties": False}


def _inline(schema: dict[str, Any]) -> dict[str, Any]:
    """``BatchAsked``'s schema with its one definition in place: request bodies stand outside the document's components."""
    definitions = schema.pop("$defs")
    schema["properties"]["items"]["items"] = definitions["ScoreAsked"]
    return schema
