"""From an enterprise's consent to what custodians send: enrolment, consent, ticket, refusal, partial opening, head."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from scoring.statements.base import Audience, Hex16, Hex32, HexInt, Index, MemberId, Name, Record, StageId, Statement, Time
from scoring.statements.registry import SigningKey


class Enrolment(Statement):
    """A subject's own keys, registered by the county registrar (market supervision) [P5.0]. No USCC in it."""

    kind = "enrolment"
    subject: Hex16
    key: SigningKey  # key_id "e-" + 16 hex digits; is also the audience id of the subject's portraits
    hpke: Hex32
    service: MemberId  # enterprise service that submitted it


class Consent(Statement):
    """An enterprise's permission for one audience [P5.0]. Signed by the enrolled key. ``sealed_binding`` is HPKE to the audience:
    {uscc, county's signed binding}; empty for a portrait (audience = own key id)."""

    kind = "consent"
    id: Hex16
    subject: Hex16
    audience: Audience
    purpose: Literal["loan", "portrait", "insurance", "guarantee", "lease", "investment"]
    products: tuple[Name, ...]
    functionals: tuple[Name, ...]
    open_indicators: tuple[Name, ...] = ()
    not_before: Time
    not_after: Time
    service: MemberId
    signed_by: Literal["enterprise", "service"]
    sealed_binding: str = ""  # hex


class Revocation(Statement):
    kind = "revocation"
    consent: Hex16  # consent id
    subject: Hex16
    service: MemberId


class Input(Record):
    """One ciphertext of an opening: contribution leaf and position (row: index in entries; column: the batch, so -1 here)."""

    indicator: Name
    functional: str = "-"
    leaf_index: Index
    position: int


class TicketOpening(Record):
    """One aggregate to open. Slots > 1 means Horner packing with 2^slot_bits [P5.6]: functionals[k] sits in slot k."""

    functionals: tuple[Name, ...]
    functional_hashes: tuple[Hex32, ...]
    slot_bits: int  # 0 when not packed
    batch: int  # column batch, -1 for rows
    aggregate: Hex32  # sha256 of the aggregate's fixed-width bytes


class Ticket(Statement):
    """Exactly what may be opened, for whom, why [P5.2]. Signed by the coordinator. ``inputs`` are shared by its openings."""

    kind = "ticket"
    epoch: Name
    model: Hex32
    audience: Audience
    audience_leaf: Index  # leaf that registered the audience's HPKE key
    purpose: Literal["epoch", "loan", "portrait", "insurance", "guarantee", "lease", "investment"]
    subject: str = ""  # rows
    stage: StageId
    consent: str = ""  # digest of the consent envelope; bulk: ""
    request: Hex32  # sha256 of the request document; bulk: digest of the epoch-close envelope
    request_nonce: str
    openings: tuple[TicketOpening, ...]
    inputs: tuple[Input, ...]
    not_after: Time


class Refusal(Statement):
    """A refusal by any member; public codes never tell gated, vetoed or out of range [P5.3]."""

    kind = "refusal"
    member: MemberId
    reason: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{2,40}$")]
    about: str = ""  # digest of the request or ticket refused
    count: int = 1  # unauthenticated callers: number within the minute


class Partial(Statement):
    """Signed partial opening [P1.4]; never logged: sealed to the audience."""

    kind = "partial"
    ticket: Hex32  # digest of the ticket envelope
    opening: int  # index in ticket.openings
    aggregate: Hex32
    custodian: MemberId
    index: int  # share number 1..l
    generation: int
    x: HexInt


class Binding(Statement):
    """The county's signed binding of USCC to subject id; never logged: sealed to the bank in the consent [P5.0]."""

    kind = "binding"
    subject: Hex16
    uscc: Annotated[str, StringConstraints(pattern=r"^[0-9A-HJ-NPQRTUWXY]{18}$")]
    service: MemberId


class Head(Statement):
    """The newest checkpoint that a follower of the log has, posted for the others to compare; never logged [L5]. ``held``: digests of the
    revocations that it keeps though the log does not show them: they bind it [P5.0]."""

    kind = "head"
    member: MemberId
    time: Time
    checkpoint: Annotated[str, StringConstraints(max_length=1 << 14)]  # the log's signed note, with the cosignatures it has
    held: Annotated[tuple[Hex32, ...], Field(max_length=1024)] = ()


class Split(Statement):
    """Notes of the log's own key that a witness or follower kept because its history contradicts them, posted for others to hold against their
    copies; never logged [L5]. Who posts them is not believed: the log's signatures are."""

    kind = "split"
    member: MemberId
    notes: Annotated[tuple[Annotated[str, StringConstraints(max_length=1 << 14)], ...], Field(min_length=1, max_length=8)]
