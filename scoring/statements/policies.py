"""What authority and enterprises say about awards without application: one step of one claim. What it is about stays with the two of them."""

from __future__ import annotations

from typing import Literal

from scoring.statements.base import Hex16, Hex32, MemberId, Statement, Time

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
