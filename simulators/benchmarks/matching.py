"""Matching: a zone's enterprises against many policies, as the gateway does it: columns of public facts, numbers of flags, reasons for each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np

from scoring.policies.facts import Facts, PublicFacts
from scoring.policies.matching import Criteria, Flags, match
from scoring.policies.meaning import Meaning
from scoring.policies.review import Condition
from simulators.benchmarks.rows import Figure

ENTERPRISES, POLICIES = 8_100, 50
TODAY = date(2024, 6, 1)
_TRADES = ("I6513", "I6420", "C3962", "C2740", "C3515", "M7320", "M7452", "F5171", "L7212")
_DIVISIONS = ("330108", "330109", "330106")
_BOARDS = ("none", "none", "none", "neeq", "growth", "main")
FLAGS_NEEDED = 4


def run(quick: bool) -> list[Figure]:
    """How long everybody takes against every policy, from the register's rows on."""
    count = ENTERPRISES // 10 if quick else ENTERPRISES
    draw = np.random.default_rng(7)
    enterprises, counts = _enterprises(count, draw), draw.integers(-1, FLAGS_NEEDED + 1, count).astype(np.int32)
    policies = [_criteria(place, counts) for place in range(POLICIES)]
    began = time.perf_counter()
    facts = Facts.of(enterprises)
    matched = sum(int((match(criteria, facts, TODAY).verdict == 1).sum()) for criteria in policies)
    seconds = time.perf_counter() - began
    name = f"policies: {count:,} enterprises × {POLICIES} policies, with reasons and who is one step away ({matched:,} matches)"
    return [Figure(name, seconds, "s", "" if quick else "≤5")]


def _enterprises(count: int, draw: np.random.Generator) -> Sequence[PublicFacts]:
    return [
        PublicFacts(
            f"{place:032x}", TODAY - timedelta(days=int(draw.integers(1, 9000))), _DIVISIONS[place % 3], _TRADES[int(draw.integers(len(_TRADES)))],
            _BOARDS[int(draw.integers(len(_BOARDS)))], {"htc": bool(draw.integers(2))},
        )
        for place in range(count)
    ]  # fmt: skip


def _criteria(place: int, counts: np.ndarray[tuple[int], np.dtype[np.int32]]) -> Criteria:
    """Six conditions, two of them alternatives, and a flag model."""
    meanings = (
        Meaning(kind="founded_years", relation="at_least", values=(str(place % 5),)),
        Meaning(kind="founded_date", relation="at_least", values=(f"{2000 + place % 15}-01-01",)),
        Meaning(kind="division", relation="one_of", values=("3301",)),
        Meaning(kind="trade", relation="none_of", values=("K", "J", "F")),
        Meaning(kind="board", relation="one_of", values=("main", "growth", "neeq")),
        Meaning(kind="title", relation="one_of", values=("htc",)),
    )
    conditions = tuple(Condition(at, meaning, "either" if at >= 4 else "") for at, meaning in enumerate(meanings))
    return Criteria(conditions, flags=Flags(f"m{place}", FLAGS_NEEDED, counts))
