"""The page of what peer zones let this one have: by zone, each item with its origin, to be read and taken away by officials [F18]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from gateway.recognition.peers import Peer, Peers
from gateway.sharing.received import Received, content_of, received
from nodes.runtime.pages.accounts import AUDITOR, AUTHORITY, OFFICERS
from nodes.runtime.pages.language import N_, own
from nodes.runtime.pages.listing import Column, Listing
from nodes.runtime.pages.sessions import Session
from nodes.runtime.pages.site import Site
from scoring.statements import Name

READERS = (AUTHORITY, *OFFICERS, AUDITOR)
PATH = "/shared"
KINDS = {"models": N_("指标体系"), "catalog": N_("金融产品"), "policies": N_("惠企政策"), "statistics": N_("已公布统计")}
DIGEST = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


def pages(site: Site, peers: Peers, approved: Callable[[], Mapping[str, Peer]]) -> APIRouter:
    """The page as a part of the gateway's site. ``approved``: the peer zones whose word counts here."""
    site.use("sharing", FilePath(__file__).parent)
    site.entry(PATH, N_("外区共享"), *READERS)
    router = APIRouter(include_in_schema=False)
    reader: Session = Depends(site.signed_in(*READERS))

    @router.get(PATH)
    def listed(request: Request, session: Session = reader) -> Response:
        rows = received(peers, approved())
        listing = _listing(site, request)
        file = listing.file(rows, request.query_params, site.translator(request, "sharing"))
        return file or site.page(request, "sharing/list.html.j2", shown=listing.show(rows, request.query_params))

    @router.get(PATH + "/{zone}/{digest}")
    def one(zone: Name, digest: DIGEST, session: Session = reader) -> Response:
        """The item's exact bytes, named after the zone that they are of."""
        item = content_of(peers, approved(), zone, digest)
        media, ending = ("application/yaml", "yaml") if item.kind == "models" else ("application/json", "json")
        name = f"{item.origin}-{item.kind}-{item.name.replace('/', '-')}.{ending}"
        return Response(item.content, media_type=media, headers={"content-disposition": f'attachment; filename="{name}"'})

    return router


def _listing(site: Site, request: Request) -> Listing[Received]:
    language = site.language(request)
    columns: tuple[Column[Received], ...] = (
        Column("name", N_("名称"), lambda row: row.name, link=lambda row: f"{PATH}/{row.zone}/{row.digest}", searched=True),
        Column("origin", N_("来源高新区"), lambda row: f"{own(row.title, language)} ({row.zone})", searched=True),
        Column("kind", N_("类别"), lambda row: site.text(request, KINDS.get(row.kind, row.kind), "sharing"), searched=True),
        Column("sequence", N_("序号"), lambda row: row.sequence, number=True),
        Column("digest", N_("摘要"), lambda row: row.digest[:16], searched=True),
    )
    return Listing("shared", columns, "origin")
