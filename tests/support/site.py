"""A site of pages for tests: a real application over a real database, and people who are signed in."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from nodes.runtime.pages.accounts import Person
from nodes.runtime.pages.entrance import entrance
from nodes.runtime.pages.site import Site
from nodes.runtime.web import problems
from scoring.statements import Title
from tests.support.databases import database_in

PASSWORD = "correct horse 电池 staple"
BASE = "https://127.0.0.1:8443"


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now: int = 1_764_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def site_in(directory: Path, clock: Clock, *people: Person) -> tuple[Site, FastAPI]:
    """A site with accounts for ``people`` and its application, to which a test adds routes."""
    site = Site("authority", Title(zh="测试站", en="Test site"), database_in(directory, "pages"), clock)
    for person in people:
        site.accounts.add(person, PASSWORD)
    app = FastAPI(openapi_url=None)
    problems.install(app)
    app.include_router(entrance(site))
    site.install(app, hosts=(BASE.removeprefix("https://"),))
    return site, app


def browser_at(app: FastAPI) -> TestClient:
    """A client that behaves as a browser: keeps cookies, follows nothing by itself."""
    return TestClient(app, BASE, headers={"accept": "text/html"}, follow_redirects=False, raise_server_exceptions=False)


def sign_in(client: TestClient, name: str, password: str = PASSWORD) -> Response:
    """Sign in by the page's own form."""
    answer: Response = client.post("/sign-in", data={"name": name, "password": password, "next": "", "form": form_of(client.get("/sign-in").text)})
    return answer


def form_of(page: str) -> str:
    """The word that the forms of a page carry."""
    found = re.search(r'name="form" value="([^"]+)"', page)
    assert found is not None
    return found[1]
