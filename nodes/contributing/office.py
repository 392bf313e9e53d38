"""What a contributor works with, in one place for those who work in its name: a department, or a bank that owns loan performance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from crypto.subjects import subject_id
from nodes.contributing.corrections.epochs import ContributedEpochs
from nodes.contributing.epoch_secrets import EpochSecrets
from nodes.contributing.four_eyes.book import FourEyes
from nodes.contributing.four_eyes.summaries import Summaries
from nodes.contributing.outbox import Outbox
from nodes.contributing.trust import ZoneTrust
from nodes.runtime.peers.identity import Identity

V = TypeVar("V")


class KeptRecords(Protocol):
    """A contributor's own records by unified social credit code and period, and the points that it said of them.

    ``version`` grows whenever a record changes, and names the records of that moment. ``nodes.records`` keeps them.
    """

    @property
    def version(self) -> int: ...
    def changed(self, period: str, since: int, /) -> bool: ...
    def period(self, period: str, version: int | None = None, /) -> dict[str, dict[str, str]]: ...
    def find(self, uscc: str, period: str, /) -> dict[str, str] | None: ...
    def knows(self, uscc: str, /) -> bool: ...
    def keep_points(self, source: str, points: list[int], version: int, /) -> None: ...
    def points(self, source: str, /) -> list[int]: ...
    def period_when(self, period: str, source: str, /) -> dict[str, dict[str, str]]: ...


class RecordSources(Protocol):
    """Where a contributor's records come from."""

    def look(self) -> None:
        """Take what lies ready on this machine: before each piece of work."""

    def run(self) -> int:
        """Take what every source has. Returns how many deliveries were new. Raises NotReadyError while another process does the same."""
        ...


class SubjectIds(Protocol):
    """How a contributor finds its enterprises in a roster. ``version`` is another one, also after a restart, whenever it may find others."""

    @property
    def version(self) -> int: ...

    def by_subject(self, records: Mapping[str, V], source: str = "", /) -> dict[str, V]:
        """``records`` (USCC -> anything) by subject id; without those whose subject id the contributor does not know, or, with ``source``, did
        not know when it made the contribution under it."""
        ...

    def keep(self, source: str) -> None:
        """Note whom the contributor knows while it makes the contribution under ``source``."""


@dataclass(frozen=True, slots=True)
class RosterKey:
    """Subject ids of a department: it holds the zone's roster key and computes every enterprise's [P3.1]."""

    key: bytes = field(repr=False)
    version: int = 0

    def by_subject(self, records: Mapping[str, V], _source: str = "", /) -> dict[str, V]:
        """All of ``records``."""
        return {subject_id(self.key, uscc): value for uscc, value in records.items()}

    def keep(self, source: str) -> None:
        """Nothing is to be noted: every enterprise is known at all times."""


@dataclass(frozen=True, slots=True)
class Office:
    """Who the contributor is, what it trusts, its records, what brings them in, its secrets, and where its answers go.

    ``sources`` is None where records come in by themselves. ``window``: largest window of the encryption tables. ``four_eyes``: who lets
    its contributions go, and ``summaries`` what they are shown, where it has people of its own.
    """

    identity: Identity
    trust: ZoneTrust
    store: KeptRecords
    outbox: Outbox
    secrets: EpochSecrets
    subjects: SubjectIds
    sources: RecordSources | None
    epochs: ContributedEpochs
    window: int
    four_eyes: FourEyes | None = None
    summaries: Summaries | None = None

    @property
    def holds_columns(self) -> bool:
        """Whether columns wait for people [A3]."""
        return self.four_eyes is not None and self.four_eyes.policy.columns
