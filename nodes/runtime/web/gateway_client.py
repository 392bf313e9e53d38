"""Calls over HTTP: to the gateway, pinned to the zone's CA, and by commands to a process's own loopback interface.

Signed requests, bearer tokens, refusals with their reasons.
"""

from __future__ import annotations

import json
import secrets
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

from nodes.errors import LeaseLostError, PeerUnavailableError, RpcRefusal, StandbyError
from nodes.runtime import clock
from nodes.runtime.clock import Clock, Timer
from nodes.runtime.peers.revoked import LIST_NAME
from nodes.runtime.standing.watched import Watched
from nodes.runtime.web.request_document import Endpoint, RequestDocument
from nodes.runtime.web.signed_client import SignedAuth, signed_document
from nodes.runtime.web.signed_requests import RequestSigner
from nodes.runtime.web.trust import believing
from protos.errors import refusal_of

TIMEOUT_S = 60.0
CONNECT_TIMEOUT_S, PAUSE_S = 5.0, 0.25
AWAITED = "ROWS_AWAITED"
TRUST_TAKEN, TRUST_REFUSED = "trust.taken", "trust.refused"
ELSEWHERE = frozenset({refusal_of(StandbyError()).reason, refusal_of(LeaseLostError()).reason})


class GatewayRefusal(RpcRefusal):
    """The gateway refused: ``reason`` and ``detail`` of its problem document, ``leaf_index`` of the logged refusal where there is one."""

    def __init__(self, reason: str, detail: str, status: int, leaf_index: int | None = None) -> None:
        super().__init__(reason, detail, str(status))
        self.http_status, self.leaf_index = status, leaf_index

    @property
    def passing(self) -> bool:
        """Whether the same may be answered when it is sent again later."""
        return self.http_status >= 500 or self.http_status == httpx.codes.TOO_MANY_REQUESTS


@dataclass(frozen=True, slots=True)
class Answer:
    """The gateway's answer to a signed request; ``body`` is None while rows are awaited. ``document`` is what was signed."""

    document: RequestDocument
    body: dict[str, Any] | None


class GatewayClient:
    """One connection pool to ``base``: the gateway (https://host:port), whose certificate must come from ``ca_file`` and not be revoked by
    the list beside it, as both files are at the time; or a loopback interface (http://127.0.0.1:port). ``token``: bearer token of the
    process's own people; ``login``: name and password of one of them.
    ``addresses``: where the gateway's instances listen (host:port, commas between), if not where ``base`` leads. Of these the one that acts is
    found and asked, again where it ended in the middle; requests are signed for, and certificates checked against, ``base`` all the same [B5].
    ``transport`` replaces the network.

    Every method raises GatewayRefusal and PeerUnavailableError.
    """

    def __init__(
        self, base: str, ca_file: Path | None = None, *, token: str = "", login: tuple[str, str] | None = None, timeout_s: float = TIMEOUT_S,
        addresses: str = "", now: Clock = clock.now, nonce: Callable[[], str] = lambda: secrets.token_urlsafe(18),
        transport: httpx.BaseTransport | None = None,
    ) -> None:  # fmt: skip
        self._base, self._now, self._nonce, self._timeout_s = base, now, nonce, timeout_s
        self._origins = tuple(f"https://{address}" for address in addresses.split(",") if address)
        self._place = 0  # of the origin that answered last
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        timeouts = httpx.Timeout(timeout_s, connect=CONNECT_TIMEOUT_S if self._origins else timeout_s)
        self._made: list[httpx.Client] = []

        def make() -> httpx.Client:
            verify = ssl.create_default_context() if ca_file is None else believing(ca_file)
            client = httpx.Client(verify=verify, headers=headers, auth=login, trust_env=False, timeout=timeouts, transport=transport)
            self._made.append(client)
            return client

        trusted = [] if ca_file is None else [ca_file, ca_file.with_name(LIST_NAME)]
        self._clients = Watched(trusted, make, TRUST_TAKEN, TRUST_REFUSED)  # a connection that was let in before ends with its pool

    def ask(self, endpoint: Endpoint, body: bytes, signer: RequestSigner) -> Answer:
        """Sign ``body`` afresh and send it to ``endpoint``."""
        auth = SignedAuth(signer, endpoint, self._base, now=self._now, nonce=self._nonce, origins=self._origins)
        response = self._send(endpoint.method, endpoint.path, body, auth, repeatable=endpoint.repeatable)
        awaited = response.status_code == httpx.codes.ACCEPTED
        return Answer(signed_document(response), None if awaited else _json(response))

    def submit(self, method: str, path: str, envelope: bytes) -> dict[str, Any]:
        """Send a signed statement: a consent or a revocation. Its place in the log comes back."""
        return _json(self._send(method, path, envelope, None))

    def get(self, path: str) -> dict[str, Any]:
        """Read something that needs no signature."""
        return _json(self._send("GET", path, b"", None))

    def read(self, path: str) -> bytes:
        """Read a file, whatever is in it."""
        return self._send("GET", path, b"", None).content

    def post(self, path: str, document: object) -> dict[str, Any]:
        """Send a JSON document that needs no signature."""
        return _json(self._send("POST", path, json.dumps(document).encode(), None, repeatable=False))

    def close(self) -> None:
        """End the connections."""
        for client in self._made:
            client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _send(self, method: str, path: str, content: bytes, auth: httpx.Auth | None, *, repeatable: bool = True) -> httpx.Response:
        headers = {"Content-Type": "application/json"} if content else {}
        try:
            if self._origins:
                response = self._send_on(method, path, content, headers, auth, repeatable=repeatable)
            else:
                response = self._request(self._base, method, path, content, headers, auth)
        except httpx.ConnectError as error:
            raise PeerUnavailableError(f"{self._base}: no connection: {error}") from error
        except httpx.TransportError as error:
            raise PeerUnavailableError(f"{self._base}: {type(error).__name__}") from error
        if response.status_code >= 400:
            raise _refusal(response)
        return response

    def _send_on(
        self, method: str, path: str, content: bytes, headers: dict[str, str], auth: httpx.Auth | None, *, repeatable: bool
    ) -> httpx.Response:
        """The answer of the instance that acts. Goes from one to the next while they cannot be reached or stand by; and when a call was cut,
        if it may be repeated."""
        timer, base = Timer(self._timeout_s), httpx.URL(self._base)
        headers = {**headers, "Host": base.netloc.decode()}
        while True:
            place = self._place
            try:
                response = self._request(self._origins[place], method, path, content, headers, auth, sni_hostname=base.host)
            except httpx.TransportError as error:
                self._place = (place + 1) % len(self._origins)
                unheard = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                if timer.left_s() <= 0 or not (repeatable or unheard):
                    raise
            else:
                if not _stands_by(response):
                    return response
                self._place = (place + 1) % len(self._origins)
                if timer.left_s() <= 0:
                    return response
            if self._place == 0:  # all were tried
                threading.Event().wait(PAUSE_S)

    def _request(
        self, origin: str, method: str, path: str, content: bytes, headers: dict[str, str], auth: httpx.Auth | None, **extensions: str
    ) -> httpx.Response:
        return self._clients.now().request(
            method, origin + path, content=content, headers=headers, auth=auth or httpx.USE_CLIENT_DEFAULT, extensions=extensions
        )


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        value = response.json()
    except ValueError as error:
        raise PeerUnavailableError("the gateway's answer is not JSON") from error
    if not isinstance(value, dict):
        raise PeerUnavailableError("the gateway's answer is not a JSON object")
    return value


def _stands_by(response: httpx.Response) -> bool:
    """Whether an instance says that another one acts: it has done nothing."""
    if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
        return False
    refusal = _refusal(response)
    return isinstance(refusal, GatewayRefusal) and refusal.reason in ELSEWHERE


def _refusal(response: httpx.Response) -> GatewayRefusal | PeerUnavailableError:
    """What a refusal says; without a reason it counts as nobody's."""
    try:
        problem = response.json()
        reason, leaf_index = str(problem["reason"]), problem.get("leaf_index")
    except (ValueError, KeyError, TypeError, AttributeError):
        return PeerUnavailableError(f"the gateway answered {response.status_code} without a reason")
    detail = str(problem.get("detail") or problem.get("title") or "")
    return GatewayRefusal(reason, detail, response.status_code, leaf_index if isinstance(leaf_index, int) else None)
