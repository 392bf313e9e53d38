"""The institution's site: applications that wait, each with what may be done about it, and the loan book."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from nodes.bank.clerk.asking import asking_pages
from nodes.bank.clerk.filing import filing_pages
from nodes.bank.clerk.words import DECLINES, KINDS, PHASES, STEPS
from nodes.bank.loans.counter import Counter, Visit
from nodes.bank.loans.products import Products
from nodes.bank.loans.repayments import fen
from nodes.bank.queries import Queries
from nodes.bank.settings import BankSettings
from nodes.errors import EntryError, NotFoundError
from nodes.lending.book import Kept
from nodes.runtime.clock import now
from nodes.runtime.pages.accounts import CLERK
from nodes.runtime.pages.entrance import entrance
from nodes.runtime.pages.forms import Form
from nodes.runtime.pages.language import N_, day, exact, yuan
from nodes.runtime.pages.listing import Column, Listing
from nodes.runtime.pages.sessions import Session
from nodes.runtime.pages.site import Site, open_pages
from scoring.lending.course import OVER
from scoring.statements import Title

PROGRAMS = ("/api/", "/queries", "/consents", "/receipts", "/healthz", "/openapi.json")
LONGEST = 500


def bank_site(settings: BankSettings, title: Title) -> Site:
    """The site of an institution. ``title``: what it is called in the registry."""
    return make_site(settings.member, title, open_pages(settings))


def make_site(member: str, title: Title, engine: Any) -> Site:
    """As ``bank_site``, over a database that is open."""
    site = Site(member, title, engine, now, is_page=lambda path: not path.startswith(PROGRAMS))
    site.use("clerk", Path(__file__).parent)
    for path, text in (
        ("/", N_("申请")), ("/book", N_("贷款台账")), ("/scores", N_("查询评分")), ("/repayments", N_("还款上传")), ("/products", N_("产品")),
        ("/dishonest", N_("失信名单")),
    ):  # fmt: skip
        site.entry(path, text, CLERK)
    return site


def clerks_pages(site: Site, queries: Queries, counter: Counter, products: Products) -> APIRouter:
    """Every page of the institution, and the way in and out."""
    router = APIRouter(include_in_schema=False)
    for part in (entrance(site), _applications(site, counter), asking_pages(site, queries, counter, products), filing_pages(site, counter, products)):
        router.include_router(part)
    return router


def _applications(site: Site, counter: Counter) -> APIRouter:
    router = APIRouter()
    clerk: Session = Depends(site.signed_in(CLERK))
    sent: Form = Depends(site.form)
    waiting, book = _waiting(), _book()

    @router.get("/")
    def applications(request: Request, session: Session = clerk) -> Response:
        tr = site.translator(request)
        site.views.seen(session.person, "/")
        rows = [kept for kept in counter.book.all() if request.query_params.get("all") or kept.app.phase not in OVER]
        file = waiting(tr).file(rows, request.query_params, tr)
        return file or site.page(request, "clerk/applications.html.j2", shown=waiting(tr).show(rows, request.query_params))

    @router.get("/book")
    def loans(request: Request, session: Session = clerk) -> Response:
        tr = site.translator(request)
        site.views.seen(session.person, "/book")
        rows = [kept for kept in counter.book.all() if kept.app.contract is not None]
        sums = {
            "contracts": len(rows), "owed": sum(kept.app.owed_fen for kept in rows), "repaid": sum(kept.app.repaid_fen for kept in rows),
            "lost": sum(kept.app.lost_fen for kept in rows),
        }  # fmt: skip
        file = book(tr).file(rows, request.query_params, tr)
        return file or site.page(request, "clerk/book.html.j2", shown=book(tr).show(rows, request.query_params), sums=sums)

    @router.get("/applications/{application}")
    def one(request: Request, application: str, session: Session = clerk) -> Response:
        kept = counter.book.get(application)
        site.views.seen(session.person, "/applications", kept.parties.uscc)
        return site.page(
            request, "clerk/application.html.j2", kept=kept, app=kept.app, may=counter.may(kept), most=counter.most(kept),
            steps=counter.book.steps(application), documents=counter.files.of(application), receipt=counter.receipt(kept), phases=PHASES, names=STEPS,
            declines=DECLINES, kinds=KINDS, own=kept.parties.institution == counter.member, due=kept.app.due_to_expire(counter.now()),
        )  # fmt: skip

    @router.post("/applications/{application}")
    def act(application: str, session: Session = clerk, form: Form = sent) -> Response:
        kept = counter.book.get(application)
        site.views.seen(session.person, "/applications", kept.parties.uscc)
        acts = ACTS.get(form.one("act"))
        if acts is None:
            raise NotFoundError("there is no such act")
        if form.one("act") in SLOW:
            acts(counter, application, form)
        else:
            with counter.desk.unmoved(application, form.one("last")):
                acts(counter, application, form)
        return RedirectResponse(f"/applications/{application}", 303)

    return router


def _waiting() -> Callable[[Callable[[str], str]], Listing[Kept]]:
    def listing(tr: Callable[[str], str]) -> Listing[Kept]:
        return Listing("applications", (
            Column("uscc", N_("统一社会信用代码"), lambda kept: kept.parties.uscc, link=_link, searched=True),
            Column("product", N_("产品"), lambda kept: kept.app.terms.product, searched=True),
            _amount("asked", N_("申请金额（元）"), lambda kept: kept.app.applied.amount_fen if kept.app.applied else 0),
            Column("phase", N_("状态"), lambda kept: tr(PHASES[kept.app.phase]), searched=True),
            Column("changed", N_("最近变动"), lambda kept: day(kept.app.changed)),
        ), "-changed", kept=("all",))  # fmt: skip

    return listing


def _book() -> Callable[[Callable[[str], str]], Listing[Kept]]:
    def listing(tr: Callable[[str], str]) -> Listing[Kept]:
        return Listing("loans", (
            Column("contract", N_("合同编号"), lambda kept: kept.app.contract.number if kept.app.contract else "", link=_link, searched=True),
            Column("uscc", N_("统一社会信用代码"), lambda kept: kept.parties.uscc, searched=True),
            Column("product", N_("产品"), lambda kept: kept.app.terms.product, searched=True),
            _amount("limit", N_("额度（元）"), lambda kept: kept.app.line.limit_fen if kept.app.line else 0),
            _amount("owed", N_("未还本金（元）"), lambda kept: kept.app.owed_fen),
            _amount("repaid", N_("已还本金（元）"), lambda kept: kept.app.repaid_fen),
            Column("late", N_("最长逾期天数"), lambda kept: kept.app.late_days, number=True),
            Column("phase", N_("状态"), lambda kept: tr(PHASES[kept.app.phase]), searched=True),
        ), "contract")  # fmt: skip

    return listing


def _link(kept: Kept) -> str:
    return f"/applications/{kept.app.id}"


def _amount(key: str, title: str, of: Callable[[Kept], int]) -> Column[Kept]:
    return Column(key, title, lambda kept: exact(of(kept)), shown=lambda kept: yuan(of(kept)), number=True)


def _number(form: Form, name: str, most: int) -> int:
    text = form.one(name).strip()
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) > most:
        raise EntryError(f"{name} is a whole number of at most {most}")
    return int(text)


def _text(form: Form, name: str, longest: int = LONGEST) -> str:
    return form.one(name).strip()[:longest]


def _hundredths(form: Form, name: str) -> int:
    """A percentage with at most two decimals, in hundredths of a percent; the same form as yuan in fen."""
    return fen(form.one(name))


def _offer(counter: Counter, application: str, form: Form) -> None:
    guarantor = _text(form, "guarantor", 63)
    share = _hundredths(form, "share") if guarantor else 0
    counter.offer(
        application, fen(form.one("amount")), _hundredths(form, "rate"), _number(form, "months", 600), _number(form, "days", 180), guarantor, share
    )


def _survey(counter: Counter, application: str, form: Form) -> None:
    visit = Visit(_text(form, "day", 10), _text(form, "people"), _text(form, "findings", 5000), form.one("recommended") == "yes")
    counter.survey(application, visit)


ACTS: dict[str, Callable[[Counter, str, Form], object]] = {
    "query": lambda counter, application, _form: counter.ask(application),
    "survey": _survey,
    "offer": _offer,
    "decline": lambda counter, application, form: counter.decline(application, _reason(form), _text(form, "note")),
    "guarantee": lambda counter, application, _form: counter.guarantee(application),
    "contract": lambda counter, application, form: counter.contract(application, _text(form, "number", 64), _text(form, "text", 100_000)),
    "disburse": lambda counter, application, form: counter.disburse(application, fen(form.one("amount"))),
    "settle": lambda counter, application, form: counter.settle(application, _text(form, "supplier", 18), fen(form.one("amount"))),
    "repay": lambda counter, application, form: counter.repay(
        application, fen(form.one("principal")), fen(form.one("interest")), _number(form, "late", 36_500), _text(form, "reference", 64)
    ),
    "claim": lambda counter, application, form: counter.claim(application, form.one("first") == "yes"),
    "close": lambda counter, application, _form: counter.close(application),
    "give-up": lambda counter, application, _form: counter.give_up(application),
    "expire": lambda counter, application, _form: counter.expire(application),
}


SLOW = frozenset({"query", "claim"})
"""Acts that wait for others, and that change nothing when they come twice."""


def _reason(form: Form) -> Any:
    reason = form.one("reason")
    if reason not in DECLINES:
        raise EntryError("a decline has one of the reasons of the form")
    return reason
