"""Rate limits: one token bucket a caller, in memory. Keeps one caller's flood from the others, and bounds what it can add to the log."""

from __future__ import annotations

import math
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nodes.errors import RateLimitedError

CALLERS_KEPT = 20_000


class RateLimit:
    """At most ``per_minute`` calls a minute of each caller on average, with bursts of a sixth of that. ``monotonic`` gives seconds."""

    def __init__(self, per_minute: int, monotonic: Callable[[], float]) -> None:
        self._rate, self._burst = per_minute / 60, max(1.0, per_minute / 6)
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # caller -> (tokens, when)
        self._lock = threading.Lock()

    def take(self, caller: str) -> None:
        """Count one call. Raises RateLimitedError, and counts nothing, when the caller has none left."""
        with self._lock:
            tokens = self._tokens(caller)
            if tokens < 1:
                raise self._exceeded(tokens)
            self._put(caller, tokens - 1)

    def check(self, caller: str) -> None:
        """Returns when the caller has a call left, without counting one. Raises RateLimitedError."""
        with self._lock:
            tokens = self._tokens(caller)
            if tokens < 1:
                raise self._exceeded(tokens)

    def charge(self, caller: str, cost: int = 1) -> None:
        """Count what a call turned out to be, or a call whose caller is known for sure only afterwards: nobody can use up another's."""
        with self._lock:
            self._put(caller, self._tokens(caller) - cost)

    def _tokens(self, caller: str) -> float:
        now = self._monotonic()
        tokens, when = self._buckets.get(caller, (self._burst, now))
        return min(self._burst, tokens + (now - when) * self._rate)

    def _put(self, caller: str, tokens: float) -> None:
        self._buckets.pop(caller, None)
        self._buckets[caller] = (tokens, self._monotonic())
        while len(self._buckets) > CALLERS_KEPT:
            self._buckets.popitem(last=False)

    def _exceeded(self, tokens: float) -> RateLimitedError:
        wait_s = (1 - tokens) / self._rate
        return RateLimitedError(f"more than {self._rate * 60:.0f} calls a minute: ask again in {math.ceil(wait_s)} s", wait_s)


class Turns:
    """At most ``each`` calls of one caller at a time."""

    def __init__(self, each: int) -> None:
        self._each = each
        self._running: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, caller: str) -> Iterator[None]:
        """A call of the caller, for the block. Raises RateLimitedError when it has as many running as it may."""
        with self._lock:
            if self._running[caller] >= self._each:
                raise RateLimitedError(f"more than {self._each} calls at a time", 1.0)
            self._running[caller] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[caller] -= 1
                if not self._running[caller]:
                    del self._running[caller]
