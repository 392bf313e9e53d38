"""The page of recognised scores: for officials, each within their own divisions and trades [F14, T4]."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from gateway.recognition.desk import RecognitionDesk
from gateway.recognition.store import UNSENT, Kept
from gateway.register.book import Register
from nodes.runtime.pages.accounts import AUDITOR, AUTHORITY, OFFICERS, Person
from nodes.runtime.pages.language import N_, day, own
from nodes.runtime.pages.listing import Column, Listing
from nodes.runtime.pages.sessions import Session
from nodes.runtime.pages.site import Site

READERS = (AUTHORITY, *OFFICERS, AUDITOR)
PATH = "/recognitions"


def pages(site: Site, desk: RecognitionDesk, register: Register) -> APIRouter:
    """The page as a part of the gateway's site."""
    site.use("recognition", Path(__file__).parent)
    site.entry(PATH, N_("外区积分互认"), *READERS)
    router = APIRouter(include_in_schema=False)
    reader: Session = Depends(site.signed_in(*READERS))

    @router.get(PATH)
    def listed(request: Request, session: Session = reader) -> Response:
        site.views.seen(session.person, PATH)
        rows = [kept for kept in desk.store.listed() if _within(session.person, register, kept)]
        listing = _listing(site, request, register)
        file = listing.file(rows, request.query_params, site.translator(request, "recognition"))
        if file is not None:
            return file
        peers = {name: peer.title for name, peer in desk.recognised().items()}
        return site.page(request, "recognition/list.html.j2", shown=listing.show(rows, request.query_params), peers=peers)

    return router


def _within(person: Person, register: Register, kept: Kept) -> bool:
    """Whether the person may see whom it is about; an enterprise that the register does not know is seen by who sees all."""
    known = register.of_code(kept.shows.uscc)
    return person.covers("", "") if known is None else person.covers(known.division, known.trade)


def _listing(site: Site, request: Request, register: Register) -> Listing[Kept]:
    language = site.language(request)

    def company(row: Kept) -> str:
        known = register.of_code(row.shows.uscc)
        return row.shows.uscc if known is None else known.company

    columns: tuple[Column[Kept], ...] = (
        Column("company", N_("企业"), company, searched=True),
        Column("uscc", N_("统一社会信用代码"), lambda row: row.shows.uscc, searched=True),
        Column("origin", N_("来源高新区"), lambda row: f"{own(row.origin, language)} ({row.shows.origin})", searched=True),
        Column("model", N_("指标体系"), lambda row: f"{own(row.model, language)} ({row.shows.model})", searched=True),
        Column("scored", N_("评分日期"), lambda row: day(row.shows.scored)),
        Column("stage", N_("发展阶段"), lambda row: row.shows.stage),
        Column("total", N_("总积分"), lambda row: float(row.shows.total), lambda row: row.shows.total, number=True),
        Column("percentile", N_("分位区间"), lambda row: row.shows.percentile),
        Column("taken", N_("收到"), lambda row: day(row.taken)),
        Column("leaf", N_("日志条目"), lambda row: None if row.leaf_index == UNSENT else row.leaf_index, number=True),
    )
    return Listing("recognitions", columns, "-taken")
