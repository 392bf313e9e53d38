"""The gateway that stands by answers nothing but how it is: another instance acts, and whoever asks here asks that one [B2]."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

from nodes.errors import StandbyError
from nodes.runtime.web.problems import Refused, answer

ITS_OWN = frozenset({"/healthz", "/metrics"})


def always() -> None:
    """For a gateway that is the only one."""


class StandingBy:
    """ASGI middleware. ``check`` raises StandbyError while another instance acts."""

    def __init__(self, app: ASGIApp, *, check: Callable[[], None]) -> None:
        self._app, self._check = app, check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in ITS_OWN:
            try:
                self._check()
            except StandbyError as error:
                await answer(Refused.of(error), scope["path"])(scope, receive, send)
                return
        await self._app(scope, receive, send)
