"""Who may take which step of a claim, in which order and when: what the log alone can tell of policies' awards [O5].

No payment is ordered without the enterprise's own signature or before its notice has ended, and none twice: a replay of the log finds it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scoring.errors import WrongSignerError
from scoring.policies.errors import StepOrderError
from scoring.policies.steps import AUTHORITY, BEGINNING, CLAIM_STEPS, ENTERPRISE
from scoring.statements import PolicyStep, Statement

if TYPE_CHECKING:
    from scoring.exchange.view import Logged, Signer, ZoneView


@dataclass(frozen=True, slots=True)
class ClaimProgress:
    """A claim as the log tells it: its last step with its envelope's digest, the enterprise that signed, and when its notice ends."""

    step: str = BEGINNING
    last: str = ""
    subject: str = ""
    notice_ends: int = 0


def _judge_step(view: ZoneView, statement: PolicyStep, signer: Signer, time: int) -> None:
    progress, rule = view.claims.get(statement.claim, ClaimProgress()), CLAIM_STEPS[statement.step]
    _check_actor(view, statement, signer, progress)
    if progress.step not in rule.after or statement.previous != progress.last:
        raise StepOrderError(f"{statement.step} does not follow {progress.step or 'the beginning'} of this claim")
    if (statement.step == "noticed") != bool(statement.notice_ends) or (statement.notice_ends and statement.notice_ends <= time):
        raise StepOrderError("a notice, and nothing else, states when it ends: after it begins")
    if rule.waits and time < progress.notice_ends:
        raise StepOrderError(f"the notice ends at {progress.notice_ends}, it is {time}")


def _check_actor(view: ZoneView, statement: PolicyStep, signer: Signer, progress: ClaimProgress) -> None:
    by = CLAIM_STEPS[statement.step].by
    if not signer.subject:
        if AUTHORITY not in by or statement.service:
            raise WrongSignerError(f"{statement.step} is signed by the enterprise's own key")
        signer.require_role(view.registry, "authority")
        return
    if ENTERPRISE not in by:
        raise WrongSignerError(f"{statement.step} is the authority's to say")
    if signer.member != statement.service or progress.subject not in {"", signer.subject}:
        raise WrongSignerError("signed by another enterprise's key")


def _commit_step(view: ZoneView, logged: Logged) -> None:
    step: PolicyStep = logged.statement
    before = view.claims.get(step.claim, ClaimProgress())
    subject = before.subject or view.subject_behind(logged)
    view.claims[step.claim] = ClaimProgress(step.step, logged.digest, subject, step.notice_ends or before.notice_ends)


RULES: dict[type[Statement], Callable[[ZoneView, Any, Signer, int], None]] = {PolicyStep: _judge_step}
EFFECTS: dict[type[Statement], Callable[[ZoneView, Logged], None]] = {PolicyStep: _commit_step}
