"""Who is signed in: sessions of people in memory, gone with the process; and how often somebody may try to sign in."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace

from crypto.encoding import sha256
from nodes.contributing.four_eyes.people import People, Person
from nodes.errors import FormError, SignInError
from nodes.runtime import logging
from nodes.runtime.peers.identity import SigningKeyPair
from nodes.runtime.peers.limits import RateLimit

IDLE_S, LONGEST_S = 1800.0, 8 * 3600.0
MOST_SESSIONS = 200
TRIES_PER_MINUTE = 12  # of one name, in bursts of two; five names' worth of all together
SIGNED_IN, SIGN_IN_REFUSED = "desk.signed_in", "desk.sign_in_refused"
_log = logging.logger("department.desk")


@dataclass(frozen=True, slots=True)
class Session:
    """One person's session. ``form`` goes into every form of its pages and must come back with it. Times are monotonic seconds."""

    person: Person
    form: str
    begun: float
    seen: float


class Doorkeeper:
    """Signs ``people`` in and knows who is. ``monotonic`` gives seconds."""

    def __init__(self, people: People, monotonic: Callable[[], float]) -> None:
        self._people, self._monotonic = people, monotonic
        self._each, self._all = RateLimit(TRIES_PER_MINUTE, monotonic), RateLimit(5 * TRIES_PER_MINUTE, monotonic)
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()  # by hash: what is looked up is no secret's prefix
        self._lock = threading.Lock()
        self._secret = secrets.token_bytes(32)

    def unlock(self, name: str, password: str) -> SigningKeyPair:
        """The key of a person who gives the right password; a right one is not counted.

        Raises SignInError; RateLimitedError when there were too many wrong ones, of this name or of all.
        """
        self._all.take("")
        self._each.take(name)
        try:
            key = self._people.unlock(name, password)
        except SignInError:
            _log.warning(SIGN_IN_REFUSED)  # not with what was typed: it may be a password
            raise
        self._all.charge("", -1)
        self._each.charge(name, -1)
        return key

    def sign_in(self, name: str, password: str) -> str:
        """A new session of ``name``; its token, 256 random bits. Raises as ``unlock``."""
        key, token, now = self.unlock(name, password), secrets.token_urlsafe(32), self._monotonic()
        session = Session(self._people.find(key.key_id), secrets.token_urlsafe(32), now, now)
        with self._lock:
            self._sessions[_key(token)] = session
            while len(self._sessions) > MOST_SESSIONS:
                self._sessions.popitem(last=False)
        _log.info(SIGNED_IN, person=name)
        return token

    def session(self, token: str) -> Session:
        """The session with this token, seen now. Raises SignInError when there is none, it ended, or its person is not there any more."""
        now, key = self._monotonic(), _key(token)
        with self._lock:
            session = self._sessions.get(key)
            if session is None or now - session.seen > IDLE_S or now - session.begun > LONGEST_S:
                self._sessions.pop(key, None)
                raise SignInError("sign in: there is no session, or it has ended")
            person = self._people.find(session.person.name)
            if person.public != session.person.public:
                raise SignInError("sign in again: your key is another one now")
            self._sessions[key] = replace(session, seen=now)
        return session

    def sign_out(self, token: str) -> None:
        """End a session; none is well."""
        with self._lock:
            self._sessions.pop(_key(token), None)

    def visitor_form(self, visitor: str) -> str:
        """What the sign-in form of a visitor carries; ``visitor`` is random and comes back in a cookie."""
        return hmac.digest(self._secret, visitor.encode(), "sha256").hex()

    def check_visitor(self, visitor: str, form: str) -> None:
        """Returns when a sign-in form is the one that this visitor was given. Raises FormError."""
        if not visitor or not hmac.compare_digest(self.visitor_form(visitor).encode(), form.encode()):
            raise FormError("open the sign-in page again")


def check_form(session: Session, form: str) -> None:
    """Returns when a form came from a page of this session. Raises FormError."""
    if not hmac.compare_digest(session.form.encode(), form.encode()):
        raise FormError("open the page again and repeat what you did")


def _key(token: str) -> bytes:
    return sha256(token.encode())
