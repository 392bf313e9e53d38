"""The cockpit's pages. Each shows what the person's divisions and trades cover, and nothing else [T4]."""

from __future__ import annotations

from datetime import date

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import RedirectResponse, Response

from gateway.cockpit.desk import Cockpit
from gateway.cockpit.results import Result
from gateway.front.pages import STATES
from nodes.errors import NotFoundError
from nodes.runtime.pages.accounts import AUTHORITY, OFFICERS
from nodes.runtime.pages.charts import Chart, Series
from nodes.runtime.pages.forms import Form
from nodes.runtime.pages.language import N_, exact, own, points
from nodes.runtime.pages.listing import Column, Listing
from nodes.runtime.pages.sessions import Session
from scoring.enterprises.facts import BOARDS
from scoring.enterprises.trades import BY_LETTER
from scoring.errors import RequestFormatError
from scoring.statements import Name

OFFICIALS = (AUTHORITY, *OFFICERS)


def _listing(cockpit: Cockpit, request: Request, stages: dict[str, str], epoch: str) -> Listing[Result]:
    """Enterprises of one epoch."""
    language = cockpit.site.language(request)

    def county(row: Result) -> str:
        return own(cockpit.register.division(row.division), language)

    def trade(row: Result) -> str:
        section = BY_LETTER.get(row.trade[:1])
        return "" if section is None else f"{section.letter} {section.zh if language == 'zh' else section.en}"

    columns: tuple[Column[Result], ...] = (
        Column("company", N_("企业"), lambda row: row.company or row.subject, link=lambda row: f"/cockpit/enterprises/{row.subject}", searched=True),
        Column("uscc", N_("统一社会信用代码"), lambda row: row.uscc, searched=True),
        Column("county", N_("县区"), county, searched=True),
        Column("trade", N_("行业"), trade, searched=True),
        Column("stage", N_("发展阶段"), lambda row: stages.get(row.stage, row.stage), searched=True),
        Column("total", N_("总积分"), lambda row: exact(row.hundredths), lambda row: points(row.hundredths), number=True),
        Column("percentile", N_("同阶段百分位"), lambda row: float(row.percentile), lambda row: row.percentile, number=True),
        Column("gated", N_("一票归零"), lambda row: int(row.gated), lambda row: "●" if row.gated else "", number=True),
    )
    return Listing(f"enterprises-{epoch}", columns, "-total", kept=("epoch",))


def routes(cockpit: Cockpit) -> APIRouter:
    """The pages, for officials of every level."""
    router, site = APIRouter(include_in_schema=False), cockpit.site
    official: Session = Depends(site.signed_in(*OFFICIALS))
    chief: Session = Depends(site.signed_in(AUTHORITY))
    checked: Form = Depends(site.form)
    subject_id: str = Path(pattern=r"^[0-9a-f]{32}$")

    @router.get("/cockpit")
    def entrance(_session: Session = official) -> Response:
        return RedirectResponse("/cockpit/board", 303)

    @router.get("/cockpit/board")
    def board(request: Request, session: Session = official) -> Response:
        site.views.seen(session.person, "/cockpit/board")
        return site.page(request, "cockpit/board.html.j2", **cockpit.board(request, session.person, dict(request.query_params)))

    @router.get("/cockpit/enterprises")
    def enterprises(request: Request, session: Session = official) -> Response:
        return _enterprises(cockpit, request, session, supervised=False)

    @router.get("/cockpit/supervision")
    def supervision(request: Request, session: Session = official) -> Response:
        return _enterprises(cockpit, request, session, supervised=True)

    @router.get("/cockpit/enterprises/{subject}")
    def enterprise(request: Request, subject: str = subject_id, session: Session = official) -> Response:
        return _enterprise(cockpit, request, session, subject)

    @router.get("/cockpit/epochs/{epoch}")
    def progress(request: Request, epoch: Name, session: Session = official) -> Response:
        return site.page(
            request, "cockpit/progress.html.j2", epoch=epoch, states=STATES, chief=AUTHORITY in session.person.roles, **cockpit.progress(epoch)
        )

    @router.post("/cockpit/epochs/{epoch}/plan")
    def plan(epoch: Name, form: Form = checked, _session: Session = chief) -> Response:
        cockpit.progress(epoch)
        cockpit.store.plan(epoch, _day(form.one("closing")))
        return RedirectResponse(f"/cockpit/epochs/{epoch}", 303)

    @router.get("/cockpit/register")
    def sources(request: Request, _session: Session = chief) -> Response:
        edition = cockpit.register.edition()
        return site.page(
            request, "cockpit/register.html.j2", health=cockpit.register.health(), known=len(edition.enterprises), incomplete=edition.incomplete
        )

    return router


def _day(text: str) -> str:
    """An ISO date of a form, or nothing. Raises RequestFormatError."""
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError as error:
        raise RequestFormatError("a day is written as 2026-03-31") from error


def _enterprises(cockpit: Cockpit, request: Request, session: Session, *, supervised: bool) -> Response:
    """The list of enterprises that a person may see, or of those whose totals count as 0."""
    rating = cockpit.rating(request.query_params.get("epoch", ""))
    page = "/cockpit/supervision" if supervised else "/cockpit/enterprises"
    cockpit.site.views.seen(session.person, page)
    if rating is None:
        return cockpit.site.page(request, "cockpit/enterprises.html.j2", shown=None, supervised=supervised, rating=None, ratings=[])
    rows = [row for row in cockpit.results.within(rating[0], session.person) if row.gated or not supervised]
    stages = {stage.id: own(stage.title, cockpit.site.language(request)) for stage in rating[1].stages}
    listing = _listing(cockpit, request, stages, rating[0].opened.epoch)
    file = listing.file(rows, request.query_params, cockpit.site.translator(request))
    if file is not None:
        return file
    ratings = [state for state, _ in cockpit.results.ratings()][::-1]
    shown = listing.show(rows, request.query_params)
    return cockpit.site.page(request, "cockpit/enterprises.html.j2", shown=shown, supervised=supervised, rating=rating, ratings=ratings)


def _enterprise(cockpit: Cockpit, request: Request, session: Session, subject: str) -> Response:
    """One enterprise's released totals, where the person may see it. Raises NotFoundError, whether there is no such enterprise or it is another's."""
    history = []
    for state, model in cockpit.results.ratings():
        row = cockpit.results.rows(state).get(subject)
        if row is not None and session.person.covers(row.division, row.trade):
            history.append((state, model, row))
    if not history:
        raise NotFoundError("no enterprise of yours has this id")
    cockpit.site.views.seen(session.person, "/cockpit/enterprises/…", subject)
    language = cockpit.site.language(request)
    labels = tuple(state.opened.epoch for state, _, _ in history)
    title = cockpit.site.text(request, N_("总积分"))
    line = Chart("line", title, labels, (Series(title, tuple(row.hundredths / 100 for _, _, row in history)),), height=300)
    public = cockpit.register.enterprise(subject)
    section = BY_LETTER.get(history[-1][2].trade[:1])
    stages = {stage.id: own(stage.title, language) for _, model, _ in history for stage in model.stages}
    return cockpit.site.page(
        request, "cockpit/enterprise.html.j2", history=history[::-1], newest=history[-1][2], line=line, public=public, stages=stages,
        county=own(cockpit.register.division(history[-1][2].division), language),
        section="" if section is None else (section.zh if language == "zh" else section.en),
        board="" if public is None or not public.board else BOARDS[public.board][language != "zh"],
    )  # fmt: skip
