"""Pages of publications: notices and results for everybody, the steps for the authority [N1–N4]."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import Any, cast, get_args

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from gateway.publications.desk import PublicationDesk
from nodes.errors import EntryError, FormError
from nodes.runtime.pages.accounts import AUTHORITY
from nodes.runtime.pages.forms import Form
from nodes.runtime.pages.language import N_, ZONE
from nodes.runtime.pages.sessions import Session
from nodes.runtime.pages.site import Site
from scoring.publications.publication import Offer, Publication
from scoring.statements import PublicationStepName, Title

STATES = {"announced": N_("征询企业意见"), "noticed": N_("公示中"), "published": N_("已公布"), "withdrawn": N_("已撤回")}
KINDS = {"ranking": N_("榜单"), "housing": N_("人才公寓")}
VERDICTS = {"": N_("待处理"), "upheld": N_("异议成立"), "dismissed": N_("异议不成立")}
SHOWN = frozenset({"noticed", "published"})


def pages(site: Site, desk: PublicationDesk) -> APIRouter:
    """The pages as a part of the gateway's site."""
    site.use("publications", Path(__file__).parent)
    site.entry("/publications", N_("榜单与公寓公示"), public=True)
    router = APIRouter(include_in_schema=False)
    anybody: Session | None = Depends(site.open_to_all)
    chief: Session = Depends(site.signed_in(AUTHORITY))
    sent: Form = Depends(site.form)

    @router.get("/publications")
    def listed(request: Request, session: Session | None = anybody) -> Response:
        found = [item for item in desk.store.listed() if item.state in SHOWN or _is_chief(session)]
        return site.page(request, "publications/list.html.j2", found=found, states=STATES, kinds=KINDS, chief=_is_chief(session))

    @router.get("/publications/new")
    def new(request: Request, epoch: str = "", _session: Session = chief) -> Response:
        return site.page(request, "publications/new.html.j2", epoch=epoch, sources=desk.sources(epoch) if epoch else [])

    @router.post("/publications/new")
    def announce(form: Form = sent, session: Session = chief) -> Response:
        made = _announce(desk, form, session.person.name)
        return RedirectResponse(f"/publications/{made.id}", 303)

    @router.get("/publications/{publication}")
    def one(request: Request, publication: str, session: Session | None = anybody) -> Response:
        item, is_chief = desk.store.get(publication), _is_chief(session)
        entries = item.standing if item.state == "published" else item.entries
        if is_chief and session is not None and item.state == "announced":
            site.views.seen(session.person, request.url.path)
        return site.page(
            request, "publications/one.html.j2", item=item, entries=entries if item.state in SHOWN else (), company=desk.company,
            steps=desk.store.steps(publication), offers={offer.id: offer for offer in item.offers}, chief=is_chief, states=STATES, kinds=KINDS,
            verdicts=VERDICTS,
        )  # fmt: skip

    @router.post("/publications/{publication}/steps")
    def advance(publication: str, form: Form = sent, session: Session = chief) -> Response:
        name = form.one("step")
        if name not in get_args(PublicationStepName):
            raise FormError("there is no such step")
        until = _end_of(form.one("until")) if name == "noticed" else 0
        desk.advance(publication, cast(PublicationStepName, name), session.person.name, until)
        return RedirectResponse(f"/publications/{publication}", 303)

    @router.post("/publications/{publication}/objections")
    def object_to(publication: str, form: Form = sent, session: Session = chief) -> Response:
        desk.object(publication, form.one("subject"), form.one("text"), session.person.name)
        return RedirectResponse(f"/publications/{publication}", 303)

    @router.post("/publications/{publication}/settlements")
    def settle(publication: str, form: Form = sent, _session: Session = chief) -> Response:
        place, verdict = form.one("place"), form.one("verdict")
        if verdict not in {"upheld", "dismissed"} or not place.isascii() or not place.isdigit() or len(place) > 6:
            raise EntryError("choose what becomes of the objection")
        desk.settle(publication, int(place), cast(Any, verdict), form.one("note"))
        return RedirectResponse(f"/publications/{publication}", 303)

    return router


def _announce(desk: PublicationDesk, form: Form, by: str) -> Publication:
    epoch, kind, until = form.one("epoch"), form.one("kind"), _end_of(form.one("until"))
    title = Title(zh=form.one("zh").strip() or "–", en=form.one("en").strip() or "–")
    if kind == "ranking":
        return desk.announce_ranking(by, epoch, form.one("source"), until)
    if kind == "best":
        return desk.announce_best(by, epoch, _number(form.one("count")), title, until)
    if kind == "housing":
        offers = [_offer(line) for line in form.one("offers").splitlines() if line.strip()]
        return desk.announce_housing(by, epoch, title, offers, _number(form.one("share")), form.one("flags").strip(), until)
    raise EntryError("choose what is to be published")


def _offer(line: str) -> Offer:
    """``id, 中文名, English name, places``."""
    parts = [part.strip() for part in line.replace("，", ",").split(",")]
    if len(parts) != 4:
        raise EntryError("an estate is written: id, Chinese name, English name, number of flats")
    return Offer(parts[0], Title(zh=parts[1], en=parts[2]), _number(parts[3]))


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise EntryError("write a number")
    return int(text)


def _end_of(text: str) -> int:
    """The end of a day, in China's time."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise EntryError("write the last day as 2026-12-31") from error
    return int(datetime.combine(day, time(23, 59, 59), ZONE).timestamp())


def _is_chief(session: Session | None) -> bool:
    return session is not None and AUTHORITY in session.person.roles
