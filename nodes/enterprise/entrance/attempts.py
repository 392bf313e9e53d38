"""Browsers that were sent to the identity provider, or asked for a passkey, and are not back yet: each may come back once, and soon."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from typing import Generic, TypeVar

from crypto.encoding import sha256
from nodes.errors import AssertionInvalidError
from nodes.runtime.clock import Clock

LIFE_S, MOST = 600, 50_000
T = TypeVar("T")


class Awaited(Generic[T]):
    """What was begun, by a random word that the browser keeps in a cookie: another browser cannot end it. Thread-safe, in memory."""

    def __init__(self, now: Clock, life_s: int = LIFE_S, most: int = MOST) -> None:
        self._now, self._life_s, self._most = now, life_s, most
        self._begun: OrderedDict[bytes, tuple[int, T]] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, what: T) -> str:
        """Keep ``what``; the word for the cookie. The oldest give way when there are too many."""
        word, now = secrets.token_urlsafe(32), self._now()
        with self._lock:
            self._begun[sha256(word.encode())] = (now, what)
            while len(self._begun) > self._most:
                self._begun.popitem(last=False)
        return word

    def end(self, word: str) -> T:
        """What was begun under ``word``, which is used up. Raises AssertionInvalidError when there is none, or it was too long ago."""
        with self._lock:
            found = self._begun.pop(sha256(word.encode()), None)
        if found is None or self._now() - found[0] > self._life_s:
            raise AssertionInvalidError("this sign-in was not begun in this browser, or too long ago: begin again")
        return found[1]
