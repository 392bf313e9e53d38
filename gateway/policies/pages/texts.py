"""Policies and their texts: the list, a text with its tags at their words, and the decisions of officials about each (分词解析) [O1, O2]."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from gateway.policies.pages.readers import LIST_READERS, READERS, Desk
from nodes.runtime.pages.accounts import AUDITOR, AUTHORITY, EVERYWHERE
from nodes.runtime.pages.forms import Form
from nodes.runtime.pages.language import N_
from nodes.runtime.pages.sessions import Session
from scoring.policies.errors import PolicyFormatError
from scoring.policies.meaning import KINDS, RELATIONS, described, meaning_of
from scoring.policies.policy import Policy
from scoring.policies.review import Review, Verdict
from scoring.statements import Name

UNDECIDED = "undecided"
VERDICTS = {UNDECIDED: N_("待确认"), "confirmed": N_("已确认"), "changed": N_("已修改"), "dropped": N_("已删除")}


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a text with the tags that point at it."""

    text: str
    tags: tuple[int, ...]


def texts(desk: Desk) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    _reading(router, desk)
    _deciding(router, desk)
    return router


def _reading(router: APIRouter, desk: Desk) -> None:
    site, policies = desk.site, desk.policies
    anybody: Session | None = Depends(site.open_to_all)

    @router.get("/policies")
    def listed(request: Request, session: Session | None = anybody) -> Response:
        official = session is not None and bool(session.person.roles & set(READERS))
        activity = policies.store.activity()
        rows = [_row(desk, session, policy, review, activity) for policy, review in policies.store.policies() if official or review.in_force]
        sending = len(policies.store.sendings()) if official else 0
        return site.page(request, "policies/policies.html.j2", rows=rows, official=official, sending=sending)

    @router.get("/policies/{policy}")
    def one(request: Request, policy: Name, session: Session | None = anybody) -> Response:
        known, review = policies.store.policy(policy)
        if not review.in_force:
            site.signed_in(*READERS)(request)
        standing, places = review.standing, policies.matching.places
        tags = [
            {
                "place": place, "quote": known.text[tag.span.start : tag.span.end], "meaning": described(tag.meaning, places), "said": tag.meaning,
                "decision": (decision := standing.get(place)),
                "now": described(decision.meaning, places) if decision and decision.meaning else None,
                "state": VERDICTS[decision.verdict if decision else UNDECIDED],
            }
            for place, tag in enumerate(review.tags)
        ]  # fmt: skip
        official = session is not None and bool(session.person.roles & set(READERS))
        return site.page(
            request, "policies/policy.html.j2", policy=known, review=review, pieces=pieces(known, review), tags=tags, official=official,
            decides=session is not None and AUTHORITY in session.person.roles, kinds=KINDS, relations=RELATIONS,
            balance=policies.desk.balance(policy) if session is not None and session.person.roles & {AUTHORITY, AUDITOR} else None,
            lists=session is not None and bool(session.person.roles & set(LIST_READERS)), reviewing=not review.in_force,
        )  # fmt: skip


def _deciding(router: APIRouter, desk: Desk) -> None:
    site, policies = desk.site, desk.policies
    deciding: Session = Depends(site.signed_in(AUTHORITY))
    checked: Form = Depends(site.form)

    @router.post("/policies/{policy}/tags/{tag}")
    def decide(policy: Name, tag: int, session: Session = deciding, form: Form = checked) -> Response:
        verdict = form.one("verdict")
        if verdict not in {"confirmed", "changed", "dropped"}:
            raise PolicyFormatError("a tag is confirmed, changed or dropped")
        values = tuple(part.strip() for part in form.one("values").replace("，", ",").split(",") if part.strip())
        meaning = meaning_of(form.one("kind"), form.one("relation"), values) if verdict == "changed" else None
        policies.desk.decide(policy, tag, cast(Verdict, verdict), session.person.name, meaning, form.one("group").strip()[:20])
        return RedirectResponse(f"/policies/{policy}#tag-{tag}", 303)

    @router.post("/policies/{policy}/confirm-rest")
    def confirm_rest(policy: Name, session: Session = deciding, form: Form = checked) -> Response:
        policies.desk.confirm_rest(policy, session.person.name)
        return RedirectResponse(f"/policies/{policy}", 303)

    @router.post("/policies/{policy}/publish")
    def publish(policy: Name, session: Session = deciding, form: Form = checked) -> Response:
        policies.desk.publish(policy)
        return RedirectResponse(f"/policies/{policy}", 303)


def pieces(policy: Policy, review: Review) -> list[Piece]:
    """The whole text cut wherever a tag begins or ends."""
    cuts = sorted({0, len(policy.text), *(edge for tag in review.tags for edge in (tag.span.start, tag.span.end))})
    found = []
    for start, end in pairwise(cuts):
        over = tuple(place for place, tag in enumerate(review.tags) if tag.span.start <= start and end <= tag.span.end)
        found.append(Piece(policy.text[start:end], over))
    return found


def _row(desk: Desk, session: Session | None, policy: Policy, review: Review, activity: dict[tuple[str, str], tuple[int, int]]) -> dict[str, Any]:
    row: dict[str, Any] = {"policy": policy, "review": review}
    if session is None or not session.person.roles & set(LIST_READERS):
        return row
    result = desk.policies.matching.policy(policy, review)
    claims = desk.claims(session.person, policy.id)
    return {
        **row,
        "in": len(desk.named(session.person, result.subjects())),
        "away": len(desk.named(session.person, result.subjects(away=True))),
        "pushed": sum(claim.history[0].name == "matched" for claim in claims),
        "viewed": activity.get((policy.id, "viewed"), (0, 0))[1] if session.person.covers(EVERYWHERE, EVERYWHERE) else None,
        "filed": sum(claim.state not in {"matched", "declined"} for claim in claims),
        "paid_fen": sum(claim.amount_fen for claim in claims if claim.state == "paid"),
    }
