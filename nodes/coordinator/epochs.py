"""Prepares epochs and opens closed ones in bulk: the coordinator's side of the authority's work."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

from nodes.coordinator.releasing.openings import Openings
from nodes.coordinator.releasing.tickets import Issued, TicketOffice
from nodes.coordinator.work import WorkQueue
from nodes.runtime.replica.material import Placements
from nodes.runtime.replica.zone import Zone
from protos.v1.exchange_pb2 import PrepareEpoch, WorkItem
from scoring.errors import RowsAwaitedError
from scoring.exchange.contributions import required_entries
from scoring.exchange.contributors import formed, missing_columns
from scoring.exchange.documents.axes import check_axis_owner
from scoring.exchange.order import order_of
from scoring.exchange.roster import Batch
from scoring.exchange.view import Logged, ZoneView
from scoring.release.opening import SealedPartial

TICKETS_AT_A_TIME = 4


class Epochs:
    """Roster and stages before an epoch, bulk openings after it."""

    def __init__(self, zone: Zone, work: WorkQueue, office: TicketOffice, openings: Openings, placements: Placements) -> None:
        self._zone, self._work, self._office, self._openings, self._placements = zone, work, office, openings, placements

    def prepare(self, epoch: str, period: str, model: str, timeout_s: float) -> tuple[Logged, Logged]:
        """(roster, stages) statements of the epoch, made by the registrar and the stage owner on this call's demand.

        Raises WrongModelError, WrongOwnerError when an axis of the stages belongs to neither of them, NotReadyError when a member does not
        deliver within ``timeout_s``; asking again goes on from there.
        """
        with self._zone.reading() as view:
            owner = view.model(model).stage_owner
            check_axis_owner(view.registry, view.model(model))
            stage_owner = view.registry.owner(owner.department, owner.level).id
            registrar = view.registry.sole("registrar").id
        item = PrepareEpoch(epoch=epoch, period=period, model=bytes.fromhex(model))
        self._work.add(registrar, f"roster/{epoch}/{period}/{model}", WorkItem(prepare=item))
        roster = self._zone.wait(lambda view: view.rosters.get(epoch), timeout_s, f"the roster of epoch {epoch}")
        item.roster_envelope = roster.envelope
        self._work.add(stage_owner, f"stages/{roster.digest}/{model}", WorkItem(prepare=item))
        return roster, self._zone.wait(lambda view: _stages(view, roster, model), timeout_s, f"the stages of epoch {epoch}")

    def expected(self, epoch_id: str) -> list[tuple[str, str, str, int | None]]:
        """(indicator, functional or –, member, revision or None) of every column that the epoch's disclosures need."""
        with self._zone.reading() as view:
            opened = view.epoch(epoch_id).opened
            model = view.model(opened.model)
            found = []
            for entry in required_entries(model, model.disclosures("authority")):
                for member in opened.contributors[entry.indicator]:
                    columns = view.columns.get((epoch_id, member, entry.indicator, entry.functional), [])
                    revision = columns[-1].statement.header.revision if columns else None
                    found.append((entry.indicator, entry.functional, member, revision))
            return found

    def open_bulk(self, epoch_id: str, batches_per_ticket: int, timeout_s: float) -> Iterator[tuple[Issued, list[SealedPartial]]]:
        """Every disclosed functional of a closed epoch that could be formed, a ticket at a time in roster order, several of them under way
        at once. Raises RowsAwaitedError when columns are missing from all of them."""
        with self._zone.reading() as view:
            state = view.epoch(epoch_id)
            functionals, missing = formed(view, state), missing_columns(view, state)
        if not functionals:
            raise RowsAwaitedError(f"no functional of epoch {epoch_id} can be formed: {len(missing)} columns are missing")
        jobs = [(name, group) for name in functionals for group in self._groups(epoch_id, batches_per_ticket)]
        with ThreadPoolExecutor(TICKETS_AT_A_TIME, thread_name_prefix="bulk") as pool:
            yield from pool.map(lambda job: self._open_one(epoch_id, job[0], job[1], timeout_s), jobs)

    def order(self, digest: str) -> bytes | None:
        """The order document with this SHA-256 that an epoch gives to banks, made from its roster [M7]; None where no epoch names it.

        Raises RosterError when the authority named one that is not the roster's.
        """
        with self._zone.reading() as view:
            found = next((state.opened for state in view.epochs.values() if state.opened.order == digest), None)
        return None if found is None else order_of(self._placements.stages(found.epoch), found.slots).to_bytes()

    def _open_one(self, epoch_id: str, functional: str, batches: tuple[Batch, ...], timeout_s: float) -> tuple[Issued, list[SealedPartial]]:
        issued = self._office.issue_bulk(epoch_id, functional, batches)
        try:
            self._openings.dispatch(issued.ticket, b"")
            return issued, self._openings.gather(issued.ticket, b"", timeout_s)
        finally:
            self._openings.forget(issued.ticket)

    def _groups(self, epoch_id: str, size: int) -> Iterator[tuple[Batch, ...]]:
        for _, found in groupby(self._placements.placement(epoch_id).batches, key=lambda batch: batch.stage):
            batches = tuple(found)
            for start in range(0, len(batches), size):
                yield batches[start : start + size]


def _stages(view: ZoneView, roster: Logged, model: str) -> Logged | None:
    for logged in reversed(view.stages.values()):
        if (logged.statement.roster, logged.statement.model, logged.statement.epoch) == (roster.statement.sha256, model, roster.statement.epoch):
            return logged
    return None
