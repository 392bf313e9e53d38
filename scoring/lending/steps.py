"""What each step of an application does to its amounts, and which it may not do [E3, E5].

The parties fold the papers of the steps, in the order of the log, through ``take``; what it raises, neither of them takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from scoring.errors import LoanAmountError, LoanStateError
from scoring.lending.application import Application, most_offered, share_of
from scoring.lending.line import CreditLine
from scoring.lending.terms import amount_of, check_application
from scoring.statements import Record
from scoring.statements.lending import (
    Accepted,
    Applied,
    Assigned,
    Bad,
    Closed,
    Consented,
    Contracted,
    Declined,
    Disbursed,
    Drawn,
    Expired,
    Guaranteed,
    LoanContent,
    Offered,
    Queried,
    Repaid,
    Settled,
    Surveyed,
    Unassigned,
    Withdrawn,
)


def take(app: Application, content: LoanContent, paper: str, digest: str, now: int) -> Application:
    """The application once the step with this content is taken at ``now``; ``paper`` and ``digest``: of its paper's and statement's envelopes.

    Raises LoanStateError when the step does not fit the state, LoanAmountError when an amount, price or term is beyond what is allowed,
    TermsError when the product is not offered at this time.
    """
    course = app.course.after(content.step, paper, digest)
    return replace(_TAKE[type(content)](app, content, paper, now), course=course, changed=now)


def _applied(app: Application, content: Applied, _paper: str, now: int) -> Application:
    check_application(app.terms, content, now)
    if content.until < now:
        raise LoanStateError("the application is over before it was made")
    return replace(app, applied=content)


def _consented(app: Application, content: Consented, _paper: str, _now: int) -> Application:
    return replace(app, consent=content.consent)


def _queried(app: Application, content: Queried, _paper: str, _now: int) -> Application:
    if content.line_fen != amount_of(app.terms, content.line_fen):
        raise LoanAmountError("the line is not between the product's floor and cap")
    return replace(app, ticket=content.ticket, line_fen=content.line_fen)


def _surveyed(app: Application, content: Surveyed, _paper: str, _now: int) -> Application:
    return replace(app, survey=content.record)


def _offered(app: Application, content: Offered, paper: str, now: int) -> Application:
    if not 0 < content.amount_fen <= most_offered(app):
        raise LoanAmountError(f"{content.amount_fen} fen are offered, the line and the application allow {most_offered(app)}")
    if content.rate_bp > app.terms.rate_bp:
        raise LoanAmountError(f"the price of {content.rate_bp} basis points is above the product's {app.terms.rate_bp}")
    if content.term_months > app.terms.term_months:
        raise LoanAmountError(f"{content.term_months} months are offered, the product gives {app.terms.term_months}")
    if bool(content.guarantor) != (content.share_bp > 0):
        raise LoanAmountError("a guarantor and its share are named together")
    if content.until < now:
        raise LoanStateError("the offer is over before it is made")
    return replace(app, offer=content, offer_paper=paper)


def _declined(app: Application, content: Declined, _paper: str, _now: int) -> Application:
    return replace(app, declined=content)


def _guaranteed(app: Application, content: Guaranteed, _paper: str, _now: int) -> Application:
    offer = _offer(app)
    if app.guarantee is not None:
        raise LoanStateError("the guarantee is signed already")
    if not offer.guarantor or (content.share_bp, content.amount_fen) != (offer.share_bp, share_of(offer.amount_fen, offer.share_bp)):
        raise LoanAmountError("the guarantor's share is not the one that is offered")
    return replace(app, guarantee=content)


def _accepted(app: Application, content: Accepted, _paper: str, now: int) -> Application:
    if content.offer != app.offer_paper:
        raise LoanStateError("what is accepted is not the offer that stands")
    if now > _offer(app).until:
        raise LoanStateError("the offer is over: ask the institution for a new one")
    return app


def _contracted(app: Application, content: Contracted, _paper: str, _now: int) -> Application:
    offer = _offer(app)
    if offer.guarantor and app.guarantee is None:
        raise LoanStateError(f"{offer.guarantor} has not signed for its share yet")
    return replace(app, contract=content, line=CreditLine(offer.amount_fen, app.terms.revolving))


def _disbursed(app: Application, content: Disbursed, _paper: str, now: int) -> Application:
    if app.terms.revolving:
        raise LoanStateError("a revolving line is drawn on by the enterprise, not paid out by the institution")
    return _paid_out(app, _line(app).pay_out(content.amount_fen), now)


def _drawn(app: Application, content: Drawn, _paper: str, now: int) -> Application:
    if not app.terms.revolving:
        raise LoanStateError("only a revolving line is drawn on")
    return _paid_out(app, _line(app).pay_out(content.amount_fen), now)


def _assigned(app: Application, content: Assigned, _paper: str, _now: int) -> Application:
    return replace(app, line=_line(app).assign(content.supplier, content.amount_fen))


def _unassigned(app: Application, content: Unassigned, _paper: str, _now: int) -> Application:
    return replace(app, line=_line(app).unassign(content.supplier, content.amount_fen))


def _settled(app: Application, content: Settled, _paper: str, now: int) -> Application:
    return _paid_out(app, _line(app).settle(content.supplier, content.amount_fen), now)


def _repaid(app: Application, content: Repaid, _paper: str, _now: int) -> Application:
    if content.principal_fen + content.interest_fen == 0:
        raise LoanAmountError("a repayment is of something")
    if content.reference in app.references:
        raise LoanStateError("the payment with this reference was booked before")
    repaid = replace(
        app,
        interest_fen=app.interest_fen + content.interest_fen,
        late_days=max(app.late_days, content.days_late),
        repaid_fen=app.repaid_fen + content.principal_fen,
        references=app.references | ({content.reference} if content.reference else set()),
    )
    if app.phase != "bad":
        return replace(repaid, line=_line(app).repay(content.principal_fen))
    if content.principal_fen > app.lost_fen:
        raise LoanAmountError(f"{content.principal_fen} fen of principal are recovered, {app.lost_fen} were lost")
    return replace(repaid, lost_fen=app.lost_fen - content.principal_fen)


def _closed(app: Application, _content: Closed, _paper: str, _now: int) -> Application:
    line = _line(app)
    if line.owed_fen or line.assigned_fen:
        raise LoanAmountError(f"{line.owed_fen} fen are owed and {line.assigned_fen} assigned: nothing is closed before that is settled")
    return app


def _bad(app: Application, content: Bad, _paper: str, _now: int) -> Application:
    line = _line(app)
    if content.principal_fen != line.owed_fen:
        raise LoanAmountError(f"{content.principal_fen} fen are given up, {line.owed_fen} are owed")
    spent = CreditLine(line.limit_fen, line.revolving, 0, line.paid_out_fen)
    return replace(app, line=spent, given_up_fen=content.principal_fen, lost_fen=content.principal_fen)


def _withdrawn(app: Application, _content: Withdrawn, _paper: str, _now: int) -> Application:
    return app


def _expired(app: Application, _content: Expired, _paper: str, now: int) -> Application:
    if not app.due_to_expire(now):
        raise LoanStateError("the time of the application, or of the offer, is not over yet")
    return app


def _paid_out(app: Application, line: CreditLine, now: int) -> Application:
    return replace(app, line=line, first_paid_out=app.first_paid_out or now)


def _offer(app: Application) -> Offered:
    assert app.offer is not None  # the phase says so
    return app.offer


def _line(app: Application) -> CreditLine:
    assert app.line is not None  # the phase says so
    return app.line


_TAKE: Final[dict[type[Record], Callable[[Application, Any, str, int], Application]]] = {
    Applied: _applied,
    Consented: _consented,
    Queried: _queried,
    Surveyed: _surveyed,
    Offered: _offered,
    Declined: _declined,
    Guaranteed: _guaranteed,
    Accepted: _accepted,
    Contracted: _contracted,
    Disbursed: _disbursed,
    Drawn: _drawn,
    Assigned: _assigned,
    Unassigned: _unassigned,
    Settled: _settled,
    Repaid: _repaid,
    Closed: _closed,
    Bad: _bad,
    Withdrawn: _withdrawn,
    Expired: _expired,
}
