"""Which step of a publication may follow which, and when: what the log alone can tell of lists and flats [N2]."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scoring.exchange.epoch import Phase
from scoring.publications.errors import PublicationOrderError
from scoring.publications.steps import AFTER, BEGINNING, TIMED
from scoring.statements import PublicationStep, Statement

if TYPE_CHECKING:
    from scoring.exchange.view import Logged, Signer, ZoneView


@dataclass(frozen=True, slots=True)
class PublicationProgress:
    """A publication as the log tells it: its last step with its envelope's digest, and before when the next may not come."""

    step: str = BEGINNING
    last: str = ""
    epoch: str = ""
    until: int = 0


def _judge_step(view: ZoneView, statement: PublicationStep, signer: Signer, time: int) -> None:
    signer.require_role(view.registry, "authority")
    progress = view.publications.get(statement.publication, PublicationProgress())
    if progress.step not in AFTER[statement.step] or statement.previous != progress.last or statement.epoch != (progress.epoch or statement.epoch):
        raise PublicationOrderError(f"{statement.step} does not follow {progress.step or 'the beginning'} of this publication")
    if not progress.epoch and view.epoch(statement.epoch).phase is not Phase.RELEASED:
        raise PublicationOrderError("what is published rests on a released epoch")
    if (statement.step in TIMED) != bool(statement.until) or (statement.until and statement.until <= time):
        raise PublicationOrderError("an announcement and a notice, and nothing else, state when they end: after they begin")
    if statement.step in {"noticed", "published"} and time < progress.until:
        raise PublicationOrderError(f"{progress.step} lasts until {progress.until}, it is {time}")


def _commit_step(view: ZoneView, logged: Logged) -> None:
    step: PublicationStep = logged.statement
    view.publications[step.publication] = PublicationProgress(step.step, logged.digest, step.epoch, step.until)


RULES: dict[type[Statement], Callable[[ZoneView, Any, Signer, int], None]] = {PublicationStep: _judge_step}
EFFECTS: dict[type[Statement], Callable[[ZoneView, Logged], None]] = {PublicationStep: _commit_step}
