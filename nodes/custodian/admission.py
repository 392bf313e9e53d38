"""The custodian's own admission lint [P7.1]: what it opens nothing under, whoever signed the model.

A case is a model with the models used before on the same data, and the audiences that the registry has. It is linted once, in a
thread of its own, from when the log shows the admission or the epoch; tickets wait for the verdict, and a query that comes later only
looks it up. The lint is deterministic, so custodians agree without asking each other.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from nodes.errors import NotReadyError
from nodes.runtime import logging
from nodes.runtime.replica.zone import Zone
from scoring.disclosure.audiences import Audience, registered
from scoring.disclosure.lint import lint
from scoring.disclosure.report import LintReport
from scoring.errors import WrongModelError
from scoring.exchange.view import Logged, ZoneView
from scoring.indicators.model import Model
from scoring.statements import DisclosurePolicy, EpochOpen, ModelAdmitted

_log = logging.logger("custodian")


@dataclass(frozen=True)
class Case:
    """What is linted together: SHA-256 of the models, newest first, and the audiences. ``models`` are their packs."""

    hashes: tuple[str, ...]
    audiences: tuple[Audience, ...]
    models: tuple[Model, ...] = field(compare=False, repr=False)


class Stopped(Exception):
    """The process is stopping."""


Linter = Callable[[Case, DisclosurePolicy, Callable[[], None]], LintReport]


def lint_case(case: Case, policy: DisclosurePolicy, tick: Callable[[], None]) -> LintReport:
    """The report on a case. ``tick`` is called often; what it raises ends the work."""
    return lint(case.models[0], case.models[1:], policy=policy, audiences=case.audiences, tick=tick)


class AdmissionLint:
    """Verdicts by case. ``check`` is what a ticket asks; ``run`` is the thread that answers."""

    def __init__(self, zone: Zone, stopping: threading.Event, linter: Linter = lint_case) -> None:
        self._zone, self._stopping, self._linter = zone, stopping, linter
        self._waiting: queue.SimpleQueue[Case | None] = queue.SimpleQueue()
        self._reports: dict[Case, LintReport] = {}

    def observe(self, logged: Logged) -> None:
        """Begin with a model as soon as the log shows it. A pack that is not at hand is the first ticket's matter."""
        said = logged.statement
        if not isinstance(said, (ModelAdmitted, EpochOpen)):
            return
        with self._zone.reading() as view:
            try:
                case = case_of(view, said.epoch) if isinstance(said, EpochOpen) else _case(view, [said.sha256])
            except WrongModelError:
                return
        self._waiting.put(case)

    def check(self, epoch: str) -> None:
        """The models behind an epoch pass. Raises ModelLeaksError when they do not, NotReadyError while that is being computed, and
        WrongModelError when a pack is not at hand."""
        with self._zone.reading() as view:
            case = case_of(view, epoch)
        report = self._reports.get(case)
        if report is None:
            self._waiting.put(case)
            raise NotReadyError(f"the admission lint of {case.models[0].id}@{case.models[0].version} is under way")
        report.check_admissible()

    def run(self) -> None:
        """Lint what waits, until the process stops."""
        while (case := self._waiting.get()) is not None:
            try:
                self._settle(case)
            except Stopped:
                return

    def settle(self) -> None:
        """Lint what waits now, in this thread."""
        while not self._waiting.empty():
            if (case := self._waiting.get()) is not None:
                self._settle(case)

    def stop(self) -> None:
        """Wake ``run`` so that it ends."""
        self._waiting.put(None)

    def _settle(self, case: Case) -> None:
        if case in self._reports:
            return
        report = self._linter(case, self._zone.genesis.disclosure, self._tick)
        self._reports[case] = report
        model = f"{report.model.id}@{report.model.version}"
        _log.info(logging.MODEL_LINTED, model=model, admissible=report.admissible, estimated=report.estimated, report=report.sha256)

    def _tick(self) -> None:
        if self._stopping.is_set():
            raise Stopped


def case_of(view: ZoneView, epoch: str) -> Case:
    """The epoch's model with the other models of earlier epochs of its data period, newest first. Raises EpochUnknownError, WrongModelError."""
    state = view.epoch(epoch)
    earlier = [other for other in view.epochs.values() if other.opened.period == state.opened.period and other.open_index < state.open_index]
    earlier.sort(key=lambda other: other.open_index, reverse=True)
    return _case(view, list(dict.fromkeys([state.opened.model, *(other.opened.model for other in earlier)])))


def _case(view: ZoneView, hashes: Sequence[str]) -> Case:
    kept = hashes[: 1 + view.registry.genesis.disclosure.previous_models]
    models = tuple(view.model(sha) for sha in kept)
    return Case(tuple(kept), registered(tuple(view.registry.members.values()), models), models)
