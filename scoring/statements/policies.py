"""What authority and enterprises say about awards without application: one step of one claim. What it is about stays with the two of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from crypto.encoding import canonical_json
from scoring.statements.base import Hex16, Hex32, MemberId, Name, Record, Statement, Time

Note = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$")]
PayeeName = Annotated[
    str, StringConstraints(min_length=2, max_length=120, pattern=r"^[^\x00-\x20\x7f=+\-@'＝＋－＠][^\x00-\x1f\x7f]+$")
]  # no formula in a bank's file
Actor = Annotated[str, StringConstraints(min_length=1, max_length=82, pattern=r"^[^\x00-\x20\x7f]+$")]
AccountNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{8,32}$")]

PolicyStepName = Literal[
    "matched", "filed", "accepted", "rejected", "confirmed", "declined", "noticed", "disputed", "upheld", "dismissed", "ordered", "paid", "returned",
    "cancelled",
]  # fmt: skip


class PolicyStep(Statement):
    """A step of a claim was taken [O5]. It names no policy, enterprise or amount: ``paper`` is the SHA-256 of what it says, which the parties
    keep with a nonce in it.

    ``previous``: digest of the step before, empty in the first. ``service``: of an enterprise's own step, the service that it is enrolled with;
    else empty. ``notice_ends``: of a notice, until when objections are taken; before that no payment may be ordered. Else 0.
    """

    kind = "policy-step"
    claim: Hex16
    step: PolicyStepName
    service: MemberId | Literal[""] = ""
    previous: Hex32 | Literal[""]
    paper: Hex32
    notice_ends: Time = 0


class PaperPayee(Record):
    """The enterprise's own account: holder, bank and branch, number."""

    name: PayeeName
    bank: PayeeName
    account: AccountNumber


class PolicyPaper(Record):
    """What one step says, for its two parties; ``PolicyStep.paper`` is the SHA-256 of its bytes. ``by``: a key of the enterprise, or the
    authority's person. ``nonce`` keeps the digest from being guessed."""

    format: Literal["xinqiao/policy-paper/v1"] = "xinqiao/policy-paper/v1"
    claim: Hex16
    policy: Name
    subject: Hex16
    amount_fen: Annotated[int, Field(ge=1, lt=10**15)]
    step: PolicyStepName
    by: Actor
    at: Time
    note: Note = ""
    payee: PaperPayee | None = None
    notice_ends: Time = 0
    file: Annotated[str, StringConstraints(max_length=40)] = ""
    nonce: Hex16

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical_json(self.model_dump(mode="json"))
