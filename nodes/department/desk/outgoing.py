"""What leaves the node, epoch by epoch, as people are shown it: the department's own contributions, their numbers and their decisions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Engine, select

from crypto.statements import parse_envelope, said
from nodes.contributing.corrections.epochs import ContributedEpochs
from nodes.contributing.four_eyes.book import FourEyes, missed
from nodes.contributing.four_eyes.decisions import Decision
from nodes.contributing.four_eyes.summaries import Remark, Summaries, Summary, remarks
from nodes.contributing.outbox import MESSAGES
from nodes.errors import NotFoundError
from nodes.runtime.database import reading
from scoring.statements import Column, Row

SHOWN = 500  # the newest; rows come with consents, one by one
UNSIGNED = frozenset({"held", "rejected", "superseded"})


@dataclass(frozen=True, slots=True)
class Contribution:
    """One contribution of ours. ``contribution`` names its statement, ``digest`` its signed envelope (empty before), as the log's leaf does.

    ``state`` is the outbox's, or ``missed``: a column that was held until its epoch was closed. ``about``: of a column its indicator and
    functional, of a row its subject id and audience. ``leaf_index`` is -1 before it is logged.
    """

    kind: str
    epoch: str
    about: tuple[str, str]
    revision: int
    state: str
    reason: str
    contribution: str
    digest: str
    leaf_index: int
    decisions: tuple[Decision, ...]
    summary: Summary | None
    before: Summary | None

    @property
    def remarks(self) -> list[Remark]:
        return [] if self.summary is None else list(remarks(self.summary, self.before))

    def to_json(self) -> dict[str, Any]:
        """For programs: everything but what is behind the numbers."""
        return {
            "contribution": self.contribution, "kind": self.kind, "epoch": self.epoch, "about": list(self.about), "revision": self.revision,
            "state": self.state, "reason": self.reason, "digest": self.digest, "leaf_index": self.leaf_index,
            "decisions": [{"person": item.person, "act": item.act, "reason": item.reason, "time": item.time} for item in self.decisions],
            "summary": None if self.summary is None else self.summary.model_dump(mode="json"),
            "remarks": [item.en for item in self.remarks],
        }  # fmt: skip


class Outgoing:
    """Reads the outbox of the department's database ``engine``; changes nothing."""

    def __init__(self, engine: Engine, summaries: Summaries, four_eyes: FourEyes) -> None:
        self._engine, self._summaries, self._four_eyes = engine, summaries, four_eyes
        self._epochs = ContributedEpochs(engine)

    def closed(self) -> frozenset[str]:
        """Epochs that are closed."""
        return self._epochs.over()

    def epochs(self) -> list[tuple[str, list[Contribution]]]:
        """Epochs, the one contributed to last first, each with its contributions in order: columns, then rows; superseded ones left out."""
        found = [item for item in self._contributions() if item.state != "superseded"]
        order = {item.epoch: place for place, item in enumerate(found)}  # the last place of each
        found.sort(key=lambda item: (-order[item.epoch], item.kind, item.about, item.revision))
        return [(epoch, list(items)) for epoch, items in groupby(found, key=lambda item: item.epoch)]

    def newest(self) -> list[tuple[str, list[Contribution]]]:
        """As ``epochs``, of each place the newest revision only."""
        newest: dict[str, list[Contribution]] = {}
        for epoch, items in self.epochs():
            last = {(item.kind, item.about): item for item in items}
            newest[epoch] = list(last.values())
        return list(newest.items())

    def find(self, contribution: str) -> Contribution:
        """One contribution by the name of its statement. Raises NotFoundError."""
        for item in self._contributions():
            if item.contribution == contribution:
                return item
        raise NotFoundError("no contribution of this department has this name")

    def _contributions(self) -> list[Contribution]:
        columns = [MESSAGES.c[name] for name in ("place", "revision", "state", "reason", "source", "envelope", "leaf_index")]
        ours = MESSAGES.c.call == "contribute"
        newest = select(MESSAGES.c.id).where(ours).order_by(MESSAGES.c.id.desc()).limit(SHOWN)
        shown = MESSAGES.c.id.in_(newest) | (ours & (MESSAGES.c.state == "held"))  # what waits for people is shown however much came after it
        with reading(self._engine) as connection:
            rows = connection.execute(select(*columns).where(shown).order_by(MESSAGES.c.id)).all()
        summaries = self._summaries.of([row.source for row in rows])
        named = [(row, *_names(row)) for row in rows]
        decisions = self._four_eyes.decided([name for _, name, _ in named])
        for item in self._four_eyes.held():
            decisions[item.contribution] = item.decisions
        over = self._epochs.over()
        return [self._contribution(row, name, digest, summaries.get(row.source), decisions.get(name, ()), over) for row, name, digest in named]

    def _contribution(
        self, row: Any, name: str, digest: str, summary: Summary | None, decisions: tuple[Decision, ...], over: frozenset[str]
    ) -> Contribution:
        kind, epoch, *about = row.place.split("/")
        state = "missed" if missed(row.place, row.state, over) else row.state
        before = None if summary is None or row.state not in UNSIGNED else self._summaries.before(summary)
        leaf_index = -1 if row.leaf_index is None else row.leaf_index
        return Contribution(kind, epoch, (about[0], about[1]), row.revision, state, row.reason, name, digest, leaf_index, decisions, summary, before)


def _names(row: Any) -> tuple[str, str]:
    """The name of a message's statement, and the digest of its envelope where it is signed."""
    if row.state in UNSIGNED:
        return said((Column if row.place.startswith("column/") else Row).payload_type(), row.envelope).hex(), ""
    envelope = parse_envelope(row.envelope)
    return envelope.said.hex(), envelope.digest.hex()
