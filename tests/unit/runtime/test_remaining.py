"""The alarm about what grows old: at half-life, every day again, at the end, and once when it holds again."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from structlog.testing import capture_logs

from nodes.runtime.standing.remaining import Alarm, certificate_left_s, certificate_state
from scoring.exchange.validity import DAY_S, Validity
from simulators.zone.authority import CertificateAuthority

EVENTS = ("thing.ageing", "thing.expired", "thing.holds")


class Watched:
    """A validity and a clock that a test moves."""

    def __init__(self) -> None:
        self.now, self.validity = 0, Validity().given(100 * DAY_S, 0)
        self.alarm = Alarm(lambda time: (self.validity.state(time), self.validity.left_s(time)), EVENTS, lambda: self.now)

    def at(self, days: float) -> list[tuple[str, str]]:
        self.now = int(days * DAY_S)
        with capture_logs() as said:
            self.alarm.look()
        return [(line["event"], line["log_level"]) for line in said]


def test_the_alarm_begins_at_half_life_and_comes_every_day_until_it_is_renewed() -> None:
    watched = Watched()
    assert watched.at(0) == watched.at(49.9) == []
    assert watched.at(50) == [("thing.ageing", "warning")]
    assert watched.at(50.5) == []
    assert watched.at(51) == [("thing.ageing", "warning")]
    assert watched.at(100.1) == [("thing.expired", "error")]
    assert watched.at(100.2) == []
    assert watched.at(101.2) == [("thing.expired", "error")]
    watched.validity = watched.validity.given(300 * DAY_S, watched.now)
    assert watched.at(101.3) == [("thing.holds", "info")]
    assert watched.at(101.4) == []


def test_what_holds_without_end_raises_no_alarm() -> None:
    watched = Watched()
    watched.validity = Validity()
    assert watched.at(0) == watched.at(10_000) == []


@pytest.mark.parametrize(("share", "state"), [(0.1, "valid"), (0.6, "ageing"), (1.1, "expired")])
def test_a_certificates_age_is_measured_by_its_own_dates(share: float, state: str) -> None:
    certificate = CertificateAuthority.create("test").certificate
    pem = certificate.public_bytes(Encoding.PEM)
    begun, end = (int(moment.timestamp()) for moment in (certificate.not_valid_before_utc, certificate.not_valid_after_utc))
    time = begun + int((end - begun) * share)
    assert (certificate_state(pem, time), certificate_left_s(pem, time)) == (state, end - time)
