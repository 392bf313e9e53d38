"""The way in with a name and a password, and the way out [W2, W3]."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import RedirectResponse, Response

from nodes.errors import FormError, RateLimitedError, SignInError
from nodes.runtime import logging
from nodes.runtime.pages.accounts import Person
from nodes.runtime.pages.forms import Form, read_form
from nodes.runtime.pages.language import N_
from nodes.runtime.pages.sessions import IDLE_S
from nodes.runtime.pages.site import SIGN_IN, Site, local
from nodes.runtime.peers.limits import RateLimit

TRIES_PER_MINUTE = 12  # of one name, in bursts of two; half of what all together may goes to one address at most
TRIES_OF_ADDRESS, TRIES_OF_ALL = 30, 60
SIGNED_IN, SIGN_IN_REFUSED = "page.signed_in", "page.sign_in_refused"
_log = logging.logger("pages")
_WRONG = N_("姓名或密码不对。")
_HASTY = N_("尝试过多，请稍后再试。")


class Attempts:
    """How often somebody may try to sign in; a right password is not counted."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._each, self._from = RateLimit(TRIES_PER_MINUTE, monotonic), RateLimit(TRIES_OF_ADDRESS, monotonic)
        self._all = RateLimit(TRIES_OF_ALL, monotonic)

    def begin(self, name: str, address: str) -> None:
        """Count one. Raises RateLimitedError when there were too many wrong ones, from this address, of this name or of all: what one
        address may is taken first, so that nobody uses up by himself what all may."""
        self._from.take(address)
        self._all.take("")
        self._each.take(name)

    def succeeded(self, name: str, address: str) -> None:
        """Take back what ``begin`` counted."""
        self._from.charge(address, -1)
        self._all.charge("", -1)
        self._each.charge(name, -1)


class Visitors:
    """Strangers before a sign-in page: a form from elsewhere does not sign a browser in as somebody else."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def form(self, visitor: str) -> str:
        """What the form of this visitor carries; ``visitor`` is random and comes back in a cookie."""
        return hmac.digest(self._secret, visitor.encode(), "sha256").hex()

    def check(self, visitor: str, form: str) -> None:
        """Returns when a form is the one that this visitor was given. Raises FormError."""
        if not visitor or not hmac.compare_digest(self.form(visitor).encode(), form.encode()):
            raise FormError("open the sign-in page again")


def entrance(site: Site, attempts: Attempts | None = None, check: Callable[[str, str], Person] | None = None) -> APIRouter:
    """The sign-in page for people with passwords, and the way out for everybody. ``check`` gives the person whose name and password these are,
    or raises SignInError; by default the accounts'."""
    router, visitors, tries = APIRouter(include_in_schema=False), Visitors(site.secret), attempts or Attempts()
    sent: Form = Depends(read_form)
    checked: Form = Depends(site.form)

    def asking(request: Request, fault: str = "", status: int = 200, goal: str = "") -> Response:
        visitor = secrets.token_urlsafe(32)
        answer = site.page(request, "sign_in.html.j2", status, form=visitors.form(visitor), fault=fault, goal=goal)
        answer.set_cookie(f"{site.cookie}-visitor", visitor, max_age=IDLE_S, path="/", secure=True, httponly=True, samesite="strict")
        return answer

    @router.get(SIGN_IN)
    def sign_in_page(request: Request, goal: Annotated[str, Query(alias="next")] = "") -> Response:
        return asking(request, goal=goal)

    @router.post(SIGN_IN)
    def sign_in(request: Request, form: Form = sent) -> Response:
        visitors.check(request.cookies.get(f"{site.cookie}-visitor", ""), form.one("form"))
        name, goal = form.one("name"), form.one("next")
        address = request.client.host if request.client else ""
        try:
            tries.begin(name, address)
            person = (check or site.accounts.check)(name, form.one("password"))
        except SignInError:
            _log.warning(SIGN_IN_REFUSED)  # not with what was typed: it may be a password
            return asking(request, site.text(request, _WRONG), 401, goal)
        except RateLimitedError:
            return asking(request, site.text(request, _HASTY), 429, goal)
        tries.succeeded(name, address)
        _log.info(SIGNED_IN, person=name)
        return site.welcome(RedirectResponse(local(goal, site.home), 303), site.sessions.begin(person))

    @router.post("/sign-out")
    def sign_out(request: Request, form: Form = checked) -> Response:
        return site.farewell(request, RedirectResponse(SIGN_IN, 303))

    return router
