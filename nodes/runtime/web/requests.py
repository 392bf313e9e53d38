"""A signed request judged against the zone: who signed it, that it was in force at a given time, and what it asks for [P5.1, P5.3 (2)].

Used alike by the coordinator, each custodian and the auditor, each with its own view; the gateway checks replay besides.
"""

from __future__ import annotations

from nodes.runtime.web.request_document import PORTRAITS, SCORES, SCORES_BATCH, Endpoint, RequestDocument
from nodes.runtime.web.signed_requests import VerifiedRequest, verify_request
from scoring.errors import RequestFormatError
from scoring.exchange.view import ZoneView
from scoring.release.asking import PortraitAsked, ScoreAsked, asked

_ENDPOINTS: dict[str, Endpoint] = {endpoint.path: endpoint for endpoint in (SCORES, SCORES_BATCH, PORTRAITS)}


def endpoint_of(document: RequestDocument) -> Endpoint:
    """The operation that the document's target names. Raises RequestFormatError."""
    path = "/" + document.target_uri.removeprefix("https://").partition("/")[2]
    if path not in _ENDPOINTS:
        raise RequestFormatError(f"{path} takes no signed request")
    return _ENDPOINTS[path]


def verify_release_request(
    view: ZoneView, document: RequestDocument, subject: str, time: int, base: str | None = None
) -> tuple[VerifiedRequest, ScoreAsked | PortraitAsked]:
    """The verified request and what it asks about ``subject`` ("" unless it is a batch), in force at Unix time ``time``.

    Raises as ``verify_request`` and ``asked``.
    """
    endpoint = endpoint_of(document)
    genesis = view.registry.genesis
    request = verify_request(
        document, endpoint, view.request_keys(), now=time, base=base, tolerance_s=genesis.clock_tolerance_s, max_life_s=genesis.request_max_age_s
    )
    return request, asked(endpoint.path, request.body, subject)
