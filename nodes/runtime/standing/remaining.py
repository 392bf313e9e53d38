"""How long the registry and a certificate still hold, and the alarm when that is no longer long. For metrics, health checks and pages too."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from cryptography import x509

from nodes.errors import NotReadyError
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.observing import gauges
from nodes.runtime.process import Process
from scoring.exchange.validity import DAY_S

if TYPE_CHECKING:
    from nodes.runtime.replica.zone import Zone

REGISTRY_AGEING, REGISTRY_EXPIRED, REGISTRY_HOLDS = "registry.ageing", "registry.expired", "registry.holds"
CERTIFICATE_AGEING, CERTIFICATE_EXPIRED, CERTIFICATE_HOLDS = "certificate.ageing", "certificate.expired", "certificate.holds"
LOOK_S = 5.0

_log = logging.logger("standing")


def registry_left_s(zone: Zone, time: int) -> int | None:
    """Seconds that the zone's registry still holds at Unix ``time``, negative after its end; None where it has none [P9]."""
    return zone.remaining(time)[1]


def certificate_left_s(chain: bytes, time: int) -> int:
    """Seconds that the first certificate of the PEM ``chain`` is still in force at Unix ``time``; negative after its end."""
    return int(_leaf(chain).not_valid_after_utc.timestamp()) - time


def certificate_state(chain: bytes, time: int) -> str:
    """``valid``, ``ageing`` (from half-life on) or ``expired``."""
    leaf = _leaf(chain)
    begun, end = leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp()
    if time > end:
        return "expired"
    return "ageing" if time >= (begun + end) / 2 else "valid"


class Alarm:
    """Says in the process's log when what it watches grows old, again every day, and when it is over; once when it holds again."""

    def __init__(self, found: Callable[[int], tuple[str, int | None]], events: tuple[str, str, str], now: Clock) -> None:
        """``found``: (state, seconds left) at a time. ``events``: for ageing, expired, and holding again."""
        self._found, self._now = found, now
        self._ageing, self._expired, self._holds = events
        self._told: tuple[str, int] = ("valid", 0)  # state, and the time at which it was said last

    def look(self) -> str:
        """Say what is to be said now; the state."""
        time = self._now()
        state, left_s = self._found(time)
        before, said = self._told
        if state == before and (state in {"valid", "unlimited"} or time - said < DAY_S):
            return state
        self._told = (state, time)
        if state == "expired":
            _log.error(self._expired, left_s=left_s)
        elif state == "ageing":
            _log.warning(self._ageing, left_s=left_s)
        elif before not in {"valid", "unlimited"}:
            _log.info(self._holds, left_s=left_s)
        return state

    def run(self, stopping: threading.Event) -> None:
        """Look again and again until the process stops."""
        while True:
            self.look()
            if stopping.wait(LOOK_S):
                return


def watch_registry(process: Process, zone: Zone, now: Clock) -> None:
    """Have ``process`` raise the alarm about its zone's registry. Before it runs."""
    alarm = Alarm(zone.remaining, (REGISTRY_AGEING, REGISTRY_EXPIRED, REGISTRY_HOLDS), now)
    process.worker("registry", lambda: alarm.run(process.stopping))

    def left_s() -> float:
        left = registry_left_s(zone, now())
        if left is None:
            raise NotReadyError("this registry has no end")
        return left

    gauges.gauge("xinqiao_registry_seconds_left", "Seconds that the zone's registry still holds; negative after its end [P9]", left_s)


def watch_certificate(process: Process, chain: Callable[[], bytes], now: Clock) -> None:
    """Have ``process`` raise the alarm about its own certificate, the first of the PEM that ``chain`` gives. Before it runs."""
    alarm = Alarm(
        lambda time: (certificate_state(chain(), time), certificate_left_s(chain(), time)),
        (CERTIFICATE_AGEING, CERTIFICATE_EXPIRED, CERTIFICATE_HOLDS),
        now,
    )
    process.worker("certificate", lambda: alarm.run(process.stopping))


def _leaf(chain: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificates(chain)[0]
