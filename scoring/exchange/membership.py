"""Who is in the zone and whose approvals count, from those statements alone that say so: for members who may not read the rest of the log.

The rules are those of ``scoring.exchange.view``, run by it: what is said here of members and custodians is what the whole log says.
"""

from __future__ import annotations

from typing import Final

from crypto.paillier import DEFAULT_MIN_BITS
from scoring.custody.generations import Generation
from scoring.errors import LogInconsistentError
from scoring.exchange.logged import Logged
from scoring.exchange.registry import MemberRegistry
from scoring.exchange.view import ZoneView
from scoring.statements import (
    Ceremony,
    KeyAbandoned,
    KeyAcknowledged,
    KeyActivated,
    KeyDeal,
    KeyReceiver,
    KeyRound,
    MemberChange,
    ShareAccepted,
)

RENEWAL: Final = frozenset({kind.kind for kind in (KeyRound, KeyReceiver, KeyDeal, KeyAcknowledged, KeyActivated, KeyAbandoned)})
"""Kinds by which shares pass to other custodians: they hold no plaintext share, and every step is signed by whoever takes it [P1.7]."""

MEMBERSHIP: Final = RENEWAL | {MemberChange.kind, Ceremony.kind, ShareAccepted.kind}
"""Kinds that say who is in the zone and who approves changes. Every member may read them."""


class Membership:
    """Members and custodians, as far as they were told. Not thread-safe."""

    def __init__(self, pinned: MemberRegistry, first: Generation | None = None, min_key_bits: int = DEFAULT_MIN_BITS) -> None:
        """``pinned``: members at the beginning; not changed. ``first``: the generation of the pinned ceremony, for whoever is not told of the
        ceremony's leaves: all its shares are taken as accepted."""
        self._view = ZoneView(b"", {}, min_key_bits=min_key_bits, pinned=pinned)
        if first is not None:
            self._view.registry.appoint(first.custodians, first.sharing.threshold)
            self._view.generations.append(first)
            self._view.shares.update(first.custodians)

    @property
    def registry(self) -> MemberRegistry:
        """Members now. It goes on changing: copy it to keep it."""
        return self._view.registry

    def check(self, envelope: bytes) -> None:
        """The statement in ``envelope``, of a kind in MEMBERSHIP, holds if it is logged next. Raises as ``ZoneView.judge``."""
        self._view.judge(envelope, 0)  # no rule of these kinds asks for the time

    def take(self, index: int, leaf: bytes, envelope: bytes) -> Logged:
        """Take the statement at ``index``, of a kind in MEMBERSHIP; what it says, once it holds and has had its effect.

        Raises LogInconsistentError when it comes out of order or is not the leaf's; the error of the rule that it breaks, as ``ZoneView.judge``:
        then nothing has changed.
        """
        if index < self._view.size:
            raise LogInconsistentError(f"leaf {index} comes after leaf {self._view.size - 1}")
        self._view.skip(index)
        logged = self._view.apply(index, leaf, envelope)
        if logged is None:
            raise self._view.void[index]
        return logged
