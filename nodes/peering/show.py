"""What the home zone sees of the mirror: files brought up to date, and a status that says how this node stands with the other zone [F8]."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from nodes.peering.files import MirrorFiles
from nodes.peering.items import ItemStore, is_shown
from nodes.peering.members import OtherZone
from nodes.peering.settings import LOG, PeeringSettings
from nodes.peering.trust import SPLIT, Trust
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.observing import gauges
from nodes.runtime.replica.follower import LogFollower
from protos.v1 import federation_pb2 as wire

STATUS_S = 10

_log = logging.logger("peer")


class Show:
    """Writes ``files`` from what follower and store have. ``run`` in one thread; ``items`` from the puller's."""

    def __init__(
        self, settings: PeeringSettings, other: OtherZone, follower: LogFollower, files: MirrorFiles, store: ItemStore, trust: Trust, now: Clock
    ) -> None:
        self._settings, self._other, self._follower, self._files = settings, other, follower, files
        self._store, self._trust, self._now = store, trust, now
        self._shown: tuple[int, int] = (0, 0)
        self._told: tuple[dict[str, object], int] = ({}, 0)
        self._all_items()
        self._tell_gauges()

    def run(self, stopping: threading.Event) -> None:
        """Until ``stopping`` is set: at most every ``publish_s`` seconds the newest witnessed checkpoint, and the status when it changes."""
        while not stopping.is_set():
            self.turn()
            stopping.wait(self._settings.peering.publish_s)

    def turn(self) -> None:
        """Bring files and status up to date. Of a log that is not trusted any more nothing new is shown. Raises LogForkError, OSError."""
        witnessed = self._follower.witnessed
        if witnessed is not None and witnessed.order > self._shown and witnessed.checkpoint.size >= self._files.size and self._trust.lost is None:
            self._files.publish(witnessed.note.encode(), witnessed.checkpoint)
            self._shown = witnessed.order
            _log.debug(logging.MIRROR_SHOWN, size=self._files.size)
        self._tell()

    def items(self, items: Sequence[wire.ReplicatedItem]) -> None:
        """Show items that were just stored."""
        shown = [item for item in items if not item.withdrawn and is_shown(item.kind)]
        for item in shown:
            self._files.put_item(item.kind, item.digest.hex(), item.content)
        if shown:
            self._put_index()

    def _all_items(self) -> None:
        """Show what was stored before this start: the process may have ended between storing and showing."""
        for kind in sorted(self._store.index()):
            for _, _, digest, content in self._store.contents(kind):
                self._files.put_item(kind, digest.hex(), content)
        self._put_index()

    def _put_index(self) -> None:
        self._files.put_index(self._store.index())

    def _tell(self) -> None:
        status, now = self._status(), self._now()
        if status != self._told[0] or now - self._told[1] >= STATUS_S:
            self._files.put_status({**status, "time": now})
            self._told = (status, now)

    def _tell_gauges(self) -> None:
        most = self._settings.peering.most_bytes
        gauges.gauges("xinqiao_peer_kept_bytes", "Kept of the other zone", "part", lambda: {part: float(kept) for part, kept in self._kept().items()})
        gauges.gauges("xinqiao_peer_most_bytes", "Kept of it at most", "part", lambda: {part: float(bound) for part, bound in most.items()})

    def _kept(self) -> dict[str, int]:
        return {LOG: self._follower.replica.kept_bytes, **self._store.kept_bytes}

    def _status(self) -> dict[str, object]:
        witnessed, lost, grants = self._follower.witnessed, self._trust.lost, self._other.grants
        state = SPLIT if lost is not None else "mirroring" if self._other.entry is not None else "not-a-member"
        return {
            "zone": self._settings.zone,
            "home": self._settings.peering.home,
            "member": self._settings.member,
            "state": state,
            "grants": sorted(grants),
            "size": self._follower.size,
            "shown_size": self._files.size,
            "witnessed_time": 0 if witnessed is None else witnessed.checkpoint.time,
            "kept_bytes": self._kept(),
            "most_bytes": self._settings.peering.most_bytes,
            "full": sorted(self._store.full | ({LOG} if self._follower.replica.full else set())),
            "items": self._store.cursors(grants - {"log"}),
            "split": lost,
        }
