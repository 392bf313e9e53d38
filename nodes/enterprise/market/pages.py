"""The supermarket's pages: the catalog with a line at once, applying, and each application with what the enterprise may do next [Q8]."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from fastapi import Depends, FastAPI, Request
from starlette.responses import RedirectResponse, Response

from nodes.enterprise.market.catalog import Approval, Offered, approval
from nodes.enterprise.market.desk import MarketDesk
from nodes.enterprise.market.words import DECLINES, KINDS, PHASES, REASONS, STEPS
from nodes.enterprise.portal.context import Portal, Visitor
from nodes.errors import EntryError, FormError
from nodes.lending.book import Kept
from nodes.runtime.pages.accounts import ENTERPRISE
from nodes.runtime.pages.forms import Form
from nodes.runtime.pages.language import N_, Language, own, when, yuan
from nodes.runtime.pages.listing import Column, Listing
from scoring.lending.course import steps_of
from scoring.statements import Title

PART = "market"
LONGEST = 500
MOST_YUAN = 10**11
AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{0,6})?万?")


@dataclass(frozen=True, slots=True)
class OnShelf:
    """One product, with what it would give the enterprise; None where no portrait allows to say."""

    offered: Offered
    approval: Approval | None


def add_market(app: FastAPI, portal: Portal, desk: MarketDesk) -> None:
    """Add the pages of products and applications."""
    portal.site.use(PART, Path(__file__).parent)
    portal.site.entry("/market", N_("金融超市"), ENTERPRISE)
    portal.site.entry("/loans", N_("我的申请"), ENTERPRISE)
    _add_products(app, portal, desk)
    _add_applications(app, portal, desk)
    _add_steps(app, portal, desk)


def _add_products(app: FastAPI, portal: Portal, desk: MarketDesk) -> None:
    site = portal.site
    mine: Visitor = Depends(portal.visitor("market"))
    checked: Form = Depends(site.form)

    @app.get("/market")
    def market(request: Request, visitor: Visitor = mine) -> Response:
        shelf = [_on_shelf(portal, visitor.uscc, offered) for offered in desk.catalog.products(portal.now())]
        listing = _shelf(site.language(request), {str(name): site.text(request, text) for name, text in (*KINDS.items(), *REASONS.items())})
        file = listing.file(shelf, request.query_params, site.translator(request))
        shown = listing.show(shelf, request.query_params)
        return file or site.page(request, f"{PART}/market.html.j2", shown=shown, portrayed=bool(portal.pictures(visitor.uscc)))

    @app.get("/market/{institution}/{product}")
    def product(request: Request, institution: str, product: str, visitor: Visitor = mine) -> Response:
        item = _on_shelf(portal, visitor.uscc, desk.catalog.product(institution, product, portal.now()))
        stages = {stage.id: stage.title for model in portal.packs.values() for stage in model.stages}
        return site.page(
            request, f"{PART}/product.html.j2", item=item, terms=item.offered.terms, kinds=KINDS, reasons=REASONS,
            stages=[stages.get(name, Title(zh=name, en=name)) for name in item.offered.terms.stages],
        )  # fmt: skip

    @app.post("/market/{institution}/{product}")
    def apply(institution: str, product: str, visitor: Visitor = mine, form: Form = checked) -> Response:
        months, purpose = _count(form.one("months")), _line(form.one("purpose"))
        kept = desk.apply(visitor.uscc, institution, product, _fen(form.one("amount")), months, purpose)
        return RedirectResponse(f"/loans/{kept.app.id}", 303)


def _on_shelf(portal: Portal, uscc: str, offered: Offered) -> OnShelf:
    for picture in portal.pictures(uscc):
        found = approval(offered, picture.model, picture.portrait["stage"], picture.total, picture.gated, picture.singles)
        if found is not None:
            return OnShelf(offered, found)
    return OnShelf(offered, None)


def _shelf(language: Language, words: dict[str, str]) -> Listing[OnShelf]:
    def line(row: OnShelf) -> float | None:
        return None if row.approval is None or row.approval.reason != "OFFERED" else row.approval.line_fen / 100

    def said(row: OnShelf) -> str:
        if row.approval is None:
            return "–"
        return yuan(row.approval.line_fen) if row.approval.reason == "OFFERED" else words.get(row.approval.reason, row.approval.reason)

    def link(row: OnShelf) -> str:
        return f"/market/{row.offered.terms.institution}/{row.offered.terms.product}"

    return Listing(
        "market",
        (
            Column("title", N_("产品"), lambda row: own(row.offered.terms.title, language), link=link, searched=True),
            Column("institution", N_("机构"), lambda row: own(row.offered.institution, language), searched=True),
            Column("kind", N_("类别"), lambda row: words[row.offered.terms.institution_kind], searched=True),
            Column("line", N_("可得额度（元）"), line, said, number=True),
            Column("cap", N_("最高（元）"), lambda row: row.offered.terms.cap_fen / 100, lambda row: yuan(row.offered.terms.cap_fen), number=True),
            Column(
                "rate",
                N_("年化价格不高于（％）"),
                lambda row: row.offered.terms.rate_bp / 100,
                lambda row: yuan(row.offered.terms.rate_bp),
                number=True,
            ),
            Column("months", N_("期限（月）"), lambda row: row.offered.terms.term_months, number=True),
            Column("hotline", N_("专办热线"), lambda row: row.offered.terms.hotline),
        ),
        "-line",
    )


def _add_applications(app: FastAPI, portal: Portal, desk: MarketDesk) -> None:
    site = portal.site
    mine: Visitor = Depends(portal.visitor("loans"))

    @app.get("/loans")
    def loans(request: Request, visitor: Visitor = mine) -> Response:
        rows = desk.of(visitor.uscc)
        listing = _loans(portal, site.language(request), {str(name): site.text(request, text) for name, text in PHASES.items()})
        file = listing.file(rows, request.query_params, site.translator(request))
        return file or site.page(request, f"{PART}/loans.html.j2", shown=listing.show(rows, request.query_params))

    @app.get("/loans/{application}")
    def loan(request: Request, application: str, visitor: Visitor = mine) -> Response:
        kept = desk.get(visitor.uscc, application)
        may = set(steps_of("enterprise", kept.app.phase))
        if not kept.app.terms.revolving:
            may -= {"drawn", "assigned", "unassigned"}
        text = desk.consent_text(kept) if kept.app.phase == "applied" else None
        return site.page(
            request, f"{PART}/loan.html.j2", kept=kept, app=kept.app, may=may, text=text, steps=desk.steps(visitor.uscc, application), kinds=KINDS,
            phases=PHASES, names=STEPS, declines=DECLINES, institution=portal.title_of(kept.parties.institution),
            guarantor=portal.title_of(kept.app.offer.guarantor) if kept.app.offer and kept.app.offer.guarantor else None,
        )  # fmt: skip


def _loans(portal: Portal, language: Language, phases: dict[str, str]) -> Listing[Kept]:
    def amount(row: Kept) -> int:
        shown = row.app.offer or row.app.applied
        return 0 if shown is None else shown.amount_fen

    return Listing(
        "loans",
        (
            Column("product", N_("产品"), lambda row: own(row.app.terms.title, language), link=lambda row: f"/loans/{row.app.id}", searched=True),
            Column("institution", N_("机构"), lambda row: own(portal.title_of(row.parties.institution), language), searched=True),
            Column("phase", N_("状态"), lambda row: phases[row.app.phase], searched=True),
            Column("amount", N_("金额（元）"), lambda row: amount(row) / 100, lambda row: yuan(amount(row)), number=True),
            Column("owed", N_("未还本金（元）"), lambda row: row.app.owed_fen / 100, lambda row: yuan(row.app.owed_fen), number=True),
            Column("changed", N_("最近变化"), lambda row: when(row.app.changed)),
        ),
        "-changed",
    )


def _add_steps(app: FastAPI, portal: Portal, desk: MarketDesk) -> None:
    mine: Visitor = Depends(portal.visitor("loan step"))
    checked: Form = Depends(portal.site.form)
    steps: dict[str, Callable[[str, str, Form], Kept]] = {
        "consent": lambda uscc, application, form: desk.consent(uscc, application),
        "accept": lambda uscc, application, form: desk.accept(uscc, application, form.one("offer")),
        "withdraw": lambda uscc, application, form: desk.withdraw(uscc, application, _line(form.one("note"))),
        "draw": lambda uscc, application, form: desk.draw(uscc, application, _fen(form.one("amount"))),
        "assign": lambda uscc, application, form: desk.assign(uscc, application, form.one("supplier").strip(), _fen(form.one("amount"))),
        "unassign": lambda uscc, application, form: desk.unassign(uscc, application, form.one("supplier").strip(), _fen(form.one("amount"))),
    }

    @app.post("/loans/{application}")
    def step(application: str, visitor: Visitor = mine, form: Form = checked) -> Response:
        taken = steps.get(form.one("act"))
        if taken is None:
            raise FormError("open the page again: the form names no step")
        desk.get(visitor.uscc, application)
        with desk.unmoved(application, form.one("last")):
            taken(visitor.uscc, application, form)
        return RedirectResponse(f"/loans/{application}", 303)


def _fen(text: str) -> int:
    """An amount in yuan, as people write it, in fen. Raises EntryError.

    >>> _fen("1,000,000"), _fen("0.5"), _fen("100万")
    (100000000, 50, 100000000)
    """
    plain = text.strip().replace(",", "").replace("，", "").removesuffix("元")
    times = 10_000 if plain.endswith("万") else 1
    if not AMOUNT.fullmatch(plain):
        raise EntryError("an amount in yuan is expected")
    exact = Decimal(plain.removesuffix("万")) * times * 100
    if not 0 < exact <= MOST_YUAN * 100 or exact != exact.to_integral_value():
        raise EntryError("an amount in yuan is above zero and has at most two digits after the point")
    return int(exact)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 5 and int(text) > 0):
        raise EntryError("a number of months is expected")
    return int(text)


def _line(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:LONGEST]
