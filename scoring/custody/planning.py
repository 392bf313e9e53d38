"""Which custodians may be away at once, and what has to be done before they go [P1.7, L5]. Pure: times are Unix seconds.

Two things must stay reachable: t shares, without which nothing opens; and, for longer than a day, enough custodians that hear of each
other, without which each of them stops by itself since a split of the log could be hidden. Whoever runs several custodians is one failure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

SILENCE_S = 86_400
REFRESH_S = 182 * 86_400
"""Half a year: how often the guide asks for a refresh."""

KEY_LIFE_S = 730 * 86_400
Step = Literal["finish-round", "reshare", "find-custodian", "refresh", "renew-registry", "new-key", "separate-operators"]


@dataclass(frozen=True, slots=True)
class Custody:
    """What the log says of the generation in force. ``custodians``: who holds a share; ``spare``: members with the role who hold none;
    ``operators``: custodian → who runs it, where that is not itself. ``round_open``: shares are being renewed."""

    generation: int
    custodians: tuple[str, ...]
    threshold: int
    generation_since: int
    key_since: int
    spare: tuple[str, ...] = ()
    operators: Mapping[str, str] | None = None
    round_open: bool = False
    registry_until: int | None = None

    def operator(self, custodian: str) -> str:
        """Who runs the custodian."""
        return (self.operators or {}).get(custodian, custodian)


@dataclass(frozen=True, slots=True)
class Plan:
    """What an absence comes to. ``needed``: custodians that must stay; ``may_be_away``: how many of all may go at once for so long;
    ``also_fatal``: operators of whom one more failing in that time stops everything; ``too_mighty``: operators that hold t shares and open alone;
    ``first``: what must be done before it, in this order; ``advice``: what should be."""

    away: tuple[str, ...]
    present: tuple[str, ...]
    needed: int
    may_be_away: int
    also_fatal: tuple[str, ...]
    too_mighty: tuple[str, ...]
    first: tuple[Step, ...]
    advice: tuple[Step, ...]

    @property
    def holds(self) -> bool:
        """Releases go on throughout, if nothing else fails, and nothing has to be done first."""
        return not self.first


def heads_needed(custodians: int, threshold: int) -> int:
    """How many other custodians must be heard of, so that two histories cannot each have custodians who only hear of each other [L5].

    Up to threshold − 1 are dishonest and say what either side wants to hear; of the honest l − t + 1, each side would need half.
    """
    return min(custodians - 1, (custodians + threshold - 1) // 2)


def needed(custodians: int, threshold: int, span_s: int) -> int:
    """How many custodians must be reachable for releases to go on through an absence of ``span_s`` seconds."""
    return threshold if span_s <= SILENCE_S else max(threshold, heads_needed(custodians, threshold) + 1)


def plan(custody: Custody, away: frozenset[str], begin: int, end: int) -> Plan:
    """What comes of the custodians ``away`` from ``begin`` to ``end``. Requires begin <= end. Names that hold no share change nothing."""
    gone = tuple(name for name in custody.custodians if name in away)
    present = tuple(name for name in custody.custodians if name not in away)
    wanted = needed(len(custody.custodians), custody.threshold, end - begin)
    shares = {operator: sum(custody.operator(name) == operator for name in present) for operator in map(custody.operator, present)}
    held = {
        operator: sum(custody.operator(name) == operator for name in custody.custodians) for operator in map(custody.operator, custody.custodians)
    }
    first = _first(custody, away, len(present) - wanted, end)
    return Plan(
        away=gone,
        present=present,
        needed=wanted,
        may_be_away=len(custody.custodians) - wanted,
        also_fatal=tuple(sorted(name for name, count in shares.items() if len(present) - count < wanted <= len(present))),
        too_mighty=tuple(sorted(name for name, count in held.items() if count >= custody.threshold)),
        first=first,
        advice=_advice(custody, gone, held, end),
    )


def may_go(custody: Custody, span_s: int) -> tuple[tuple[str, ...], ...]:
    """Who may be away at once for ``span_s`` seconds: every largest set of operators whose shares the others can do without; () for nobody."""
    custodians = custody.custodians
    spared = len(custodians) - needed(len(custodians), custody.threshold, span_s)
    held = Counter(map(custody.operator, custodians))
    found: list[tuple[str, ...]] = []
    for count in range(len(held), 0, -1):
        sets = (names for names in combinations(held, count) if sum(held[name] for name in names) <= spared)
        found += [names for names in sets if not any(set(names) < set(larger) for larger in found)]
    return tuple(found)


def _first(custody: Custody, away: frozenset[str], margin: int, end: int) -> tuple[Step, ...]:
    steps: list[Step] = []
    if custody.round_open and away & set(custody.custodians):
        steps.append("finish-round")  # it waits for every one of them
    if margin < 0:
        usable = [name for name in custody.spare if name not in away]
        if len(usable) < -margin:
            steps.append("find-custodian")
        steps.append("reshare")
    if custody.registry_until is not None and custody.registry_until < end:
        steps.append("renew-registry")
    if custody.key_since + KEY_LIFE_S < end:
        steps.append("new-key")
    return tuple(steps)


def _advice(custody: Custody, gone: tuple[str, ...], held: Mapping[str, int], end: int) -> tuple[Step, ...]:
    steps: list[Step] = []
    if gone and custody.generation_since + REFRESH_S < end:
        steps.append("refresh")  # takes all of them: due before they are back
    if any(count > 1 for count in held.values()):
        steps.append("separate-operators")
    return tuple(steps)
