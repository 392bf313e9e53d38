"""Epoch administration, the authority's own work: open a round, close it, open its totals, publish the quantile tables [P3, P5.2, P7.3]."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from crypto.encoding import sha256
from crypto.errors import CryptoError
from gateway.evaluation.publication import Progress, Publication
from gateway.evaluation.records import epoch_records
from gateway.evaluation.results import by_stage
from gateway.refusals import RefusalLog
from gateway.store import Store, Total
from nodes.errors import NotReadyError, PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.clock import Timer
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.disputes import Disputes
from nodes.runtime.replica.zone import Zone
from protos.errors import refusal_of
from scoring.custody.generations import Generation
from scoring.errors import EpochDefinitionError, EpochStateError, ScoringError, WrongModelError
from scoring.exchange.contributors import contributors_of
from scoring.exchange.documents.axes import check_stated, stated_axes
from scoring.exchange.epoch import EpochState, Phase
from scoring.exchange.order import order_of
from scoring.exchange.roster import Stages, batches, build_roster, check_compiled, check_published, parse_roster, parse_stages
from scoring.exchange.view import Logged, ZoneView
from scoring.indicators.model import Model
from scoring.release.percentiles import listed, percentiles
from scoring.statements import EpochClose, EpochOpen

APPLY_TIMEOUT_S = 30.0
AWAY_S, PAUSE_S = 120.0, 1.0
EPOCH_OPENED, EPOCH_CLOSED, EPOCH_DELAYED, EPOCH_FAILED = "epoch.opened", "epoch.closed", "epoch.delayed", "epoch.failed"
OPENING_FAILED = "OPENING_FAILED"
CLOSED_BEFORE = refusal_of(EpochStateError()).reason
T = TypeVar("T")

_log = logging.logger("evaluation")


class Evaluation:
    """One authority's epochs. The log tells in which state an epoch is; totals are in the store; only progress is in memory."""

    def __init__(
        self, identity: Identity, zone: Zone, exchange: ExchangeClient, store: Store, refusals: RefusalLog, disputes: Disputes, workers: int = 2
    ) -> None:
        self._identity, self._zone, self._exchange, self._store, self._refusals = identity, zone, exchange, store, refusals
        self._publication = Publication(identity, zone, exchange, store, disputes, workers)
        self._progress: dict[str, Progress] = {}
        self._running: dict[str, threading.Thread] = {}
        self._turn = threading.RLock()

    # --- open ---

    def open(self, epoch: str, period: str, model_name: str) -> None:
        """Have roster and stages made, check them, open the epoch. Nothing happens where it is open with the same period and model.

        ``model_name``: id, id@version or sha256. Raises WrongModelError, EpochDefinitionError, RosterError, and NotReadyError when a
        member does not deliver in time: ask again.
        """
        with self._turn:
            model = self._model(model_name)
            with self._zone.reading() as view:
                known = view.epochs.get(epoch)
            if known is not None:
                if (known.opened.period, known.opened.model) != (period, model.sha256):
                    raise EpochDefinitionError(f"epoch {epoch} was opened with period {known.opened.period} and another model")
                return
            reply = self._exchange.prepare(epoch, period, model.sha256)
            stages_leaf = self._logged(lambda view: view.stages.get(reply.stages_leaf_index), f"leaf {reply.stages_leaf_index}")
            document = self._exchange.fetch_blob(stages_leaf.statement.sha256)
            stages = self._checked_stages(epoch, model, stages_leaf, document)
            self._store.keep_stages(epoch, document)
            statement = self._opening(epoch, period, model, stages, stages_leaf)
            self._exchange.submit(sign_statement(statement, self._identity.signer))
            self._logged(lambda view: view.epochs.get(epoch), f"the opening of epoch {epoch}")
            _log.info(EPOCH_OPENED, epoch=epoch, subjects=len(stages.subjects), batches=statement.batches)

    def _checked_stages(self, epoch: str, model: Model, stages_leaf: Logged, document: bytes) -> Stages:
        """The ordered roster, when it is exactly the compiled roster with stages. Raises RosterError."""
        stages = parse_stages(document, [stage.id for stage in model.stages])
        with self._zone.reading() as view:
            compiled = view.rosters[epoch].statement
        if stated_axes(model):
            roster = parse_roster(self._exchange.fetch_blob(compiled.sha256))
        else:  # the stages tell the whole roster
            roster = build_roster(stages.zone, stages.epoch, stages.period, [(subject, division) for subject, division, _ in stages.subjects])
        check_compiled(roster, compiled)
        check_published(stages, roster, stages_leaf.statement)
        check_stated(stages, roster, model)
        return stages

    def _opening(self, epoch: str, period: str, model: Model, stages: Stages, stages_leaf: Logged) -> EpochOpen:
        with self._zone.reading() as view:
            key = view.public_key
            owners = contributors_of(view, model, period)
        if key is None:
            raise NotReadyError("the zone has no key yet")
        slots = model.slots_per_ciphertext(key.bits)
        return EpochOpen(
            zone=self._identity.zone,
            nonce=fresh_nonce(),
            epoch=epoch,
            period=period,
            model=model.sha256,
            key=key.key_hash.hex(),
            roster=stages_leaf.statement.sha256,
            stages_leaf=stages_leaf.index,
            slot_bits=model.slot_bits,
            slots=slots,
            batches=len(batches(stages.counts(), slots)),
            contributors=owners,
            order="" if model.contributors is None else sha256(order_of(stages, slots).to_bytes()).hex(),
        )

    # --- close ---

    def close(self, epoch: str, *, allow_absent: bool) -> None:
        """Close the epoch and begin to open its totals; ``status`` tells when it is RELEASED. Closed before: only goes on opening.

        Raises EpochUnknownError, and NotReadyError while columns are missing, unless ``allow_absent``.
        """
        with self._turn:
            if self._state(epoch).phase is Phase.OPEN:
                missing = [column for column in self._exchange.epoch_status(epoch).columns if not column.received]
                if missing and not allow_absent:
                    names = ", ".join(sorted({f"{column.indicator} ({column.member})" for column in missing})[:10])
                    raise NotReadyError(f"{len(missing)} columns are missing: {names}")
                absent = tuple((column.indicator, column.functional, column.member) for column in missing)
                closing = EpochClose(zone=self._identity.zone, nonce=fresh_nonce(), epoch=epoch, absent=absent)
                try:
                    self._exchange.submit(sign_statement(closing, self._identity.signer))
                except RpcRefusal as refusal:
                    if refusal.reason != CLOSED_BEFORE:  # by another instance of the gateway, which our view does not show yet
                        raise
                self._logged(lambda view: view.epoch(epoch).phase is not Phase.OPEN or None, f"the closing of epoch {epoch}")
                _log.info(EPOCH_CLOSED, epoch=epoch, absent=len(absent))
            self._begin_release(epoch)

    def resume(self) -> None:
        """Go on with every epoch that is closed and not released: after a restart."""
        with self._zone.reading() as view:
            waiting = [name for name, state in view.epochs.items() if state.phase is Phase.CLOSED]
        for epoch in waiting:
            self._begin_release(epoch)

    def _begin_release(self, epoch: str) -> None:
        with self._turn:
            running = self._running.get(epoch)
            if self._state(epoch).phase is not Phase.CLOSED or (running is not None and running.is_alive()):
                return
            progress = self._progress[epoch] = Progress()
            self._running[epoch] = threading.Thread(target=self._release, args=(epoch, progress), name=f"release-{epoch}", daemon=True)
            self._running[epoch].start()

    def _release(self, epoch: str, progress: Progress) -> None:
        try:
            self._open_and_publish(epoch, progress)
        except Exception as error:  # noqa: BLE001 - whatever went wrong is told in the epoch's status
            reason = error.reason if isinstance(error, RpcRefusal) else refusal_of(error).reason
            if isinstance(error, CryptoError | ScoringError):  # what was opened is of no use: logged under a code that does not tell why [P2.4]
                self._refusals.refused(OPENING_FAILED, self._state(epoch).close_digest, self._identity.member)
            progress.failed = reason
            _log.error(EPOCH_FAILED, epoch=epoch, reason=reason, error=type(error).__name__, where=logging.where(error))

    def _open_and_publish(self, epoch: str, progress: Progress) -> None:
        """From the closed epoch to the released one; goes on by itself when coordinator or log were away for less than ``AWAY_S``."""
        stages, timer = self.stages(epoch), Timer(AWAY_S)
        while self._state(epoch).phase is Phase.CLOSED:
            opened = progress.opened
            try:
                self._publication.open_totals(epoch, stages, progress)
                self._publication.publish(epoch, stages)
            except PeerUnavailableError as error:
                timer = timer if progress.opened <= opened else Timer(AWAY_S)  # it got further than before
                if timer.left_s() <= 0:
                    raise
                _log.warning(EPOCH_DELAYED, epoch=epoch, opened=progress.opened, error=type(error).__name__)
                threading.Event().wait(PAUSE_S)

    # --- look-ups ---

    def status(self, epoch: str) -> dict[str, Any]:
        """State, columns and progress of an epoch. Raises EpochUnknownError."""
        state = self._state(epoch)
        progress = self._progress.get(epoch, Progress())
        columns = self._exchange.epoch_status(epoch).columns if state.phase is Phase.OPEN else []
        return {
            "epoch": epoch,
            "period": state.opened.period,
            "state": str(state.phase),
            "columns": [
                {"indicator": item.indicator, "functional": item.functional, "member": item.member, "received": item.received} for item in columns
            ],
            "opening": {"batches_opened": progress.opened, "batches_expected": progress.expected, "failed": progress.failed},
        }

    def totals(self, epoch: str, functional: str) -> list[tuple[Total, str]]:
        """(value, exact percentile within its stage) of every subject, in the roster's order [M3]."""
        self._state(epoch)
        totals = self._store.totals(epoch, functional)
        ranks = {stage: percentiles(values) for stage, values in by_stage(totals).items()}
        return [(total, str(ranks[total.stage][total.hundredths])) for total in totals]

    def rankings(self, epoch: str) -> list[dict[str, Any]]:
        """The model's lists of the best of each stage, from the released totals: subjects by stage, best first [M1]. Raises EpochUnknownError."""
        model_hash = self._state(epoch).opened.model
        with self._zone.reading() as view:
            model = view.model(model_hash)
        found = []
        for name, spec in model.pack.rankings.items():
            totals = {total.subject: (total.stage, total.hundredths, total.gated) for total in self._store.totals(epoch, spec.functional)}
            stages = {stage: list(subjects) for stage, subjects in listed(model, name, totals).items()}
            found.append({"id": name, "title": spec.title.model_dump(), "functional": spec.functional, "stages": stages})
        return found

    def records(self, epoch: str) -> Iterator[dict[str, Any]]:
        """What each opened batch can be checked by. Raises EpochUnknownError, RosterError."""
        return epoch_records(self._zone, self._store, epoch, self.stages(epoch))

    def stages(self, epoch: str) -> Stages:
        """The frozen order of an epoch. Raises EpochUnknownError, RosterError."""
        opened = self._state(epoch).opened
        document = self._store.stages(epoch)
        if document is None or sha256(document).hex() != opened.roster:
            document = self._exchange.fetch_blob(opened.roster)
            self._store.keep_stages(epoch, document)
        with self._zone.reading() as view:
            return parse_stages(document, [stage.id for stage in view.model(opened.model).stages])

    def generation(self, number: int) -> Generation:
        """A generation of the key's shares, as our view of the log has it. Raises WrongKeyError when there is none."""
        with self._zone.reading() as view:
            return view.generation(number)

    def _state(self, epoch: str) -> EpochState:
        with self._zone.reading() as view:
            return view.epoch(epoch)

    def _model(self, name: str) -> Model:
        """The one admitted model with this id, id@version or sha256. Raises WrongModelError."""
        with self._zone.reading() as view:
            found = [view.model(sha) for sha in view.admitted if sha in view.models]
        named = [model for model in found if name in {model.id, f"{model.id}@{model.version}", model.sha256}]
        if len(named) != 1:
            raise WrongModelError(f"{len(named)} admitted models are called {name!r}; name one as id@version")
        return named[0]

    def _logged(self, find: Callable[[ZoneView], T | None], what: str) -> T:
        return self._zone.wait(find, APPLY_TIMEOUT_S, what)
