"""The order of an application's steps and who takes them [E3]: from applied over the visit and the offer to closed or bad. Names only.

The same table serves the parties, who know the amounts (``scoring.lending.application``), and whoever replays the log, who does not
(``scoring.exchange.loans``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from scoring.errors import LoanStateError
from scoring.statements.lending import LoanStepName

Phase = Literal[
    "new", "applied", "consented", "queried", "surveyed", "offered", "declined", "accepted", "contracted", "disbursed", "repaying", "closed", "bad",
    "withdrawn", "expired",
]  # fmt: skip
Party = Literal["enterprise", "institution", "guarantor"]

PARTY: Final[dict[LoanStepName, Party]] = {
    "applied": "enterprise",
    "consented": "enterprise",
    "queried": "institution",
    "surveyed": "institution",
    "offered": "institution",
    "declined": "institution",
    "guaranteed": "guarantor",
    "accepted": "enterprise",
    "contracted": "institution",
    "disbursed": "institution",
    "drawn": "enterprise",
    "assigned": "enterprise",
    "unassigned": "enterprise",
    "settled": "institution",
    "repaid": "institution",
    "closed": "institution",
    "bad": "institution",
    "withdrawn": "enterprise",
    "expired": "institution",
}
"""Who takes each step."""

_UNDECIDED: Final[dict[LoanStepName, Phase]] = {"declined": "declined", "withdrawn": "withdrawn", "expired": "expired"}
_USE: Final[dict[LoanStepName, Phase]] = {"closed": "closed", "bad": "bad", "repaid": "repaying"}


def _revolving(idle: Phase, out: Phase) -> dict[LoanStepName, Phase]:
    return {"drawn": out, "assigned": idle, "unassigned": idle, "settled": out}


NEXT: Final[dict[Phase, dict[LoanStepName, Phase]]] = {
    "new": {"applied": "applied"},
    "applied": {"consented": "consented", **_UNDECIDED},
    "consented": {"consented": "consented", "queried": "queried", **_UNDECIDED},
    "queried": {"queried": "queried", "surveyed": "surveyed", **_UNDECIDED},
    "surveyed": {"surveyed": "surveyed", "offered": "offered", **_UNDECIDED},
    "offered": {"guaranteed": "offered", "accepted": "accepted", "withdrawn": "withdrawn", "expired": "expired"},
    "accepted": {"guaranteed": "accepted", "contracted": "contracted", "withdrawn": "withdrawn"},
    "contracted": {"disbursed": "disbursed", "closed": "closed", **_revolving("contracted", "disbursed")},
    "disbursed": {"disbursed": "disbursed", **_revolving("disbursed", "disbursed"), **_USE},
    "repaying": {"disbursed": "repaying", **_revolving("repaying", "repaying"), **_USE},
    "bad": {"repaid": "bad", "closed": "closed"},
    "declined": {},
    "withdrawn": {},
    "expired": {},
    "closed": {},
}
"""The phase after each step that may be taken in a phase. After ``bad`` a repayment is a recovery."""

OVER: Final[frozenset[Phase]] = frozenset(phase for phase, steps in NEXT.items() if not steps)
"""Phases in which nothing more happens."""


@dataclass(frozen=True, slots=True)
class Course:
    """How far an application has come by the names of its steps. ``last``: digest of the step before; ``papers``: digests, each counts once."""

    phase: Phase = "new"
    last: str = ""
    papers: frozenset[str] = frozenset()

    def after(self, step: LoanStepName, paper: str, digest: str) -> Course:
        """The course once ``step`` (a statement with this digest, for this paper) is taken. Raises as ``check``."""
        self.check(step, paper)
        return Course(NEXT[self.phase][step], digest, self.papers | {paper})

    def check(self, step: LoanStepName, paper: str) -> None:
        """The step may be taken now. Raises LoanStateError, also for a paper that was used before."""
        if step not in NEXT[self.phase]:
            allowed = ", ".join(NEXT[self.phase]) or "nothing"
            raise LoanStateError(f"an application that is {self.phase} cannot be {step}: what may follow is {allowed}")
        if paper in self.papers:
            raise LoanStateError("this paper was used for a step before: each counts once")


def steps_of(party: Party, phase: Phase) -> tuple[LoanStepName, ...]:
    """What ``party`` may do in ``phase``, in the order of the table.

    >>> steps_of("enterprise", "offered")
    ('accepted', 'withdrawn')
    """
    return tuple(step for step in NEXT[phase] if PARTY[step] == party)
