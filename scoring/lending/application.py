"""An application with its amounts, as its parties know it: terms, line, offer, guarantee, what is owed [E3, E5].

``scoring.lending.steps`` takes it from step to step. Times are Unix seconds, those of the log. Whose signature a paper bears is judged where
it is received.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from scoring.lending.course import OVER, Course, Phase
from scoring.lending.line import CreditLine
from scoring.lending.terms import WHOLE
from scoring.statements.lending import Applied, Contracted, Declined, Guaranteed, Offered, ProductTerms


@dataclass(frozen=True, slots=True)
class Application:
    """One application. ``line_fen``: what the terms give for the line that was opened, -1 before; ``offer_paper``: digest of the offer's
    paper; ``line``: once there is a contract; ``references``: of repayments that were booked; ``late_days``: the latest that any repayment
    came; ``lost_fen``: what was given up, less what was recovered since."""

    id: str
    terms: ProductTerms
    course: Course = field(default_factory=Course)
    applied: Applied | None = None
    consent: str = ""
    ticket: str = ""
    line_fen: int = -1
    survey: str = ""
    offer: Offered | None = None
    offer_paper: str = ""
    guarantee: Guaranteed | None = None
    declined: Declined | None = None
    contract: Contracted | None = None
    line: CreditLine | None = None
    repaid_fen: int = 0
    references: frozenset[str] = frozenset()
    interest_fen: int = 0
    late_days: int = 0
    given_up_fen: int = 0
    lost_fen: int = 0
    first_paid_out: int = 0
    changed: int = 0

    @property
    def phase(self) -> Phase:
        return self.course.phase

    @property
    def owed_fen(self) -> int:
        """Principal that is out now."""
        return 0 if self.line is None else self.line.owed_fen

    @property
    def over(self) -> bool:
        """Whether nothing more happens."""
        return self.phase in OVER

    def due_to_expire(self, now: int) -> bool:
        """Whether the time is over until which the offer, or before there is one the application, stood."""
        stands = self.offer.until if self.phase == "offered" and self.offer else self.applied.until if self.applied else now
        return self.phase in {"applied", "consented", "queried", "surveyed", "offered"} and now > stands


def most_offered(application: Application) -> int:
    """The most that may be offered: the line that was opened, and not more than was applied for. Requires a query."""
    assert application.applied is not None
    return min(application.line_fen, application.applied.amount_fen)


def share_of(amount_fen: int, share_bp: int) -> int:
    """A share of an amount, rounded down to the fen.

    >>> share_of(100_000_001, 6_000)
    60000000
    """
    return amount_fen * share_bp // WHOLE
