"""The pages themselves: server-rendered, without scripts, Chinese and English beside each other. Every view of the department's data is logged."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from nodes.contributing.four_eyes.book import FourEyes
from nodes.contributing.four_eyes.decisions import LONGEST_REASON
from nodes.department.desk.api import VIEWED
from nodes.department.desk.forms import one, read_form
from nodes.department.desk.intake import Intake
from nodes.department.desk.outgoing import Outgoing
from nodes.department.desk.sessions import Doorkeeper, Session, check_form
from nodes.errors import FormError, SignInError
from nodes.runtime import logging
from nodes.runtime.peers.identity import SigningKeyPair
from nodes.runtime.web.problems import Refused

HERE = Path(__file__).parent
SHOWN_ASIDE = 500
STATES = {
    "held": ("等待复核", "waits for people"),
    "rejected": ("已退回", "rejected"),
    "missed": ("评价期已关闭，未能发出", "too late: the epoch is closed"),
    "superseded": ("已被替代", "superseded"),
    "waiting": ("等待发送", "waits to be sent"),
    "sent": ("已入日志", "in the log"),
    "refused": ("被拒收", "refused by the zone"),
}
FAULTS = {
    "SIGN_IN_REQUIRED": "姓名或密码不对。",
    "FORM_NOT_OURS": "表单无效或已过期，请重新打开页面。",
    "DECISION_INVALID": "该意见无效。",
    "VALUE_STATE": "该数据项的状态已变，或缺少理由。",
    "RATE_LIMITED": "尝试过多，请稍后再试。",
    "NOT_FOUND": "没有此页。",
}
ACTS = {"propose": ("提交", "proposed"), "approve": ("复核通过", "approved"), "reject": ("退回", "rejected")}
_log = logging.logger("department.desk")


class Pages:
    """The templates. ``member``: whose page it is."""

    def __init__(self, member: str) -> None:
        self._templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
        self._templates.globals |= {"member": member, "states": STATES, "acts": ACTS, "when": _when, "path": ""}
        self.cookie = f"xinqiao-{member}"

    def page(self, name: str, session: Session | None, path: str = "", status: int = 200, **values: Any) -> HTMLResponse:
        """One page; ``session`` is None for strangers."""
        return HTMLResponse(self._templates.get_template(name).render(session=session, path=path, **values), status)

    def error(self, problem: Response, document: bytes) -> HTMLResponse:
        """An error for a person, from the problem document that a program would get."""
        told: dict[str, Any] = json.loads(document)
        shown = self.page("error.html.j2", None, status=problem.status_code, problem=told, zh=FAULTS.get(told["reason"], ""))
        shown.headers.update({name: value for name, value in problem.headers.items() if name in {"retry-after", "connection"}})
        return shown


def signed_in(pages: Pages, doorkeeper: Doorkeeper) -> Callable[[Request], Session]:
    """What gives a route the session of its visitor, and logs that the page was viewed: its path, never what was asked for in its query."""

    def find(request: Request) -> Session:
        session = doorkeeper.session(request.cookies.get(pages.cookie, ""))
        if request.method == "GET":
            _log.info(VIEWED, person=session.person.name, page=request.url.path)
        return session

    return find


def unlock(doorkeeper: Doorkeeper, session: Session, form: Mapping[str, list[str]]) -> SigningKeyPair:
    """The key of the person of ``session``, which the password in a form of one of its pages opens.

    Raises FormError; Refused for another password: the session goes on, and its person is told instead of being led to sign in.
    """
    check_form(session, one(form, "form"))
    try:
        return doorkeeper.unlock(session.person.name, one(form, "password"))
    except SignInError as error:
        raise Refused.of(error) from error


def add_pages(app: FastAPI, pages: Pages, doorkeeper: Doorkeeper, four_eyes: FourEyes, outgoing: Outgoing, intake: Intake) -> None:
    """Add the routes of the pages, each of which needs a session."""
    signed: Session = Depends(signed_in(pages, doorkeeper))
    sent: dict[str, list[str]] = Depends(read_form)

    @app.get("/")
    def start() -> RedirectResponse:
        return RedirectResponse("/outgoing", 303)

    @app.get("/outgoing")
    def outgoing_page(session: Session = signed) -> Response:
        return pages.page(
            "outgoing.html.j2", session, "/outgoing", epochs=outgoing.epochs(), closed=outgoing.closed(), two_persons=four_eyes.policy.columns
        )

    @app.get("/contributions/{contribution}")
    def contribution_page(contribution: str, session: Session = signed) -> Response:
        return pages.page("contribution.html.j2", session, "/outgoing", item=outgoing.find(contribution), longest=LONGEST_REASON)

    @app.get("/contributions/{contribution}/decisions")
    def evidence(contribution: str, session: Session = signed) -> Response:
        """Decisions as they were signed, for an auditor to keep and to verify [A3]."""
        item = outgoing.find(contribution)
        decided = [{"envelope": json.loads(raw), "public": public} for raw, public in four_eyes.evidence(contribution)]
        found = {"contribution": contribution, "digest": item.digest, "leaf_index": item.leaf_index, "decisions": decided}
        return JSONResponse(found, headers={"content-disposition": f'attachment; filename="decisions-{contribution[:16]}.json"'})

    @app.post("/decisions")
    def decide(session: Session = signed, form: dict[str, list[str]] = sent) -> Response:
        verdict, reason = one(form, "verdict"), one(form, "reason").strip()
        if verdict not in {"approve", "reject"} or len(reason) > LONGEST_REASON or (verdict == "reject" and not reason):
            raise FormError("choose approve or reject; a rejection gives its reason")
        four_eyes.decide(unlock(doorkeeper, session, form), form.get("contribution", []), approve=verdict == "approve", reason=reason)
        return RedirectResponse("/outgoing", 303)

    @app.get("/coverage")
    def coverage(session: Session = signed) -> Response:
        return pages.page("coverage.html.j2", session, "/coverage", epochs=outgoing.newest())

    @app.get("/quarantine")
    def quarantine(session: Session = signed) -> Response:
        aside = intake.set_aside()
        return pages.page("quarantine.html.j2", session, "/quarantine", aside=aside[-SHOWN_ASIDE:][::-1], count=len(aside))

    @app.get("/connectors")
    def connectors(session: Session = signed) -> Response:
        return pages.page("connectors.html.j2", session, "/connectors", feeds=intake.feeds())


def _when(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
