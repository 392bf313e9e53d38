"""What every call to a server of ours must get past: the caller admitted, a deadline, a share of the workers, a message that can be read.

The guard sits before all handlers of all four kinds; a domain error of theirs becomes its row of the catalogue here.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NoReturn, cast

import grpc
from google.protobuf.message import DecodeError

from nodes.errors import DeadlineMissingError, NotReadyError, RateLimitedError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.database import storage_trouble
from nodes.runtime.observing import metrics
from nodes.runtime.observing.calls import LONGEST_ANSWER_S, Behaviour, Deserialize, around
from nodes.runtime.peers import tls
from nodes.runtime.peers.entitlement import Permit
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.revoked import RevokedCertificates
from nodes.runtime.tracing import spans
from protos.errors import INTERNAL, Refusal, WireFormatError, by_reason, detail_of, refusal_of

REASON_KEY = "xinqiao-reason"
RETRY_AFTER_KEY = "xinqiao-retry-after-s"
LONGEST_STREAM_S = 7200.0

Admit = Callable[[str], None]
"""Returns when the member with this id may call now; raises MemberUnknownError or MemberLeftError. Called often: keep it cheap."""

_log = logging.logger("rpc")


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Stands in for a message whose bytes are none of its type."""


_UNREADABLE = _Unreadable()


class Guard(grpc.ServerInterceptor):
    """Admission, deadlines, shares and errors. ``workers``: calls at a time. A quarter of them is kept for callers that have few; of
    the others each caller may have three for every one that is free. So nobody is shut out, by one caller or by several together."""

    def __init__(
        self, identity: Identity, admit: Admit, on_fatal: Callable[[BaseException], None], workers: int, permit: Permit | None = None
    ) -> None:
        self._zone, self._admit, self._on_fatal, self._permit = identity.zone, admit, on_fatal, permit
        self._revoked = RevokedCertificates(identity.tls.crl, lambda: identity.tls.now().ca)
        self._anchors: tls.Anchors = lambda: identity.tls.now().ca
        self._workers, self._kept, self._few = workers, workers // 4, max(1, workers // 32)
        self._running: Counter[str] = Counter()  # calls of each caller
        self._lock = threading.Lock()

    def intercept_service(self, continuation: Callable[[Any], Any], handler_call_details: Any) -> Any:
        handler = continuation(handler_call_details)
        if handler is None:
            return None
        wrap = self._streaming if handler.response_streaming else self._single
        return around(handler, lambda inner: wrap(inner, handler_call_details.method, handler.request_streaming), _tolerant)

    def _single(self, inner: Behaviour, method: str, streamed: bool) -> Behaviour:
        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            with self._refusing(context, method), self._entered(context, method, LONGEST_ANSWER_S):
                return inner(self._admitted(request, context, method) if streamed else _readable(request), context)

        return answer

    def _streaming(self, inner: Behaviour, method: str, streamed: bool) -> Behaviour:
        def answer(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            with self._refusing(context, method), self._entered(context, method, LONGEST_STREAM_S):
                asked = self._admitted(request, context, method) if streamed else _readable(request)
                yield from self._admitted(inner(asked, context), context, method)

        return answer

    @contextmanager
    def _refusing(self, context: grpc.ServicerContext, method: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever a handler raises becomes one refusal
            self._refuse(error, context, method)

    @contextmanager
    def _entered(self, context: grpc.ServicerContext, method: str, longest_s: float) -> Iterator[None]:
        """A call that may run: of a member that may call this, with a deadline, within the caller's share."""
        caller = self._entitled(context, method)
        left_s = context.time_remaining()
        if left_s is None or left_s > longest_s:
            raise DeadlineMissingError(f"the call has no deadline, or one further than {longest_s:g} s away")
        spans.note(caller=caller)
        with self._lock:
            running, free = self._running[caller], self._workers - self._running.total()
            if free <= 0 or (running >= self._few and running >= 3 * (free - self._kept)):
                raise NotReadyError(f"{caller} has {running} calls running: no more at a time now")
            self._running[caller] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[caller] -= 1

    def _admitted(self, messages: Iterator[Any], context: grpc.ServicerContext, method: str) -> Iterator[Any]:
        for message in messages:
            self._entitled(context, method)
            yield _readable(message)

    def _entitled(self, context: grpc.ServicerContext, method: str) -> str:
        """The caller, if it may call this method now."""
        caller = tls.caller(context, self._zone, self._revoked, self._anchors)
        self._admit(caller)
        if self._permit is not None:
            self._permit(caller, method)
        return caller

    def _refuse(self, error: Exception, context: grpc.ServicerContext, method: str) -> NoReturn:
        row = _row_of(storage_trouble(error))
        if row.fatal:
            self._on_fatal(error)
        elif cast(Any, context).code() is not None:
            raise error  # the handler has answered with an abort of its own
        elif not context.is_active():
            context.abort(grpc.StatusCode.CANCELLED, "the caller hung up")
        if row is INTERNAL or row.fatal or storage_trouble(error) is not error:
            _log.error(logging.CALL_FAILED, method=method, reason=row.reason, error=type(error).__name__, where=logging.where(error))
        else:
            _log.info(logging.CALL_REFUSED, method=method, reason=row.reason)
        metrics.CALLS_REFUSED.labels(method, row.reason).inc()
        spans.note(reason=row.reason)
        detail = error.detail if isinstance(error, RpcRefusal) else detail_of(error, row)
        reason = error.reason if isinstance(error, RpcRefusal) else row.reason
        context.set_trailing_metadata(((REASON_KEY, reason), *_retry_after(error)))
        context.abort(row.code, detail)
        raise AssertionError("abort returns never")


def _tolerant(deserialize: Deserialize) -> Deserialize:
    """``deserialize``, but bytes that it cannot read become a mark: the caller is refused by the guard, in the catalogue's words."""
    if deserialize is None:
        return None

    def tolerant(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return _UNREADABLE

    return tolerant


def _readable(message: Any) -> Any:
    if message is _UNREADABLE:
        raise WireFormatError("the bytes are no message of this call")
    return message


def _retry_after(error: Exception) -> tuple[tuple[str, str], ...]:
    seconds = error.retry_after_s if isinstance(error, RateLimitedError | RpcRefusal) else None
    return () if seconds is None else ((RETRY_AFTER_KEY, f"{seconds:.3f}"),)


def _row_of(error: Exception) -> Refusal:
    if isinstance(error, RpcRefusal):  # a refusal from further on is passed through; what is fatal there is not fatal here
        return replace(by_reason(error.reason), fatal=False)
    return refusal_of(error)
