"""The pool: institutions' signed claims, the page on which an official decides them, and the ledger for whoever may see it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, Request
from sqlalchemy import Engine
from starlette.responses import RedirectResponse, Response

from gateway import schemas
from gateway.intake import Raw, SignedIntake, read_raw
from gateway.pool.claims import Claimed, claim_of
from gateway.pool.proposals import ACTS, Act, proposed
from gateway.pool.store import PoolStore
from nodes.errors import EntryError, FormError
from nodes.runtime.clock import Clock
from nodes.runtime.pages.accounts import AUDITOR, AUTHORITY
from nodes.runtime.pages.forms import Form
from nodes.runtime.pages.language import N_, exact, when, yuan
from nodes.runtime.pages.listing import Column, Listing
from nodes.runtime.pages.sessions import Session
from nodes.runtime.pages.site import Site
from nodes.runtime.replica.zone import Zone
from nodes.runtime.web.request_document import POOL_CLAIMS
from scoring.lending.pool import Entry, compensation_fen
from scoring.statements import parse_record

KINDS = {"deposit": N_("注入"), "compensation": N_("补偿"), "return": N_("返还")}
STANDINGS = {"direct": N_("贷款机构"), "guarantor": N_("担保机构")}
STATES = {"waiting": N_("待审核"), "paid": N_("已补偿"), "rejected": N_("未通过")}
PROPOSED = {"deposit": N_("注入资金"), "pay": N_("审核通过并补偿"), "reject": N_("不予补偿"), "return": N_("登记返还")}
ENDED = {"waiting": N_("待复核"), "released": N_("已复核"), "withdrawn": N_("已撤回")}
LONGEST, SHOWN = 200, 50


def pool(site: Site, zone: Zone, intake: SignedIntake, engine: Engine, now: Clock) -> APIRouter:
    """The pool's part of the gateway: the route for institutions, the page for officials and auditors."""
    store = PoolStore(engine)
    site.use("pool", Path(__file__).parent)
    site.entry("/pool", N_("风险补偿"), AUTHORITY, AUDITOR)
    router = APIRouter()
    router.include_router(_claiming(store, zone, intake, now))
    router.include_router(_pages(site, store, now))
    return router


def _claiming(store: PoolStore, zone: Zone, intake: SignedIntake, now: Clock) -> APIRouter:
    router = APIRouter()
    example = {"application": schemas.CONSENT, "papers": ["7b22…", "7b22…"], "first": False}
    raw: Raw = Depends(read_raw)

    @router.post("/v1/pool/claims", status_code=201, openapi_extra=schemas.signed(Claimed.model_json_schema(), example))
    def claim(request: Raw = raw) -> dict[str, Any]:
        """A claim for compensation, with the papers that it rests on; again: how it stands. Signed by the lender or guarantor."""
        document, verified = intake.admit(request, POOL_CLAIMS)
        with intake.refusing(document.digest, verified.key_id):
            claimed = parse_record(Claimed, document.body.encode())
            with zone.reading() as view:
                found = claim_of(view, claimed, view.registry.key(verified.key_id).member.id)
            kept = store.put(found, now())
        return {"application": found.application, "state": kept.state, "due_fen": compensation_fen(found), "paid_fen": kept.paid_fen}

    return router


def _pages(site: Site, store: PoolStore, now: Clock) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    reader: Session = Depends(site.signed_in(AUTHORITY, AUDITOR))
    chief: Session = Depends(site.signed_in(AUTHORITY))
    sent: Form = Depends(site.form)

    @router.get("/pool")
    def shown(request: Request, session: Session = reader) -> Response:
        tr, found = site.translator(request), store.pool()
        listing: Listing[Entry] = Listing("pool", (
            Column("time", N_("时间"), lambda entry: when(entry.time)),
            Column("kind", N_("事项"), lambda entry: tr(KINDS[entry.kind]), searched=True),
            Column("party", N_("对方"), lambda entry: entry.party, searched=True),
            Column("application", N_("申请编号"), lambda entry: entry.application, searched=True),
            Column("amount", N_("金额（元）"), lambda entry: exact(entry.amount_fen), shown=lambda entry: yuan(entry.amount_fen), number=True),
            Column("balance", N_("余额（元）"), lambda entry: exact(entry.balance_fen), shown=lambda entry: yuan(entry.balance_fen), number=True),
        ), "time")  # fmt: skip
        file = listing.file(found.entries, request.query_params, tr)
        return file or site.page(
            request, "pool/pool.html.j2", pool=found, sums=_sums(found.entries), claims=store.claims(), due=compensation_fen,
            shown=listing.show(found.entries, request.query_params), standings=STANDINGS, states=STATES, chief=AUTHORITY in session.person.roles,
            proposals=store.proposals()[:SHOWN], acts=PROPOSED, proposed=store.waiting(),
            me=session.person.name, ended=ENDED,
        )  # fmt: skip

    @router.post("/pool")
    def act(session: Session = chief, form: Form = sent) -> Response:
        found: Act | None = next((each for each in ACTS if each == form.one("act")), None)
        if found is None:
            raise FormError("the page has no such act")
        said: dict[str, Any] = {"application": form.one("application"), "claimant": form.one("claimant")}
        if found == "deposit":
            said = {"amount_fen": _fen(form.one("amount")), "party": form.one("party").strip()[:LONGEST] or session.person.name}
        elif found == "return":
            said["amount_fen"] = _fen(form.one("recovered"))
        store.propose(proposed(found, session.person.name, now(), **said))
        return RedirectResponse("/pool", 303)

    @router.post("/pool/proposals/{proposal}")
    def decide(proposal: str, session: Session = chief, form: Form = sent) -> Response:
        if form.one("act") == "release":
            store.release(proposal, session.person.name, now())
        elif form.one("act") == "withdraw":
            store.withdraw(proposal, session.person.name)
        else:
            raise FormError("a proposal is let go or withdrawn")
        return RedirectResponse("/pool", 303)

    return router


def _sums(entries: tuple[Entry, ...]) -> dict[str, int]:
    return {kind: sum(entry.amount_fen for entry in entries if entry.kind == kind) for kind in KINDS}


def _fen(text: str) -> int:
    """Yuan with at most two decimals, in fen. Raises EntryError."""
    whole, _, rest = text.replace(",", "").strip().partition(".")
    if not (whole + rest).isascii() or not (whole + rest).isdigit() or len(whole) > 13 or len(rest) > 2:
        raise EntryError("an amount is in yuan with at most two decimals")
    return int(whole or "0") * 100 + int(rest.ljust(2, "0"))
