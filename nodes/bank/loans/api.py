"""Applications, contracts and repayments for the institution's own systems: JSON, under its bearer token. The same acts as on the pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from nodes.bank.loans.counter import Counter, Visit
from nodes.bank.loans.products import Products
from nodes.bank.loans.repayments import book_repayments, read_repayments
from nodes.errors import RecordFileError
from nodes.lending.book import Kept
from scoring.statements import MemberId
from scoring.statements.lending import BasisPoints, DeclineReason, Fen, Months, PositiveFen, Text, UsccText

ApplicationId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[01][0-9]-[0-3][0-9]$")]


class Body(BaseModel):
    """Base of bodies: closed to unknown members."""

    model_config = ConfigDict(extra="forbid")


class VisitBody(Body):
    """The record of a visit, which stays here."""

    day: Day
    people: Text
    findings: Text
    recommended: bool


class OfferBody(Body):
    """An offer that stands for ``days``."""

    amount_fen: PositiveFen
    rate_bp: BasisPoints
    term_months: Months
    days: Annotated[int, Field(ge=1, le=180)] = 30
    guarantor: MemberId | Literal[""] = ""
    share_bp: BasisPoints = 0


class DeclineBody(Body):
    reason: DeclineReason
    note: Text = ""


class ContractBody(Body):
    """Number and text of the contract; the text stays here."""

    number: Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z/_-]{0,63}$")]
    text: Annotated[str, Field(min_length=1, max_length=100_000)]


class ClaimBody(Body):
    """Whether this was the enterprise's first loan."""

    first_loan: bool = False


class AmountBody(Body):
    amount_fen: PositiveFen


class SettleBody(AmountBody):
    supplier: UsccText


class RepaymentBody(Body):
    principal_fen: Fen
    interest_fen: Fen
    days_late: Annotated[int, Field(ge=0, le=36_500)] = 0
    reference: Annotated[str, Field(pattern=r"^[0-9A-Za-z._/-]{0,64}$")] = ""


def loan_routes(counter: Counter, products: Products, staff: Callable[..., None]) -> APIRouter:
    """The routes; ``staff`` is the dependency that checks the token."""
    router = APIRouter(prefix="/api", dependencies=[Depends(staff)])
    for part in (_reading(counter, products), _deciding(counter), _running(counter), _files(counter)):
        router.include_router(part)
    return router


def shown(counter: Counter, kept: Kept) -> dict[str, Any]:
    """An application as programs of the institution see it."""
    app = kept.app
    line = None if app.line is None else {
        "limit_fen": app.line.limit_fen, "owed_fen": app.line.owed_fen, "available_fen": app.line.available_fen, "assigned": dict(app.line.assigned),
    }  # fmt: skip
    return {
        "application": app.id, "phase": app.phase, "institution": kept.parties.institution, "uscc": kept.parties.uscc, "product": app.terms.product,
        "applied": None if app.applied is None else app.applied.model_dump(mode="json"), "line_fen": app.line_fen,
        "offer": None if app.offer is None else app.offer.model_dump(mode="json"), "guaranteed": app.guarantee is not None,
        "contract": None if app.contract is None else app.contract.number, "line": line, "repaid_fen": app.repaid_fen,
        "interest_fen": app.interest_fen, "late_days": app.late_days, "lost_fen": app.lost_fen, "may": list(counter.may(kept)),
    }  # fmt: skip


def _reading(counter: Counter, products: Products) -> APIRouter:
    router = APIRouter()

    @router.get("/products")
    def own_products() -> dict[str, Any]:
        """Our products as they are published."""
        return {"products": [terms.model_dump(mode="json") for terms in products.newest()]}

    @router.get("/applications")
    def applications() -> dict[str, Any]:
        """Applications to us, and those that we are to guarantee, the last changed first."""
        return {"applications": [shown(counter, kept) for kept in counter.book.all()]}

    @router.get("/applications/{application}")
    def one(application: ApplicationId) -> dict[str, Any]:
        """One application with its steps and the documents that we keep about it."""
        steps = [
            {
                "step": step.statement.step,
                "time": step.time,
                "leaf_index": step.signed.leaf_index,
                "content": step.paper.content.model_dump(mode="json"),
            }
            for step in counter.book.steps(application)
        ]
        return {**shown(counter, counter.book.get(application)), "steps": steps, "documents": counter.files.of(application)}

    return router


def _deciding(counter: Counter) -> APIRouter:
    router = APIRouter(prefix="/applications/{application}")

    @router.post("/query")
    def query(application: ApplicationId) -> dict[str, Any]:
        """Ask for the score under the application's consent; the line follows from the product's terms."""
        return shown(counter, counter.ask(application))

    @router.post("/survey")
    def survey(application: ApplicationId, body: VisitBody) -> dict[str, Any]:
        """Record a visit (实地尽调)."""
        return shown(counter, counter.survey(application, Visit(body.day, body.people, body.findings, body.recommended)))

    @router.post("/offer")
    def offer(application: ApplicationId, body: OfferBody) -> dict[str, Any]:
        """Offer credit."""
        return shown(counter, counter.offer(application, **body.model_dump()))

    @router.post("/decline")
    def decline(application: ApplicationId, body: DeclineBody) -> dict[str, Any]:
        """Decline."""
        return shown(counter, counter.decline(application, body.reason, body.note))

    @router.post("/guarantee")
    def guarantee(application: ApplicationId) -> dict[str, Any]:
        """Sign for our share, as the guarantor that the offer names."""
        return shown(counter, counter.guarantee(application))

    @router.post("/contract")
    def contract(application: ApplicationId, body: ContractBody) -> dict[str, Any]:
        """Conclude the contract."""
        return shown(counter, counter.contract(application, body.number, body.text))

    @router.post("/expire")
    def expire(application: ApplicationId) -> dict[str, Any]:
        """End an application, or an offer, whose time is over."""
        return shown(counter, counter.expire(application))

    return router


def _running(counter: Counter) -> APIRouter:
    router = APIRouter(prefix="/applications/{application}")

    @router.post("/disburse")
    def disburse(application: ApplicationId, body: AmountBody) -> dict[str, Any]:
        """Say that so much was paid out."""
        return shown(counter, counter.disburse(application, body.amount_fen))

    @router.post("/settle")
    def settle(application: ApplicationId, body: SettleBody) -> dict[str, Any]:
        """Say that a supplier was paid from its part of a revolving line."""
        return shown(counter, counter.settle(application, body.supplier, body.amount_fen))

    @router.post("/repay")
    def repay(application: ApplicationId, body: RepaymentBody) -> dict[str, Any]:
        """Book a repayment, once for its reference."""
        return shown(counter, counter.repay(application, **body.model_dump()))

    @router.post("/close")
    def close(application: ApplicationId) -> dict[str, Any]:
        """Close what is settled."""
        return shown(counter, counter.close(application))

    @router.post("/claim")
    def claim(application: ApplicationId, body: ClaimBody) -> dict[str, Any]:
        """Claim compensation from the risk-compensation pool for a loan that was given up; again: how the claim stands."""
        return counter.claim(application, body.first_loan)

    @router.post("/give-up")
    def give_up(application: ApplicationId) -> dict[str, Any]:
        """Give up on all that is owed."""
        return shown(counter, counter.give_up(application))

    return router


def _files(counter: Counter) -> APIRouter:
    router = APIRouter()

    @router.post("/repayments", openapi_extra={"requestBody": {"content": {"text/csv": {}, "application/octet-stream": {}}, "required": True}})
    async def repayments(request: Request) -> dict[str, Any]:
        """Book the repayments of a file, CSV or XLSX; each line's outcome."""
        lines = read_repayments(await request.body())
        return {"lines": [asdict(line) for line in await run_in_threadpool(book_repayments, counter, lines)]}

    @router.put("/dishonest", openapi_extra={"requestBody": {"content": {"text/plain": {}}, "required": True}})
    async def dishonest(request: Request) -> dict[str, Any]:
        """Replace the public list of the dishonest that is kept here: one code a line."""
        try:
            codes = [line.strip() for line in (await request.body()).decode("utf-8-sig").splitlines()]
        except UnicodeDecodeError as error:
            raise RecordFileError("the list is UTF-8, one code a line") from error
        return {"codes": counter.files.replace_dishonest(code for code in codes if code)}

    return router
