"""What holds before any route of pages: the name that the browser asked for, where a form came from, and the headers of every answer [W1].

A page of another site can make a browser call this one. It cannot give its own name as ours (DNS rebinding), send our cookie
(SameSite), or show our page in its own (frame-ancestors).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from grpc import StatusCode
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nodes.errors import FormError
from nodes.runtime.web.problems import Refused, answer
from protos.errors import Refusal

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
POLICY = "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
# images in data: are the charts, which a page carries itself
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
NOT_OUR_NAME = Refusal("HOST_NOT_SERVED", StatusCode.INVALID_ARGUMENT, 421, "This page is served under its own address only.")


def every_path(_path: str) -> bool:
    """For a process that serves pages and nothing else."""
    return True


class Guard:
    """ASGI middleware around pages. ``hosts``: host:port under which they are served; empty: loopback names with the port that was taken.

    ``form_targets``: origins beside ours to which a form may lead, such as an identity provider's. ``is_page`` tells a page's path from
    those of programs, which have rules of their own.
    """

    def __init__(
        self, app: ASGIApp, hosts: Sequence[str] = (), form_targets: Sequence[str] = (), is_page: Callable[[str], bool] = every_path
    ) -> None:
        self._app, self._hosts, self._is_page = app, tuple(hosts), is_page
        policy = POLICY.replace("form-action 'self'", " ".join(("form-action 'self'", *form_targets)))
        self._headers = {**HEADERS, "content-security-policy": policy}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._is_page(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers, names = Headers(scope=scope), self._hosts or tuple(f"{name}:{scope['server'][1]}" for name in LOOPBACK)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    if name != "cache-control" or name not in found:  # a style sheet may be kept
                        found[name] = value
            await send(message)

        refused = _fault(scope["method"], headers, scope["scheme"], names)
        if refused is None:
            await self._app(scope, receive, guarded)
        else:
            await answer(refused, scope["path"])(scope, receive, guarded)


def _fault(method: str, headers: Headers, scheme: str, names: Sequence[str]) -> Refused | None:
    hosts = headers.getlist("host")
    if len(hosts) != 1 or hosts[0].lower() not in names:
        return Refused(NOT_OUR_NAME, f"open {scheme}://{names[0]}/")
    if method in {"GET", "HEAD"}:
        return None
    origins = headers.getlist("origin")
    ours = f"{scheme}://{hosts[0].lower()}"
    foreign = origins != [ours] if origins else headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}
    return Refused.of(FormError("the form came from another site")) if foreign else None
