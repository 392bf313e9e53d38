"""The zone's members as a release shows them: the pinned registry and the logged changes that come with the release.

A statement is judged by the keys of its own time: what was signed before a member changed its keys stays verifiable, and so does what
was signed after, without the whole log. Where other custodians than the ceremony's approved a change, the rounds that gave them their shares
come with it. That all of it is in the log is for the caller to check; that none was left out nobody can tell from a release: whoever needs
that replays the log.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from crypto.errors import CryptoError
from scoring.custody.generations import Generation
from scoring.errors import ScoringError, StatementFormatError
from scoring.exchange.logged import Logged
from scoring.exchange.membership import RENEWAL, Membership
from scoring.exchange.registry import MemberHistory, MemberRegistry
from scoring.statements import KeyAbandoned, MemberChange, parse_leaf

if TYPE_CHECKING:
    from scoring.exchange.view import ZoneView

SHOWN: Final = (RENEWAL - {KeyAbandoned.kind}) | {MemberChange.kind}
"""Kinds that a release shows of its members. The ceremony is pinned, and a round that was given up changed nothing."""


def member_history(pinned: MemberRegistry, shown: Iterable[tuple[int, bytes, bytes]], first: Generation | None = None) -> MemberHistory:
    """Members over time by ``shown``, (leaf index, leaf, envelope) in the order of the log: each judged as the whole log's replay does.

    ``first``: the generation of the pinned ceremony; without it no round counts. Raises StatementFormatError for another kind than SHOWN,
    LogInconsistentError out of order, and as ``ZoneView.judge``.
    """
    membership, history = Membership(pinned, first), MemberHistory(pinned)
    for index, leaf, envelope in shown:
        kind = parse_leaf(leaf).kind
        if kind not in SHOWN:
            raise StatementFormatError(f"a {kind} says nothing of who is a member")
        membership.take(index, leaf, envelope)
        history.changed(index, membership.registry)
    return history


def members_shown(view: ZoneView, size: int) -> list[Logged]:
    """What a release under a checkpoint of ``size`` leaves shows of the zone's members: the changes, and the rounds that gave their shares to
    custodians by whom alone these can be judged. Without need no round is shown: whoever knows only changes can read such a release."""
    changes = [logged for logged in view.member_changes if logged.index < size]
    rests_on = [steps for steps in view.renewals if steps[-1].index < max((logged.index for logged in changes), default=0)]
    if all(steps[0].statement.action == "refresh" for steps in rests_on) or _hold(view, changes):
        return changes
    return sorted([*changes, *(step for steps in rests_on for step in steps)], key=lambda logged: logged.index)


def members_told(view: ZoneView) -> list[Logged]:
    """Every change of members and every step of a round that took effect, in the order of the log: what a later change is judged by."""
    return sorted([*view.member_changes, *(step for steps in view.renewals for step in steps)], key=lambda logged: logged.index)


def _hold(view: ZoneView, changes: Iterable[Logged]) -> bool:
    """Whether the changes hold by the ceremony's custodians."""
    try:
        member_history(MemberRegistry(view.registry.genesis), ((item.index, item.leaf, item.envelope) for item in changes), view.generations[0])
    except (CryptoError, ScoringError):
        return False
    return True
