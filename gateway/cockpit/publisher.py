"""Publishes the tables of each released epoch, once: what may be shown is decided here, for every page to choose from [T1–T3]."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from gateway.cockpit.questions import BALANCE, OVERDUE, POINTS, REPAID, STAGE, Asking, canonical_prefixes, edges_for, places_of
from gateway.cockpit.results import Results
from gateway.cockpit.store import CockpitStore
from gateway.register.book import Register
from gateway.woken import Woken
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from scoring.disclosure.tables.exchanges import Recipe
from scoring.disclosure.tables.figures import Cell, Figure, Item, Question, sizes
from scoring.disclosure.tables.suppression import SMALLEST, Before, Publication, publish
from scoring.errors import ScoringError
from scoring.exchange.epoch import EpochState
from scoring.exchange.view import Logged
from scoring.statements import EpochRelease

TABLES_PUBLISHED, TABLES_DELAYED = "tables.published", "tables.delayed"
REMEMBERED = 3
"""Publications before a new one that it is protected together with [T3.3]."""
PAUSE_S = 2.0
_log = logging.logger("cockpit")

Homes = dict[str, tuple[str, str]]
Answers = dict[str, dict[str, Hashable]]


class Publisher:
    """Makes the publications that are missing, in the order of the releases."""

    def __init__(self, results: Results, register: Register, store: CockpitStore, now: Clock) -> None:
        self._results, self._register, self._store, self._now = results, register, store, now
        self.worker = Woken(self._publish_waiting)

    def observe(self, logged: Logged) -> None:
        """Look again when an epoch was released."""
        if isinstance(logged.statement, EpochRelease):
            self.worker.wake()

    def publish_all(self) -> bool:
        """Publish every released epoch that is not published. Returns whether some wait for the register to be read first [T1.6]."""
        released = [(state, "rating") for state, _ in self._results.ratings()] + [(state, "loans") for state, _ in self._results.lendings()]
        done = {document["epoch"] for document in self._store.publications()}
        missing = [item for item in sorted(released, key=lambda item: item[0].release_index or 0) if item[0].opened.epoch not in done]
        if missing and self._register.sources and not self._register.edition().enterprises:
            return True
        for state, kind in missing:
            self._publish(state, kind)
        return False

    def _publish_waiting(self) -> float | None:
        try:
            waiting = self.publish_all()
        except (PeerUnavailableError, RpcRefusal, ScoringError) as error:
            _log.warning(TABLES_DELAYED, cause=type(error).__name__)
            waiting = True
        return PAUSE_S if waiting else None

    def _publish(self, state: EpochState, kind: str) -> None:
        every = self._store.publications()
        earlier = every[-REMEMBERED:]
        asking = self._asking(state, kind, every)
        homes = self._homes(state)
        asked = [*(Asking.of(document) for document in earlier), asking]
        items, canonical = self._items(asked, homes)
        before = Before(
            [question for document in earlier for question in Asking.of(document).questions() if question.id not in document["withheld"]],
            frozenset(Cell(*cell) for document in earlier for *cell, _, _ in document["shown"]),
            frozenset(Cell(*cell) for document in earlier for cell in document["kept"]),
            {Cell(*cell): _recipe(names, pairs) for document in earlier for *cell, names, pairs in document["protections"]},
            frozenset(f"{what}/{epoch}" for epoch in {each.previous for each in asked} - {each.epoch for each in asked} for what in (STAGE, POINTS)),
        )
        counted = [item for item in items if any(value is not None for name, value in item.values.items() if name.endswith(f"/{asking.epoch}"))]
        done = publish(items, self._questions(asking), before)
        document = _document(asking, state, done, counted, canonical) | {"time": self._now()}
        self._store.publish(asking.epoch, state.release_index or 0, document, homes)
        _log.info(TABLES_PUBLISHED, epoch=asking.epoch, shown=len(done.shown), kept=len(done.kept), withheld=len(done.withheld))

    def _questions(self, asking: Asking) -> list[Question]:
        """Figures of loans only where the number of enterprises of the stage is shown too, which borrowers would bound from below [T2.5]."""
        rated = self._store.publication(asking.previous) if asking.kind == "loans" and asking.previous else None
        shown = [] if rated is None else [Cell(*cell) for *cell, _, _ in rated["shown"]]
        stages = frozenset((cell.place, cell.group) for cell in shown if cell.question == f"{STAGE}/{asking.previous}")
        return [question if asking.kind == "rating" else replace(question, only=stages) for question in asking.questions()]

    def _asking(self, state: EpochState, kind: str, every: Sequence[Mapping[str, Any]]) -> Asking:
        epoch = state.opened.epoch
        ratings = [document["epoch"] for document in every if document["kind"] == "rating"]
        models = {known.opened.epoch: model for known, model in self._results.ratings()}
        if kind == "loans":
            return Asking(epoch, kind, stages=(), previous=ratings[-1] if ratings else "")
        totals = [row.hundredths for row in self._results.rows(state).values()]
        stages = tuple(stage.id for stage in models[epoch].stages)
        same = [name for name in ratings if models[name].id == models[epoch].id]
        return Asking(epoch, kind, edges_for(totals), stages, same[-1] if same else "")

    def _homes(self, state: EpochState) -> Homes:
        """Where every enterprise is counted: as when it was first, now and for the enterprises that are new."""
        homes = self._store.homes()
        known = self._register.edition(state.opened.period).enterprises
        for subject, division, _ in self._results.roster(state):
            if subject not in homes:
                found = known.get(subject)
                homes[subject] = (division, "") if found is None else (found.division, found.section)
        return homes

    def _items(self, asked: Sequence[Asking], homes: Homes) -> tuple[list[Item], dict[str, str]]:
        answers: Answers = {subject: {} for subject in homes}
        ratings = {state.opened.epoch: state for state, _ in self._results.ratings()}
        lendings = {state.opened.epoch: state for state, _ in self._results.lendings()}
        for asking in asked:
            for epoch in {asking.previous, asking.epoch} & ratings.keys() if asking.kind == "rating" else ():
                for subject, row in self._results.rows(ratings[epoch]).items():
                    answers[subject] |= {f"stage/{epoch}": row.stage, f"points/{epoch}": -1 if row.gated else row.hundredths}
            if asking.kind == "loans":
                for subject, row in self._results.rows(ratings[asking.previous]).items() if asking.previous else ():
                    answers[subject][f"rated/{asking.epoch}"] = row.stage
                for subject, loans in self._results.loans(lendings[asking.epoch]).items():
                    said = {BALANCE: loans.balance_fen, REPAID: loans.repaid_fen, OVERDUE: loans.overdue}
                    answers[subject] |= {f"{name}/{asking.epoch}": amount for name, amount in said.items()}
        canonical = canonical_prefixes({division for division, _ in homes.values()})
        names = {name for asking in asked for question in asking.questions() for name in question.reads}
        empty = dict.fromkeys(sorted(names), cast(Hashable, None))
        items = [Item(subject, places_of(*homes[subject], canonical), {**empty, **values}) for subject, values in sorted(answers.items()) if values]
        return items, canonical


def _document(asking: Asking, state: EpochState, done: Publication, counted: Sequence[Item], canonical: Mapping[str, str]) -> dict[str, Any]:
    numbers = {place: number for place, number in sizes(counted).items() if number >= SMALLEST}
    recipes = {cell: exchange.recipe for cell, exchange in done.protections.items()}
    return {
        "epoch": asking.epoch,
        "period": state.opened.period,
        "kind": asking.kind,
        "edges": asking.edges,
        "stages": asking.stages,
        "previous": asking.previous,
        "canonical": dict(canonical),
        "sizes": numbers,
        "shown": [[*cell, *_figures(figure)] for cell, figure in sorted(done.shown.items())],
        "kept": sorted(done.kept),
        "withheld": sorted(done.withheld),
        "protections": [[*cell, sorted(recipe.names), recipe.pairs] for cell, recipe in sorted(recipes.items(), key=lambda item: item[0])],
    }


def _figures(figure: Figure) -> tuple[int, int]:
    return figure.count, figure.amount


def _recipe(names: Sequence[str], pairs: Sequence[Sequence[str]]) -> Recipe:
    return Recipe(frozenset(names), tuple((one, other) for one, other in pairs))
