"""Every error of an HTTP interface as RFC 9457 problem+json with a ``reason`` of the catalogue, framework errors too."""

from __future__ import annotations

import math
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from grpc import StatusCode
from starlette.exceptions import HTTPException

from crypto.errors import CryptoError
from nodes.errors import NodeError, RateLimitedError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.database import storage_trouble
from protos.errors import INTERNAL, Refusal, by_reason, detail_of, problem, refusal_of
from scoring.errors import ScoringError

MEDIA_TYPE = "application/problem+json"
BODY_INVALID = Refusal("BODY_INVALID", StatusCode.INVALID_ARGUMENT, 422, "The body or a parameter does not fit its schema.")
BODY_TOO_LARGE = Refusal("BODY_TOO_LARGE", StatusCode.RESOURCE_EXHAUSTED, 413, "The body is too large.")
BODY_TOO_SLOW = Refusal("BODY_TOO_SLOW", StatusCode.DEADLINE_EXCEEDED, 408, "The body did not come in time.")
NO_HTTP = Refusal("REQUEST_UNREADABLE", StatusCode.INVALID_ARGUMENT, 400, "The bytes are no HTTP request.")
_FRAMEWORK = {
    404: Refusal("NOT_FOUND", StatusCode.NOT_FOUND, 404, "There is nothing at this address."),
    405: Refusal("METHOD_NOT_ALLOWED", StatusCode.UNIMPLEMENTED, 405, "This address does not take this method."),
    408: BODY_TOO_SLOW,
    413: BODY_TOO_LARGE,
    415: Refusal("MEDIA_TYPE_UNSUPPORTED", StatusCode.INVALID_ARGUMENT, 415, "This address does not take this kind of body."),
}

_log = logging.logger("http")


class Refused(Exception):
    """A refusal on its way to the caller, with the leaf that logged it where there is one, and when to ask again if it was too hasty."""

    def __init__(self, row: Refusal, detail: str, leaf_index: int | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.row, self.detail, self.leaf_index, self.retry_after_s = row, detail, leaf_index, retry_after_s

    @classmethod
    def of(cls, error: Exception, leaf_index: int | None = None) -> Refused:
        """The refusal that a domain error means. A refusal passed on from another process keeps its reason and its leaf."""
        if isinstance(error, RpcRefusal):
            leaf_index = getattr(error, "leaf_index", None) if leaf_index is None else leaf_index
            row = by_reason(error.reason)
            if row is INTERNAL and error.reason != INTERNAL.reason:
                row = Refusal(error.reason, StatusCode.UNKNOWN, 502, "Another process of the zone refused.")
            return cls(row, error.detail if row.explain else "", leaf_index, error.retry_after_s)
        row = refusal_of(error)
        return cls(row, detail_of(error, row), leaf_index, error.retry_after_s if isinstance(error, RateLimitedError) else None)

    def document(self, instance: str = "") -> dict[str, Any]:
        """The problem document."""
        document: dict[str, Any] = dict(problem(self.row, self.detail, instance))
        if self.leaf_index is not None:
            document["leaf_index"] = self.leaf_index
        return document

    def headers(self) -> dict[str, str]:
        """Retry-After, where asking again can help."""
        if self.row.http not in {429, 503}:
            return {}
        return {"Retry-After": str(2 if self.retry_after_s is None else max(1, math.ceil(self.retry_after_s)))}


def install(app: FastAPI) -> None:
    """Let ``app`` answer every error as a problem document."""
    app.add_exception_handler(Refused, _refused)
    for root in (ScoringError, CryptoError, NodeError):
        app.add_exception_handler(root, _domain)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unexpected)


def answer(refused: Refused, instance: str = "", headers: dict[str, str] | None = None) -> JSONResponse:
    """The response that a refusal is."""
    return JSONResponse(refused.document(instance), refused.row.http, refused.headers() | (headers or {}), MEDIA_TYPE)


def _answer(refused: Refused, request: Request, headers: dict[str, str] | None = None) -> JSONResponse:
    return answer(refused, request.url.path, headers)


def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    return _answer(error, request)


def _domain(request: Request, error: Exception) -> JSONResponse:
    refused = Refused.of(error)
    if refused.row.http >= 500:
        _log.error(logging.CALL_FAILED, path=request.url.path, error=type(error).__name__, where=logging.where(error))
    return _answer(refused, request)


def _framework(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = error.status_code
    row = _FRAMEWORK.get(status, Refusal(f"HTTP_{status}", StatusCode.UNKNOWN, status, "The request cannot be served."))
    return _answer(Refused(row, row.sentence), request, dict(error.headers or {}))


def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    fault = error.errors()[0]
    return _answer(Refused(BODY_INVALID, f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"), request)


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error(logging.CALL_FAILED, path=request.url.path, error=type(error).__name__, where=logging.where(error))
    trouble = storage_trouble(error)
    if trouble is not error:
        return _domain(request, trouble)
    return _answer(Refused(INTERNAL, ""), request)
