"""What is seen of every gRPC call: counted by method and status, timed, traced. Outermost of a server's interceptors [H2, H4].

A call that may last longer than an answer does is a stream that lasts: it is counted, and has neither a time nor a span.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from nodes.runtime.observing import metrics
from nodes.runtime.tracing import spans

LONGEST_ANSWER_S = 600.0
_END = object()

Behaviour = Callable[[Any, Any], Any]
"""Answers a request, or an iterator of requests, with an answer or an iterator of answers; the second argument is the call's context."""

Deserialize = Callable[[bytes], Any] | None


class Observing(grpc.ServerInterceptor):
    """Sees the calls of one server. Only methods that the server has are told apart."""

    def intercept_service(self, continuation: Callable[[Any], Any], handler_call_details: Any) -> Any:
        handler = continuation(handler_call_details)
        if handler is None:
            return None
        watch = _in_parts if handler.response_streaming else _at_once
        return around(handler, lambda inner: watch(inner, handler_call_details.method))


def around(handler: Any, wrap: Callable[[Behaviour], Behaviour], read: Callable[[Deserialize], Deserialize] = lambda given: given) -> Any:
    """``handler`` of a method, its behaviour wrapped by ``wrap`` and its deserializer by ``read``; of the same kind as it was."""
    kind = f"{'stream' if handler.request_streaming else 'unary'}_{'stream' if handler.response_streaming else 'unary'}"
    make = getattr(grpc, f"{kind}_rpc_method_handler")
    return make(wrap(getattr(handler, kind)), read(handler.request_deserializer), handler.response_serializer)


def _at_once(inner: Behaviour, method: str) -> Behaviour:
    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        with _counted(method, context), spans.answering(method, context.invocation_metadata()) as span:
            try:
                return inner(request, context)
            finally:
                span.note(status=_status_of(context).name)

    return answer


def _in_parts(inner: Behaviour, method: str) -> Behaviour:
    def answer(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        with _counted(method, context) as lasting:
            span = None if lasting else spans.ongoing(method, context.invocation_metadata())
            failed = "CANCELLED"
            try:
                with spans.within(span):
                    parts = iter(inner(request, context))
                while True:
                    with spans.within(span):
                        part = next(parts, _END)
                    if part is _END:
                        break
                    yield part
                failed = ""
            except Exception:
                failed = _status_of(context).name
                raise
            finally:
                if span is not None:
                    span.end(failed)

    return answer


@contextmanager
def _counted(method: str, context: grpc.ServicerContext) -> Iterator[bool]:
    """Count a call; whether it is a stream that lasts."""
    left_s = context.time_remaining()
    lasting = left_s is None or left_s > LONGEST_ANSWER_S
    begun = time.monotonic()
    metrics.STREAMS.labels(method).inc()
    try:
        yield lasting
    finally:
        metrics.STREAMS.labels(method).dec()
        metrics.CALLS.labels(method, _status_of(context).name).inc()
        if not lasting:
            metrics.CALL_SECONDS.labels(method).observe(time.monotonic() - begun)


def _status_of(context: Any) -> grpc.StatusCode:
    """How the call ends, as far as is known: a handler that set nothing ends well, unless its caller is gone."""
    code: grpc.StatusCode | None = context.code()
    if code is None:
        return grpc.StatusCode.OK if context.is_active() else grpc.StatusCode.CANCELLED
    return code
