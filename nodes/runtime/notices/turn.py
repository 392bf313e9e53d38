"""The turn of notices: every few seconds our newest head, and what else we have to say, goes to each board, and the others' come back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from crypto.errors import CryptoError
from crypto.statements import parse_envelope
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.notices.board import BoardClient
from nodes.runtime.notices.heads import HeadComparison
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.follower import LogFollower
from scoring.statements import Head, Revocation

_log = logging.logger("notices")


class Straight(Protocol):
    """Revocations that come by the board rather than by the log."""

    def take(self, raw: bytes, /) -> None: ...

    def pinned(self) -> Sequence[bytes]: ...

    def held(self) -> tuple[str, ...]: ...


class Notices:
    """Posts for one member and compares. ``revocations``: of a custodian; an auditor has none to keep."""

    def __init__(
        self,
        identity: Identity,
        boards: Sequence[BoardClient],
        follower: LogFollower,
        heads: HeadComparison,
        revocations: Straight | None,
        now: Clock,
    ) -> None:
        self._identity, self._boards, self._follower, self._heads = identity, boards, follower, heads
        self._revocations, self._now = revocations, now
        self._silent: set[str] = set()

    def turn(self) -> None:
        """Post to every board, and take what it has. A board that does not answer is passed over: the others have the same notices."""
        for board in self._boards:
            try:
                notices = board.exchange(self._own())
            except (PeerUnavailableError, RpcRefusal) as error:
                self._note(board.keeper, error)
                continue
            self._note(board.keeper, None)
            for notice in notices:
                self._take(notice)
        self._heads.turn()

    def _own(self) -> list[bytes]:
        """Our head, once there is one, and the revocations that others may have missed."""
        checkpoint = self._follower.checkpoint
        held = self._revocations.held() if self._revocations else ()
        pinned = list(self._revocations.pinned()) if self._revocations else []
        if not checkpoint:
            return pinned
        identity = self._identity
        head = Head(zone=identity.zone, nonce=fresh_nonce(), member=identity.member, time=self._now(), checkpoint=checkpoint, held=held)
        return [sign_statement(head, identity.signer), *pinned]

    def _take(self, notice: bytes) -> None:
        try:
            kind = parse_envelope(notice).payload_type
        except CryptoError:
            return
        if kind == Head.payload_type():
            self._heads.take(notice)
        elif kind == Revocation.payload_type() and self._revocations:
            self._revocations.take(notice)

    def _note(self, keeper: str, error: Exception | None) -> None:
        if (error is not None) == (keeper in self._silent):
            return
        if error is None:
            self._silent.discard(keeper)
            _log.info(logging.BOARD_RETURNED, keeper=keeper)
        else:
            self._silent.add(keeper)
            _log.warning(logging.BOARD_MISSING, keeper=keeper, cause=type(error).__name__, reason=getattr(error, "reason", ""))
