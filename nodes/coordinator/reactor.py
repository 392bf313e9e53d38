"""Turns what the log says into work for members: columns when an epoch opens, rows when a consent is given, notices of what is over.

A pure reading of the view gives the work; queuing is idempotent, so a restart that replays the log adds nothing twice. An instance that
stands by reads the same log, and keeps in memory what the one that leads has not queued yet.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from nodes.coordinator.work import WorkQueue
from nodes.runtime.replica.zone import Zone
from protos.v1.exchange_pb2 import ConsentNotice, ContributeColumns, ContributeRow, EpochClosed, WorkItem
from scoring.exchange.consent import ConsentState
from scoring.exchange.contributions import owed_entries, row_entries
from scoring.exchange.epoch import EpochState
from scoring.exchange.view import Logged, ZoneView
from scoring.release.asking import answers, row_epochs
from scoring.statements import Consent, EpochClose, EpochOpen, MemberChange, Revocation

Work = tuple[str, str, WorkItem]  # member, idempotency key, item


MOST_KEPT = 64


class Reactor:
    """Observer of the zone that fills the work queues. ``leads``: whether from the start on; else only after ``take_over``."""

    def __init__(self, zone: Zone, work: WorkQueue, *, leads: bool = True) -> None:
        self._zone, self._work, self._leads = zone, work, leads
        self._kept: list[Work] = []
        self._most = MOST_KEPT  # then those that the other instance has queued meanwhile are dropped
        self._turn = threading.Lock()

    def __call__(self, logged: Logged) -> None:
        if isinstance(logged.statement, MemberChange):
            self._work.wake()  # who left is told so on its open stream at once
        with self._zone.reading() as view:
            found = list(work_for(view, logged))
        with self._turn:
            if self._leads:
                self._queue(found)
                return
            self._kept += found
            if len(self._kept) > self._most:
                self._kept = [item for item in self._kept if not self._work.has(item[0], item[1])]
                self._most = max(MOST_KEPT, 2 * len(self._kept))

    def take_over(self) -> None:
        """Queue what was kept, and from now on all that follows."""
        with self._turn:
            self._queue(self._kept)
            self._kept, self._leads = [], True

    def _queue(self, found: list[Work]) -> None:
        for member, key, item in found:
            self._work.add(member, key, item)


def work_for(view: ZoneView, logged: Logged) -> Iterator[Work]:
    """Work that follows from one statement, given the view right after it."""
    statement = logged.statement
    if isinstance(statement, EpochOpen):
        yield from _columns(view, logged)
        epoch = view.epoch(statement.epoch)
        for state in view.consents.values():
            if state.stands and state.consent.not_before <= logged.time <= state.consent.not_after:
                yield from _rows(view, epoch, state)
    elif isinstance(statement, EpochClose):
        item = WorkItem(closed=EpochClosed(epoch_close_envelope=logged.envelope, leaf_index=logged.index))
        for member in _contributors(view, view.epoch(statement.epoch).opened):
            yield member, f"closed/{logged.digest}", item
    elif isinstance(statement, Consent):
        state = view.consents[statement.id]
        yield from _notice(view, state, revoked=False)
        for epoch in row_epochs(view):
            yield from _rows(view, epoch, state)
    elif isinstance(statement, Revocation):
        yield from _notice(view, view.consents[statement.consent], revoked=True)


def _columns(view: ZoneView, logged: Logged) -> Iterator[Work]:
    item = WorkItem(columns=ContributeColumns(epoch_open_envelope=logged.envelope, leaf_index=logged.index))
    for member in _contributors(view, logged.statement):
        yield member, f"columns/{logged.digest}", item


def _contributors(view: ZoneView, opened: EpochOpen) -> list[str]:
    """Members that owe the epoch a column."""
    model = view.model(opened.model)
    frozen = {name for owners in opened.contributors.values() for name in owners}
    members = view.registry.members.values()
    return [member.id for member in members if member.id in frozen and owed_entries(model, member, model.disclosures("authority"))]


def _rows(view: ZoneView, epoch: EpochState, state: ConsentState) -> Iterator[Work]:
    """Rows for a consent; none where the epoch's model does not disclose all that it names: it may have been given for another model."""
    model = view.model(epoch.opened.model)
    if not answers(model, state.consent):
        return
    opened = view.at(epoch.open_index).envelope
    consent = view.at(state.index).envelope
    enrolment = view.enrolment_behind(state).envelope
    for member in view.registry.with_role("department"):
        if row_entries(model, member, state.consent.functionals):
            row = ContributeRow(epoch_open_envelope=opened, consent_envelope=consent, consent_leaf_index=state.index, enrolment_envelope=enrolment)
            yield member.id, f"row/{epoch.opened.epoch}/{state.digest}", WorkItem(row=row)


def _notice(view: ZoneView, state: ConsentState, *, revoked: bool) -> Iterator[Work]:
    if state.consent.audience in view.registry.members:
        enrolment = view.enrolment_behind(state).envelope
        notice = ConsentNotice(consent_envelope=view.at(state.index).envelope, leaf_index=state.index, revoked=revoked, enrolment_envelope=enrolment)
        yield state.consent.audience, f"consent/{state.digest}/{'revoked' if revoked else 'given'}", WorkItem(consent=notice)
