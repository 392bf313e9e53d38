"""Metrics that are read when somebody asks, from whoever knows: sizes, ages, what waits [H2]."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from sqlalchemy.exc import SQLAlchemyError

from nodes.errors import NodeError
from nodes.runtime.observing import metrics
from scoring.errors import ScoringError


def gauge(name: str, text: str, read: Callable[[], float]) -> None:
    """Offer the gauge ``name``, whose value ``read`` tells when asked."""
    _asked.register(name, "", _Source(text, (), lambda: {(): read()}))


def gauges(name: str, text: str, label: str, read: Callable[[], Mapping[str, float]], source: str = "") -> None:
    """Offer the gauge ``name`` with one label, of a closed set, whose values ``read`` tells when asked. Several sources may tell of it."""
    _asked.register(name, source, _Source(text, (label,), lambda: {(value,): number for value, number in read().items()}))


@dataclass(frozen=True, slots=True)
class _Source:
    """Who knows values of a gauge. ``read`` gives them by label; it raises NotReadyError and the like while there are none."""

    text: str
    labels: Sequence[str]
    read: Callable[[], Mapping[tuple[str, ...], float]]


class _Asked:
    """Gauges that are read when somebody asks. The last who registers a name for a source is asked."""

    def __init__(self) -> None:
        self._sources: dict[tuple[str, str], _Source] = {}
        self._lock = threading.Lock()

    def register(self, name: str, place: str, source: _Source) -> None:
        with self._lock:
            self._sources[name, place] = source

    def collect(self) -> list[Metric]:
        """What can be told now: what a source that is away knows is left out, and the others are told."""
        with self._lock:
            sources = dict(self._sources)
        found: dict[str, GaugeMetricFamily] = {}
        for (name, _), source in sources.items():
            family = found.setdefault(name, GaugeMetricFamily(name, source.text, labels=source.labels))
            try:
                values = source.read()
            except (NodeError, ScoringError, SQLAlchemyError, OSError):  # a database that is away says so by the readiness
                continue
            for label, value in values.items():
                family.add_metric(label, value)
        return list(found.values())


_asked = _Asked()
metrics.REGISTRY.register(_asked)
