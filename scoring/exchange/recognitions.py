"""What the log alone can tell of score credentials that the authority took: from a peer zone, each once [F13]."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from scoring.errors import StatementReplayedError, ZoneMismatchError
from scoring.statements import Recognition, Statement

if TYPE_CHECKING:
    from scoring.exchange.view import Logged, Signer, ZoneView


def _judge_recognition(view: ZoneView, statement: Recognition, signer: Signer, _time: int) -> None:
    signer.require_role(view.registry, "authority")
    if statement.origin == view.zone:
        raise ZoneMismatchError("a zone's own score needs no recognition there")
    if all(member.peer is None or member.peer.zone != statement.origin for member in view.registry.members.values()):
        raise ZoneMismatchError(f"{statement.origin} is no peer of this zone, which its custodians approved")
    if statement.shown in view.recognitions:
        raise StatementReplayedError("this showing of the credential is in the log already")


def _commit_recognition(view: ZoneView, logged: Logged) -> None:
    view.recognitions[logged.statement.shown] = logged


RULES: dict[type[Statement], Callable[[ZoneView, Any, Signer, int], None]] = {Recognition: _judge_recognition}
EFFECTS: dict[type[Statement], Callable[[ZoneView, Logged], None]] = {Recognition: _commit_recognition}
