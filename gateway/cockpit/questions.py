"""What the cockpit's tables ask of every enterprise, and the places that they count it in [T1].

A question is known by its word: what it asks, and of which epochs. The same word asks the same, now and in a later publication.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from scoring.disclosure.tables.figures import Answer, Question, Values

STAGE, POINTS, GATED, MOVE, TREND = "stage", "points", "gated", "move", "trend"
BALANCE, REPAID, OVERDUE = "balance", "repaid", "overdue"
ROOT = "|"
UNRATED = "–"
"""The group of borrowers without a rated stage."""
STEADY = 100
"""Hundredths: a total that moved by less than a point stayed where it was."""
_STEPS = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)
_CLASSES = 10


@dataclass(frozen=True, slots=True)
class Asking:
    """What a publication asks about. ``edges``: of the classes of totals, in hundredths; ``previous``: the rating epoch before, or empty."""

    epoch: str
    kind: str
    edges: tuple[int, ...] = ()
    stages: tuple[str, ...] = ()
    previous: str = ""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Asking:
        """As a stored publication has it."""
        return cls(document["epoch"], document["kind"], tuple(document["edges"]), tuple(document["stages"]), document["previous"])

    def questions(self) -> list[Question]:
        """The questions, in the order of the page."""
        stage, points = f"stage/{self.epoch}", f"points/{self.epoch}"
        if self.kind == "loans":
            rated = f"rated/{self.epoch}"  # the stage of the epoch rated before, which stands in lists by name [T4.2]
            told = [f"{name}/{self.epoch}" for name in (BALANCE, REPAID, OVERDUE)]
            return [Question(name, (rated, name), partial(_lent, rated, name), sums=True, known=frozenset({rated})) for name in told]
        found = [
            Question(f"{STAGE}/{self.epoch}", (stage,), partial(_stage, stage), frozenset({ROOT})),
            Question(f"{POINTS}/{self.epoch}", (points,), partial(_class, points, self.edges)),
            Question(f"{GATED}/{self.epoch}", (points,), partial(_gated, points)),
        ]
        if self.previous:
            earlier_stage, earlier_points = f"stage/{self.previous}", f"points/{self.previous}"
            found += [
                Question(f"{MOVE}/{self.epoch}", (earlier_stage, stage), partial(_move, earlier_stage, stage, self.stages)),
                Question(f"{TREND}/{self.epoch}", (earlier_points, points), partial(_trend, earlier_points, points)),
            ]
        return found


def edges_for(totals: Collection[int]) -> tuple[int, ...]:
    """Edges of at most ten equal classes over the totals, from 0, by a round step."""
    top = max(totals, default=0)
    step = next((step for step in _STEPS if step * _CLASSES > top), _STEPS[-1])
    return tuple(range(0, max(top, 1) + step, step))


def canonical_prefixes(counties: Collection[str]) -> dict[str, str]:
    """Every prefix of these counties -> the shortest one that stands for the same counties: two names of one place have one table [T1.5].

    >>> canonical_prefixes(["330108", "330109"])["3301"]
    ''
    """
    prefixes = sorted({county[:length] for county in counties for length in (0, 2, 4, 6)}, key=len)
    below = {prefix: frozenset(county for county in counties if county.startswith(prefix)) for prefix in prefixes}
    first: dict[frozenset[str], str] = {}
    for prefix in prefixes:
        first.setdefault(below[prefix], prefix)
    return {prefix: first[below[prefix]] for prefix in prefixes}


def places_of(division: str, section: str, canonical: Mapping[str, str]) -> tuple[str, ...]:
    """The places in which an enterprise of this county and section is counted."""
    prefixes = dict.fromkeys(canonical[division[:length]] for length in (0, 2, 4, 6))
    return tuple(f"{prefix}|{trade}" for prefix in prefixes for trade in dict.fromkeys(("", section)))


def _stage(name: str, values: Values) -> Answer | None:
    return None if values[name] is None else Answer(str(values[name]))


def _class(name: str, edges: Sequence[int], values: Values) -> Answer | None:
    points = values[name]
    if not isinstance(points, int) or points < 0:
        return None
    return Answer(f"{sum(points >= edge for edge in edges[1:-1]):02}")


def _gated(name: str, values: Values) -> Answer | None:
    points = values[name]
    return Answer("yes" if points < 0 else "no") if isinstance(points, int) else None


def _move(earlier: str, later: str, stages: Sequence[str], values: Values) -> Answer | None:
    before, after = values[earlier], values[later]
    if after is None:
        return None
    if before not in stages or after not in stages:
        return Answer("new")
    change = stages.index(str(after)) - stages.index(str(before))
    return Answer("up" if change > 0 else "down" if change < 0 else "same")


def _trend(earlier: str, later: str, values: Values) -> Answer | None:
    before, after = values[earlier], values[later]
    if not isinstance(after, int) or after < 0:
        return None
    if not isinstance(before, int) or before < 0:
        return Answer("new")
    return Answer("up" if after >= before + STEADY else "down" if after <= before - STEADY else "same")


def _lent(rated: str, name: str, values: Values) -> Answer | None:
    amount, stage = values[name], values[rated]
    if not isinstance(amount, int) or not amount:
        return None
    return Answer(UNRATED if stage is None else str(stage), amount)
