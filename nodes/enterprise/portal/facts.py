"""Values that departments hold of the enterprise: asked for, confirmed or disputed, filed by itself; each with its deadline [Q6, V1–V4]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, FastAPI, Request
from starlette.responses import RedirectResponse, Response

from nodes.enterprise.portal.context import Portal, Visitor
from nodes.enterprise.portal.home import PART
from nodes.enterprise.portal.jobs import Job
from nodes.errors import FormError, NotFoundError
from nodes.runtime.pages.accounts import ENTERPRISE
from nodes.runtime.pages.forms import Form
from nodes.runtime.pages.language import N_
from nodes.runtime.replica.value_messages import FiledValue, GivenAnswer
from scoring.lifecycle import HeldValue, standing
from scoring.rules.values import FieldSpec
from scoring.statements import Member

WAIT_S = 60.0
LONGEST = 500
STATES = {"certified": N_("待确认"), "confirmed": N_("已确认"), "disputed": N_("异议处理中"), "upheld": N_("异议未被采纳")}
STANDINGS = {"none": N_("未查询"), "certified": N_("待企业确认"), "disputed": N_("有异议"), "confirmed": N_("已确认")}
FILINGS = {"filed": N_("待审核"), "approved": N_("已采用"), "rejected": N_("未采用")}


@dataclass(frozen=True, slots=True)
class Asked:
    """A department, what it showed last in a period (None: never asked), how far its values have come, and the last question to it."""

    member: Member
    document: Mapping[str, Any] | None
    standing: str
    job: Job | None


def add_facts(app: FastAPI, portal: Portal) -> None:
    """Add the pages of values."""
    portal.site.entry("/values", N_("数据核对"), ENTERPRISE)
    _add_overview(app, portal)
    _add_department(app, portal)


def _add_overview(app: FastAPI, portal: Portal) -> None:
    site = portal.site
    mine: Visitor = Depends(portal.visitor("values"))

    @app.get("/values")
    def overview(request: Request, period: str = "", visitor: Visitor = mine) -> Response:
        periods = sorted(set(portal.periods().values()), reverse=True)
        chosen = period if period in periods else next(iter(periods), "")
        shown = portal.values.shown(visitor.uscc, chosen)
        departments = [_asked(portal, visitor, member, chosen, shown) for member in portal.departments()]
        return site.page(request, f"{PART}/values.html.j2", periods=periods, period=chosen, departments=departments, standings=STANDINGS)


def _add_department(app: FastAPI, portal: Portal) -> None:
    site, jobs = portal.site, portal.jobs
    mine: Visitor = Depends(portal.visitor("values of a department"))
    checked: Form = Depends(site.form)

    @app.get("/values/{department}/{period}")
    def held(request: Request, department: str, period: str, visitor: Visitor = mine) -> Response:
        found = _asked(portal, visitor, _department(portal, department), period, portal.values.shown(visitor.uscc, period))
        return site.page(
            request, f"{PART}/department.html.j2", asked=found, period=period, fields=_fields(portal), states=STATES, filings=FILINGS,
            now_s=portal.now(),
        )  # fmt: skip

    @app.post("/values/{department}/{period}/ask")
    def ask(department: str, period: str, visitor: Visitor = mine, _form: Form = checked) -> Response:
        member, uscc = _department(portal, department), visitor.uscc
        _period(portal, period)
        jobs.start(("values", uscc, member.id, period), lambda: portal.values.ask(uscc, member.id, period, WAIT_S))
        return RedirectResponse(f"/values/{member.id}/{period}", 303)

    @app.post("/values/{department}/{period}")
    def answer(department: str, period: str, visitor: Visitor = mine, form: Form = checked) -> Response:
        member, uscc = _department(portal, department), visitor.uscc
        document = portal.values.shown(uscc, period).get(member.id)
        if document is None:
            raise NotFoundError("this department has shown nothing of this period: ask it first")
        answers, filings = _answers(document["values"], form), _filings(document["self_filed"], form)
        if answers or filings:
            jobs.start(("values", uscc, member.id, period), lambda: portal.values.answer(uscc, member.id, period, answers, filings, WAIT_S))
        return RedirectResponse(f"/values/{member.id}/{period}", 303)


def _answers(values: Sequence[Mapping[str, Any]], form: Form) -> list[GivenAnswer]:
    """What the form says of each value that was shown. The version is the form's: an answer to an older one is refused, not applied."""
    found = []
    for value in values:
        name = value["field"]
        if (said := form.one(f"answer.{name}")) in {"confirm", "dispute"}:
            version, note = form.one(f"version.{name}"), form.one(f"note.{name}")[:LONGEST]
            if len(version) != len(value["version"]) or not set(version) <= set("0123456789abcdef"):
                raise FormError("open the page again: the form names no version of a value")
            found.append(GivenAnswer(field=name, version=version, confirmed=said == "confirm", note=_line(note)))
    return found


def _filings(fields: Sequence[str], form: Form) -> list[FiledValue]:
    sent = [(name, _line(form.one(f"file.{name}")), _line(form.one(f"basis.{name}"))) for name in fields]
    return [FiledValue(field=name, value=value[:LONGEST], note=note[:LONGEST]) for name, value, note in sent if value]


def _line(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _asked(portal: Portal, visitor: Visitor, member: Member, period: str, shown: Mapping[str, Mapping[str, Any]]) -> Asked:
    document = shown.get(member.id)
    values = () if document is None else tuple(HeldValue(**value) for value in document["values"])
    return Asked(member, document, standing(values), portal.jobs.last("values", visitor.uscc, member.id, period))


def _department(portal: Portal, member: str) -> Member:
    found = [item for item in portal.departments() if item.id == member]
    if not found:
        raise NotFoundError("there is no such department")
    return found[0]


def _period(portal: Portal, period: str) -> None:
    if period not in portal.periods().values():
        raise NotFoundError("there is no epoch of this period")


def _fields(portal: Portal) -> dict[str, FieldSpec]:
    """What every record field of the zone's models is."""
    return {name: field.spec for model in portal.packs.values() for name, field in model.fields.items()}
