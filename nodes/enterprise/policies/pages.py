"""Policies and libraries on the enterprise's pages: which are for it and why or why not, what is one step away, its own claims [Q8, O5, O7]."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from fastapi import Depends, FastAPI, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from nodes.enterprise.policies.desk import OwnPolicyDesk, OwnStep
from nodes.enterprise.portal.context import Portal, Visitor
from nodes.errors import EntryError, FormError, NotFoundError
from nodes.runtime.pages.accounts import ENTERPRISE
from nodes.runtime.pages.forms import Form
from nodes.runtime.pages.language import N_
from scoring.policies.claims import ENDED, STATES
from scoring.policies.steps import CLAIM_STEPS
from scoring.policies.steps import ENTERPRISE as OURS
from scoring.statements import Title

PART = "own-policies"
WAIT_S = 60.0
VERDICTS = {"in": N_("符合"), "unknown": N_("数据不足，无法判断"), "out": N_("不符合")}
ACTS: dict[str, str] = {"confirmed": N_("确认领取"), "declined": N_("放弃"), "disputed": N_("提出异议"), "filed": N_("自行申报")}
LONGEST = 500


def add_own_policies(app: FastAPI, portal: Portal, desk: OwnPolicyDesk) -> None:
    """Add the pages of policies and libraries."""
    portal.site.use(PART, Path(__file__).parent)
    portal.site.entry("/policies", N_("惠企政策"), ENTERPRISE)
    _add_lists(app, portal, desk)
    _add_steps(app, portal, desk)


def _add_lists(app: FastAPI, portal: Portal, desk: OwnPolicyDesk) -> None:
    site = portal.site
    mine: Visitor = Depends(portal.visitor("policies"))
    checked: Form = Depends(site.form)

    @app.get("/policies")
    def policies(request: Request, visitor: Visitor = mine) -> Response:
        found = desk.matches(visitor.uscc)
        order = {"in": 0, "unknown": 1, "out": 2}
        listed = sorted(found["policies"], key=lambda item: (order[item["verdict"]], not item["away"], -item["award_fen"]))
        libraries = sorted(found["libraries"], key=lambda item: (order[item["verdict"]], not item["away"]))
        return site.page(
            request, f"{PART}/policies.html.j2", policies=listed, libraries=libraries, as_of=found["as_of"], verdicts=VERDICTS, states=STATES,
            own=_title,
        )  # fmt: skip

    @app.get("/policies/{policy}")
    def policy(request: Request, policy: str, visitor: Visitor = mine) -> Response:
        item = _found(desk, visitor, policy)
        lacking, job = _lacking(portal, visitor, item), portal.jobs.last("missing", visitor.uscc, _model(item))
        return site.page(
            request, f"{PART}/policy.html.j2", item=item, may=_may(item), acts=ACTS, verdicts=VERDICTS, states=STATES, own=_title, lacking=lacking,
            job=job, model=_model(item),
        )  # fmt: skip

    @app.post("/policies/{policy}/missing")
    def missing(policy: str, visitor: Visitor = mine, _form: Form = checked) -> Response:
        """Open which criteria are not met, for the enterprise alone."""
        model, uscc = _model(_found(desk, visitor, policy)), visitor.uscc
        if not model:
            raise NotFoundError("nothing of this is opened under encryption")
        portal.jobs.start(("missing", uscc, model), lambda: desk.missing(uscc, model, WAIT_S))
        return RedirectResponse(f"/policies/{policy}", 303)


def _add_steps(app: FastAPI, portal: Portal, desk: OwnPolicyDesk) -> None:
    mine: Visitor = Depends(portal.visitor("policy step"))
    checked: Form = Depends(portal.site.form)

    @app.post("/policies/{policy}")
    def step(policy: str, visitor: Visitor = mine, form: Form = checked) -> Response:
        act = form.one("act")
        if act not in ACTS:
            raise FormError("open the page again: the form names no step")
        payee = {name: _line(form.one(name)) for name in ("name", "bank", "account")} if act in {"confirmed", "filed"} else None
        if payee is not None and not all(payee.values()):
            raise EntryError("name, bank and account number of the enterprise's own account are needed")
        try:
            desk.take(visitor.uscc, policy, cast("OwnStep", act), _line(form.one("note")), payee)
        except ValidationError as error:
            raise EntryError("write holder and bank as they are called, and the account in 8 to 32 digits") from error
        return RedirectResponse(f"/policies/{policy}", 303)


def _found(desk: OwnPolicyDesk, visitor: Visitor, policy: str) -> dict[str, Any]:
    """A policy or library as the enterprise stands to it now. Raises NotFoundError."""
    answer = desk.matches(visitor.uscc)
    for item in (*answer["policies"], *answer["libraries"]):
        if item["id"] == policy:
            found: dict[str, Any] = item
            return found
    raise NotFoundError("no such policy is in force, and no such library is kept")


def _may(item: dict[str, Any]) -> list[str]:
    """What the enterprise may do now: file where it has no claim that goes on, else what follows the last step."""
    if "award_fen" not in item:
        return []
    claim = item["claim"]
    if claim is None or claim["state"] in ENDED - {"paid"}:
        return ["filed"] if item["verdict"] != "out" else []
    return [name for name in ACTS if name in CLAIM_STEPS and claim["state"] in CLAIM_STEPS[name].after and OURS in CLAIM_STEPS[name].by]


def _model(item: dict[str, Any]) -> str:
    """The flag model behind a policy or library; empty where all is judged in clear."""
    return str(item["flags"]["model"]) if item["flags"] else ""


def _lacking(portal: Portal, visitor: Visitor, item: dict[str, Any]) -> list[Title] | None:
    """The criteria that the newest opening of the flag model showed as not met; None where it was not opened."""
    model = _model(item)
    opened = next((found for found in portal.store.portraits(visitor.uscc) if model and found["model"]["id"] == model), None)
    if opened is None:
        return None
    return [_title(value["title"]) for value in opened["values"] if value["kind"] == "indicator" and value["hundredths"] == 0]


def _title(document: dict[str, str]) -> Title:
    return Title.model_validate(document)


def _line(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:LONGEST]
