"""/healthz, /readyz and /metrics of a process, and the counting of its HTTP requests, whichever server they are on [H1, H2].

Requests are counted by method, route template and status, never by address, person or what a path names.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nodes.errors import NotReadyError
from nodes.runtime.observing import metrics
from nodes.runtime.tracing import spans
from nodes.runtime.web.problems import Refused, answer

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # anybody can invent more, and each would be a series
QUIET = frozenset({"/healthz", "/readyz", "/metrics"})  # of which nobody wants a trace


class Observed:
    """ASGI middleware: counts and times every answer of an application, and traces it where this process traces."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.monotonic(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method = scope["method"] if scope["method"] in METHODS else "other"
        with spans.answering_outside(method, _traceparents(scope), quiet=scope["path"] in QUIET) as span:
            try:
                await self._app(scope, receive, watched)
            finally:
                route = getattr(scope.get("route"), "path", "unknown")
                span.rename(f"{method} {route}")
                span.note(status=status)
                metrics.HTTP_REQUESTS.labels(method, route, str(status)).inc()
                metrics.HTTP_SECONDS.labels(method, route).observe(time.monotonic() - begun)


def health_app(ready: Callable[[], None]) -> Starlette:
    """The application of a process that listens to nothing else: ``ready`` raises NotReadyError while it cannot serve."""

    def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    def readyz(request: Request) -> Response:
        try:
            ready()
        except NotReadyError as error:
            return answer(Refused.of(error), request.url.path)
        return JSONResponse({"status": "ready"})

    def exposed(_request: Request) -> Response:
        return Response(metrics.exposition(), media_type=metrics.MEDIA_TYPE)

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", exposed)])


def _traceparents(scope: Scope) -> list[bytes]:
    return [value for name, value in scope["headers"] if name == b"traceparent"]
