"""The pages on which a department's people settle what enterprises dispute and file [V2, V3, A6]."""

from __future__ import annotations

from typing import cast

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from nodes.department.desk.persons import STAFF, Doorkeeper
from nodes.department.values.settlements import Outcome
from nodes.department.values.settling import Settling
from nodes.errors import EntryError
from nodes.runtime.pages.forms import Form
from nodes.runtime.pages.language import N_
from nodes.runtime.pages.sessions import Session
from nodes.runtime.pages.site import Site

SHOWN, SIGNED_SHOWN = 500, 20
OUTCOMES = {"uphold": N_("维持"), "approve": N_("通过"), "reject": N_("驳回")}
CHOICES = {"uphold": N_("维持现有数值"), "approve": N_("通过：成为本部门的记录并计分"), "reject": N_("驳回（须说明理由）")}


def value_pages(site: Site, doorkeeper: Doorkeeper, settling: Settling) -> APIRouter:
    """The routes. A matter is named in the query, not in the path: paths are logged."""
    router = APIRouter(include_in_schema=False)
    signed: Session = Depends(site.signed_in(STAFF))
    sent: Form = Depends(site.form)

    @router.get("/values")
    def matters(request: Request, session: Session = signed) -> Response:
        site.views.seen(session.person, "/values")
        waiting = settling.open()
        disputes, filings = ([item for item in waiting if item.kind == kind] for kind in ("dispute", "filing"))
        return site.page(
            request, "desk/values.html.j2", disputes=disputes[:SHOWN], filings=filings[:SHOWN], counts=(len(disputes), len(filings)),
            at=settling.now(), signed=settling.signed(SIGNED_SHOWN), outcomes=OUTCOMES, persons=settling.persons,
        )  # fmt: skip

    @router.get("/values/one")
    def matter(request: Request, matter: str = "", session: Session = signed) -> Response:
        item = settling.find(matter)
        site.views.seen(session.person, "/values/one", item.uscc)
        certified = (settling.records.find(item.uscc, item.period) or {}).get(item.field)
        return site.page(
            request, "desk/value.html.j2", item=item, certified=certified, history=settling.history(item)[::-1], at=settling.now(),
            outcomes=OUTCOMES, choices=CHOICES,
        )  # fmt: skip

    @router.post("/settlements")
    def settle(session: Session = signed, form: Form = sent) -> Response:
        outcome, reason = form.one("outcome"), form.one("reason")
        if outcome not in OUTCOMES:
            raise EntryError("choose how it is settled")
        key = doorkeeper.key_of(session, form)
        settling.settle(settling.find(form.one("matter")), cast(Outcome, outcome), reason, key)
        return RedirectResponse("/values", 303)

    return router
