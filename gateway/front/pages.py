"""The gateway's site: which of its paths are pages, and the first of them."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Depends, Request
from sqlalchemy import Engine
from starlette.responses import Response

from gateway.public import Public
from nodes.runtime.clock import Clock
from nodes.runtime.pages.entrance import entrance
from nodes.runtime.pages.language import N_
from nodes.runtime.pages.site import Site
from scoring.statements import Title

PROGRAMS = ("/v1/", "/log/", "/healthz", "/readyz", "/metrics", "/openapi.json")
STATES = {"OPEN": N_("进行中"), "CLOSED": N_("已截止，待发布"), "RELEASED": N_("已发布")}


def gateway_site(member: str, title: Title, engine: Engine, now: Clock, secret: bytes = b"") -> Site:
    """The site of a gateway, to which each application adds its part. ``title``: the zone's; ``secret``: as in ``Site``."""
    site = Site(member, title, engine, now, is_page=is_page, secret=secret)
    site.use("front", Path(__file__).parent)
    site.entry("/", N_("首页"), public=True)
    return site


def is_page(path: str) -> bool:
    """Whether a path of the gateway is for people."""
    return not path.startswith(PROGRAMS)


def front(site: Site, public: Public) -> APIRouter:
    """The first page, and the way in and out."""
    router = APIRouter(include_in_schema=False)
    router.include_router(entrance(site))
    anybody: object = Depends(site.open_to_all)

    @router.get("/")
    def home(request: Request, _session: object = anybody) -> Response:
        return site.page(request, "front/home.html.j2", epochs=public.epochs()[::-1], states=STATES, products=public.products())

    return router
