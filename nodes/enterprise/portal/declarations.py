"""The enterprise's own customs declarations, with their history and what needs a person [Q7, K1–K9]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Depends, FastAPI, Request
from starlette.responses import Response

from nodes.enterprise.customs import MOST_LISTED
from nodes.enterprise.portal.context import Portal, Visitor
from nodes.enterprise.portal.home import PART
from nodes.errors import NotFoundError
from nodes.runtime.pages.accounts import ENTERPRISE
from nodes.runtime.pages.language import N_, Language, joined
from nodes.runtime.pages.listing import Column, Listing

FLOWS = {"E": N_("出口"), "I": N_("进口")}
FIGURES = {
    "customs_declarations": N_("报关单"), "customs_cleared": N_("已放行"), "customs_rejections": N_("退单"), "customs_inspections": N_("查验"),
    "customs_clearance_days": N_("申报到放行平均天数"),
}  # fmt: skip


def add_declarations(app: FastAPI, portal: Portal) -> None:
    """Add the page of customs messages."""
    site = portal.site
    site.entry("/customs", N_("通关"), ENTERPRISE)
    mine: Visitor = Depends(portal.visitor("customs"))

    @app.get("/customs")
    def customs(request: Request, visitor: Visitor = mine) -> Response:
        try:
            rows = portal.customs.declarations(visitor.uscc, "", MOST_LISTED, 0)["declarations"]
            exceptions = portal.customs.exceptions(visitor.uscc)
            records = portal.customs.records(visitor.uscc)["records"]
        except NotFoundError:
            return site.page(request, f"{PART}/no_customs.html.j2")
        listing = _listing(site.language(request), {flow: site.text(request, text) for flow, text in FLOWS.items()})
        file = listing.file(rows, request.query_params, site.translator(request))
        shown = listing.show(rows, request.query_params)
        years = [(record["year"], _figures(record["values"])) for record in records]
        return file or site.page(request, f"{PART}/customs.html.j2", shown=shown, exceptions=exceptions, years=years[::-1])


def _figures(values: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """(text, currency, value) of a year's figures; a sum of money has its currency."""
    found = [(text, "", values[name]) for name, text in FIGURES.items() if values.get(name)]
    for name, value in values.items():
        way, _, currency = name.removeprefix("customs_").partition("_")
        if way in {"exports", "imports"} and len(currency) == 3 and value:
            found.append((FLOWS["E" if way == "exports" else "I"], currency.upper(), value))
    return found


def _amounts(row: Mapping[str, Any]) -> str:
    return " ".join(f"{amount} {currency}" for currency, amount in row["totals"].items())


def _listing(language: Language, flows: Mapping[str, str]) -> Listing[Mapping[str, Any]]:
    def status(row: Mapping[str, Any]) -> str | None:
        return None if row["status"] is None else str(row["status"][language])

    def history(row: Mapping[str, Any]) -> str | None:
        return "；".join(f"{step['at'][:16].replace('T', ' ')} {step[language]}" for step in row["history"]) or None

    return Listing(
        "declarations",
        (
            Column(
                "number",
                N_("报关单号"),
                lambda row: joined([*row["entry_ids"], *row["seq_nos"]][:1] or row["client_seq_nos"], language),
                searched=True,
            ),
            Column("day", N_("申报日期"), lambda row: row["declared_on"] or None, searched=True),
            Column("company", N_("经营单位"), lambda row: row["company"] or None, searched=True),
            Column("flow", N_("进出口"), lambda row: flows.get(row["flow"])),
            Column("amount", N_("金额"), _amounts),
            Column("status", N_("状态"), status, searched=True),
            Column("history", N_("办理过程"), history),
        ),
        "-day",
    )
