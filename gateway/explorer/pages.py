"""The explorer's pages. Open to everybody: they show what the public log shows. Envelopes are for the zone's auditors and authority [X1–X4]."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from crypto.checkpoint import witness_times
from crypto.notes import parse_vkey
from gateway.explorer.index import PAGE, Asked, LeafIndex, LeafRow
from gateway.explorer.proofs import Prover, drawing, drawing_height
from gateway.explorer.upload import read_receipt
from gateway.explorer.words import KINDS, REASONS
from nodes.errors import NotFoundError
from nodes.evidence.receipt import verify_receipt
from nodes.evidence.roots import Roots
from nodes.runtime.clock import Clock
from nodes.runtime.pages.accounts import AUDITOR, AUTHORITY
from nodes.runtime.pages.language import N_, when
from nodes.runtime.pages.listing import Cell, csv_bytes, xlsx_bytes
from nodes.runtime.pages.sessions import Session
from nodes.runtime.pages.site import Site
from nodes.runtime.peers.limits import RateLimit
from nodes.runtime.replica.zone import Zone
from scoring.errors import ReceiptError

COSTLY_PER_MINUTE = 60  # receipts and files, of everybody together: each is some tenths of a second of computing, and anybody may ask
MOST_IN_FILE = 10_000
_DIGEST = re.compile(r"[0-9a-f]{1,64}")
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_HEADER = (N_("条目序号"), N_("种类"), N_("成员"), N_("时间"), N_("摘要"))


@dataclass(frozen=True)
class Explorer:
    """What the pages use. ``envelope``: the logged envelope of a leaf, from the process's own verified copy; ``roots``: the pinned ones."""

    site: Site
    zone: Zone
    index: LeafIndex
    prover: Prover
    roots: Callable[[], Roots]
    envelope: Callable[[int], bytes]
    now: Clock
    limit: RateLimit


@dataclass(frozen=True, slots=True)
class Search:
    """A page of leaves as an address asks for it; what it asks in vain is passed over."""

    asked: Asked
    page: int
    rising: bool
    refused: bool

    @classmethod
    def of(cls, words: dict[str, str], kinds: dict[str, int]) -> Search:
        """From the words of an address."""
        digest, page = words.get("digest", "").strip().lower(), words.get("page", "1")
        kind = words.get("kind", "") if words.get("kind", "") in kinds else ""
        good = not digest or _DIGEST.fullmatch(digest) is not None
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 9 else 1
        return cls(Asked(kind, digest if good else ""), max(1, number), words.get("sort", "") == "index", not good)


def routes(explorer: Explorer) -> APIRouter:
    """All pages of the explorer."""
    router, site = APIRouter(include_in_schema=False), explorer.site
    anybody: Session | None = Depends(site.open_to_all)
    entitled: Session = Depends(site.signed_in(AUDITOR, AUTHORITY))
    sent: bytes = Depends(read_receipt)
    number: int = Path(ge=0, le=1 << 62)

    @router.get("/explorer")
    def leaves(request: Request, _session: object = anybody) -> Response:
        return _leaves(explorer, request)

    @router.get("/explorer/leaves/{index}")
    def leaf(request: Request, index: int = number, session: Session | None = anybody) -> Response:
        return _leaf(explorer, request, index, session)

    @router.get("/explorer/leaves/{index}/leaf.json")
    def leaf_bytes(index: int = number) -> Response:
        return _download(_row(explorer, index).leaf, f"leaf-{index}.json", "application/json")

    @router.get("/explorer/leaves/{index}/proof.tlog-proof")
    def proof_bytes(index: int = number) -> Response:
        row, note = _row(explorer, index), explorer.index.head()[1]
        return _download(explorer.prover.inclusion(index, row.leaf, note, _vkey(explorer))[1], f"leaf-{index}.tlog-proof", "text/plain")

    @router.get("/explorer/leaves/{index}/envelope.dsse.json")
    def envelope_bytes(request: Request, index: int = number, session: Session = entitled) -> Response:
        _row(explorer, index)
        site.views.seen(session.person, f"/explorer/leaves/{index}/envelope.dsse.json")
        return _download(explorer.envelope(index), f"leaf-{index}.dsse.json", "application/json")

    @router.get("/explorer/consistency")
    def consistency(request: Request, _session: object = anybody) -> Response:
        return _consistency(explorer, request)

    @router.get("/explorer/witnesses")
    def witnesses(request: Request, _session: object = anybody) -> Response:
        return _witnesses(explorer, request)

    @router.get("/explorer/receipt")
    def receipt_form(request: Request, _session: object = anybody) -> Response:
        return site.page(request, "explorer/receipt.html.j2", found=None, refused=None)

    @router.post("/explorer/receipt")
    def receipt(request: Request, data: bytes = sent, _session: object = anybody) -> Response:
        return _judged(explorer, request, data)

    return router


def _leaves(explorer: Explorer, request: Request) -> Response:
    kinds = explorer.index.kinds()
    search = Search.of(dict(request.query_params), kinds)
    form = request.query_params.get("format", "")
    if form in {"csv", "xlsx"}:
        explorer.limit.take("")
        translate = explorer.site.translator(request)
        rows = explorer.index.leaves(search.asked, 1, search.rising, MOST_IN_FILE)
        header = [translate(title) for title in _HEADER]
        body: list[list[Cell]] = [[row.index, row.kind, row.actor, when(row.time), row.digest] for row in rows]
        content, media = (csv_bytes(header, body), "text/csv; charset=utf-8") if form == "csv" else (xlsx_bytes(header, body), _XLSX)
        return _download(content, f"leaves.{form}", media)
    total = explorer.index.count(search.asked)
    pages = max(1, -(-total // PAGE))
    page = min(search.page, pages)
    rows = explorer.index.leaves(search.asked, page, search.rising)
    return explorer.site.page(
        request,
        "explorer/leaves.html.j2",
        rows=rows,
        total=total,
        page=page,
        pages=pages,
        kinds=kinds,
        words=KINDS,
        search=search,
        size=sum(kinds.values()),
    )


def _leaf(explorer: Explorer, request: Request, index: int, session: Session | None) -> Response:
    row, note = _row(explorer, index), explorer.index.head()[1]
    proof, _ = explorer.prover.inclusion(index, row.leaf, note, _vkey(explorer))
    entitled = session is not None and bool(session.person.roles & {AUDITOR, AUTHORITY})
    return explorer.site.page(
        request,
        "explorer/leaf.html.j2",
        row=row,
        words=KINDS,
        proof=proof,
        picture=drawing(proof, f"leaf {index}"),
        height=drawing_height(proof),
        entitled=entitled,
    )


def _consistency(explorer: Explorer, request: Request) -> Response:
    size, word = explorer.index.size(), request.query_params.get("earlier", "")
    earlier = int(word) if word.isascii() and word.isdigit() and len(word) < 12 else -1
    if not 0 < earlier <= size:
        return explorer.site.page(request, "explorer/consistency.html.j2", proof=None, size=size, asked_for=word, picture="", height=0)
    proof = explorer.prover.consistency(earlier, explorer.index.head()[1], _vkey(explorer))
    picture = drawing(proof, "∙")
    return explorer.site.page(
        request, "explorer/consistency.html.j2", proof=proof, size=size, asked_for=str(earlier), picture=picture, height=drawing_height(proof)
    )


def _witnesses(explorer: Explorer, request: Request) -> Response:
    genesis, note = explorer.zone.genesis, explorer.index.head()[1]
    times = witness_times(note, genesis.witness_policy.witnesses) if note else {}
    now, policy = explorer.now(), genesis.witness_policy
    rows = [(parse_vkey(key).name, times.get(key), None if key not in times else max(0, now - times[key])) for key in policy.witnesses]
    size = explorer.index.size()
    enough = sum(age is not None for _, _, age in rows) >= policy.required
    return explorer.site.page(
        request, "explorer/witnesses.html.j2", rows=rows, policy=policy, size=size, enough=enough, note=note.decode() if note else ""
    )


def _judged(explorer: Explorer, request: Request, data: bytes) -> Response:
    explorer.limit.take("")
    try:
        found = verify_receipt(data, explorer.roots())
    except ReceiptError as error:
        words = explorer.site.text(request, REASONS[error.reason])
        return explorer.site.page(request, "explorer/receipt.html.j2", found=None, refused=(error.reason, words, str(error)))
    return explorer.site.page(request, "explorer/receipt.html.j2", found=found, refused=None)


def _row(explorer: Explorer, index: int) -> LeafRow:
    row = explorer.index.leaf(index)
    if row is None or index >= explorer.index.size():
        raise NotFoundError(f"the log has no leaf {index} yet")
    return row


def _vkey(explorer: Explorer) -> str:
    return explorer.zone.genesis.log_vkey


def _download(content: bytes, name: str, media: str) -> Response:
    return Response(content, media_type=media, headers={"content-disposition": f'attachment; filename="{name}"'})


def costly_limit() -> RateLimit:
    """How many receipts are verified and files made a minute."""
    return RateLimit(COSTLY_PER_MINUTE, time.monotonic)
