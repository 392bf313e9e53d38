"""The metrics of this process, in Prometheus' text format: docs/specs/observing.md has the table of them all [H2].

One registry a process. Labels are of closed sets: methods, routes, statuses, reasons and events of the program, members of the zone,
connectors of a configuration; never a subject, a person or a value [H3]. What is read when somebody asks is in ``gauges``.
"""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

MEDIA_TYPE = CONTENT_TYPE_LATEST
REGISTRY = CollectorRegistry()
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

ProcessCollector(registry=REGISTRY)

CALLS = Counter("xinqiao_calls_total", "gRPC calls answered, by status", ("method", "status"), registry=REGISTRY)
CALL_SECONDS = Histogram("xinqiao_call_seconds", "Time of a gRPC call that ends within minutes", ("method",), buckets=SECONDS, registry=REGISTRY)
CALLS_REFUSED = Counter("xinqiao_calls_refused_total", "gRPC calls refused, by the catalogue's reason", ("method", "reason"), registry=REGISTRY)
STREAMS = Gauge("xinqiao_streams", "gRPC calls that run now, streams that last included", ("method",), registry=REGISTRY)
HTTP_REQUESTS = Counter("xinqiao_http_requests_total", "HTTP requests answered", ("method", "route", "status"), registry=REGISTRY)
HTTP_SECONDS = Histogram("xinqiao_http_request_seconds", "Time to answer", ("method", "route"), buckets=SECONDS, registry=REGISTRY)
TRANSACTIONS = Histogram(
    "xinqiao_database_transaction_seconds", "Time of a transaction with its commit", ("database", "kind"), buckets=SECONDS, registry=REGISTRY
)
STATEMENTS = Histogram(
    "xinqiao_database_statement_seconds", "Time of a statement in the database", ("database", "statement"), buckets=SECONDS, registry=REGISTRY
)
COMMIT_SECONDS = Histogram(
    "xinqiao_log_commit_seconds", "Time from taking waiting statements to their signed checkpoint", buckets=SECONDS, registry=REGISTRY
)
EVENTS = Counter("xinqiao_events_total", "Lines of the structured log by event", ("event", "level"), registry=REGISTRY)
LEAVES = Counter("xinqiao_leaves_total", "Leaves of the log taken in since the start, by kind", ("kind",), registry=REGISTRY)


def exposition() -> bytes:
    """All metrics of this process in the text format."""
    return generate_latest(REGISTRY)
