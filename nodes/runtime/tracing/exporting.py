"""Traces to an OpenTelemetry receiver by OTLP over HTTPS. Imported only where a process traces: it needs the extra ``tracing``.

Spans are sent in the background, in batches; a receiver that is away or slow costs spans, and never a call.
"""

from __future__ import annotations

import logging
from pathlib import Path

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from nodes.runtime.tracing.spans import Remote, Span

QUEUE, BATCH, DELAY_MS, TIMEOUT_S = 4096, 512, 1000, 5.0
_LIMITS = SpanLimits(max_span_attributes=16, max_events=0, max_links=1, max_span_attribute_length=64)


class OpenTelemetry:
    """A tracer whose spans go to ``url``, named by member and zone; ``ratio`` of the traces that begin here are recorded."""

    def __init__(self, url: str, ca: Path | None, ratio: float, member: str, zone: str) -> None:
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it prints addresses and bodies of answers
        resource = Resource({"service.name": member, "service.namespace": zone})  # nothing of the environment or the machine
        self._provider = TracerProvider(ParentBased(TraceIdRatioBased(ratio)), resource, shutdown_on_exit=False, span_limits=_LIMITS)
        exporter = OTLPSpanExporter(url, certificate_file=None if ca is None else str(ca), headers={}, timeout=TIMEOUT_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, QUEUE, DELAY_MS, BATCH))
        self._tracer = self._provider.get_tracer("xinqiao")

    def begin(self, name: str, parent: Span | Remote | None, link: Remote | None) -> Span:
        """A span that runs: below ``parent``, or the first of a trace of its own that only refers to ``link``."""
        above = parent.context if isinstance(parent, _Recorded) else _context_of(parent) if isinstance(parent, Remote) else None
        context = trace.set_span_in_context(NonRecordingSpan(above if above is not None else trace.INVALID_SPAN_CONTEXT))
        links = [] if link is None else [Link(_context_of(link))]
        return _Recorded(self._tracer.start_span(name, context, SpanKind.SERVER, links=links))

    def close(self) -> None:
        """Send what waits, for a few seconds at most."""
        self._provider.shutdown()


class _Recorded:
    """``spans.Span`` over OpenTelemetry's."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self.context = span.get_span_context()

    @property
    def traceparent(self) -> str:
        return f"00-{self.context.trace_id:032x}-{self.context.span_id:016x}-{int(self.context.trace_flags):02x}"

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def set(self, key: str, value: str | int) -> None:
        self._span.set_attribute(key, value)

    def end(self, failed: str) -> None:
        if failed:
            self._span.set_status(Status(StatusCode.ERROR, failed))
        self._span.end()


def _context_of(remote: Remote) -> SpanContext:
    return SpanContext(remote.trace, remote.span, is_remote=True, trace_flags=TraceFlags(int(remote.sampled)))
