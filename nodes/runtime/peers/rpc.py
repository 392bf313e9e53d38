"""Calls between processes: a guarded server and a client whose every call has a deadline.

The server checks on every call, and again on every message of a stream, that the caller may still call; a domain error becomes its
row of the catalogue: gRPC status, sentence, and the reason in the trailing metadata, from which the client raises ``RpcRefusal``.
The client tries again while the other side is UNAVAILABLE; every submission of the exchange is idempotent.
"""

from __future__ import annotations

import random
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Generic, NoReturn, TypeVar, cast

import grpc

from nodes.errors import DeadlineMissingError, NotReadyError, PeerUnavailableError, RpcRefusal, SettingsError
from nodes.runtime import logging
from nodes.runtime.clock import Timer
from nodes.runtime.database import storage_trouble
from nodes.runtime.peers import tls
from nodes.runtime.peers.identity import Identity
from protos.errors import INTERNAL, Refusal, by_reason, detail_of, refusal_of

REASON_KEY = "xinqiao-reason"
LONGEST_DEADLINE_S = 7200.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0

Res = TypeVar("Res")
Admit = Callable[[str], None]
"""Returns when the member with this id may call now; raises MemberUnknownError or MemberLeftError. Called often: keep it cheap."""

_log = logging.logger("rpc")


# --- server ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """``workers``: calls at a time, open streams included; one caller has at most three quarters of them, so that it cannot shut the
    others out. A connection is closed ``age_s`` after its start, calls on it get ``grace_s`` more: so a removed certificate or CA is
    gone from the wire after both."""

    workers: int = 128
    age_s: float = 900.0
    grace_s: float = 300.0


class RpcServer:
    """A gRPC server over mutual TLS that lets in only what ``admit`` admits.

    ``on_fatal`` is called, once, with an error that the process must not survive.
    """

    def __init__(
        self, identity: Identity, listen: str, admit: Admit, on_fatal: Callable[[BaseException], None], limits: ServerLimits | None = None
    ) -> None:
        limits = limits or ServerLimits()
        options = [
            ("grpc.max_receive_message_length", tls.MESSAGE_LIMIT),
            ("grpc.max_send_message_length", tls.MESSAGE_LIMIT),
            ("grpc.max_connection_age_ms", int(limits.age_s * 1000)),
            ("grpc.max_connection_age_grace_ms", int(limits.grace_s * 1000)),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            ("grpc.so_reuseport", 0),
        ]
        self._executor = ThreadPoolExecutor(limits.workers, thread_name_prefix="rpc")
        guard = _Guard(identity.zone, admit, on_fatal, max(1, limits.workers * 3 // 4))
        self._server = grpc.server(self._executor, interceptors=[guard], options=options)
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


class _Guard(grpc.ServerInterceptor):
    """Admission, deadlines and errors for all four kinds of handler."""

    def __init__(self, zone: str, admit: Admit, on_fatal: Callable[[BaseException], None], share: int) -> None:
        self._zone, self._admit, self._on_fatal, self._share = zone, admit, on_fatal, share
        self._running: Counter[str] = Counter()  # calls of each caller
        self._lock = threading.Lock()

    def intercept_service(self, continuation: Callable[[Any], Any], handler_call_details: Any) -> Any:
        handler = continuation(handler_call_details)
        if handler is None:
            return None
        method = handler_call_details.method
        kind = f"{'stream' if handler.request_streaming else 'unary'}_{'stream' if handler.response_streaming else 'unary'}"
        wrap = self._streaming if handler.response_streaming else self._single
        guarded = wrap(getattr(handler, kind), method, handler.request_streaming)
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(guarded, request_deserializer=handler.request_deserializer, response_serializer=handler.response_serializer)

    def _single(self, inner: Callable[[Any, Any], Any], method: str, streamed: bool) -> Callable[[Any, Any], Any]:
        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                with self._entered(context):
                    return inner(self._admitted(request, context) if streamed else request, context)
            except Exception as error:  # noqa: BLE001 - whatever a handler raises becomes one refusal
                self._refuse(error, context, method)

        return answer

    def _streaming(self, inner: Callable[[Any, Any], Any], method: str, streamed: bool) -> Callable[[Any, Any], Any]:
        def answer(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            try:
                with self._entered(context):
                    yield from self._admitted(inner(self._admitted(request, context) if streamed else request, context), context)
            except Exception as error:  # noqa: BLE001 - whatever a handler raises becomes one refusal
                self._refuse(error, context, method)

        return answer

    @contextmanager
    def _entered(self, context: grpc.ServicerContext) -> Iterator[None]:
        """A call that may run: of a member, with a deadline, within the caller's share."""
        caller = tls.caller(context, self._zone)
        self._admit(caller)
        self._check_deadline(context)
        with self._lock:
            if self._running[caller] >= self._share:
                raise NotReadyError(f"{caller} has {self._share} calls running: no more at a time")
            self._running[caller] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[caller] -= 1

    @staticmethod
    def _check_deadline(context: grpc.ServicerContext) -> None:
        left_s = context.time_remaining()
        if left_s is None or left_s > LONGEST_DEADLINE_S:
            raise DeadlineMissingError(f"the call has no deadline, or one further than {LONGEST_DEADLINE_S:g} s away")

    def _admitted(self, messages: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        for message in messages:
            self._admit(tls.caller(context, self._zone))
            yield message

    def _refuse(self, error: Exception, context: grpc.ServicerContext, method: str) -> NoReturn:
        row = _row_of(storage_trouble(error))
        if row.fatal:
            self._on_fatal(error)
        elif cast(Any, context).code() is not None:
            raise error  # the handler has answered with an abort of its own
        elif not context.is_active():
            context.abort(grpc.StatusCode.CANCELLED, "the caller hung up")
        if row is INTERNAL or row.fatal or storage_trouble(error) is not error:
            _log.error(logging.CALL_FAILED, method=method, reason=row.reason, error=type(error).__name__, where=where(error))
        else:
            _log.info(logging.CALL_REFUSED, method=method, reason=row.reason)
        detail = error.detail if isinstance(error, RpcRefusal) else detail_of(error, row)
        reason = error.reason if isinstance(error, RpcRefusal) else row.reason
        context.set_trailing_metadata(((REASON_KEY, reason),))
        context.abort(row.code, detail)
        raise AssertionError("abort returns never")


def where(error: BaseException) -> list[str]:
    """Innermost places of an error's traceback as file:line function. No values: those could be secret."""
    return [f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)[-8:]]


def _row_of(error: Exception) -> Refusal:
    if isinstance(error, RpcRefusal):  # a refusal from further on is passed through; what is fatal there is not fatal here
        return replace(by_reason(error.reason), fatal=False)
    return refusal_of(error)


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

    Tries again with growing pauses while the other side is UNAVAILABLE, until ``timeout_s`` is over in all, or ``stop`` is set.
    Raises RpcRefusal when the other side refuses, PeerUnavailableError when it cannot be reached or does not answer in time.
    """
    timer = Timer(timeout_s)
    stop = stop or threading.Event()
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            return method(request() if callable(request) else request, timeout=max(timer.left_s(), 0.001))
        except ValueError as error:  # how grpc says that the channel is closed: this process is stopping
            raise PeerUnavailableError("the channel is closed") from error
        except grpc.RpcError as error:
            delay_s = pause_s * random.uniform(0.5, 1.5)  # noqa: S311 - spreads retries, protects nothing
            if error.code() is not grpc.StatusCode.UNAVAILABLE or timer.left_s() <= delay_s:
                raise translate(error) from error
            _log.debug(logging.CALL_RETRIED, detail=error.details())
            if stop.wait(delay_s):
                raise translate(error) from error
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


def stream(method: Callable[..., Any], request: object, *, timeout_s: float) -> Call[Any]:
    """Answers of a stub's server-streaming ``method`` to a message, or, bidirectional, to an iterator of messages.

    Never tried again: callers resume from their own cursor. Raises PeerUnavailableError when the channel is closed.
    """
    try:
        return Call(method(request, timeout=timeout_s))
    except ValueError as error:
        raise PeerUnavailableError("the channel is closed") from error


def translate(error: grpc.RpcError) -> RpcRefusal | PeerUnavailableError:
    """What a failed call means: the other side's refusal with its reason, or that there was no answer."""
    code, detail = error.code(), error.details() or ""
    for entry in error.trailing_metadata() or ():
        if entry.key == REASON_KEY:
            return RpcRefusal(str(entry.value), detail, code.name)
    if code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}:
        return PeerUnavailableError(f"{code.name}: {detail}")
    return RpcRefusal("MESSAGE_TOO_LARGE" if code is grpc.StatusCode.RESOURCE_EXHAUSTED else f"RPC_{code.name}", detail, code.name)
