"""A receiver of traces as an operator has one: OTLP over HTTP, in this process. It keeps the bytes and reads the spans."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

from nodes.runtime.clock import Timer


@dataclass(frozen=True, slots=True)
class Seen:
    """A span that came: of which process, under which other one; ``links`` are traces that it only refers to."""

    service: str
    name: str
    trace: str
    span: str
    parent: str
    links: tuple[str, ...]
    attributes: dict[str, str | int]


@dataclass
class Receiver:
    """Everything that was sent here. ``url`` is where."""

    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    came: threading.Condition = field(default_factory=threading.Condition)

    def spans(self) -> list[Seen]:
        """All spans so far."""
        with self.came:
            bodies = list(self.bodies)
        return [span for body in bodies for span in _spans_of(ExportTraceServiceRequest.FromString(body))]

    def wait_for(self, name: str, *below: str) -> list[Seen]:
        """The spans of the newest trace with a span ``name``, once spans named ``below`` have come too. Raises AssertionError after 30 s."""
        timer = Timer(30)
        while True:
            spans = self.spans()
            traces = [span.trace for span in spans if span.name == name]
            found = [span for span in spans if traces and span.trace == traces[-1]]
            if {name, *below} <= {span.name for span in found}:
                return found
            with self.came:
                self.came.wait(0.5)
            assert timer.left_s() > 0, [(span.service, span.name) for span in spans[-20:]]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A receiver on a free port of this machine."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            with kept.came:
                kept.bodies.append(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
                kept.came.notify_all()
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in the class above it
            """Nothing: who asks looks at ``bodies``."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept.url = f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield kept
        finally:
            server.shutdown()
            thread.join()


def _spans_of(request: ExportTraceServiceRequest) -> Iterator[Seen]:
    for part in request.resource_spans:
        service = next(item.value.string_value for item in part.resource.attributes if item.key == "service.name")
        for scope in part.scope_spans:
            for span in scope.spans:
                attributes = {item.key: item.value.string_value or item.value.int_value for item in span.attributes}
                links = tuple(link.trace_id.hex() for link in span.links)
                yield Seen(service, span.name, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(), links, attributes)
