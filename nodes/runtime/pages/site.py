"""A process's pages as one site: who may open which, how each is shown, how errors look to people [W1–W5].

Deny by default: a route shows something only through ``signed_in`` with the roles that may, or says ``open_to_all``.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy import Engine
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from connectors.errors import ConnectorError
from crypto.errors import CryptoError
from nodes.errors import NodeError, RoleMissingError, SignInError
from nodes.runtime.clock import Clock
from nodes.runtime.database import open_database
from nodes.runtime.pages.accounts import Accounts, Person
from nodes.runtime.pages.forms import Form, Marks, read_form
from nodes.runtime.pages.guard import Guard, every_path
from nodes.runtime.pages.language import CHINESE, ENGLISH, Language
from nodes.runtime.pages.looks import OWN, Looks
from nodes.runtime.pages.sessions import Session, Sessions
from nodes.runtime.pages.views import ViewLog
from nodes.runtime.settings import NodeSettings
from nodes.runtime.web import problems
from scoring.errors import ScoringError
from scoring.statements import Title

LANGUAGE_COOKIE, LANGUAGE_S = "xinqiao-language", 365 * 86_400
SIGN_IN = "/sign-in"
_KINDS = (NodeError, ScoringError, CryptoError, ConnectorError, problems.Refused, HTTPException, RequestValidationError, Exception)
Handler = Callable[[Request, Exception], Response]


def open_pages(settings: NodeSettings) -> Engine:
    """The database of a process's accounts, sessions and views."""
    return open_database(settings.state_dir, "pages", settings.database_url)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the navigation: where it leads, its Chinese text, and whom it is shown; nobody named: everybody who is signed in."""

    path: str
    text: str
    roles: frozenset[str] = frozenset()
    public: bool = False


class Site:
    """The pages of one process. ``member``: whose they are; ``title``: what its people call it. ``present`` as in ``Sessions``; by default
    a person is who the account says, and gone with it. ``secret``: what forms for strangers rest on; random when empty, so that they hold in this
    process alone."""

    def __init__(
        self, member: str, title: Title, engine: Engine, now: Clock, *, present: Callable[[Person], Person] | None = None,
        is_page: Callable[[str], bool] = every_path, home: str = "/", secret: bytes = b"",
    ) -> None:  # fmt: skip
        self.member, self.home = member, home
        self.accounts = Accounts(engine)
        self.sessions = Sessions(engine, now, present or (lambda person: self.accounts.find(person.name)))
        self.views = ViewLog(engine, now)
        self.marks = Marks(engine, now)
        self.cookie = f"xinqiao-{member}"
        self.secret = secret or secrets.token_bytes(32)
        self._is_page = is_page
        self._entries: list[Entry] = []
        self._alarms: list[tuple[Callable[[], Title | None], frozenset[str]]] = []
        self._looks = Looks(member=member, site_title=title, now=now, home=home)

    # --- parts ---

    def use(self, part: str, folder: Path) -> None:
        """Take in the templates, English and files of ``folder`` under the name ``part``."""
        self._looks.add(part, folder)

    def entry(self, path: str, text: str, *roles: str, public: bool = False) -> None:
        """Show ``path`` in the navigation to people with one of ``roles``; ``public``: to strangers too."""
        self._entries.append(Entry(path, text, frozenset(roles), public))

    def alarm(self, said: Callable[[], Title | None], *roles: str) -> None:
        """Show what ``said`` gives, as long as it gives something, above every page of people with one of ``roles``."""
        self._alarms.append((said, frozenset(roles)))

    def install(self, app: FastAPI, hosts: Sequence[str] = (), form_targets: Sequence[str] = (), *, all_paths: bool = False) -> None:
        """Let ``app`` show its errors as pages to people, serve the site's files, switch languages and hold the site's bounds.

        To be called after ``problems.install``, which answers programs. ``hosts`` and ``form_targets`` as in ``Guard``;
        ``all_paths``: programs' paths are guarded too.
        """
        for kind in _KINDS:
            app.add_exception_handler(kind, self._shown(cast(Handler, app.exception_handlers.get(kind))))
        app.add_middleware(Guard, hosts=hosts, form_targets=form_targets, is_page=every_path if all_paths else self._is_page)

        @app.get("/static/{part}/{name}", include_in_schema=False)
        def static(part: str, name: str) -> Response:
            file = self._looks.files.get(f"{part}/{name}")
            if file is None:
                raise HTTPException(404)
            return Response(file.content, media_type=file.media_type, headers={"cache-control": "public, max-age=31536000, immutable"})

        @app.get("/favicon.ico", status_code=204, include_in_schema=False)
        def icon() -> Response:
            return Response(status_code=204)

        @app.get("/language", include_in_schema=False)
        def switch(to: str = CHINESE, back: str = "/") -> Response:
            answer = RedirectResponse(local(back, self.home), 303)
            answer.set_cookie(
                LANGUAGE_COOKIE, ENGLISH if to == ENGLISH else CHINESE, max_age=LANGUAGE_S, path="/", secure=True, httponly=True, samesite="lax"
            )
            return answer

    # --- who asks ---

    def session(self, request: Request) -> Session:
        """The session of whoever asks. Raises SignInError."""
        session = self.sessions.find(request.cookies.get(self.cookie, ""))
        request.state.session = session
        return session

    def signed_in(self, *roles: str) -> Callable[[Request], Session]:
        """A dependency: the session, when its person has one of ``roles``. Raises SignInError, RoleMissingError."""

        def checked(request: Request) -> Session:
            session = self.session(request)
            if not session.person.roles & set(roles):
                raise RoleMissingError("this page is for others")
            return session

        return checked

    def open_to_all(self, request: Request) -> Session | None:
        """A dependency of a page that strangers may open too: the session where there is one."""
        try:
            return self.session(request)
        except SignInError:
            request.state.session = None
            return None

    @property
    def form(self) -> Callable[[Request], AsyncIterator[Form]]:
        """A dependency: the fields of a form that a page of this session sent, which acts once. Raises SignInError, FormError, FormSentError."""

        async def checked(request: Request) -> AsyncIterator[Form]:
            form = await read_form(request)
            session = self.session(request)
            session.check_form(form.one("form"))
            with self.marks.once(session.form, form.one("mark")):
                yield form

        return checked

    def welcome(self, answer: Response, token: str) -> Response:
        """Give the browser the token of a session that has just begun."""
        answer.set_cookie(self.cookie, token, path="/", secure=True, httponly=True, samesite="strict")
        return answer

    def farewell(self, request: Request, answer: Response) -> Response:
        """End the session of whoever asks."""
        self.sessions.end(request.cookies.get(self.cookie, ""))
        answer.delete_cookie(self.cookie, path="/", secure=True, httponly=True, samesite="strict")
        return answer

    # --- what is shown ---

    def language(self, request: Request) -> Language:
        """The language in which whoever asks reads."""
        return ENGLISH if request.cookies.get(LANGUAGE_COOKIE) == ENGLISH else CHINESE

    def text(self, request: Request, text: str, part: str = OWN) -> str:
        """A Chinese text of ``part``, marked by ``N_``, in the reader's language."""
        return self._looks.catalogues.text(part, self.language(request), text)

    def translator(self, request: Request, part: str = OWN) -> Callable[[str], str]:
        """``text`` for one reader."""
        return lambda text: self.text(request, text, part)

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """One page for whoever asks. ``values`` come beside session, navigation, path, here (with the query) and asked (its words)."""
        session: Session | None = getattr(request.state, "session", None)
        navigation = [entry for entry in self._entries if _is_for(entry, session)]
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        mine = [said() for said, roles in self._alarms if session is not None and roles & session.person.roles]
        alarms = [title for title in mine if title is not None]
        common = {
            "session": session,
            "alarms": alarms,
            "navigation": navigation,
            "path": request.url.path,
            "here": here,
            "asked": request.query_params,
        }
        return HTMLResponse(self._looks.render(self.language(request), template, {**common, **values}), status)

    def _shown(self, otherwise: Handler) -> Handler:
        """A handler that shows an error as a page, but to programs as ``otherwise`` does; who is not signed in is led to the sign-in page."""

        def handle(request: Request, error: Exception) -> Response:
            if not self._is_page(request.url.path) or "text/html" not in request.headers.get("accept", ""):
                return otherwise(request, error)
            if isinstance(error, SignInError) and request.url.path != SIGN_IN:
                back = request.url.path if request.method == "GET" else self.home
                return RedirectResponse(f"{SIGN_IN}?next={quote(back)}", 303)
            problem = otherwise(request, error)
            shown = self.page(request, "error.html.j2", problem.status_code, problem=json.loads(bytes(problem.body)))
            shown.headers.update({name: value for name, value in problem.headers.items() if name in {"retry-after", "connection", "allow"}})
            return shown

        return handle


def local(path: str, otherwise: str) -> str:
    """``path`` where it leads to a page of ours, not to another site."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() else otherwise


def _is_for(entry: Entry, session: Session | None) -> bool:
    return entry.public or (session is not None and (not entry.roles or bool(entry.roles & session.person.roles)))
