"""When each member was heard of last, kept across restarts: who keeps heads back is not helped by one [L5]."""

from __future__ import annotations

import json
from pathlib import Path

from crypto.encoding import canonical_json
from nodes.errors import StorageError
from nodes.runtime.clock import Clock
from nodes.runtime.files import read_private, write_private

FILE = "heard.json"
SAVE_S = 60


class Heard:
    """Times by which members were heard of, in ``directory``. Not thread-safe."""

    def __init__(self, directory: Path, now: Clock) -> None:
        """Raises StorageError when what is kept cannot be read."""
        self._path, self._now = directory / FILE, now
        self._since, self._times = self._load()
        self._saved = 0
        self.save()

    def at(self, member: str) -> int:
        """When the member was heard of last, 0 for never."""
        return self._times.get(member, 0)

    def last(self, member: str) -> int:
        """The same; who was never heard of counts from our first start."""
        return max(self.at(member), self._since)

    def heard(self, member: str, time: int) -> None:
        """The member was heard of at ``time``, which its own clock may put into the future."""
        self._times[member] = max(min(time, self._now()), self.at(member))

    def save(self, every_s: int = 0) -> None:
        """Keep it, unless that was done less than ``every_s`` before."""
        if self._now() - self._saved >= every_s:
            self._saved = self._now()
            write_private(self._path, canonical_json({"since": self._since, "heard": self._times}))

    def _load(self) -> tuple[int, dict[str, int]]:
        if not self._path.exists():
            return self._now(), {}
        try:
            document = json.loads(read_private(self._path))
            return int(document["since"]), {str(name): int(time) for name, time in document["heard"].items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StorageError(f"{self._path} cannot be read") from error
