"""Work that waits for members: durable queues, and the outgoing streams on which the members fetch them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator

from nodes.coordinator.keeping.store import Store
from nodes.runtime.observing import gauges
from protos.v1.exchange_pb2 import Heartbeat, WorkItem

HEARTBEAT_S = 10.0
PAGE = 64


class WorkQueue:
    """One queue a member. Items are numbered from 1; a member acknowledges by following from a later number."""

    def __init__(self, store: Store, stopping: threading.Event) -> None:
        self._store = store
        self._stopping = stopping
        self._changed = threading.Condition()
        self._version = 0
        self._following: Counter[str] = Counter()
        self._reached: dict[str, int] = {}  # number of the last item that each member took, since this process began

    def add(self, member: str, key: str, item: WorkItem) -> None:
        """Queue ``item`` for ``member``, once for each ``key``."""
        if self._store.add_work(member, key, item.SerializeToString()):
            self.wake()

    def has(self, member: str, key: str) -> bool:
        """Whether ``member`` was queued the item with this key."""
        return self._store.has_work(member, key)

    def wake(self) -> None:
        """Let followers look again: for new work, or because the process stops."""
        with self._changed:
            self._version += 1
            self._changed.notify_all()

    def following(self) -> set[str]:
        """Members with an open stream now."""
        with self._changed:
            return {member for member, streams in self._following.items() if streams > 0}

    def tell(self) -> None:
        """Offer the queue's gauges, of members that have asked for work since the start [H2]."""

        def waiting() -> dict[str, float]:
            with self._changed:
                reached = dict(self._reached)
            return {member: self._store.count_work(member, seq) for member, seq in reached.items()}

        def open_streams() -> dict[str, float]:
            with self._changed:
                return {member: float(member in self._following and self._following[member] > 0) for member in self._reached}

        gauges.gauges("xinqiao_work_items", "Work items that wait for a member", "member", waiting)
        gauges.gauges("xinqiao_work_followed", "1 while a member has its work stream open, else 0", "member", open_streams)

    def follow(self, member: str, after: int, active: Callable[[], bool]) -> Iterator[WorkItem]:
        """Items of ``member`` after number ``after``, then each new one as it comes; a heartbeat (seq 0) in between.

        Ends when the process stops or ``active`` says no, or raises; after either, call ``wake``.
        """
        with self._changed:
            self._following[member] += 1
            self._reached[member] = after
        try:
            while active() and not self._stopping.is_set():
                with self._changed:
                    version = self._version
                page = self._store.work_after(member, after, PAGE)
                for seq, data in page:
                    item = WorkItem.FromString(data)
                    item.seq = after = seq
                    yield item
                    self._reached[member] = seq
                if not page:
                    with self._changed:
                        changed = self._version != version or self._changed.wait(HEARTBEAT_S)
                    if not changed:
                        yield WorkItem(heartbeat=Heartbeat())
        finally:
            with self._changed:
                self._following[member] -= 1
