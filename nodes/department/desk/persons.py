"""The department's people at its page: whoever is signed in has a key on this node, which stays shut until the password is given again [A2]."""

from __future__ import annotations

from nodes.contributing.four_eyes.people import People
from nodes.errors import SignInError
from nodes.runtime import logging
from nodes.runtime.pages.accounts import Person
from nodes.runtime.pages.entrance import SIGN_IN_REFUSED, Attempts
from nodes.runtime.pages.forms import Form
from nodes.runtime.pages.sessions import Session
from nodes.runtime.peers.identity import SigningKeyPair
from nodes.runtime.web.problems import Refused

STAFF = "department"
_log = logging.logger("department.desk")


class Doorkeeper:
    """Knows ``people`` as persons of a site, and opens their keys. ``attempts``: shared with the way in."""

    def __init__(self, people: People, attempts: Attempts) -> None:
        self._people, self._attempts = people, attempts

    def check(self, name: str, password: str) -> Person:
        """The person ``name`` when ``password`` opens their key, for the way in, which counts attempts. Raises SignInError."""
        self._people.unlock(name, password)
        return self.known(name)

    def known(self, name: str) -> Person:
        """The person ``name`` as the settings and the file say now; ``about`` names the key. Raises SignInError when there is none."""
        found = self._people.find(name)
        return Person(found.name, found.title, frozenset({STAFF}), about=found.public.hex())

    def present(self, person: Person) -> Person:
        """Whoever has a session, as known now. Raises SignInError for one who is not any more, or whose key is another one."""
        known = self.known(person.name)
        if known.about != person.about:
            raise SignInError("sign in again: your key is another one now")
        return known

    def unlock(self, name: str, password: str, whence: str) -> SigningKeyPair:
        """The key of a person who gives the right password; a right one is not counted. ``whence``: with whom it is counted besides: an address.

        Raises SignInError; RateLimitedError when there were too many wrong ones, of this name or of all.
        """
        self._attempts.begin(name, whence)
        try:
            key = self._people.unlock(name, password)
        except SignInError:
            _log.warning(SIGN_IN_REFUSED)  # not with what was typed: it may be a password
            raise
        self._attempts.succeeded(name, whence)
        return key

    def key_of(self, session: Session, form: Form) -> SigningKeyPair:
        """The key of the person of ``session``, which the password in a form of one of its pages opens.

        Raises Refused for another password: the session goes on, and its person is told instead of being led to sign in.
        """
        try:
            return self.unlock(session.person.name, form.one("password"), f"session of {session.person.name}")  # strangers use up none of it
        except SignInError as error:
            raise Refused.of(error) from error
