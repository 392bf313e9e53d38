"""Rate limits: one token bucket a caller, in memory. Protects the zone from one caller's haste, not from a flood."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

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
        """Count one call. Raises RateLimitedError when the caller has none left."""
        with self._lock:
            now = self._monotonic()
            tokens, when = self._buckets.pop(caller, (self._burst, now))
            tokens = min(self._burst, tokens + (now - when) * self._rate)
            allowed = tokens >= 1
            self._buckets[caller] = (tokens - 1 if allowed else tokens, now)
            while len(self._buckets) > CALLERS_KEPT:
                self._buckets.popitem(last=False)
        if not allowed:
            raise RateLimitedError(f"more than {self._rate * 60:.0f} calls a minute: ask again in {(1 - tokens) / self._rate:.0f} s")
