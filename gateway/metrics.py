"""Counters and timings of the gateway, by route template and status: never by subject, bank or address."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # anybody can invent more, and each would be a series


class Metrics:
    """One registry a gateway, so that several can live in one process."""

    media_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter("xinqiao_http_requests_total", "HTTP requests answered", labels, registry=self._registry)
        self._seconds = Histogram("xinqiao_http_request_seconds", "Time to answer", ("method", "route"), registry=self._registry)

    def install(self, app: FastAPI) -> None:
        """Count every answer of ``app``."""

        @app.middleware("http")
        async def count(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
            begun = time.monotonic()
            response = await call_next(request)
            route = getattr(request.scope.get("route"), "path", "unknown")
            method = request.method if request.method in METHODS else "other"
            self._requests.labels(method, route, str(response.status_code)).inc()
            self._seconds.labels(method, route).observe(time.monotonic() - begun)
            response.headers.setdefault("X-Content-Type-Options", "nosniff")
            response.headers.setdefault("Content-Security-Policy", "default-src 'none'")
            return response

    def exposition(self) -> bytes:
        """The text format of Prometheus."""
        return generate_latest(self._registry)
