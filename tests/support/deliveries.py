"""Connectors whose sources are lists in memory: what a delivery says, what it is called, when it cannot be reached, and what was settled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from connectors.errors import SourceUnavailableError
from connectors.records import Malformed, Origin, Outcome, Record
from crypto.encoding import canonical_json, sha256

Item = Record | Malformed | Exception


def record(uscc: str, values: Mapping[str, str], valid_from: str = "", period: str = "2023", place: str = "line 2") -> Record:
    return Record(uscc, period, values, Origin("hand", "hand", place), valid_from)


def malformed(reason: str, content: str = "", place: str = "line 3", field: str = "") -> Malformed:
    return Malformed(Origin("hand", "hand", place), field, reason, content)


@dataclass
class HandMade:
    """A delivery of ``what``; an exception among it is raised in its place."""

    what: Sequence[Item]
    name: str = "a"
    digest: str = ""  # of what it says, unless a cursor tells what is new
    cursor: str = ""
    settled: list[tuple[Outcome, int]] = field(default_factory=list)
    settling: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        if not self.digest and not self.cursor:
            self.digest = sha256(canonical_json([repr(item) for item in self.what])).hex()

    def items(self) -> Iterator[Record | Malformed]:
        for item in self.what:
            if isinstance(item, Exception):
                raise item
            yield item

    def settle(self, outcome: Outcome, refused: tuple[Malformed, ...]) -> None:
        self.settling()
        self.settled.append((outcome, len(refused)))


@dataclass
class HandMadeSource:
    """A connector of ``given``: every delivery that is not settled, or, with ``cursors``, each one after the cursor's number."""

    given: list[HandMade] = field(default_factory=list)
    id: str = "hand"
    away: bool = False
    cursors: bool = False
    asked: list[str] = field(default_factory=list)
    reading: str = ""

    def deliveries(self, cursor: str) -> Iterator[HandMade]:
        self.asked.append(cursor)
        if self.away:
            raise SourceUnavailableError("nobody answers")
        if self.cursors:
            yield from self.given[int(cursor or 0) :]
        else:
            yield from [delivery for delivery in self.given if not delivery.settled]


def again(kept: Malformed, content: str) -> Iterator[Record | Malformed]:
    """What was quarantined is read again from "uscc,value of a"."""
    uscc, _, value = content.partition(",")
    if not value.isdigit():
        yield Malformed(kept.origin, "a", "not a number", content)
    else:
        yield Record(uscc, "2023", {"a": value}, kept.origin)
