"""Consents: read, given, taken back; and what was released under them, to whom and when [Q5]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import Depends, FastAPI, Request
from starlette.responses import RedirectResponse, Response

from nodes.enterprise.disclosures import Disclosure
from nodes.enterprise.portal.context import Portal, Visitor
from nodes.enterprise.portal.home import PART
from nodes.enterprise.store import NOT_LOGGED, KeptConsent
from nodes.errors import NotFoundError
from nodes.runtime.pages.accounts import ENTERPRISE
from nodes.runtime.pages.forms import Form
from nodes.runtime.pages.language import N_, Language, joined, own, when
from nodes.runtime.pages.listing import Column, Listing
from scoring.indicators.model import Model
from scoring.statements import Title

STATES = {
    "given": N_("有效"), "revoking": N_("撤回中"), "revoked": N_("已撤回"), "ended": N_("已到期"), "refused": N_("未被受理"), "sending": N_("提交中"),
}  # fmt: skip
PURPOSES = {
    "portrait": N_("本企业画像"), "loan": N_("贷款"), "insurance": N_("保险"), "guarantee": N_("担保"), "lease": N_("租赁"), "investment": N_("投资"),
}  # fmt: skip
OWN = "portrait"


@dataclass(frozen=True, slots=True)
class ShownConsent:
    """One consent as the page shows it. ``told``: what the standing desk knows of its revocation."""

    kept: KeptConsent
    bank: Title
    products: tuple[Title, ...]
    state: str
    told: dict[str, Any]


def add_given(app: FastAPI, portal: Portal) -> None:
    """Add the pages of consents and of what came of them."""
    portal.site.entry("/consents", N_("授权"), ENTERPRISE)
    _add_consents(app, portal)
    _add_giving(app, portal)
    _add_received(app, portal)


def _add_consents(app: FastAPI, portal: Portal) -> None:
    site = portal.site
    mine: Visitor = Depends(portal.visitor("consents"))
    checked: Form = Depends(site.form)

    @app.get("/consents")
    def consents(request: Request, visitor: Visitor = mine) -> Response:
        shown = [_shown(portal, kept) for kept in portal.store.consents(visitor.uscc)]
        others = [item for item in shown if item.kept.purpose != OWN]
        standing = [item for item in shown if item.kept.purpose == OWN and item.state == "given"]
        return site.page(request, f"{PART}/consents.html.j2", consents=others, standing=standing, states=STATES, purposes=PURPOSES)

    @app.post("/consents/revoke")
    def revoke(visitor: Visitor = mine, form: Form = checked) -> Response:
        kept = portal.store.consent(form.one("consent"))
        if kept.uscc != visitor.uscc:
            raise NotFoundError("this service has signed no such consent")  # as for one that does not exist
        portal.consents.revoke(kept.id)
        return RedirectResponse("/consents", 303)


def _add_giving(app: FastAPI, portal: Portal) -> None:
    site = portal.site
    mine: Visitor = Depends(portal.visitor("consent"))
    checked: Form = Depends(site.form)

    @app.get("/consents/new")
    def choose(request: Request, bank: str = "", product: str = "", visitor: Visitor = mine) -> Response:
        model = portal.consents.model()
        text = portal.consents.text(bank, [product]) if bank and product else None
        banks, products = portal.banks(), model.products.values()
        return site.page(request, f"{PART}/consent.html.j2", banks=banks, products=products, bank=bank, product=product, text=text)

    @app.post("/consents")
    def give(visitor: Visitor = mine, form: Form = checked) -> Response:
        portal.consents.give(visitor.uscc, form.one("bank"), "loan", [form.one("product")])
        return RedirectResponse("/consents", 303)


def _add_received(app: FastAPI, portal: Portal) -> None:
    site = portal.site
    mine: Visitor = Depends(portal.visitor("received"))

    @app.get("/received")
    def received(request: Request, visitor: Visitor = mine) -> Response:
        """What was released of the enterprise."""
        found = [item for item in portal.disclosures.of(visitor.enterprise) if item.purpose != OWN]
        listing = _received(portal, site.language(request), {name: site.text(request, text) for name, text in PURPOSES.items()})
        file = listing.file(found, request.query_params, site.translator(request))
        return file or site.page(request, f"{PART}/received.html.j2", shown=listing.show(found, request.query_params))


def _received(portal: Portal, language: Language, purposes: dict[str, str]) -> Listing[Disclosure]:
    def what(row: Disclosure) -> str:
        model = portal.packs.get(row.model)
        names = [own(_title(model, name), language) for name in row.functionals] if model else list(row.functionals)
        return joined(names, language)

    return Listing(
        "received",
        (
            Column("time", N_("时间"), lambda row: when(row.time)),
            Column("who", N_("获得方"), lambda row: own(portal.title_of(row.audience), language), searched=True),
            Column("purpose", N_("用途"), lambda row: purposes.get(row.purpose, row.purpose), searched=True),
            Column("what", N_("获得内容"), what, searched=True),
            Column("epoch", N_("评价期"), lambda row: row.epoch, searched=True),
            Column("leaf", N_("日志条目"), lambda row: row.leaf_index, number=True),
        ),
        "-time",
    )


def _shown(portal: Portal, kept: KeptConsent) -> ShownConsent:
    products = [_product(portal, name) for name in kept.products] if kept.purpose != OWN else []
    return ShownConsent(kept, portal.title_of(kept.audience), tuple(products), _state(kept, portal.now()), portal.straight.shown(kept))


def _state(kept: KeptConsent, now: int) -> str:
    if kept.refused:
        return "refused"
    if kept.revocation:
        return "revoking" if kept.revoked_leaf_index == NOT_LOGGED else "revoked"
    if kept.not_after < now:
        return "ended"
    return "sending" if kept.leaf_index == NOT_LOGGED else "given"


def _product(portal: Portal, name: str) -> Title:
    """A product's title in whichever model has it; its name where none has it any more."""
    found = [model.products[name].spec.title for model in portal.packs.values() if name in model.products]
    return found[-1] if found else Title(zh=name, en=name)


def _title(model: Model, name: str) -> Title:
    if name in model.functionals:
        return model.functionals[name].title
    return model.indicators[name].title if name in model.indicators else Title(zh=name, en=name)
