"""Lists and flats on the enterprise's pages: where it is a candidate, its word and its choices, the public notices and objections [Q8, N3, N4]."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, Request
from starlette.responses import RedirectResponse, Response

from nodes.enterprise.portal.context import Portal, Visitor
from nodes.enterprise.publications.desk import OwnPublicationDesk
from nodes.errors import EntryError, NotFoundError
from nodes.runtime.pages.accounts import ENTERPRISE
from nodes.runtime.pages.forms import Form
from nodes.runtime.pages.language import N_
from scoring.publications.publication import LONGEST_TEXT
from scoring.statements import Title

PART = "own-publications"
KINDS = {"ranking": N_("榜单"), "housing": N_("人才公寓")}
STATES = {"announced": N_("征询意见中"), "noticed": N_("公示中"), "published": N_("已公布"), "withdrawn": N_("已撤回")}
MOST_CHOICES = 10  # that the page offers; the gateway takes as many as there are estates


def add_own_publications(app: FastAPI, portal: Portal, desk: OwnPublicationDesk) -> None:
    """Add the pages of lists and flats."""
    portal.site.use(PART, Path(__file__).parent)
    portal.site.entry("/publications", N_("榜单与公寓"), ENTERPRISE)
    _add_shown(app, portal, desk)
    _add_said(app, portal, desk)


def _add_shown(app: FastAPI, portal: Portal, desk: OwnPublicationDesk) -> None:
    site = portal.site
    mine: Visitor = Depends(portal.visitor("publications"))

    @app.get("/publications")
    def listed(request: Request, visitor: Visitor = mine) -> Response:
        found = desk.concerning(visitor.uscc)
        own = {item["id"] for item in found["publications"]}
        others = [item for item in found["notices"] if item["id"] not in own]
        return site.page(
            request, f"{PART}/publications.html.j2", candidate=found["publications"], others=others, kinds=KINDS, states=STATES,
            own=Title.model_validate,
        )  # fmt: skip

    @app.get("/publications/{publication}")
    def one(request: Request, publication: str, visitor: Visitor = mine) -> Response:
        found = desk.concerning(visitor.uscc)
        item = _with_id(found["publications"], publication)
        notice = _with_id(found["notices"], publication)
        if item is None and notice is None:
            raise NotFoundError("no such list concerns the enterprise or is on notice")
        shown = item or notice
        offers = {offer["id"]: Title.model_validate(offer["title"]) for offer in (shown or {})["offers"]}
        return site.page(
            request, f"{PART}/publication.html.j2", item=item, shown=shown, notice=notice, offers=offers, kinds=KINDS, states=STATES,
            own=Title.model_validate, wishes=min(len(offers), MOST_CHOICES), longest=LONGEST_TEXT, me=visitor.enterprise.subject,
        )  # fmt: skip


def _add_said(app: FastAPI, portal: Portal, desk: OwnPublicationDesk) -> None:
    mine: Visitor = Depends(portal.visitor("publication word"))
    checked: Form = Depends(portal.site.form)

    @app.post("/publications/{publication}")
    def say(publication: str, visitor: Visitor = mine, form: Form = checked) -> Response:
        word = form.one("agrees")
        if word not in {"yes", "no"}:
            raise EntryError("say whether the enterprise agrees to be named")
        choices = [choice for choice in form.many("choice") if choice] if word == "yes" else []
        if len(set(choices)) != len(choices):
            raise EntryError("each estate is wanted once")
        desk.say(visitor.uscc, publication, word == "yes", choices)
        return RedirectResponse(f"/publications/{publication}", 303)

    @app.post("/publications/{publication}/objections")
    def object_to(publication: str, visitor: Visitor = mine, form: Form = checked) -> Response:
        text = form.one("text").strip()
        if not text or len(text) > LONGEST_TEXT:
            raise EntryError(f"an objection says why, in at most {LONGEST_TEXT} characters")
        desk.object_to(visitor.uscc, publication, form.one("about"), text)
        return RedirectResponse(f"/publications/{publication}?objected=1", 303)


def _with_id(items: list[dict[str, Any]], publication: str) -> dict[str, Any] | None:
    return next((item for item in items if item["id"] == publication), None)
