"""The pages on which a department's people settle what enterprises dispute and file [V2, V3, A6]."""

from __future__ import annotations

from typing import cast

from fastapi import Depends, FastAPI
from starlette.responses import RedirectResponse, Response

from nodes.department.desk.forms import one, read_form
from nodes.department.desk.pages import Pages, signed_in, unlock
from nodes.department.desk.sessions import Doorkeeper, Session
from nodes.department.values.settlements import Outcome
from nodes.department.values.settling import Settling
from nodes.errors import FormError

SHOWN, SIGNED_SHOWN = 500, 20
OUTCOMES = {"uphold": ("维持", "uphold"), "approve": ("通过", "approve"), "reject": ("退回", "reject")}
CHOICES = {
    "uphold": ("维持现有数值", "Uphold the value"),
    "approve": ("通过：成为本部门的记录并计分", "Approve: it becomes a record of the department and counts"),
    "reject": ("退回（须说明理由）", "Reject, with a reason"),
}


def add_values(app: FastAPI, pages: Pages, doorkeeper: Doorkeeper, settling: Settling) -> None:
    """Add the routes. A matter is named in the query, not in the path: paths are logged."""
    signed: Session = Depends(signed_in(pages, doorkeeper))
    sent: dict[str, list[str]] = Depends(read_form)

    @app.get("/values")
    def matters(session: Session = signed) -> Response:
        waiting = settling.open()
        disputes, filings = ([item for item in waiting if item.kind == kind] for kind in ("dispute", "filing"))
        return pages.page(
            "values.html.j2", session, "/values", disputes=disputes[:SHOWN], filings=filings[:SHOWN], counts=(len(disputes), len(filings)),
            now=settling.now(), signed=settling.signed(SIGNED_SHOWN), outcomes=OUTCOMES, persons=settling.persons,
        )  # fmt: skip

    @app.get("/values/one")
    def matter(matter: str = "", session: Session = signed) -> Response:
        item = settling.find(matter)
        certified = (settling.records.find(item.uscc, item.period) or {}).get(item.field)
        return pages.page(
            "value.html.j2", session, "/values", item=item, certified=certified, history=settling.history(item)[::-1],
            now=settling.now(), outcomes=OUTCOMES, choices=CHOICES,
        )  # fmt: skip

    @app.post("/settlements")
    def settle(session: Session = signed, form: dict[str, list[str]] = sent) -> Response:
        outcome, reason = one(form, "outcome"), one(form, "reason")
        if outcome not in OUTCOMES:
            raise FormError("choose how it is settled")
        key = unlock(doorkeeper, session, form)
        settling.settle(settling.find(one(form, "matter")), cast(Outcome, outcome), reason, key)
        return RedirectResponse("/values", 303)
