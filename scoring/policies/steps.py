"""The steps of a claim as the log has them: which may follow which, and who takes each [O5]. Pure; ``scoring.exchange.steps`` judges by it."""

from __future__ import annotations

from dataclasses import dataclass

AUTHORITY, ENTERPRISE = "authority", "enterprise"
BEGINNING = ""


@dataclass(frozen=True, slots=True)
class StepRule:
    """``after``: steps that it may follow; BEGINNING where it may be the first. ``by``: who may sign it.

    ``waits``: it may not be logged before the end of the notice that the last ``noticed`` step states.
    """

    after: frozenset[str]
    by: frozenset[str]
    waits: bool = False


def _rule(by: str, *after: str, waits: bool = False) -> StepRule:
    return StepRule(frozenset(after), frozenset(by.split()), waits)


CLAIM_STEPS: dict[str, StepRule] = {
    "matched": _rule(AUTHORITY, BEGINNING),
    "filed": _rule(ENTERPRISE, BEGINNING),
    "accepted": _rule(AUTHORITY, "filed"),
    "rejected": _rule(AUTHORITY, "filed"),
    "confirmed": _rule(ENTERPRISE, "matched"),
    "declined": _rule(ENTERPRISE, "matched"),
    "noticed": _rule(AUTHORITY, "confirmed", "accepted"),
    "disputed": _rule(f"{AUTHORITY} {ENTERPRISE}", "noticed", "dismissed"),
    "upheld": _rule(AUTHORITY, "disputed"),
    "dismissed": _rule(AUTHORITY, "disputed"),
    "ordered": _rule(AUTHORITY, "noticed", "dismissed", "returned", waits=True),
    "paid": _rule(AUTHORITY, "ordered"),
    "returned": _rule(AUTHORITY, "ordered"),
    "cancelled": _rule(AUTHORITY, "matched", "confirmed", "accepted", "noticed", "dismissed", "returned"),
}
"""Paid once: nothing follows ``paid``, and each ``ordered`` needs a bank's answer before the next."""
