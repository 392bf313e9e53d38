"""A contributor at work: takes each item that the coordinator asks for, checks it, and puts the answer into the outbox.

What it cannot check it does not do: the refusal is signed and logged, and the next item is taken; so it is with an item at which our own
program fails, which is tried once more later. Work that fails for want of
records, of a pack or of the key, because our clock is behind a consent or our people have not let a column go, is set aside and tried
again when records come, when people let something go, and when the process starts. What records say otherwise than a contribution to an
open epoch did is said again (``revisions``).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from crypto.bignum import window_for
from crypto.encoding import sha256
from crypto.paillier import Encryptor
from nodes.contributing.audit.desk import AuditDesk
from nodes.contributing.contributions import Contributor, Records
from nodes.contributing.corrections.reviser import Reviser
from nodes.contributing.offering import Offering
from nodes.contributing.office import Office
from nodes.contributing.outbox import Kept, Message, Prepared
from nodes.contributing.trust import OpenEpoch
from nodes.errors import (
    FatalError,
    NotReadyError,
    PeerUnavailableError,
    RecordsMissingError,
    RpcRefusal,
    SecondPersonMissingError,
    SettingsError,
)
from nodes.runtime import logging
from nodes.runtime.database import of_the_machine
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.relay import AUDIT_REQUEST
from protos.errors import INTERNAL, refusal_of
from protos.v1.exchange_pb2 import ContributeColumns, EpochClosed, WorkItem
from scoring.errors import ConsentNotYetError, WrongModelError
from scoring.exchange.contributions import owed_entries
from scoring.statements import Entry, EpochClose, Refusal

EPOCHS_REMEMBERED = 4
ROWS_AHEAD = 256  # ciphertexts of rows for which a table is made: consents seldom come alone
SCAN_DELAYED = "records.scan_delayed"
WORK_DONE, WORK_FAILED = "work.done", "work.failed"
WORK_REFUSED = "work.refused"
_LATER = (RecordsMissingError, SettingsError, WrongModelError, ConsentNotYetError, SecondPersonMissingError)
_log = logging.logger("contributing.worker")


class ContributingMember:
    """Handles work items one at a time: columns, and what an auditor asks. ``fetch(sha256 hex)`` gives a document from the coordinator."""

    def __init__(self, office: Office, fetch: Callable[[str], bytes]) -> None:
        self._office, self._fetch = office, fetch
        self._audits = AuditDesk(office, self._epoch)
        self._offering = Offering(office)
        self._reviser = Reviser(office, self._contributor)
        self._turn = threading.Lock()
        self._epochs: OrderedDict[str, OpenEpoch] = OrderedDict()
        self._made: tuple[str, int, Encryptor] | None = None  # key, window
        self._known: tuple[tuple[str, int, int], Records] = (("", -1, -1), {})
        self._tried_at = -1  # version of the records when what was set aside was last tried

    def handle(self, item: WorkItem) -> None:
        """Do one item: afterwards its answer, or a refusal, is in the outbox; items for other roles of the member are passed over.

        Raises PeerUnavailableError, or RpcRefusal with a status that asks to try again, when a document cannot be had now: nothing was
        done. Raises FatalError when the process must stop.
        """
        if self._office.sources is not None:
            self._office.sources.look()
        with self._turn:
            self._reviser.run()
            self._try(item, again=False)

    def scan(self) -> None:
        """Take what the sources have; if records changed, try again what had been set aside, and revise what is open. Raises as ``handle``,
        and NotReadyError while another process reads the same source."""
        if self._office.sources is not None:
            self._office.sources.run()
        with self._turn:
            if self._office.store.version > self._tried_at:
                self._retry()
            self._reviser.run()

    def resume(self) -> None:
        """As ``scan``, and try again what had been set aside: when the process starts."""
        self._tried_at = -1
        self.scan()

    def go_on(self, released: threading.Event, stopping: threading.Event, every_s: float) -> None:
        """``resume`` whenever ``released`` is set, people having let something go, until ``stopping`` is: rows wait for their columns [A4]."""
        while not stopping.is_set():
            released.wait()
            released.clear()
            while not stopping.is_set() and not self._done(self.resume):
                stopping.wait(every_s)

    def watch(self, stopping: threading.Event, every_s: float) -> None:
        """``resume``, then ``scan`` every so many seconds, until ``stopping`` is set."""
        look = self.resume
        while not stopping.is_set():
            if self._done(look):
                look = self.scan
            stopping.wait(every_s)

    def settled(self, kept: Kept, leaf_index: int, reason: str) -> None:
        """What follows from a message that was acknowledged or refused."""
        self._reviser.settled(kept, reason)

    def _done(self, look: Callable[[], None]) -> bool:
        try:
            look()
        except (PeerUnavailableError, RpcRefusal, NotReadyError) as error:
            _log.warning(SCAN_DELAYED, error=type(error).__name__)
            return False
        return True

    def _retry(self) -> None:
        version = self._office.store.version
        for seq, data in self._office.outbox.aside():
            item = WorkItem.FromString(data)
            item.seq = seq
            self._try(item, again=True)
        self._tried_at = version

    def _try(self, item: WorkItem, *, again: bool) -> None:
        kind = item.WhichOneof("work")
        try:
            about = self._do(item)
        except (FatalError, PeerUnavailableError):
            raise
        except Exception as error:  # whatever one item does to us, the next must be done: told, tried once more, refused
            if of_the_machine(error) or (isinstance(error, RpcRefusal) and error.passing):
                raise
            self._refuse(item, error, again=again)
            return
        if about:
            _log.info(WORK_DONE, seq=item.seq, work=kind)
        if again:
            self._office.outbox.settle(item.seq)

    def _do(self, item: WorkItem) -> bool:
        """Do an item of a kind that is ours; whether it was. Roles that are asked for more add their kinds."""
        kind = item.WhichOneof("work")
        if kind == "columns":
            self._columns(item.columns)
        elif kind == "closed":
            self._close(item.closed)
        elif kind == "sealed" and item.sealed.subject_matter == AUDIT_REQUEST:
            self._audits.ask(item.sealed.sender, item.sealed.sealed)
        else:
            return False
        return True

    def _refuse(self, item: WorkItem, error: Exception, *, again: bool) -> None:
        reason = error.reason if isinstance(error, RpcRefusal) else refusal_of(error).reason
        ours = not isinstance(error, RpcRefusal) and refusal_of(error) is INTERNAL
        if ours:  # whoever may send us work must not be able to end us with it: the item would come again at every start
            _log.error(WORK_FAILED, seq=item.seq, error=type(error).__name__, where=logging.where(error))
        _log.warning(WORK_REFUSED, seq=item.seq, work=item.WhichOneof("work"), reason=reason, error=type(error).__name__)
        later = isinstance(error, _LATER)
        if (later or ours) and not again:
            self._office.outbox.set_aside(item.seq, item.SerializeToString())
        if again and not later:
            self._office.outbox.settle(item.seq)
        identity, about = self._office.identity, _about(item)
        place = f"refusal/{item.seq}/{reason}"

        def make(revision: int) -> Message:
            statement = Refusal(zone=identity.zone, nonce=fresh_nonce(), member=identity.member, reason=reason, about=about)
            return Message(place, revision, "log", sign_statement(statement, identity.signer), source=reason)

        if self._office.outbox.latest(place) is None:
            self._office.outbox.offer(Prepared(place, reason, make))

    # --- columns ---

    def _columns(self, work: ContributeColumns) -> None:
        office, epoch = self._office, self._epoch(work.epoch_open_envelope)
        contributor = self._contributor(work.epoch_open_envelope, len(self._owed(epoch)) * len(epoch.batches))
        office.epochs.note(epoch.opened.epoch, epoch.opened.period, work.epoch_open_envelope)
        for prepared, scored in self._offering.columns(contributor):
            self._offering.column(contributor, prepared, scored)

    def _owed(self, epoch: OpenEpoch) -> tuple[Entry, ...]:
        """The entries of the columns that we owe to ``epoch``."""
        return owed_entries(epoch.model, self._office.trust.member, epoch.model.disclosures("authority"))

    def _close(self, work: EpochClosed) -> None:
        closed = self._office.trust.statement(work.epoch_close_envelope, EpochClose, "authority")
        self._office.epochs.move(closed.epoch, "closing")
        self._reviser.run()
        self._retry()  # a row does not wait any more for a column that cannot come

    def _contributor(self, raw: bytes, encryptions: int = ROWS_AHEAD) -> Contributor:
        office, epoch = self._office, self._epoch(raw)
        records, version, placed = self._records(epoch.opened.period)
        self._check_records(epoch, records)
        secret = office.secrets.secret(epoch.opened.epoch)
        encryptor = self._encryptor(epoch.opened.key, encryptions)
        return Contributor(office.trust.member, office.identity.signer, encryptor, epoch, secret, records, version, placed)

    def _check_records(self, epoch: OpenEpoch, records: Records) -> None:
        """There are records to contribute from. Raises RecordsMissingError: a contribution of zeros for want of a file would count."""
        if not any(subject in records for subject, _ in epoch.subjects):
            raise RecordsMissingError(f"no subject of the roster has a record here for period {epoch.opened.period}")

    def _epoch(self, raw: bytes) -> OpenEpoch:
        digest = sha256(raw).hex()
        if digest not in self._epochs:
            epoch = self._office.trust.epoch(raw, self._fetch)
            self._check_own_documents(epoch)
            self._epochs[digest] = epoch
            while len(self._epochs) > EPOCHS_REMEMBERED:
                self._epochs.popitem(last=False)
        return self._epochs[digest]

    def _check_own_documents(self, epoch: OpenEpoch) -> None:
        """The epoch is over documents that we published ourselves, where that was ours to do. Raises WrongRosterError."""

    def _encryptor(self, key_hash: str, encryptions: int) -> Encryptor:
        """An encryptor with the table that suits so many encryptions, or more: a table that is there is not made smaller."""
        key = self._office.trust.public_key(key_hash)
        window = window_for(encryptions, key.exponent_bits, self._office.window)
        if self._made is None or self._made[0] != key_hash or self._made[1] < window:
            self._made = (key_hash, window, Encryptor(key, window))
        return self._made[2]

    def _records(self, period: str) -> tuple[Records, int, int]:
        """Own records of a period by subject id, and the versions of the store and of who is known that they are of."""
        version = self._office.store.version
        state = (period, version, self._office.subjects.version)
        if self._known[0] != state:
            self._known = (state, self._office.subjects.by_subject(self._office.store.period(period, version)))
        return self._known[1], version, state[2]


def _about(item: WorkItem) -> str:
    """Digest of what was asked: the epoch's opening, the consent, the roster."""
    asked = {"columns": item.columns.epoch_open_envelope, "row": item.row.consent_envelope, "prepare": item.prepare.roster_envelope}
    envelope = asked.get(item.WhichOneof("work") or "", b"")
    return sha256(envelope).hex() if envelope else ""
