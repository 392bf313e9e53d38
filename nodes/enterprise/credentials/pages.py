"""The page on which an enterprise shows a score to another zone, and sees to whom it did [F15, Q4]."""

from __future__ import annotations

from pathlib import Path

from fastapi import Depends, FastAPI, Request
from starlette.responses import RedirectResponse, Response

from nodes.enterprise.credentials.desk import CredentialDesk
from nodes.enterprise.portal.context import Portal, Visitor
from nodes.runtime.pages.accounts import ENTERPRISE
from nodes.runtime.pages.language import N_
from nodes.runtime.pages.uploads import Upload, upload_of

PART, PATH = "credentials", "/credentials"


def add_credentials(app: FastAPI, portal: Portal, desk: CredentialDesk) -> None:
    """Add the page, where the service knows another zone."""
    site = portal.site
    site.use(PART, Path(__file__).parent)
    if not desk.zones:
        return
    site.entry(PATH, N_("外区出示"), ENTERPRISE)
    mine: Visitor = Depends(portal.visitor("credentials"))
    sent: Upload = Depends(upload_of(site))

    @app.get(PATH)
    def shown(request: Request, visitor: Visitor = mine) -> Response:
        zones = {name: zone.title for name, zone in sorted(desk.zones.items())}
        return site.page(request, f"{PART}/credentials.html.j2", zones=zones, shown=desk.store.of(visitor.uscc))

    @app.post(PATH)
    def show(visitor: Visitor = mine, file: Upload = sent) -> Response:
        desk.show(visitor.uscc, file.content, file.form.one("zone"))
        return RedirectResponse(PATH, 303)
