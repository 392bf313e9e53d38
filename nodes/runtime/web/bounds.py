"""Bounds of an HTTP interface that hold before any route: calls an address, bytes and seconds of a body, seconds of a request's head.

A body that is too large or too slow is refused and its connection closed; a head that does not come, or an answer that is not
taken, only ends the connection: nobody is there to read a refusal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus

import h11
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from nodes.errors import RateLimitedError
from nodes.runtime.web.problems import NO_HTTP, Refused, answer

MAX_BODY_BYTES = 2 << 20
BODY_S = 30.0
HEAD_S = 15.0
TAKEN_S = 60.0  # an answer of which the caller takes nothing for so long is given up
CONNECTIONS_OF_ADDRESS = 256
AGE_S = 900.0  # then a connection ends with its next answer, so that a replaced certificate is shown to everybody in the end
UNCOUNTED = frozenset({"/healthz", "/readyz"})  # a supervisor's question must be answered, whatever else its machine asks


class Bounds:
    """ASGI middleware. ``take`` counts a call of an address and raises RateLimitedError for one too many."""

    def __init__(self, app: ASGIApp, *, take: Callable[[str], None] | None = None, body_s: float = BODY_S) -> None:
        self._app, self._take, self._body_s = app, take, body_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            if self._take is not None and scope["path"] not in UNCOUNTED:
                self._take(scope["client"][0] if scope["client"] else "")
        except RateLimitedError as error:
            await answer(Refused.of(error), scope["path"])(scope, receive, send)
            return
        await self._app(scope, _Body(receive, self._body_s).receive, send)


class _Body:
    """A request's body as it comes in, within its bounds."""

    def __init__(self, receive: Receive, seconds: float) -> None:
        self._receive, self._until = receive, asyncio.get_running_loop().time() + seconds
        self._size, self._complete = 0, False

    async def receive(self) -> Message:
        """The next part. Raises HTTPException 413 or 408, which the framework passes on to the handler of problems."""
        if self._complete:
            return await self._receive()  # waits until the caller hangs up
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError as error:
            raise _closing(HTTPStatus.REQUEST_TIMEOUT) from error
        self._size += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._size > MAX_BODY_BYTES:
            raise _closing(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return message


def _closing(status: HTTPStatus) -> HTTPException:
    return HTTPException(status, headers={"Connection": "close"})


class BoundedProtocol(H11Protocol):
    """One connection of uvicorn's, ended when a request's head or the taking of an answer lasts too long, or when its address has too
    many open already. Bytes that are no HTTP get a problem document."""

    head_s = HEAD_S
    taken_s = TAKEN_S
    most = CONNECTIONS_OF_ADDRESS
    age_s = AGE_S

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in the class above it
        super().connection_made(transport)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._old_at = self.loop.time() + self.age_s
        if len([other for other in self.connections if _address(other) == _address(self)]) > self.most:
            transport.abort()
        self._arm("head", self.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        for name in list(self._timers):
            self._disarm(name)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_started and self.loop.time() >= self._old_at:
            self.cycle.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        if self.conn.their_state is not h11.IDLE:
            self._disarm("head")
        elif "head" not in self._timers:  # the head of a further request has begun
            self._arm("head", self.head_s)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        self._disarm("taken")
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        response = answer(Refused(NO_HTTP, msg))
        headers = [*response.raw_headers, (b"connection", b"close")]
        for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=bytes(response.body)), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _watch(self) -> None:
        """Give up when nothing more of what waits has been taken at the next look; look again while it has."""
        waiting = self.transport.get_write_buffer_size()
        self._arm("taken", self.taken_s, lambda: self._watch() if self.transport.get_write_buffer_size() < waiting else self._give_up())

    def _arm(self, name: str, seconds: float, then: Callable[[], None] | None = None) -> None:
        self._disarm(name)
        self._timers[name] = self.loop.call_later(seconds, then or self._give_up)

    def _disarm(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _give_up(self) -> None:
        self.transport.abort()


def _address(connection: object) -> str:
    client = getattr(connection, "client", None)
    return str(client[0]) if client else ""
