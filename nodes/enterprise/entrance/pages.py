"""The way in and out: to the identity provider and back, by a passkey; and a person's own passkeys [Q2, Q3]."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from fastapi import Depends, FastAPI, Request
from starlette.responses import RedirectResponse, Response

from nodes.enterprise.entrance.assertion import Attempt, Provider
from nodes.enterprise.entrance.attempts import LIFE_S, Awaited
from nodes.enterprise.entrance.passkeys import CHOOSING_S, MOST_PASSKEYS, Passkeys
from nodes.enterprise.entrance.representatives import Representatives
from nodes.errors import SignInError
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.pages.accounts import ENTERPRISE, Person
from nodes.runtime.pages.forms import Form, read_form
from nodes.runtime.pages.language import N_
from nodes.runtime.pages.sessions import Session
from nodes.runtime.pages.site import SIGN_IN, Site, local
from scoring.statements import Title

PART: Final = "entrance"
RETURN: Final = "/sign-in/return"
SIGNED_IN = "enterprise.signed_in"
_log = logging.logger("enterprise.entrance")
_PASSKEYS, _UNKNOWN = N_("通行密钥"), N_("没有这个通行密钥，或法定代表人已变更，或距上次身份认证过久：请使用身份认证平台登录。")


class Doors:
    """What the pages of the entrance use."""

    def __init__(self, site: Site, provider: Provider, title: Title, people: Representatives, passkeys: Passkeys, now: Clock) -> None:
        self.site, self.provider, self.title, self.people, self.passkeys, self.now = site, provider, title, people, passkeys, now
        self.sent_away: Awaited[tuple[Attempt, str]] = Awaited(now)

    def cookie(self, answer: Response, kind: str, word: str, life_s: int, *, lax: bool = False) -> Response:
        """Let the browser keep ``word``; ``lax``: it comes back with a browser that another site sends here."""
        answer.set_cookie(
            f"{self.site.cookie}-{kind}", word, max_age=life_s, path="/", secure=True, httponly=True, samesite="lax" if lax else "strict"
        )
        return answer

    def word(self, request: Request, kind: str) -> str:
        """What the browser kept."""
        return request.cookies.get(f"{self.site.cookie}-{kind}", "")

    def ways(self, request: Request, goal: str, status: int = 200, fault: str = "") -> Response:
        """The page with both ways in."""
        asked, goal = self.passkeys.begin_entering(), local(goal, self.site.home)
        away = "/sign-in/provider?" + urlencode({"next": goal})
        values = {"away": away, "provider": self.title, "options": asked.options, "goal": goal, "fault": fault}
        return self.cookie(self.site.page(request, f"{PART}/ways.html.j2", status, **values), "passkey", asked.word, CHOOSING_S)

    def enter(self, request: Request, person: Person, goal: str, how: str) -> Response:
        """Begin the person's session. The page leads on by itself: the cookie is not sent along with a redirect that another site began."""
        _log.info(SIGNED_IN, person=person.name, by=how)
        answer = self.site.page(request, f"{PART}/welcome.html.j2", goal=local(goal, self.site.home), person=person)
        return self.site.welcome(answer, self.site.sessions.begin(person))


def add_entrance(app: FastAPI, doors: Doors) -> None:
    """Add the sign-in page with both ways in, the way out, and the page of a person's passkeys."""
    doors.site.use(PART, Path(__file__).parent)
    doors.site.entry("/passkeys", _PASSKEYS, ENTERPRISE)
    _add_provider(app, doors)
    _add_passkey_way(app, doors)
    _add_passkeys(app, doors)


def _add_provider(app: FastAPI, doors: Doors) -> None:
    site = doors.site
    checked: Form = Depends(site.form)

    @app.get(SIGN_IN)
    def sign_in_page(request: Request, next: str = "") -> Response:  # noqa: A002 - the word of the address
        site.open_to_all(request)
        return doors.ways(request, next)

    @app.get("/sign-in/provider")
    def away(next: str = "") -> Response:  # noqa: A002 - the word of the address
        attempt = Attempt(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), doors.now())
        answer = RedirectResponse(doors.provider.begin(attempt), 303)
        return doors.cookie(answer, "attempt", doors.sent_away.begin((attempt, next)), LIFE_S, lax=True)

    @app.get(RETURN)
    def back(request: Request) -> Response:
        attempt, goal = doors.sent_away.end(doors.word(request, "attempt"))
        assertion = doors.provider.finish(attempt, dict(request.query_params))
        return doors.enter(request, doors.people.asserted(assertion), goal, "provider")

    @app.post("/sign-out")
    def sign_out(request: Request, form: Form = checked) -> Response:
        return site.farewell(request, RedirectResponse(SIGN_IN, 303))


def _add_passkey_way(app: FastAPI, doors: Doors) -> None:
    sent: Form = Depends(read_form)

    @app.post("/sign-in/passkey")
    def enter(request: Request, form: Form = sent) -> Response:
        try:
            person = doors.passkeys.enter(doors.word(request, "passkey"), form.one("credential"))
        except SignInError:
            doors.site.open_to_all(request)
            return doors.ways(request, form.one("next"), 401, doors.site.text(request, _UNKNOWN))
        return doors.enter(request, person, form.one("next"), "passkey")


def _add_passkeys(app: FastAPI, doors: Doors) -> None:
    site, people = doors.site, doors.people
    mine: Session = Depends(site.signed_in(ENTERPRISE))
    checked: Form = Depends(site.form)

    @app.get("/passkeys")
    def shown(request: Request, session: Session = mine) -> Response:
        listed = people.passkeys(session.person)
        asked = doors.passkeys.begin_making(session.person) if len(listed) < MOST_PASSKEYS else None
        answer = site.page(request, f"{PART}/passkeys.html.j2", passkeys=listed, options=asked.options if asked else "")
        return doors.cookie(answer, "making", asked.word, CHOOSING_S) if asked else answer

    @app.post("/passkeys")
    def make(request: Request, session: Session = mine, form: Form = checked) -> Response:
        doors.passkeys.finish_making(session.person, doors.word(request, "making"), form.one("credential"), form.one("label"))
        return RedirectResponse("/passkeys", 303)

    @app.post("/passkeys/remove")
    def remove(session: Session = mine, form: Form = checked) -> Response:
        people.remove(session.person, form.one("passkey"))
        return RedirectResponse("/passkeys", 303)
