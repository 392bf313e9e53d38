"""Released results with names: one row an enterprise and epoch, from the authority's totals and the public register."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.evaluation.conduct import Evaluation
from gateway.register.book import Register
from gateway.store import Store
from nodes.runtime.pages.accounts import Person
from nodes.runtime.replica.zone import Zone
from scoring.exchange.epoch import EpochState, Phase
from scoring.indicators.model import Model

TOTAL = "total"
BALANCE, REPAID, LOANS, OVERDUE = "total", "repaid-at-all", "loans-at-all", "overdue-at-all"
FEN_A_HUNDREDTH = 1_000_000
"""A point of loan-performance is a million yuan, so a hundredth is 10,000 yuan."""


@dataclass(frozen=True, slots=True)
class Result:
    """One enterprise in one released epoch. ``company`` and ``uscc`` are empty where the register does not know it; ``percentile`` in its stage."""

    subject: str
    uscc: str
    company: str
    division: str
    trade: str
    stage: str
    hundredths: int
    gated: bool
    percentile: str


@dataclass(frozen=True, slots=True)
class Loans:
    """What all banks together have lent an enterprise, as released to the authority."""

    balance_fen: int
    repaid_fen: int
    loans: int
    overdue: int


def is_rating(model: Model) -> bool:
    """Whether a model rates enterprises, with a total that banks are told; libraries, policies and loans do not."""
    total = model.functionals.get(TOTAL)
    return model.contributors is None and total is not None and "bank" in total.disclosed_to


def is_lending(model: Model) -> bool:
    """Whether a model sums the banks' loan books."""
    return model.contributors is not None and {BALANCE, REPAID, LOANS, OVERDUE} <= set(model.functionals)


class Results:
    """Rows of released epochs; an epoch's are read once for each state of the register."""

    def __init__(self, zone: Zone, evaluation: Evaluation, store: Store, register: Register) -> None:
        self._zone, self._evaluation, self._store, self._register = zone, evaluation, store, register
        self._lock = threading.Lock()
        self._rows: dict[str, tuple[object, dict[str, Result]]] = {}

    def epochs(self) -> list[tuple[EpochState, Model]]:
        """Every epoch whose model is at hand, in the order of opening."""
        with self._zone.reading() as view:
            states = sorted(view.epochs.values(), key=lambda state: state.open_index)
            return [(state, view.models[state.opened.model]) for state in states if state.opened.model in view.models]

    def ratings(self) -> list[tuple[EpochState, Model]]:
        """Released epochs that rate enterprises, in the order of release."""
        return self._released(is_rating)

    def lendings(self) -> list[tuple[EpochState, Model]]:
        """Released epochs of the banks' loan books, in the order of release."""
        return self._released(is_lending)

    def rows(self, state: EpochState) -> Mapping[str, Result]:
        """Subject id -> result of a released rating epoch, in the roster's order."""
        epoch, edition = state.opened.epoch, self._register.edition(state.opened.period)
        with self._lock:
            known = self._rows.get(epoch)
        if known is not None and known[0] is edition:
            return known[1]
        divisions = {subject: division for subject, division, _ in self.roster(state)}
        rows: dict[str, Result] = {}
        for total, percentile in self._evaluation.totals(epoch, TOTAL):
            found = edition.enterprises.get(total.subject)
            public = ("", "", divisions[total.subject], "") if found is None else (found.uscc, found.company, found.division, found.trade)
            rows[total.subject] = Result(total.subject, *public, total.stage, total.hundredths, total.gated, percentile)
        with self._lock:
            self._rows[epoch] = (edition, rows)
        return rows

    def roster(self, state: EpochState) -> tuple[tuple[str, str, str], ...]:
        """(subject id, county, stage) of everybody on an epoch's roster."""
        return self._evaluation.stages(state.opened.epoch).subjects

    def within(self, state: EpochState, person: Person) -> list[Result]:
        """The rows that ``person`` may see."""
        return [row for row in self.rows(state).values() if person.covers(row.division, row.trade)]

    def loans(self, state: EpochState) -> dict[str, Loans]:
        """Subject id -> loans of a released lending epoch; those without any are left out."""
        found: dict[str, list[int]] = {}
        for place, functional in enumerate((BALANCE, REPAID, LOANS, OVERDUE)):
            for total in self._store.totals(state.opened.epoch, functional):
                found.setdefault(total.subject, [0, 0, 0, 0])[place] = total.hundredths
        return {
            subject: Loans(balance * FEN_A_HUNDREDTH, repaid * FEN_A_HUNDREDTH, loans // 100, overdue // 100)
            for subject, (balance, repaid, loans, overdue) in found.items()
            if balance or repaid or loans or overdue
        }

    def _released(self, wanted: Callable[[Model], bool]) -> list[tuple[EpochState, Model]]:
        found = [(state, model) for state, model in self.epochs() if state.phase is Phase.RELEASED and wanted(model)]
        return sorted(found, key=lambda each: each[0].release_index or 0)
