"""Parts of the gateway by themselves: rate limits, nonces, the log of refusals."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crypto.statements import VerifyKey, check_signature, parse_envelope
from gateway.refusals import WINDOW_S, RefusalLog
from gateway.store import Store, Total
from nodes.errors import PeerUnavailableError, RateLimitedError
from nodes.runtime.peers.identity import Identity, SigningKeyPair, TlsFiles
from nodes.runtime.peers.limits import RateLimit
from scoring.errors import RequestReplayedError
from scoring.statements import Refusal, parse_statement
from tests.support.databases import ON_BOTH, database_in

pytestmark = ON_BOTH

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(32))
SIGNER = SigningKeyPair("authority~00", "ed25519", PRIVATE.public_key().public_bytes_raw(), PRIVATE)
IDENTITY = Identity("zone-a", "authority", SIGNER, bytes(32), bytes(32), TlsFiles(b"", b"", b""))


class Time:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000

    def __call__(self) -> int:
        return self.now


class Appended:
    """An append that keeps what it was given."""

    def __init__(self) -> None:
        self.statements: list[Refusal] = []
        self.reachable = True

    def __call__(self, envelope: bytes) -> int:
        if not self.reachable:
            raise PeerUnavailableError("log")
        parsed = parse_envelope(envelope)
        check_signature(parsed, VerifyKey(SIGNER.key_id, "ed25519", SIGNER.public))
        statement = parse_statement(parsed.payload_type, parsed.payload)
        assert isinstance(statement, Refusal)
        self.statements.append(statement)
        return 40 + len(self.statements)


def test_known_callers_refusal_is_logged_each_time() -> None:
    appended = Appended()
    log = RefusalLog(IDENTITY, appended, Time())
    assert [log.refused("CONSENT_MISSING", about * 32, "bank-a~1") for about in ("aa", "bb")] == [41, 42]
    assert [(s.reason, s.about, s.count) for s in appended.statements] == [("CONSENT_MISSING", "aa" * 32, 1), ("CONSENT_MISSING", "bb" * 32, 1)]


def test_strangers_after_the_first_are_logged_as_one_a_minute() -> None:
    appended, time = Appended(), Time()
    log = RefusalLog(IDENTITY, appended, time)
    assert [log.refused_stranger("SIGNER_UNKNOWN", f"{i:064x}") for i in range(5)] == [41, None, None, None, None]
    time.now += WINDOW_S
    log.flush()
    assert [(s.reason, s.count) for s in appended.statements] == [("SIGNER_UNKNOWN", 1), ("SIGNER_UNKNOWN", 4)]
    assert log.refused_stranger("SIGNER_UNKNOWN", "aa" * 32) == 43


def test_each_reason_has_its_own_first() -> None:
    appended = Appended()
    log = RefusalLog(IDENTITY, appended, Time())
    assert log.refused_stranger("SIGNER_UNKNOWN", "aa" * 32) == 41
    assert log.refused_stranger("REQUEST_EXPIRED", "bb" * 32) == 42


def test_an_unreachable_log_does_not_hide_the_refusal_from_the_caller() -> None:
    appended = Appended()
    appended.reachable = False
    assert RefusalLog(IDENTITY, appended, Time()).refused("CONSENT_MISSING", "aa" * 32, "bank-a~1") is None


def test_what_was_counted_is_logged_at_the_end() -> None:
    appended = Appended()
    log = RefusalLog(IDENTITY, appended, Time())
    for _ in range(3):
        log.refused_stranger("SIGNER_UNKNOWN", "aa" * 32)
    log.flush(everything=True)
    log.flush(everything=True)
    assert [s.count for s in appended.statements] == [1, 2]


def test_caller_over_its_rate_is_refused_until_time_passes() -> None:
    seconds = [0.0]
    limit = RateLimit(60, lambda: seconds[0])
    for _ in range(10):
        limit.take("a")
    with pytest.raises(RateLimitedError, match="ask again in 1 s"):
        limit.take("a")
    limit.take("b")
    seconds[0] = 1.0
    limit.take("a")
    with pytest.raises(RateLimitedError):
        limit.take("a")


def test_nonce_is_used_once_with_a_key_also_after_a_restart(tmp_path: Path) -> None:
    Store(database_in(tmp_path / "state", "gateway")).use_nonce("bank-a~1", "nonce-0123456789", 2000, 1000)
    store = Store(database_in(tmp_path / "state", "gateway"))
    with pytest.raises(RequestReplayedError):
        store.use_nonce("bank-a~1", "nonce-0123456789", 2000, 1001)
    store.use_nonce("bank-b~1", "nonce-0123456789", 2000, 1001)


def test_ticket_kept_twice_counts_once(tmp_path: Path) -> None:
    store = Store(database_in(tmp_path / "state", "gateway"))
    totals = [Total("aa" * 16, 0, "S1", 8510, False), Total("bb" * 16, 1, "S1", 0, True)]
    for _ in range(2):
        store.keep_opened("e1", "cc" * 32, "total", b"{}", totals)
    assert store.totals("e1", "total") == totals
    assert store.opened_tickets("e1") == {"cc" * 32}
