"""What strangers meet of the department's page: the sign-in page, its style; and the way out."""

from __future__ import annotations

import secrets
from pathlib import Path

from fastapi import Depends, FastAPI, Request
from starlette.responses import RedirectResponse, Response

from nodes.department.desk.forms import one, read_form
from nodes.department.desk.pages import Pages
from nodes.department.desk.sessions import IDLE_S, Doorkeeper, check_form
from nodes.errors import RateLimitedError, SignInError

STYLE = Path(__file__).parent / "static" / "desk.css"


def add_entrance(app: FastAPI, pages: Pages, doorkeeper: Doorkeeper) -> None:
    """Add the routes that need no session, and the one that ends it."""
    style = STYLE.read_bytes()
    sent: dict[str, list[str]] = Depends(read_form)

    @app.get("/favicon.ico", status_code=204)
    def icon() -> Response:
        return Response(status_code=204)

    @app.get("/static/desk.css")
    def stylesheet() -> Response:
        return Response(style, media_type="text/css", headers={"cache-control": "no-store"})

    @app.get("/sign-in")
    def sign_in_page() -> Response:
        return _sign_in_page(pages, doorkeeper, "")

    @app.post("/sign-in")
    def sign_in(request: Request, form: dict[str, list[str]] = sent) -> Response:
        doorkeeper.check_visitor(request.cookies.get(f"{pages.cookie}-visitor", ""), one(form, "form"))
        try:
            token = doorkeeper.sign_in(one(form, "name"), one(form, "password"))
        except SignInError:
            return _sign_in_page(pages, doorkeeper, "姓名或密码不对。 No such person, or another password.", 401)
        except RateLimitedError as error:
            wait = f"尝试过多，请 {error.retry_after_s:.0f} 秒后再试。 Too many attempts: try again in {error.retry_after_s:.0f} s."
            return _sign_in_page(pages, doorkeeper, wait, 429)
        answer = RedirectResponse("/outgoing", 303)
        answer.set_cookie(pages.cookie, token, path="/", secure=True, httponly=True, samesite="strict")
        return answer

    @app.post("/sign-out")
    def sign_out(request: Request, form: dict[str, list[str]] = sent) -> Response:
        token = request.cookies.get(pages.cookie, "")
        check_form(doorkeeper.session(token), one(form, "form"))
        doorkeeper.sign_out(token)
        answer = RedirectResponse("/sign-in", 303)
        answer.delete_cookie(pages.cookie, path="/", secure=True, httponly=True, samesite="strict")
        return answer


def _sign_in_page(pages: Pages, doorkeeper: Doorkeeper, fault: str, status: int = 200) -> Response:
    visitor = secrets.token_urlsafe(32)
    answer = pages.page("sign_in.html.j2", None, status=status, form=doorkeeper.visitor_form(visitor), fault=fault)
    answer.set_cookie(f"{pages.cookie}-visitor", visitor, max_age=int(IDLE_S), path="/", secure=True, httponly=True, samesite="strict")
    return answer
