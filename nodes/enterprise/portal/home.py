"""The portrait (一图清): made anew when asked for, shown with rank, history and what would raise the total; and the way to become served [Q4]."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import Depends, FastAPI, Request
from starlette.responses import RedirectResponse, Response

from nodes.enterprise.portal.context import START, Portal, Visitor
from nodes.enterprise.portal.picture import Advised, Picture, Scored
from nodes.enterprise.store import Store
from nodes.runtime.pages.accounts import ENTERPRISE
from nodes.runtime.pages.charts import Chart, Series
from nodes.runtime.pages.forms import Form
from nodes.runtime.pages.language import N_, Language, exact, own, points, when
from nodes.runtime.pages.listing import Column, Listing
from nodes.runtime.pages.sessions import Session
from scoring.advice.ranking import Advice

PART = "portal"
ENROL_WAIT_S, PORTRAIT_WAIT_S = 60.0, 60.0
TOP_STEPS = 8
_TOTAL, _RADAR, _HISTORY, _SHARE = N_("总积分"), N_("各维度得分率"), N_("历次总积分"), N_("得分率（%）")


def add_home(app: FastAPI, portal: Portal) -> None:
    """Add the first page, its lists, and the page for enterprises that are not served yet."""
    portal.site.entry("/", N_("画像"), ENTERPRISE)
    _add_start(app, portal)
    _add_portrait(app, portal)
    _add_lists(app, portal)


def _add_start(app: FastAPI, portal: Portal) -> None:
    site, jobs = portal.site, portal.jobs
    session_of: Session = Depends(site.signed_in(ENTERPRISE))
    checked: Form = Depends(site.form)

    @app.get(START)
    def start(request: Request, session: Session = session_of) -> Response:
        if _served(portal.store, session.person.about):
            return RedirectResponse("/", 303)
        return site.page(request, f"{PART}/start.html.j2", uscc=session.person.about, job=jobs.last("enrol", session.person.about))

    @app.post(START)
    def enrol(session: Session = session_of, _form: Form = checked) -> Response:
        uscc = session.person.about
        jobs.start(("enrol", uscc), lambda: portal.enrolments.enrol(uscc, ENROL_WAIT_S))
        return RedirectResponse(START, 303)


def _served(store: Store, uscc: str) -> bool:
    known = store.enterprise(uscc)
    return known is not None and known.state == "enrolled"


def _add_portrait(app: FastAPI, portal: Portal) -> None:
    site, jobs = portal.site, portal.jobs
    mine: Visitor = Depends(portal.visitor("portrait"))
    checked: Form = Depends(site.form)

    @app.get("/")
    def home(request: Request, visitor: Visitor = mine) -> Response:
        pictures, job = portal.pictures(visitor.uscc), jobs.last("portrait", visitor.uscc)
        if not pictures:
            return site.page(request, f"{PART}/no_portrait.html.j2", job=job)
        picture, text, language = pictures[0], site.translator(request), site.language(request)
        advice = picture.advice(portal.known_record(visitor.uscc, picture))
        return site.page(
            request, f"{PART}/portrait.html.j2", picture=picture, pictures=pictures, job=job, dimensions=picture.dimensions(), advice=advice,
            steps=picture.steps(advice, next_only=True)[:TOP_STEPS], gates=_gates(picture, advice, language),
            charts=_charts(pictures, text, language),
        )  # fmt: skip

    @app.post("/portrait")
    def make(visitor: Visitor = mine, _form: Form = checked) -> Response:
        uscc = visitor.uscc
        jobs.start(("portrait", uscc), lambda: portal.portraits.make(uscc, PORTRAIT_WAIT_S))
        return RedirectResponse("/", 303)


def _gates(picture: Picture, advice: Advice, language: Language) -> list[str]:
    return [own(picture.model.indicators[name].title, language) for name in advice.gates]


def _charts(pictures: Sequence[Picture], text: Callable[[str], str], language: Language) -> list[Chart]:
    """The radar of the newest portrait, and the totals of all where there are several."""
    dimensions = pictures[0].dimensions()
    names, shares = tuple(own(item.title, language) for item in dimensions), tuple(item.percent for item in dimensions)
    series = (Series(text(_SHARE), shares),)
    found = [Chart("radar" if len(names) > 2 else "bar", text(_RADAR), names, series, 100)]
    if len(pictures) > 1:
        past = pictures[::-1]
        labels = tuple(when(item.portrait["time"]) for item in past)
        found.append(Chart("line", text(_HISTORY), labels, (Series(text(_TOTAL), tuple(item.total / 100 for item in past)),)))
    return found


def _add_lists(app: FastAPI, portal: Portal) -> None:
    site = portal.site
    of_indicators: Visitor = Depends(portal.visitor("indicators"))
    of_advice: Visitor = Depends(portal.visitor("advice"))

    @app.get("/indicators")
    def indicators(request: Request, visitor: Visitor = of_indicators) -> Response:
        """Points by indicator, of the newest portrait."""
        pictures = portal.pictures(visitor.uscc)
        rows: Sequence[Scored] = pictures[0].indicators() if pictures else ()
        listing = _indicators(site.language(request))
        file = listing.file(rows, request.query_params, site.translator(request))
        shown = listing.show(rows, request.query_params)
        return file or site.page(request, f"{PART}/indicators.html.j2", shown=shown, picture=pictures[0] if pictures else None)

    @app.get("/advice")
    def advice(request: Request, visitor: Visitor = of_advice) -> Response:
        """Every step, of every indicator."""
        pictures = portal.pictures(visitor.uscc)
        if not pictures:
            return RedirectResponse("/", 303)
        found = pictures[0].advice(portal.known_record(visitor.uscc, pictures[0]))
        rows, language = pictures[0].steps(found, next_only=False), site.language(request)
        listing = _steps(language)
        file = listing.file(rows, request.query_params, site.translator(request))
        gates = _gates(pictures[0], found, language)
        return file or site.page(request, f"{PART}/advice.html.j2", shown=listing.show(rows, request.query_params), gates=gates)


def _indicators(language: Language) -> Listing[Scored]:
    return Listing(
        "indicators",
        (
            Column("name", N_("指标"), lambda row: own(row.indicator.title, language), searched=True),
            Column("dimension", N_("维度"), lambda row: own(row.dimension, language), searched=True),
            Column("owner", N_("数据权属部门"), lambda row: row.indicator.owner.name, searched=True),
            Column("points", N_("得分"), lambda row: exact(row.points), lambda row: points(row.points), number=True),
            Column("most", N_("满分"), lambda row: row.most / 100, lambda row: points(row.most), number=True),
            Column("weight", N_("权重"), lambda row: row.weight, number=True),
            Column("contribution", N_("计入总分"), lambda row: row.contribution / 100, lambda row: points(row.contribution), number=True),
            Column("rule", N_("计分规则"), lambda row: own(row.indicator.spec.definition, language), searched=True),
        ),
        "-contribution",
    )


def _steps(language: Language) -> Listing[Advised]:
    def gain(row: Advised) -> str:
        least, most = row.step.gain
        return f"+{points(most)}" if row.step.exact else f"+{points(least)} – +{points(most)}"

    return Listing(
        "advice",
        (
            Column("name", N_("指标"), lambda row: own(row.title, language), searched=True),
            Column("words", N_("需要达到"), lambda row: own(row.words, language), searched=True),
            Column("points", N_("该项目前得分"), lambda row: row.of.points / 100, lambda row: points(row.of.points), number=True),
            Column("after", N_("达到后得分"), lambda row: row.step.points[1] / 100, lambda row: points(row.step.points[1]), number=True),
            Column("gain", N_("总分增加"), lambda row: row.step.gain[1] / 100, gain, number=True),
            Column("shared", N_("同时影响"), lambda row: "、".join(own(title, language) for title in row.shared) or None),
        ),
        "-gain",
    )
