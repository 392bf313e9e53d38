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
from nodes.runtime.notices.kept import Evidence, nothing_kept, showable
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.follower import LogFollower
from scoring.statements import Head, Revocation, Split, Statement

_log = logging.logger("notices")


class Straight(Protocol):
    """Revocations that come by the board rather than by the log."""

    def take(self, raw: bytes, /) -> None: ...

    def pinned(self) -> Sequence[bytes]: ...

    def held(self) -> tuple[str, ...]: ...


class Notices:
    """Posts for one member and compares. ``revocations``: of a custodian; an auditor has none to keep. ``evidence``: notes of two histories that
    this member keeps; the others hold them against their own copies."""

    def __init__(
        self,
        identity: Identity,
        boards: Sequence[BoardClient],
        follower: LogFollower,
        heads: HeadComparison,
        revocations: Straight | None,
        now: Clock,
        evidence: Evidence = nothing_kept,
    ) -> None:
        self._identity, self._boards, self._follower, self._heads = identity, boards, follower, heads
        self._revocations, self._now, self._evidence = revocations, now, evidence
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
        """Our head, once there is one, evidence of two histories, and the revocations that others may have missed."""
        checkpoint, notes = self._follower.checkpoint, self._evidence()
        held = self._revocations.held() if self._revocations else ()
        said: list[Statement] = []
        if checkpoint:
            zone, member = self._identity.zone, self._identity.member
            shown = showable(checkpoint.encode()).decode()
            said.append(Head(zone=zone, nonce=fresh_nonce(), member=member, time=self._now(), checkpoint=shown, held=held))
        if notes:
            kept = tuple(note.decode() for note in notes)
            said.append(Split(zone=self._identity.zone, nonce=fresh_nonce(), member=self._identity.member, notes=kept))
        pinned = list(self._revocations.pinned()) if self._revocations else []
        return [*(sign_statement(statement, self._identity.signer) for statement in said), *pinned]

    def _take(self, notice: bytes) -> None:
        try:
            kind = parse_envelope(notice).payload_type
        except CryptoError:
            return
        if kind == Head.payload_type():
            self._heads.take(notice)
        elif kind == Split.payload_type():
            self._heads.take_split(notice)
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
