"""Calls between processes: a guarded server and a client whose every call has a deadline.

The server checks on every call, and again on every message of a stream, that the caller may still call (``guard``); a domain error
becomes its row of the catalogue: gRPC status, sentence, and the reason in the trailing metadata, from which the client raises
``RpcRefusal``. The client tries again while the other side is UNAVAILABLE, and waits as long as it is told where it was too hasty;
every submission of the exchange is idempotent.
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import grpc

from nodes.errors import PeerUnavailableError, RpcRefusal, SettingsError
from nodes.runtime import logging
from nodes.runtime.clock import Timer
from nodes.runtime.observing.calls import Observing
from nodes.runtime.peers import tls
from nodes.runtime.peers.entitlement import Permit
from nodes.runtime.peers.guard import REASON_KEY, RETRY_AFTER_KEY, Admit, Guard
from nodes.runtime.peers.identity import Identity
from nodes.runtime.tracing import spans

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0
LONGEST_WAIT_S = 60.0
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?", re.ASCII)

Res = TypeVar("Res")

_log = logging.logger("rpc")


# --- server ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """``workers``: calls at a time, open streams included, shared among callers by the guard. A connection is closed ``age_s`` after its
    start, calls on it get ``grace_s`` more: so a removed certificate or CA is gone from the wire after both."""

    workers: int = 128
    age_s: float = 900.0
    grace_s: float = 300.0


class RpcServer:
    """A gRPC server over mutual TLS that lets in only what ``admit`` admits; of that, what ``permit`` lets the caller call.

    ``on_fatal`` is called, once, with an error that the process must not survive.
    """

    def __init__(
        self,
        identity: Identity,
        listen: str,
        admit: Admit,
        on_fatal: Callable[[BaseException], None],
        limits: ServerLimits | None = None,
        permit: Permit | None = None,
    ) -> None:
        limits = limits or ServerLimits()
        options = [
            ("grpc.max_receive_message_length", tls.MESSAGE_LIMIT),
            ("grpc.max_send_message_length", tls.MESSAGE_LIMIT),
            ("grpc.max_connection_age_ms", int(limits.age_s * 1000)),
            ("grpc.max_connection_age_grace_ms", int(limits.grace_s * 1000)),
            ("grpc.max_concurrent_streams", limits.workers),  # of one connection: what is more waits on the caller's side
            ("grpc.http2.min_ping_interval_without_data_ms", tls.PING_MS // 2),
            ("grpc.so_reuseport", 0),
        ]
        self._executor = ThreadPoolExecutor(limits.workers, thread_name_prefix="rpc")
        guard = Guard(identity, admit, on_fatal, limits.workers, permit)
        self._server = grpc.server(self._executor, interceptors=[Observing(), guard], options=options)
        try:
            self.port = self._server.add_secure_port(listen, tls.server_credentials(identity))
        except RuntimeError as error:
            raise SettingsError(f"cannot listen on {listen}: the address is taken or not of this machine") from error

    def add(self, register: Callable[[Any, grpc.Server], None], servicer: object) -> None:
        """Offer ``servicer`` by its generated ``add_…Servicer_to_server``. Before ``start``."""
        register(servicer, self._server)

    def start(self) -> int:
        """Begin to answer; returns the port."""
        self._server.start()
        return self.port

    def stop(self, grace_s: float = 3.0) -> None:
        """Take no new calls, give running ones ``grace_s``, then cut them; returns when none is left."""
        self._server.stop(grace_s).wait()
        self._executor.shutdown(wait=False)


# --- client ------------------------------------------------------------------------------------------------------------


class Call(Generic[Res]):
    """A running answer stream: an iterator that raises RpcRefusal and PeerUnavailableError. ``cancel`` ends it from any thread."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._cancelled = threading.Event()

    def __iter__(self) -> Iterator[Res]:
        """Messages until the other side ends the stream or ``cancel`` is called."""
        try:
            yield from self._call
        except grpc.RpcError as error:
            if not self._cancelled.is_set():
                raise translate(error) from error
        finally:
            self._call.cancel()

    def cancel(self) -> None:
        self._cancelled.set()
        self._call.cancel()


def call(method: Callable[..., Res], request: object, *, timeout_s: float, stop: threading.Event | None = None) -> Res:
    """Answer of a stub's unary or client-streaming ``method``. ``request``: the message, or a function that makes a fresh stream of them.

    Tries again with growing pauses while the other side is UNAVAILABLE, and after the time it names when the caller was too hasty,
    until ``timeout_s`` is over in all, or ``stop`` is set.
    Raises RpcRefusal when the other side refuses, PeerUnavailableError when it cannot be reached or does not answer in time. Where time
    runs out within a repetition, the reason that the other side gave last is raised: it tells more than that there was no answer.
    """
    timer = Timer(timeout_s)
    stop = stop or threading.Event()
    pause_s = FIRST_PAUSE_S
    reason: RpcRefusal | None = None
    while True:
        try:
            return method(request() if callable(request) else request, timeout=max(timer.left_s(), 0.001), metadata=spans.outgoing())
        except ValueError as error:  # how grpc says that the channel is closed: this process is stopping
            raise PeerUnavailableError("the channel is closed") from error
        except grpc.RpcError as error:
            named_s = _retry_after_s(error)
            delay_s = pause_s * random.uniform(0.5, 1.5) + (named_s or 0.0)  # noqa: S311 - spreads retries, protects nothing
            failed = translate(error)
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED and reason is not None:
                raise reason from error
            if (error.code() is not grpc.StatusCode.UNAVAILABLE and named_s is None) or timer.left_s() <= delay_s:
                raise failed from error
            reason = failed if isinstance(failed, RpcRefusal) else None
            _log.debug(logging.CALL_RETRIED, detail=error.details())
            if stop.wait(delay_s):
                raise failed from error
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


def stream(method: Callable[..., Any], request: object, *, timeout_s: float) -> Call[Any]:
    """Answers of a stub's server-streaming ``method`` to a message, or, bidirectional, to an iterator of messages.

    Never tried again: callers resume from their own cursor. Raises PeerUnavailableError when the channel is closed.
    """
    try:
        return Call(method(request, timeout=timeout_s, metadata=spans.outgoing()))
    except ValueError as error:
        raise PeerUnavailableError("the channel is closed") from error


def translate(error: grpc.RpcError) -> RpcRefusal | PeerUnavailableError:
    """What a failed call means: the other side's refusal with its reason, or that there was no answer."""
    code, detail = error.code(), error.details() or ""
    reason = _trailer(error, REASON_KEY)
    if reason:
        return RpcRefusal(reason, detail, code.name, _retry_after_s(error))
    if code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}:
        return PeerUnavailableError(f"{code.name}: {detail}")
    return RpcRefusal("MESSAGE_TOO_LARGE" if code is grpc.StatusCode.RESOURCE_EXHAUSTED else f"RPC_{code.name}", detail, code.name)


def _trailer(error: grpc.RpcError, key: str) -> str:
    return next((str(entry.value) for entry in error.trailing_metadata() or () if entry.key == key), "")


def _retry_after_s(error: grpc.RpcError) -> float | None:
    """Seconds after which a caller that was too hasty may ask again; None for every other failure. At most a minute, whatever is said."""
    said = _trailer(error, RETRY_AFTER_KEY)
    return min(float(said), LONGEST_WAIT_S) if _SECONDS.fullmatch(said) else None
