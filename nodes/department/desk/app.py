"""The department's page as one application: its parts put together on the pages that every process has [W]."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from sqlalchemy import Engine

from nodes.contributing.four_eyes.book import FourEyes
from nodes.contributing.four_eyes.people import People
from nodes.department.desk.api import api
from nodes.department.desk.intake import Intake
from nodes.department.desk.outgoing import Outgoing
from nodes.department.desk.pages import PAGES, pages
from nodes.department.desk.persons import Doorkeeper
from nodes.department.desk.values import value_pages
from nodes.department.values.settling import Settling
from nodes.runtime.clock import Clock
from nodes.runtime.pages.entrance import Attempts, entrance
from nodes.runtime.pages.site import Site
from nodes.runtime.web import problems
from nodes.runtime.web.bounds import Bounds
from nodes.runtime.web.server import WebServer
from scoring.statements import Title

PROGRAMS = ("/api/", "/healthz")
HOME = "/outgoing"


def create_app(
    member: str,
    title: Title,
    engine: Engine,
    people: People,
    four_eyes: FourEyes,
    outgoing: Outgoing,
    intake: Intake,
    settling: Settling,
    now: Clock,
    attempts: Attempts | None = None,
) -> FastAPI:
    """The ASGI application of one department's page; ``engine``: of its sessions and views. Nothing but the sign-in page, its files and the health
    answer is for strangers."""
    app = FastAPI(title="Xinqiao department", version="1", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    problems.install(app)
    attempts = attempts or Attempts()
    doorkeeper = Doorkeeper(people, attempts)
    site = Site(member, title, engine, now, present=doorkeeper.present, is_page=lambda path: not path.startswith(PROGRAMS), home=HOME)
    site.use("desk", Path(__file__).parent)
    for path, text in PAGES:
        site.entry(path, text)
    app.include_router(api(site, doorkeeper, four_eyes, outgoing))
    app.include_router(entrance(site, attempts, doorkeeper.check))
    app.include_router(pages(site, doorkeeper, four_eyes, outgoing, intake))
    app.include_router(value_pages(site, doorkeeper, settling))
    site.install(app, all_paths=True)
    app.add_middleware(Bounds)

    @app.get("/healthz")
    def health() -> dict[str, str]:
        """The process runs."""
        return {"status": "ok"}

    return app


def served(page: FastAPI, listen: str) -> WebServer:
    """What serves ``page`` at an address of this machine. Raises SettingsError when that is none, or taken."""
    return WebServer(page, listen)
