"""What the log alone can tell of score credentials that the authority took: from another zone, each once [F15]."""

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
    if statement.shown in view.recognitions:
        raise StatementReplayedError("this showing of the credential is in the log already")


def _commit_recognition(view: ZoneView, logged: Logged) -> None:
    view.recognitions[logged.statement.shown] = logged


RULES: dict[type[Statement], Callable[[ZoneView, Any, Signer, int], None]] = {Recognition: _judge_recognition}
EFFECTS: dict[type[Statement], Callable[[ZoneView, Logged], None]] = {Recognition: _commit_recognition}
