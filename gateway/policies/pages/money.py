"""Claims on their way to payment, the public notice, disputes, and the payments ledger [O5, O6]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import RedirectResponse, Response

from gateway.policies import bank_files
from gateway.policies.desk import PolicyDesk
from gateway.policies.pages.readers import LIST_READERS, Desk
from gateway.policies.store import BankFile, Kept
from nodes.runtime.pages.accounts import AUTHORITY
from nodes.runtime.pages.forms import Form
from nodes.runtime.pages.language import N_, day, exact, when, yuan
from nodes.runtime.pages.listing import Column, Listing
from nodes.runtime.pages.sessions import Session
from nodes.runtime.pages.uploads import Upload, upload_of
from scoring.policies.claims import STATES, Claim, Payee
from scoring.policies.errors import PolicyFormatError
from scoring.policies.steps import AUTHORITY as BY_AUTHORITY
from scoring.policies.steps import CLAIM_STEPS
from scoring.statements import Name, Title

CLAIM_ID = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
FILE_ID = Annotated[str, Path(pattern=r"^[0-9]{8}-[0-9a-f]{8}$")]
BY_HAND = ("accepted", "rejected", "disputed", "upheld", "dismissed", "cancelled")
SHOWN_S = 2.0  # how long a page waits for the log before it says that steps are on their way
ON_NOTICE = frozenset({"noticed", "disputed", "dismissed"})
ACTIONS = {"compare": PolicyDesk.compare, "notice": PolicyDesk.notice, "propose": PolicyDesk.propose}
MOST_LINES_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Row:
    """One claim of a list, with the enterprise's name."""

    claim: Claim
    company: str
    leaf: int
    busy: bool


def money(desk: Desk) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    _notice(router, desk)
    _claims(router, desk)
    _payments(router, desk)
    return router


def _notice(router: APIRouter, desk: Desk) -> None:
    anybody: object = Depends(desk.site.open_to_all)

    @router.get("/notice")
    def notice(request: Request, _session: object = anybody) -> Response:
        known = {policy.id: policy for policy, _ in desk.policies.store.policies()}
        rows = _rows(desk, [kept for kept in desk.policies.store.claims() if kept.claim.state in ON_NOTICE])
        columns: list[Column[Row]] = [
            Column("company", N_("企业"), lambda row: row.company, searched=True),
            Column("policy", N_("政策"), lambda row: desk.words(request, known[row.claim.policy].title), searched=True),
            Column(
                "amount", N_("拟奖补金额（元）"), lambda row: exact(row.claim.amount_fen), shown=lambda row: yuan(row.claim.amount_fen), number=True
            ),
            Column("ends", N_("公示截止"), lambda row: day(row.claim.notice_ends)),
            Column("state", N_("状态"), lambda row: desk.words(request, STATES[row.claim.state])),
        ]
        listing = Listing("notice", columns, "company")
        file = listing.file(rows, request.query_params, desk.site.translator(request))
        return file or desk.site.page(request, "policies/notice.html.j2", shown=listing.show(rows, request.query_params))


def _claims(router: APIRouter, desk: Desk) -> None:
    site, policies = desk.site, desk.policies
    reading: Session = Depends(site.signed_in(*LIST_READERS))
    deciding: Session = Depends(site.signed_in(AUTHORITY))
    checked: Form = Depends(site.form)

    @router.get("/policies/{policy}/claims")
    def claims(request: Request, policy: Name, session: Session = reading) -> Response:
        known, _ = policies.store.policy(policy)
        site.views.seen(session.person, f"/policies/{policy}/claims")
        covered = {item.subject for item in desk.named(session.person, [kept.claim.subject for kept in policies.store.claims(policy=policy)])}
        rows = _rows(desk, [kept for kept in policies.store.claims(policy=policy) if kept.claim.subject in covered])
        listing = Listing("claims", _columns(desk, request), "company")
        file = listing.file(rows, request.query_params, site.translator(request))
        return file or site.page(request, "policies/claims.html.j2", shown=listing.show(rows, request.query_params), policy=known)

    @router.get("/claims/{claim}")
    def one(request: Request, claim: CLAIM_ID, session: Session = reading) -> Response:
        kept = policies.store.claim(claim)
        enterprise = desk.enterprise(session.person, kept.claim.subject)
        site.views.seen(session.person, "/claims", kept.claim.subject)
        known, _ = policies.store.policy(kept.claim.policy)
        open_steps = [name for name in BY_HAND if kept.claim.state in CLAIM_STEPS[name].after and BY_AUTHORITY in CLAIM_STEPS[name].by]
        return site.page(
            request, "policies/claim.html.j2", kept=kept, claim=kept.claim, enterprise=enterprise, policy=known, states=STATES,
            open_steps=open_steps if AUTHORITY in session.person.roles and not kept.busy else [],
        )  # fmt: skip

    @router.post("/claims/{claim}")
    def step(claim: CLAIM_ID, session: Session = deciding, form: Form = checked) -> Response:
        name = form.one("step")
        if name not in BY_HAND:
            raise PolicyFormatError(f"an official's step is one of {', '.join(BY_HAND)}")
        policies.desk.step(claim, name, session.person.name, form.one("note").strip()[:500])
        policies.courier.drain(SHOWN_S)
        return RedirectResponse(f"/claims/{claim}", 303)

    @router.post("/policies/{policy}/{action}-all")
    def act(policy: Name, action: str, session: Session = deciding, form: Form = checked) -> Response:
        if action not in ACTIONS:
            raise PolicyFormatError(f"what is done for all is one of {', '.join(ACTIONS)}")
        ACTIONS[action](policies.desk, policy, session.person.name)
        return RedirectResponse(f"/policies/{policy}", 303)


def _payments(router: APIRouter, desk: Desk) -> None:
    site, policies = desk.site, desk.policies
    paying: Session = Depends(site.signed_in(AUTHORITY))
    checked: Form = Depends(site.form)
    uploaded: Upload = Depends(upload_of(site))

    @router.get("/payments")
    def payments(request: Request, session: Session = paying) -> Response:
        known = [policy for policy, review in policies.store.policies() if review.in_force]
        balances = [(policy, policies.desk.balance(policy.id)) for policy in known]
        titles = {policy.id: policy.title for policy in known}
        files = [_batch(desk, item, titles.get(item.policy)) for item in policies.store.files()]
        return site.page(
            request, "policies/payments.html.j2", balances=balances, files=files, sending=len(policies.store.sendings()), me=session.person.name
        )

    @router.get("/payments/{file}.csv")
    def bank_file(file: FILE_ID, _session: Session = paying) -> Response:
        content = policies.desk.bank_file(file).content
        return Response(content, media_type="text/csv; charset=utf-8", headers={"content-disposition": f'attachment; filename="{file}.csv"'})

    @router.post("/payments/{file}")
    def decide(file: FILE_ID, session: Session = paying, form: Form = checked) -> Response:
        if form.one("act") == "release":
            policies.desk.release(file, session.person.name, differing_seen=form.one("differing") == "seen")
        elif form.one("act") == "withdraw":
            policies.desk.withdraw(file)
        else:
            raise PolicyFormatError("a proposed file is released or withdrawn")
        policies.courier.drain(SHOWN_S)
        return RedirectResponse("/payments", 303)

    @router.post("/payments/{file}/answer")
    def answer(file: FILE_ID, session: Session = paying, upload: Upload = uploaded) -> Response:
        policies.desk.answer(file, upload.content, session.person.name)
        policies.courier.drain(SHOWN_S)
        return RedirectResponse("/payments", 303)


@dataclass(frozen=True, slots=True)
class Line:
    """One order: the account, the enterprise's name and code in the register, whether the holder's name is another, fen."""

    payee: Payee
    registered: str
    differs: bool
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Batch:
    """A bank file on the page: its orders, first those in another name than the register has, with number and sum of all; ``differing``:
    how many are in another name."""

    file: BankFile
    title: Title | None
    released: bool
    lines: Sequence[Line]
    differing: int
    count: int
    sum_fen: int


def _batch(desk: Desk, file: BankFile, title: Title | None) -> Batch:
    known = {item.claim.id: item.claim for item in desk.policies.store.claims(policy=file.policy)}
    claims = [known[name] for name in bank_files.ordered(file.content)]
    registered, differing = desk.policies.matching.enterprises(), set(desk.policies.desk.differing(file))
    lines = [
        Line(
            claim.payee,
            "–" if (found := registered.get(claim.subject)) is None else f"{found.company} {found.uscc}",
            claim.id in differing,
            claim.amount_fen,
        )
        for claim in sorted(claims, key=lambda claim: claim.id not in differing)[:MOST_LINES_SHOWN]
        if claim.payee is not None
    ]
    return Batch(file, title, desk.policies.desk.released(file), lines, len(differing), len(claims), sum(claim.amount_fen for claim in claims))


def _columns(desk: Desk, request: Request) -> list[Column[Row]]:
    return [
        Column("company", N_("企业"), lambda row: row.company, link=lambda row: f"/claims/{row.claim.id}", searched=True),
        Column("amount", N_("金额（元）"), lambda row: exact(row.claim.amount_fen), shown=lambda row: yuan(row.claim.amount_fen), number=True),
        Column("state", N_("状态"), lambda row: desk.words(request, STATES[row.claim.state]), searched=True),
        Column("since", N_("更新时间"), lambda row: when(row.claim.history[-1].at)),
        Column("leaf", N_("日志条目"), lambda row: row.leaf, number=True),
    ]


def _rows(desk: Desk, kept: Sequence[Kept]) -> list[Row]:
    known = desk.policies.matching.enterprises()
    named = {subject: item.company for subject, item in known.items()}
    return [Row(item.claim, named.get(item.claim.subject, "–"), item.leaf, item.busy) for item in kept]
