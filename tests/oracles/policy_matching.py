"""Matching again, one enterprise after the other, with calendar dates and Python's own logic: nothing shared with scoring.policies.matching."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True)
class Judged:
    verdict: bool | None
    away: bool
    reasons: list[bool | None]


def judge(conditions: Sequence[Any], enterprise: Any, today: date, met: int | None, needed: int) -> Judged:
    """``met``: opened number of flags, None when nothing was opened; ``needed`` 0: no flags."""
    reasons = [holds(condition.meaning, enterprise, today) for condition in conditions]
    alternatives: dict[str, list[bool | None]] = {}
    for place, condition in enumerate(conditions):
        alternatives.setdefault(condition.group or f"alone-{place}", []).append(reasons[place])
    needs = [any_of(found) for found in alternatives.values()]
    short = needs.count(False)
    if needed:
        flags = None if met is None else met >= needed
        reasons, needs = [*reasons, flags], [*needs, flags]
        short += needed - met if met is not None and met < needed else 0
    verdict = None if not needs else False if False in needs else None if None in needs else True
    return Judged(verdict, bool(needs) and short == 1 and None not in needs, reasons)


def any_of(values: list[bool | None]) -> bool | None:
    return True if True in values else None if None in values else False


def holds(meaning: Any, enterprise: Any, today: date) -> bool | None:
    values, relation = meaning.values, meaning.relation
    if meaning.kind in {"founded_years", "founded_date"} and enterprise.founded is None:
        return None
    if meaning.kind == "founded_date":
        return compare(enterprise.founded, relation, date.fromisoformat(values[0]))
    if meaning.kind == "founded_years":
        years = int(values[0])
        full = today.year - enterprise.founded.year - ((today.month, today.day) < (enterprise.founded.month, enterprise.founded.day))
        exactly = (today.month, today.day) == (enterprise.founded.month, enterprise.founded.day)
        verdicts: dict[str, bool] = {
            "at_least": full >= years, "less_than": full < years, "equal": full == years,
            "more_than": full > years or (full == years and not exactly), "at_most": full < years or (full == years and exactly),
        }  # fmt: skip
        return verdicts[relation]
    found = membership(meaning, enterprise)
    return found if found is None or relation == "one_of" else not found


def membership(meaning: Any, enterprise: Any) -> bool | None:
    if meaning.kind == "title":
        return any_of([enterprise.titles.get(title) for title in meaning.values])
    code = {"board": enterprise.board, "trade": enterprise.trade, "division": enterprise.division}[meaning.kind]
    if code is None:
        return None
    if meaning.kind == "board":
        return code in meaning.values
    if any(code[: len(value)] == value for value in meaning.values):
        return True
    return None if any(value[: len(code)] == code for value in meaning.values) else False


def compare(value: date, relation: str, bound: date) -> bool:
    return {"at_least": value >= bound, "more_than": value > bound, "at_most": value <= bound, "less_than": value < bound, "equal": value == bound}[
        relation
    ]
