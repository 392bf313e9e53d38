"""Revocations that reached this custodian straight, by a board or by hand, and bind it though the log does not show them yet [P5.0].

Each is on disk before it is acknowledged, and from its acknowledgement on no partial under its consent leaves this custodian. It is kept
until the log has it. A revocation of a consent that is not known here yet waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crypto.encoding import sha256
from crypto.errors import CryptoError
from crypto.statements import parse_envelope
from nodes.errors import SecretFileError
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.files import make_private_directory, read_private, write_private
from nodes.runtime.replica.zone import Zone
from scoring.errors import ConsentMissingError, ConsentRevokedError, ScoringError, StatementReplayedError
from scoring.exchange.consent import ConsentState
from scoring.exchange.view import Logged
from scoring.statements import Revocation, parse_statement

MOST_HELD, MOST_WAITING, MOST_PINNED = 400, 100, 200
LARGEST = 32 << 10
SUFFIX = ".dsse.json"

_log = logging.logger("revocations")


class Revocations:
    """The revocations held in ``directory``; ``incoming`` in it is where an operator puts one that came by hand. Thread-safe."""

    def __init__(self, zone: Zone, directory: Path, now: Clock) -> None:
        self._zone, self._now = zone, now
        self._directory = make_private_directory(directory)
        self._incoming = make_private_directory(directory / "incoming")
        self._lock, self._sending = threading.Lock(), threading.Lock()
        self._held: dict[str, tuple[bytes, Revocation]] = {}  # by digest of the envelope
        self._acknowledged: set[str] = set()
        self._waiting: dict[str, bytes] = {}  # their consents are not in our view yet
        for path in sorted(self._directory.glob(f"*{SUFFIX}")):
            raw = read_private(path)
            self._put(raw, _parse(raw))

    # --- ways in ---

    def take(self, raw: bytes) -> None:
        """Keep a revocation that its enterprise, or its service, signed; on disk and binding when this returns. Others are passed over."""
        digest = sha256(raw).hex()
        with self._lock:
            if digest in self._held or len(self._held) >= MOST_HELD or len(raw) > LARGEST:
                return
        try:
            with self._zone.reading() as view:
                statement = view.judge(raw, self._now()).statement
        except ConsentMissingError:
            with self._lock:
                if len(self._waiting) < MOST_WAITING:
                    self._waiting[digest] = raw
            return
        except StatementReplayedError:
            return  # the log has it
        except (CryptoError, ScoringError) as error:
            _log.info(logging.REVOCATION_INVALID, error=str(error))
            return
        if isinstance(statement, Revocation):
            self._keep(digest, raw, statement)

    def collect(self) -> None:
        """Take what an operator put into ``incoming``; each file is gone afterwards, and its revocation kept or reported as none."""
        for path in sorted(self._incoming.glob("*.json")):
            try:
                raw = path.read_bytes()
            except OSError as error:
                raise SecretFileError(f"{path} cannot be read") from error
            self.take(raw)
            known = sha256(raw).hex() in {*self._held, *self._waiting}
            _log.warning(logging.REVOCATION_BY_HAND, file=path.name, taken=known)
            path.unlink()

    def observe(self, logged: Logged) -> None:
        """What the log has need not be held; and a consent that came may be one that was waited for."""
        if isinstance(logged.statement, Revocation):
            with self._lock:
                for digest in [digest for digest, (_, held) in self._held.items() if _about(held) == _about(logged.statement)]:
                    del self._held[digest]
                    self._acknowledged.discard(digest)
                    (self._directory / f"{digest}{SUFFIX}").unlink(missing_ok=True)
        elif logged.statement.kind == "consent":
            self._retry()

    # --- what they mean ---

    def check(self, state: ConsentState) -> None:
        """No revocation held here is of this consent. Raises ConsentRevokedError."""
        with self._lock:
            held = {_about(revocation) for _, revocation in self._held.values()}
        if (state.consent.id, state.consent.subject) in held:
            raise ConsentRevokedError("the enterprise has revoked this consent; the log does not show it yet")

    @contextmanager
    def sending(self) -> Iterator[None]:
        """A block that checks and sends: what is taken meanwhile is acknowledged only after it."""
        with self._sending:
            yield

    def held(self) -> tuple[str, ...]:
        """Digests of those that bind and are acknowledged: no partial under their consents leaves here any more."""
        with self._lock:
            new = set(self._held) - self._acknowledged
        if new:
            with self._sending, self._lock:
                self._acknowledged |= new & set(self._held)
        with self._lock:
            return tuple(sorted(self._acknowledged))

    def pinned(self) -> list[bytes]:
        """Revocations for custodians that have not heard of them."""
        with self._lock:
            return [raw for raw, _ in self._held.values()][-MOST_PINNED:]

    # --- inside ---

    def _retry(self) -> None:
        with self._lock:
            waiting, self._waiting = list(self._waiting.values()), {}
        for raw in waiting:
            self.take(raw)

    def _keep(self, digest: str, raw: bytes, statement: Revocation) -> None:
        write_private(self._directory / f"{digest}{SUFFIX}", raw)
        self._put(raw, statement)
        _log.warning(logging.REVOCATION_HELD, digest=digest)

    def _put(self, raw: bytes, statement: Revocation) -> None:
        with self._lock:
            self._held[sha256(raw).hex()] = raw, statement


def _parse(raw: bytes) -> Revocation:
    """A revocation that was kept. Raises SecretFileError for anything else."""
    try:
        envelope = parse_envelope(raw)
        statement = parse_statement(envelope.payload_type, envelope.payload)
    except (CryptoError, ScoringError) as error:
        raise SecretFileError("a kept revocation cannot be read") from error
    if not isinstance(statement, Revocation):
        raise SecretFileError("a kept revocation is another statement")
    return statement


def _about(revocation: Revocation) -> tuple[str, str]:
    return revocation.consent, revocation.subject
