"""The way in for signed requests: rebuilt as received, judged, counted once, and refused in the log where they do not hold [P5.1, L2]."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TypeVar

from fastapi import Request
from pydantic import ValidationError

from crypto.encoding import sha256
from crypto.errors import CryptoError
from gateway.refusals import RefusalLog
from gateway.store import Store
from nodes.errors import NodeError, RateLimitedError
from nodes.runtime.clock import Clock
from nodes.runtime.peers.limits import RateLimit, Turns
from nodes.runtime.replica.zone import Zone
from nodes.runtime.web.problems import Refused
from nodes.runtime.web.request_document import Endpoint, RequestDocument
from nodes.runtime.web.signed_requests import VerifiedRequest, verify_request
from scoring.errors import RequestFormatError, ScoringError, WrongSignerError
from scoring.statements import Hex16, Record

R = TypeVar("R", bound="Own")
KEYS_TURNS = 30  # of one key at a time: three quarters of the threads that answer


@dataclass(frozen=True, slots=True)
class Raw:
    """A request as it came: method, target rebuilt from the configured base and the raw path, header lines, body."""

    method: str
    target_uri: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


async def read_raw(request: Request) -> Raw:
    """The request as it came, within the interface's bounds (``nodes.runtime.web.bounds``). For ``Depends``."""
    body = await request.body()
    path = request.scope.get("raw_path", request.url.path.encode()).decode("latin-1")
    query = request.scope["query_string"].decode("latin-1")
    target = request.app.state.public_base + path + (f"?{query}" if query else "")
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.scope["headers"])
    return Raw(request.method, target, headers, body)


class Own(Record):
    """Base of what an enterprise asks or says about itself: its subject id comes with it."""

    subject: Hex16


class SignedIntake:
    """Judges signed requests. ``key_limit`` counts what each key asks for, every item of a batch."""

    def __init__(self, zone: Zone, store: Store, refusals: RefusalLog, base: str, now: Clock, key_limit: RateLimit) -> None:
        self._zone, self._store, self._refusals, self._base, self._now = zone, store, refusals, base, now
        self._key_limit, self._turns = key_limit, Turns(KEYS_TURNS)

    def admit(self, raw: Raw, endpoint: Endpoint) -> tuple[RequestDocument, VerifiedRequest]:
        """The request, authentic, in force, and not seen before. Raises Refused, logged, otherwise."""
        about = sha256(raw.body).hex()
        try:
            document = RequestDocument.from_http(raw.method, raw.target_uri, raw.headers, raw.body)
            about = document.digest
            request = self._verify(document, endpoint)
        except (ScoringError, CryptoError) as error:
            refused = Refused.of(error)
            refused.leaf_index = self._refusals.refused_stranger(refused.row.reason, about)
            raise refused from error
        with self.refusing(document.digest, request.key_id):
            self._key_limit.take(request.key_id)
            self._store.use_nonce(request.key_id, request.nonce, request.expires, self._now())
        return document, request

    @contextmanager
    def own(self, raw: Raw, endpoint: Endpoint, form: type[R]) -> Iterator[tuple[R, str]]:
        """What an enterprise asks or says about itself, as a ``form``, and its key id; for the block it has one of the key's turns.

        Raises Refused, logged: as ``admit``; for a body that is no ``form``; for another key than the one that the subject is enrolled with; and
        for every domain error in the block.
        """
        document, request = self.admit(raw, endpoint)
        with self.refusing(document.digest, request.key_id), self.turn(request.key_id):
            try:
                asked = form.model_validate(request.body, strict=False)
            except ValidationError as error:
                fault = error.errors(include_url=False, include_input=False)[0]
                raise RequestFormatError(f"body: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error
            with self._zone.reading() as view:
                enrolment = view.enrolments.get(request.key_id)
            if enrolment is None or enrolment.statement.subject != asked.subject:
                raise WrongSignerError("an enterprise asks and speaks for itself, with its own key")
            yield asked, request.key_id

    def refusing(self, about: str, key_id: str) -> _Refusing:
        """A block whose domain errors become logged refusals of the request ``about`` that ``key_id`` signed; empty: a stranger."""
        return _Refusing(self._refusals, about, key_id)

    def turn(self, key_id: str, items: int = 1) -> AbstractContextManager[None]:
        """One of the key's turns, for the block; it has asked for so many ``items``. Raises RateLimitedError when all are in use."""
        self._key_limit.charge(key_id, items - 1)
        return self._turns.turn(key_id)

    def _verify(self, document: RequestDocument, endpoint: Endpoint) -> VerifiedRequest:
        with self._zone.reading() as view:
            keys, genesis = view.request_keys(), view.registry.genesis
        return verify_request(
            document,
            endpoint,
            keys,
            now=self._now(),
            base=self._base,
            tolerance_s=genesis.clock_tolerance_s,
            max_life_s=genesis.request_max_age_s,
        )


class _Refusing:
    """Context manager of ``SignedIntake.refusing``. Haste and our own failures are answered, not logged."""

    def __init__(self, refusals: RefusalLog, about: str, key_id: str) -> None:
        self._refusals, self._about, self._key_id = refusals, about, key_id

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if not isinstance(error, ScoringError | CryptoError | NodeError):
            return
        refused = Refused.of(error)
        if not isinstance(error, RateLimitedError) and refused.row.http < 500:
            log = self._refusals
            stranger = not self._key_id
            refused.leaf_index = (
                log.refused_stranger(refused.row.reason, self._about) if stranger else log.refused(refused.row.reason, self._about, self._key_id)
            )
        raise refused from error
