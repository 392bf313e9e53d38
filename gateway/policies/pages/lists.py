"""Who matches a policy or belongs to a library, who is one step away, and why: as far as a reader's divisions and trades go [O3, O4]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from gateway.policies.matches import Enterprise, Result, Standing
from gateway.policies.pages.readers import LIST_READERS, Desk
from nodes.errors import NotFoundError
from nodes.runtime.pages.language import N_
from nodes.runtime.pages.listing import Column, Listing
from nodes.runtime.pages.sessions import Session
from scoring.enterprises.facts import BOARDS
from scoring.indicators.model import Model
from scoring.statements import Name, Title

SUBJECT = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
VERDICTS = {1: N_("符合"), 0: N_("数据不足"), -1: N_("不符合")}
SHOWN = {"in": N_("符合条件"), "away": N_("差一步")}


@dataclass(frozen=True, slots=True)
class Row:
    """One enterprise of a list."""

    enterprise: Enterprise
    standing: Standing


def lists(desk: Desk) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    _policy_lists(router, desk)
    _library_lists(router, desk)
    return router


def _policy_lists(router: APIRouter, desk: Desk) -> None:
    site, policies = desk.site, desk.policies
    reading: Session = Depends(site.signed_in(*LIST_READERS))

    @router.get("/policies/{policy}/matches")
    def matches(request: Request, policy: Name, show: str = "in", session: Session = reading) -> Response:
        known, review = policies.store.policy(policy)
        return _list(desk, request, session, policies.matching.policy(known, review), show, known.title, f"/policies/{policy}")

    @router.get("/policies/{policy}/enterprises/{subject}")
    def why(request: Request, policy: Name, subject: SUBJECT, session: Session = reading) -> Response:
        known, review = policies.store.policy(policy)
        return _why(desk, request, session, policies.matching.policy(known, review), subject, known.title, f"/policies/{policy}")


def _library_lists(router: APIRouter, desk: Desk) -> None:
    site, policies = desk.site, desk.policies
    reading: Session = Depends(site.signed_in(*LIST_READERS))

    @router.get("/libraries")
    def libraries(request: Request, session: Session = reading) -> Response:
        site.views.seen(session.person, "/libraries")
        rows = []
        for model in policies.matching.libraries():
            result = policies.matching.library(model)
            counts = [len(desk.named(session.person, result.subjects(away=away))) for away in (False, True)]
            rows.append({"model": model, "epoch": result.epoch, "in": counts[0], "away": counts[1]})
        return site.page(request, "policies/libraries.html.j2", rows=rows)

    @router.get("/libraries/{library}")
    def library(request: Request, library: Name, show: str = "in", session: Session = reading) -> Response:
        model = _library(desk, library)
        return _list(desk, request, session, policies.matching.library(model), show, model.title, f"/libraries/{library}")

    @router.get("/libraries/{library}/enterprises/{subject}")
    def why(request: Request, library: Name, subject: SUBJECT, session: Session = reading) -> Response:
        model = _library(desk, library)
        return _why(desk, request, session, policies.matching.library(model), subject, model.title, f"/libraries/{library}")


def _library(desk: Desk, name: str) -> Model:
    found = next((model for model in desk.policies.matching.libraries() if model.id == name), None)
    if found is None:
        raise NotFoundError("there is no such library")
    return found


def _list(desk: Desk, request: Request, session: Session, result: Result, show: str, title: Title, base: str) -> Response:
    site, away = desk.site, show == "away"
    site.views.seen(session.person, f"{base}/matches")
    found = desk.named(session.person, result.subjects(away=away))
    rows = [Row(item, standing) for item in found if (standing := result.of(item.subject)) is not None]
    listing = Listing("matches", _columns(desk, request, base), "company", kept=("show",))
    file = listing.file(rows, request.query_params, site.translator(request))
    if file is not None:
        return file
    shown = listing.show(rows, request.query_params)
    return site.page(
        request, "policies/matches.html.j2", shown=shown, title=title, base=base, chosen="away" if away else "in", epoch=result.epoch, kinds=SHOWN
    )


def _columns(desk: Desk, request: Request, base: str) -> list[Column[Row]]:
    register = desk.policies.register

    def met(row: Row) -> str | None:
        return None if row.standing.met is None or not row.standing.needed else f"{row.standing.met}/{row.standing.needed}"

    return [
        Column(
            "company", N_("企业"), lambda row: row.enterprise.company, link=lambda row: f"{base}/enterprises/{row.enterprise.subject}", searched=True
        ),
        Column("uscc", N_("统一社会信用代码"), lambda row: row.enterprise.uscc, searched=True),
        Column("division", N_("行政区划"), lambda row: desk.words(request, register.division(row.enterprise.division)), searched=True),
        Column("trade", N_("行业"), lambda row: row.enterprise.trade or None),
        Column("founded", N_("成立日期"), lambda row: row.enterprise.founded or None),
        Column("board", N_("上市板块"), lambda row: _board(desk, request, row.enterprise.board)),
        Column("met", N_("部门数据条件"), met),
    ]


def _board(desk: Desk, request: Request, board: str) -> str | None:
    if board not in BOARDS:
        return None
    zh, en = BOARDS[board]
    return desk.words(request, Title(zh=zh, en=en))


def _why(desk: Desk, request: Request, session: Session, result: Result, subject: str, title: Title, base: str) -> Response:
    enterprise = desk.enterprise(session.person, subject)
    desk.site.views.seen(session.person, f"{base}/enterprises", subject)
    standing = result.of(subject)
    if standing is None:
        raise NotFoundError("no such enterprise among those that you may see")
    claims = [kept.claim for kept in desk.policies.store.claims(subject=subject) if base == f"/policies/{kept.claim.policy}"]
    return desk.site.page(
        request, "policies/enterprise.html.j2", enterprise=enterprise, standing=standing, title=title, base=base, verdicts=VERDICTS, claims=claims,
        epoch=result.epoch,
    )  # fmt: skip
