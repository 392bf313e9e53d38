"""Life of a value that a department holds of an enterprise: certified by its owner, confirmed or disputed by the enterprise, settled [V1–V4].

A value is known by its version, a digest of what it says; an answer is to one version and never to a later one. The life changes no
point by itself: a disputed value counts as its owner certified it until the owner corrects it, and what an enterprise filed itself
counts only once the owner approved it. This module judges; who asks, who is told and where it is kept is others' work.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from crypto.encoding import digest
from scoring.errors import ValueStateError

State = Literal["certified", "confirmed", "disputed", "upheld"]
FilingState = Literal["filed", "approved", "rejected"]
Standing = Literal["none", "certified", "disputed", "confirmed"]
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class HeldValue:
    """One field of one enterprise in one period, as its owner certifies it. ``due``: Unix time by which a dispute of this version is, or was before
    it was withdrawn, to be settled; 0 where it was never disputed or is settled.

    ``note`` is the enterprise's reason for a dispute, or the owner's for upholding.
    """

    field: str
    value: str
    version: str
    state: State = "certified"
    since: int = 0
    due: int = 0
    note: str = ""

    def overdue(self, now: int) -> bool:
        """Whether the owner has let the deadline of a dispute pass."""
        return self.state == "disputed" and now > self.due


@dataclass(frozen=True, slots=True)
class Filing:
    """A value that the enterprise filed itself (填报), waiting for the owner's examination (审核) or through it."""

    field: str
    value: str
    state: FilingState = "filed"
    since: int = 0
    note: str = ""


def version_of(uscc: str, period: str, field: str, value: str) -> str:
    """The version of a value: 32 hex digits, another one for whatever else it could say.

    >>> version_of("91330108MA2AAAAA0A", "2023", "revenue", "1") != version_of("91330108MA2AAAAA0A", "2023", "revenue", "2")
    True
    """
    return digest("value-version", uscc.encode(), period.encode(), field.encode(), value.encode()).hex()[:32]


def confirm(held: HeldValue, version: str, now: int) -> HeldValue:
    """The value, confirmed; a dispute is withdrawn by it, and its deadline kept. What was upheld stays so: that is an answer already.

    Raises ValueStateError when ``version`` is not the one that stands.
    """
    _same(held, version)
    return held if held.state in {"confirmed", "upheld"} else replace(held, state="confirmed", since=now, note="")


def dispute(held: HeldValue, version: str, note: str, now: int, days: int) -> HeldValue:
    """The value, disputed, to be settled within ``days`` of its version's first dispute: asking again, or after a withdrawal, moves no deadline.

    Raises ValueStateError for another version, without a reason, or when the owner upheld this very version before.
    """
    _same(held, version)
    if not note.strip():
        raise ValueStateError(f"{held.field}: a dispute states its reason")
    if held.state == "upheld":
        raise ValueStateError(f"{held.field}: this value was disputed before and upheld; what is new comes with a new value")
    return held if held.state == "disputed" else replace(held, state="disputed", since=now, due=held.due or now + days * DAY_S, note=note)


def uphold(held: HeldValue, version: str, note: str, now: int) -> HeldValue:
    """The owner stands by a disputed value. Raises ValueStateError for another version, when it is not disputed, or without a reason."""
    _same(held, version)
    if held.state != "disputed":
        raise ValueStateError(f"{held.field} is not disputed")
    if not note.strip():
        raise ValueStateError(f"{held.field}: upholding states its reason")
    return replace(held, state="upheld", since=now, due=0, note=note)


def stand(held: HeldValue | None, field: str, value: str, version: str, now: int) -> HeldValue:
    """The value as the owner's record says it now: what was there, with its state, or a new version, certified; that settles a dispute."""
    if held is not None and held.version == version:
        return held
    return HeldValue(field, value, version, "certified", now)


def examine(filing: Filing, approved: bool, note: str, now: int) -> Filing:
    """The owner approves a filing, or rejects it with a reason. Raises ValueStateError when it was examined before, or without a reason."""
    if filing.state != "filed":
        raise ValueStateError(f"{filing.field}: the filing was {filing.state} before")
    if not approved and not note.strip():
        raise ValueStateError(f"{filing.field}: rejecting states its reason")
    return replace(filing, state="approved" if approved else "rejected", since=now, note=note)


def standing(values: Iterable[HeldValue]) -> Standing:
    """How far the values of an enterprise have come: disputed while one is, confirmed when all are answered, else certified.

    >>> [standing(()), standing((HeldValue("a", "1", ""),)), standing((HeldValue("a", "1", "", "confirmed"), HeldValue("b", "", "", "upheld")))]
    ['none', 'certified', 'confirmed']
    """
    states = {held.state for held in values}
    if not states:
        return "none"
    if "disputed" in states:
        return "disputed"
    return "certified" if "certified" in states else "confirmed"


def _same(held: HeldValue, version: str) -> None:
    if held.version != version:
        raise ValueStateError(f"{held.field}: the answer is to a value that does not stand any more")
