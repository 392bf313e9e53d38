"""The enterprises' pages as one application, on an address of their own: the staff's interface is another one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fastapi import Depends, FastAPI, Request
from starlette.responses import Response

from nodes.enterprise.entrance.pages import Doors, add_entrance
from nodes.enterprise.portal.context import Portal, Visitor
from nodes.enterprise.portal.declarations import add_declarations
from nodes.enterprise.portal.facts import add_facts
from nodes.enterprise.portal.given import add_given
from nodes.enterprise.portal.home import PART, add_home
from nodes.runtime.pages.accounts import ENTERPRISE
from nodes.runtime.pages.language import N_, when
from nodes.runtime.pages.listing import Column, Listing
from nodes.runtime.pages.views import View
from nodes.runtime.peers.limits import RateLimit
from nodes.runtime.web import problems
from nodes.runtime.web.bounds import Bounds


def create_pages(portal: Portal, doors: Doors, origin: str, limit: RateLimit, add_applications: Callable[[FastAPI], None]) -> FastAPI:
    """The ASGI application. ``origin``: under which browsers see it; ``limit``: of calls of one address; ``add_applications`` adds the pages of
    the other packages."""
    app = FastAPI(title="Xinqiao enterprise pages", version="1", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    problems.install(app)
    portal.site.use(PART, Path(__file__).parent)
    add_home(app, portal)
    add_applications(app)
    add_given(app, portal)
    add_facts(app, portal)
    add_declarations(app, portal)
    _add_looked(app, portal)
    add_entrance(app, doors)
    portal.site.install(app, hosts=(origin.partition("://")[2],))
    portal.lead_to_start(app)
    app.add_middleware(Bounds, take=limit.take)

    @app.get("/healthz")
    def health() -> dict[str, str]:
        """The process runs."""
        return {"status": "ok"}

    return app


def _add_looked(app: FastAPI, portal: Portal) -> None:
    site = portal.site
    site.entry("/looked", N_("查阅记录"), ENTERPRISE)
    mine: Visitor = Depends(portal.visitor("views"))

    @app.get("/looked")
    def views(request: Request, visitor: Visitor = mine) -> Response:
        """Who looked at what of the enterprise."""
        rows, listing = site.views.of(visitor.uscc), looked(site.translator(request, PART), visitor.session.person.name)
        file = listing.file(rows, request.query_params, site.translator(request))
        return file or site.page(request, f"{PART}/looked.html.j2", shown=listing.show(rows, request.query_params))


PAGES = {
    "portrait": N_("画像"),
    "portraits": N_("画像"),
    "indicators": N_("各项积分"),
    "advice": N_("怎样提高总积分"),
    "market": N_("金融产品"),
    "loans": N_("申请与贷款"),
    "loan step": N_("办理贷款"),
    "policies": N_("政策比对"),
    "policy step": N_("办理政策"),
    "publications": N_("榜单与公寓"),
    "publication word": N_("答复榜单与公寓"),
    "consents": N_("授权"),
    "consent": N_("新授权"),
    "received": N_("谁获得了什么"),
    "credentials": N_("向外区出示积分"),
    "values": N_("数据核对"),
    "values of a department": N_("核对一个部门的数据"),
    "customs": N_("通关"),
    "views": N_("查阅记录"),
}
"""Views as they are written down -> what people call them. Files have the former."""


def looked(translated: Callable[[str], str], reader: str) -> Listing[View]:
    """The list of views as ``reader`` sees it, in the reader's language."""

    def who(row: View) -> str:
        if row.person == reader:
            return translated(N_("本人"))
        return translated(N_("工作人员")) if row.person == "staff" else row.person

    columns: tuple[Column[View], ...] = (
        Column("time", N_("时间"), lambda row: when(row.time)),
        Column("person", N_("查阅人"), lambda row: row.person, who, searched=True),
        Column("page", N_("查阅页面"), lambda row: row.page, lambda row: translated(PAGES.get(row.page or "", row.page or "")), searched=True),
    )
    return Listing("views", columns, "-time")
