"""Which enterprises a policy or a library is for: clear conditions on public facts, and the number of encrypted flags met [O3, O4].

Three-valued: an enterprise of which a register says nothing is neither in nor out. Whole columns at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

import numpy as np
import numpy.typing as npt
from gmpy2 import mpq

from scoring.indicators.pack import PublicFact
from scoring.policies.facts import FALSE, NO_DAY, TRUE, UNKNOWN, Facts, Verdicts, day_number
from scoring.policies.meaning import Meaning
from scoring.policies.review import Condition
from scoring.rules.values import Field, FieldSpec, Reader
from scoring.statements import Title

NOT_OPENED = -1
_YEAR = 10_000  # in a day's number
_FIELDS = {
    "registered_years": Field("registered_years", "market", FieldSpec(title=Title(zh="成立年限", en="years"), type="integer", unit="years")),
    "listed_board": Field(
        "listed_board",
        "market",
        FieldSpec(title=Title(zh="板块", en="board"), type="category", values=("main", "growth", "neeq", "regional", "none")),
    ),
}


@dataclass(frozen=True, slots=True)
class Flags:
    """What was opened of a flag model: how many of ``needed`` criteria each enterprise meets; NOT_OPENED where nothing was."""

    model: str
    needed: int
    counts: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Criteria:
    """All that a policy or library asks: conditions of its text, public facts of its flag model, and the flags themselves.

    ``unjudged``: conditions on what departments hold, though there is no flag model by which they could be judged: nobody is known to be in.
    """

    conditions: tuple[Condition, ...] = ()
    public: tuple[PublicFact, ...] = ()
    flags: Flags | None = None
    unjudged: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Matches:
    """``verdict``: in, out or unknown, by enterprise. ``away``: out by exactly one condition or flag, all else being met.

    ``reasons``: a row for each condition, public fact, unjudged condition, and last the flags if there are any.
    """

    verdict: Verdicts
    away: npt.NDArray[np.bool_]
    reasons: npt.NDArray[np.int8]


def match(criteria: Criteria, facts: Facts, today: date) -> Matches:
    """Every enterprise of ``facts`` judged as of ``today``. Nothing asked: nobody is in, since no condition was decided."""
    size = len(facts)
    rows = [condition_verdicts(condition.meaning, facts, today) for condition in criteria.conditions]
    groups = list(_groups(criteria.conditions, rows))
    public = [fact_verdicts(fact, facts, today) for fact in criteria.public]
    blind = [np.full(size, UNKNOWN, np.int8) for _ in criteria.unjudged]
    needs = [*groups, *public, *blind]
    missing = np.sum([need == FALSE for need in needs], axis=0, dtype=np.int32) if needs else np.zeros(size, np.int32)
    reasons = [*rows, *public, *blind]
    if criteria.flags is not None:
        flags = flag_verdicts(criteria.flags)
        reasons, needs = [*reasons, flags], [*needs, flags]
        missing = missing + np.where(flags == FALSE, criteria.flags.needed - criteria.flags.counts, 0)
    if not needs:
        return Matches(np.full(size, UNKNOWN, np.int8), np.zeros(size, np.bool_), np.zeros((0, size), np.int8))
    stacked = np.stack(needs)
    verdict = stacked.min(axis=0)
    away = (missing == 1) & ~(stacked == UNKNOWN).any(axis=0)
    return Matches(verdict, away, np.stack(reasons))


def condition_verdicts(meaning: Meaning, facts: Facts, today: date) -> Verdicts:
    """One public condition for every enterprise. Requires ``meaning.public``."""
    match meaning.kind:
        case "founded_years":
            passed = day_number(today) - facts.founded
            return _known(facts, _compared(passed, meaning.relation, int(meaning.values[0]) * _YEAR, _YEAR))
        case "founded_date":
            return _known(facts, _compared(facts.founded, meaning.relation, day_number(date.fromisoformat(meaning.values[0])), 1))
        case "title":
            found = [facts.titles.get(title, np.full(len(facts), UNKNOWN, np.int8)) for title in meaning.values]
            return _either_way(meaning, np.stack(found).max(axis=0))
        case "board":
            return _either_way(meaning, facts.board.verdicts(TRUE if code in meaning.values else FALSE for code in facts.board.codes))
        case "trade":
            return _either_way(meaning, facts.trade.verdicts(_under(code, meaning.values) for code in facts.trade.codes))
        case "division":
            return _either_way(meaning, facts.division.verdicts(_under(code, meaning.values) for code in facts.division.codes))
    raise ValueError(f"{meaning.kind} is no public condition")


def fact_verdicts(fact: PublicFact, facts: Facts, today: date) -> Verdicts:
    """One public fact of a flag model, by its own rule, for every enterprise: the rule is asked once for each value that occurs.

    A fact of which no public register has the field is unknown.
    """
    read = [name for name, _ in fact.rule.uses()]
    if read == ["registered_years"]:
        years = np.where(facts.founded == NO_DAY, -1, (day_number(today) - facts.founded) // _YEAR)
        values, index = np.unique(years, return_inverse=True)
        return np.array([UNKNOWN if year < 0 else _meets(fact, "registered_years", int(year)) for year in values], np.int8)[index]
    if read == ["listed_board"]:
        return facts.board.verdicts(_meets(fact, "listed_board", code) for code in facts.board.codes)
    return np.full(len(facts), UNKNOWN, np.int8)


def flag_verdicts(flags: Flags) -> Verdicts:
    """Whether all flags are met; unknown where the number was not opened."""
    return np.select([flags.counts == NOT_OPENED, flags.counts >= flags.needed], [UNKNOWN, TRUE], FALSE).astype(np.int8)


def _groups(conditions: Sequence[Condition], rows: Sequence[Verdicts]) -> Iterator[Verdicts]:
    """Alternatives joined; what stands by itself as it is."""
    pairs = sorted(zip(conditions, rows, strict=True), key=lambda pair: pair[0].group)
    for group, members in groupby(pairs, key=lambda pair: pair[0].group):
        found = [row for _, row in members]
        yield from [np.stack(found).max(axis=0)] if group else found


def _compared(values: npt.NDArray[np.int64], relation: str, bound: int, width: int) -> npt.NDArray[np.bool_]:
    """``width``: how far from the bound a value is still equal to it."""
    match relation:
        case "at_least":
            return values >= bound
        case "more_than":
            return values > bound
        case "at_most":
            return values <= bound
        case "less_than":
            return values < bound
        case _:
            return (values >= bound) & (values < bound + width)


def _known(facts: Facts, met: npt.NDArray[np.bool_]) -> Verdicts:
    return np.where(facts.founded == NO_DAY, UNKNOWN, np.where(met, TRUE, FALSE)).astype(np.int8)


def _either_way(meaning: Meaning, verdicts: Verdicts) -> Verdicts:
    return -verdicts if meaning.relation == "none_of" else verdicts


def _under(code: str, prefixes: Sequence[str]) -> np.int8:
    """Whether a code lies under one of the prefixes; one that is coarser than a prefix may or may not."""
    if any(code.startswith(prefix) for prefix in prefixes):
        return TRUE
    return UNKNOWN if any(prefix.startswith(code) for prefix in prefixes) else FALSE


def _meets(fact: PublicFact, name: str, value: object) -> np.int8:
    points: mpq | None = fact.rule.evaluate(Reader(_FIELDS, {name: value}))
    return UNKNOWN if points is None else TRUE if points > 0 else FALSE
