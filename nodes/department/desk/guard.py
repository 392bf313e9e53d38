"""What holds before any route of the page: the name that the browser asked for, where a form came from, and the headers of every answer.

A page of another site can make this machine's browser call a loopback address. It cannot give its own name as ours (DNS rebinding),
send our cookie (SameSite), or show our page in its own (frame-ancestors).
"""

from __future__ import annotations

from grpc import StatusCode
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nodes.errors import FormError
from nodes.runtime.web.problems import Refused, answer
from protos.errors import Refusal

NAMES = ("127.0.0.1", "localhost", "[::1]")
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; script-src 'none'"
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
NOT_OUR_NAME = Refusal("HOST_NOT_SERVED", StatusCode.INVALID_ARGUMENT, 421, "This page is served under its loopback address only.")


class Guard:
    """ASGI middleware around the page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, names = Headers(scope=scope), [f"{name}:{scope['server'][1]}" for name in NAMES]

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refused = _fault(scope["method"], headers, names)
        if refused is None:
            await self._app(scope, receive, guarded)
        else:
            await answer(refused, scope["path"])(scope, receive, guarded)


def _fault(method: str, headers: Headers, names: list[str]) -> Refused | None:
    hosts = headers.getlist("host")
    if len(hosts) != 1 or hosts[0].lower() not in names:
        return Refused(NOT_OUR_NAME, f"open http://{names[0]}/")
    if method in {"GET", "HEAD"}:
        return None
    origins = headers.getlist("origin")
    foreign = origins != [f"http://{hosts[0].lower()}"] if origins else headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}
    return Refused.of(FormError("the form came from another site")) if foreign else None
