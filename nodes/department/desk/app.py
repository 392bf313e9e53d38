"""The department's page as one application: its parts put together, and how its errors look to people and to programs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from nodes.contributing.four_eyes.book import FourEyes
from nodes.contributing.four_eyes.people import People
from nodes.department.desk.api import add_api
from nodes.department.desk.entrance import add_entrance
from nodes.department.desk.guard import Guard
from nodes.department.desk.intake import Intake
from nodes.department.desk.outgoing import Outgoing
from nodes.department.desk.pages import Pages, add_pages
from nodes.department.desk.sessions import Doorkeeper
from nodes.department.desk.values import add_values
from nodes.department.values.settling import Settling
from nodes.errors import NodeError, SignInError
from nodes.runtime.web import problems
from nodes.runtime.web.bounds import Bounds
from scoring.errors import ScoringError

Handler = Callable[[Request, Exception], Response]


def create_app(
    member: str,
    people: People,
    four_eyes: FourEyes,
    outgoing: Outgoing,
    intake: Intake,
    settling: Settling,
    monotonic: Callable[[], float] = time.monotonic,
) -> FastAPI:
    """The ASGI application of one department's page. Nothing but the sign-in page, its style and the health answer is for strangers."""
    app = FastAPI(title="Xinqiao department", version="1", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    problems.install(app)
    pages = Pages(member)
    for kind in (NodeError, ScoringError, problems.Refused, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _shown(pages, cast(Handler, app.exception_handlers[kind])))
    doorkeeper = Doorkeeper(people, monotonic)
    add_api(app, doorkeeper, four_eyes, outgoing)
    add_entrance(app, pages, doorkeeper)
    add_pages(app, pages, doorkeeper, four_eyes, outgoing, intake)
    add_values(app, pages, doorkeeper, settling)
    app.add_middleware(Guard)
    app.add_middleware(Bounds)

    @app.get("/healthz")
    def health() -> dict[str, str]:
        """The process runs."""
        return {"status": "ok"}

    return app


def _shown(pages: Pages, otherwise: Handler) -> Handler:
    """A handler that shows an error as a page, but to programs as ``otherwise`` does; who is not signed in is led to the sign-in page."""

    def handle(request: Request, error: Exception) -> Response:
        if request.url.path.startswith(("/api/", "/healthz")):
            return otherwise(request, error)
        if isinstance(error, SignInError) and request.url.path != "/sign-in":
            return RedirectResponse("/sign-in", 303)
        problem = otherwise(request, error)
        return pages.error(problem, bytes(problem.body))

    return handle
