"""The department's pages of what leaves the node, what is missing and what came in. Every view is written down [A1, W4]."""

from __future__ import annotations

import json
from typing import Any, Final

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from nodes.contributing.four_eyes.book import FourEyes
from nodes.contributing.four_eyes.decisions import LONGEST_REASON
from nodes.department.desk.intake import Feed, Intake, SetAside
from nodes.department.desk.outgoing import Outgoing
from nodes.department.desk.persons import STAFF, Doorkeeper
from nodes.errors import EntryError
from nodes.runtime.pages.forms import Form
from nodes.runtime.pages.language import N_
from nodes.runtime.pages.listing import Column, Listing
from nodes.runtime.pages.sessions import Session
from nodes.runtime.pages.site import Site

PAGES: Final = (
    ("/outgoing", N_("本期外发")), ("/coverage", N_("覆盖与缺失")), ("/values", N_("异议与填报")), ("/quarantine", N_("隔离区")),
    ("/connectors", N_("接入")),
)  # fmt: skip
"""The navigation."""
STATES = {
    "held": N_("等待复核"), "rejected": N_("已退回"), "missed": N_("评价期已关闭，未能发出"), "superseded": N_("已被替代"), "waiting": N_("等待发送"),
    "sent": N_("已入日志"), "refused": N_("被拒收"),
}  # fmt: skip
ACTS = {"propose": N_("提交"), "approve": N_("复核通过"), "reject": N_("退回")}
_ASIDE: Listing[SetAside] = Listing("quarantine", (
    Column("number", N_("编号"), lambda item: item.number, number=True),
    Column("source", N_("来源"), lambda item: f"{item.connector} {item.delivery}", searched=True),
    Column("place", N_("位置"), lambda item: item.place),
    Column("field", N_("字段"), lambda item: item.field, searched=True),
    Column("reason", N_("原因"), lambda item: item.reason, searched=True),
    Column("content", N_("内容"), lambda item: item.content, searched=True),
), "-number")  # fmt: skip
_FEEDS: Listing[Feed] = Listing("connectors", (
    Column("id", N_("名称"), lambda feed: feed.id, searched=True),
    Column("source", N_("来源"), lambda feed: f"{feed.kind} {feed.source}", searched=True),
    Column("last", N_("上次运行"), lambda feed: feed.last_run or None),
    Column("cursor", N_("游标"), lambda feed: feed.cursor or None),
    Column("deliveries", N_("已收批次"), lambda feed: feed.deliveries, number=True),
    Column("aside", N_("隔离"), lambda feed: feed.set_aside, number=True),
    Column("failure", N_("上次失败"), lambda feed: feed.failure or None, searched=True),
), "id")  # fmt: skip


def pages(site: Site, doorkeeper: Doorkeeper, four_eyes: FourEyes, outgoing: Outgoing, intake: Intake) -> APIRouter:
    """The routes, each of which needs a session."""
    router = APIRouter(include_in_schema=False)
    router.include_router(_leaving(site, doorkeeper, four_eyes, outgoing))
    router.include_router(_coming(site, intake))
    return router


def _leaving(site: Site, doorkeeper: Doorkeeper, four_eyes: FourEyes, outgoing: Outgoing) -> APIRouter:
    router = APIRouter()
    signed: Session = Depends(site.signed_in(STAFF))
    sent: Form = Depends(site.form)
    common: dict[str, Any] = {"states": STATES, "acts": ACTS}

    @router.get("/")
    def start() -> Response:
        return RedirectResponse(site.home, 303)

    @router.get("/outgoing")
    def outgoing_page(request: Request, session: Session = signed) -> Response:
        site.views.seen(session.person, "/outgoing")
        epochs = outgoing.epochs()
        return site.page(request, "desk/outgoing.html.j2", epochs=epochs, closed=outgoing.closed(), two_persons=four_eyes.policy.columns, **common)

    @router.get("/contributions/{contribution}")
    def contribution_page(request: Request, contribution: str, session: Session = signed) -> Response:
        site.views.seen(session.person, request.url.path)
        return site.page(request, "desk/contribution.html.j2", item=outgoing.find(contribution), longest=LONGEST_REASON, **common)

    @router.get("/contributions/{contribution}/decisions")
    def evidence(request: Request, contribution: str, session: Session = signed) -> Response:
        """Decisions as they were signed, for an auditor to keep and to verify [A3]."""
        site.views.seen(session.person, request.url.path)
        item = outgoing.find(contribution)
        decided = [{"envelope": json.loads(raw), "public": public} for raw, public in four_eyes.evidence(contribution)]
        found = {"contribution": contribution, "digest": item.digest, "leaf_index": item.leaf_index, "decisions": decided}
        return JSONResponse(found, headers={"content-disposition": f'attachment; filename="decisions-{contribution[:16]}.json"'})

    @router.post("/decisions")
    def decide(session: Session = signed, form: Form = sent) -> Response:
        verdict, reason = form.one("verdict"), form.one("reason").strip()
        if verdict not in {"approve", "reject"} or len(reason) > LONGEST_REASON or (verdict == "reject" and not reason):
            raise EntryError("choose approve or reject; a rejection gives its reason")
        four_eyes.decide(doorkeeper.key_of(session, form), list(form.many("contribution")), approve=verdict == "approve", reason=reason)
        return RedirectResponse("/outgoing", 303)

    @router.get("/coverage")
    def coverage(request: Request, session: Session = signed) -> Response:
        site.views.seen(session.person, "/coverage")
        return site.page(request, "desk/coverage.html.j2", epochs=outgoing.newest())

    return router


def _coming(site: Site, intake: Intake) -> APIRouter:
    router = APIRouter()
    signed: Session = Depends(site.signed_in(STAFF))

    @router.get("/quarantine")
    def quarantine(request: Request, session: Session = signed) -> Response:
        site.views.seen(session.person, "/quarantine")
        aside, asked = intake.set_aside(), request.query_params
        return _ASIDE.file(aside, asked, site.translator(request, "desk")) or site.page(
            request, "desk/quarantine.html.j2", shown=_ASIDE.show(aside, asked)
        )

    @router.get("/connectors")
    def connectors(request: Request, session: Session = signed) -> Response:
        site.views.seen(session.person, "/connectors")
        feeds, asked = intake.feeds(), request.query_params
        return _FEEDS.file(feeds, asked, site.translator(request, "desk")) or site.page(
            request, "desk/connectors.html.j2", shown=_FEEDS.show(feeds, asked)
        )

    return router
