"""What the log tells of itself: how large it is, how far its witnesses are, what it took in [H2]."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from crypto.checkpoint import check_witnessed
from nodes.errors import NotReadyError
from nodes.log.publication import Publication
from nodes.log.reader import Reader
from nodes.log.storage import Entry
from nodes.runtime.clock import Clock
from nodes.runtime.observing import gauges, metrics
from scoring.statements import Registry, parse_leaf


def count(entries: Sequence[Entry]) -> None:
    """Leaves that are in the log now."""
    for kind, number in Counter(entry.kind for entry in entries).items():
        metrics.LEAVES.labels(kind).inc(number)


def tell_of(publication: Publication, reader: Reader, registry: Registry, now: Clock) -> None:
    """Offer the log's gauges."""
    policy = registry.witness_policy

    def witnessed() -> int:
        head = publication.witnessed
        return 0 if head is None else head.size

    def age_s() -> float:
        head = publication.witnessed
        if head is None:
            raise NotReadyError("no checkpoint is witnessed yet")
        return now() - check_witnessed(head.note, registry.log_vkey, policy.witnesses, policy.required).time

    def unwitnessed_s() -> float:
        covered, size = witnessed(), publication.signed.size
        return 0.0 if covered >= size else float(now() - parse_leaf(reader.entries(covered, covered + 1, 1 << 20)[0].leaf).time)

    gauges.gauge("xinqiao_log_leaves", "Leaves under the newest signed checkpoint", lambda: publication.signed.size)
    gauges.gauge("xinqiao_log_witnessed_leaves", "Leaves under the newest checkpoint that enough witnesses signed", witnessed)
    gauges.gauge("xinqiao_log_witness_age_seconds", "Age of the newest sufficiently witnessed checkpoint, by its w-th newest cosignature [L5]", age_s)
    gauges.gauge(
        "xinqiao_log_unwitnessed_seconds",
        "How long the oldest leaf that is not witnessed has waited: beyond the policy, releases stop",
        unwitnessed_s,
    )
