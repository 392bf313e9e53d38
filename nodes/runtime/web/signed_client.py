"""Signing for httpx: an ``httpx.Auth`` that signs each request afresh under the profile and keeps the document it signed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator

import httpx

from nodes.runtime.web.request_document import Endpoint, RequestDocument
from nodes.runtime.web.signed_requests import RequestSigner, sign_request

_EXTENSION = "xinqiao.request_document"


class SignedAuth(httpx.Auth):
    """Signs requests to one endpoint of the gateway at ``base``, sent there or to one of ``origins``, where its instances listen.

    ``now`` gives Unix seconds, ``nonce`` a fresh nonce (``secrets.token_urlsafe`` in processes).
    """

    requires_request_body = True

    def __init__(
        self, key: RequestSigner, endpoint: Endpoint, base: str, *, now: Callable[[], int], nonce: Callable[[], str], origins: Collection[str] = ()
    ) -> None:
        self._key, self._endpoint, self._base, self._now, self._nonce = key, endpoint, base, now, nonce
        self._urls = {origin + endpoint.path for origin in (base, *origins)}

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sends the request once, signed. Raises ValueError when it is not a request to the endpoint."""
        if request.method != self._endpoint.method or str(request.url) not in self._urls:
            raise ValueError(f"this key signs {self._endpoint.method} {self._base}{self._endpoint.path}, not {request.method} {request.url}")
        document = sign_request(self._key, self._endpoint, self._base, request.content, now=self._now(), nonce=self._nonce())
        for name, value in document.headers:
            request.headers[name] = value
        request.extensions[_EXTENSION] = document
        yield request


def signed_document(response: httpx.Response) -> RequestDocument:
    """The document of the signed request that ``response`` answers."""
    document = response.request.extensions[_EXTENSION]
    assert isinstance(document, RequestDocument)
    return document
