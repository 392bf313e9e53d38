"""The department at work: takes each item that the coordinator asks for, checks it, and puts the answer into the outbox.

What it cannot check it does not do: the refusal is signed and logged, and the next item is taken. Work that fails for want of
records, of a pack or of the key, or because our clock is behind a consent, is set aside and tried again when records come and when the
process starts.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from crypto.bignum import window_for
from crypto.encoding import sha256
from crypto.errors import CryptoError
from crypto.paillier import Encryptor
from crypto.subjects import subject_id
from nodes.department.audit.desk import AuditDesk
from nodes.department.contributions import Contributor, Records
from nodes.department.documents import Publisher
from nodes.department.enrolment import ENROLMENT_PLACE, EnrolmentDesk
from nodes.department.office import Office as Office  # noqa: PLC0414 - offered again beside who works in it
from nodes.department.outbox import Kept, Message, Prepared
from nodes.department.trust import OpenEpoch
from nodes.errors import FatalError, NodeError, PeerUnavailableError, RecordsMissingError, RpcRefusal, SettingsError
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.relay import AUDIT_REQUEST, ENROLMENT_REQUEST
from protos.errors import refusal_of
from protos.v1.exchange_pb2 import ContributeColumns, ContributeRow, PrepareEpoch, WorkItem
from scoring.errors import ConsentNotYetError, ScoringError, WrongModelError, WrongOwnerError, WrongRosterError
from scoring.exchange.contributions import owed_entries
from scoring.exchange.roster import check_compiled, parse_roster
from scoring.statements import Refusal, RosterCompiled

EPOCHS_REMEMBERED = 4
ROWS_AHEAD = 256  # ciphertexts of rows for which a table is made: consents seldom come alone
WORK_DONE = "work.done"
WORK_REFUSED = "work.refused"
_LATER = (RecordsMissingError, SettingsError, WrongModelError, ConsentNotYetError)
_log = logging.logger("department.worker")


class Department:
    """Handles work items one at a time. ``fetch(sha256 hex)`` gives a document from the coordinator."""

    def __init__(self, office: Office, fetch: Callable[[str], bytes], now: Clock) -> None:
        self._office, self._fetch, self._now = office, fetch, now
        self._publisher = Publisher(office.identity.zone, office.identity.signer)
        self._desk = EnrolmentDesk(office.identity, office.trust, office.store, office.outbox, office.roster_key)
        self._audits = AuditDesk(office, self._epoch)
        self._turn = threading.Lock()
        self._epochs: OrderedDict[str, OpenEpoch] = OrderedDict()
        self._made: tuple[str, int, Encryptor] | None = None  # key, window
        self._subjects: tuple[str, int, Records] = ("", -1, {})

    def handle(self, item: WorkItem) -> None:
        """Do one item: afterwards its answer, or a refusal, is in the outbox; items for other roles of the member are passed over.

        Raises PeerUnavailableError, or RpcRefusal with a status that asks to try again, when a document cannot be had now: nothing was
        done. Raises FatalError when the process must stop.
        """
        with self._turn:
            self._office.store.import_folder(self._office.records_dir)
            self._try(item, again=False)

    def scan(self) -> None:
        """Take what was dropped into the folder; if that was anything, try again what had been set aside. Raises as ``handle``."""
        with self._turn:
            if self._office.store.import_folder(self._office.records_dir):
                self._retry()

    def resume(self) -> None:
        """Take what was dropped and try again what had been set aside: when the process starts. Raises as ``handle``."""
        with self._turn:
            self._office.store.import_folder(self._office.records_dir)
            self._retry()

    def settled(self, kept: Kept, leaf_index: int, reason: str) -> None:
        """What follows from a message that was acknowledged or refused."""
        if kept.message.place.startswith(ENROLMENT_PLACE):
            self._desk.settled(kept, leaf_index, reason)

    def _retry(self) -> None:
        for seq, data in self._office.outbox.aside():
            item = WorkItem.FromString(data)
            item.seq = seq
            self._try(item, again=True)

    def _try(self, item: WorkItem, *, again: bool) -> None:
        kind = item.WhichOneof("work")
        try:
            about = self._do(item)
        except (FatalError, PeerUnavailableError):
            raise
        except (ScoringError, CryptoError, NodeError) as error:
            if isinstance(error, RpcRefusal) and error.passing:
                raise
            self._refuse(item, error, again=again)
            return
        if about:
            _log.info(WORK_DONE, seq=item.seq, work=kind)
        if again:
            self._office.outbox.settle(item.seq)

    def _do(self, item: WorkItem) -> bool:
        kind = item.WhichOneof("work")
        if kind == "prepare":
            self._prepare(item.prepare)
        elif kind == "columns":
            self._columns(item.columns)
        elif kind == "row":
            self._row(item.row)
        elif kind == "sealed" and item.sealed.subject_matter == ENROLMENT_REQUEST:
            self._desk.ask(item.sealed.sender, item.sealed.sealed)
        elif kind == "sealed" and item.sealed.subject_matter == AUDIT_REQUEST:
            self._audits.ask(item.sealed.sender, item.sealed.sealed)
        else:
            return False
        return True

    def _refuse(self, item: WorkItem, error: Exception, *, again: bool) -> None:
        reason = error.reason if isinstance(error, RpcRefusal) else refusal_of(error).reason
        _log.warning(WORK_REFUSED, seq=item.seq, work=item.WhichOneof("work"), reason=reason, error=type(error).__name__)
        later = isinstance(error, _LATER)
        if later and not again:
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

    # --- the kinds of work ---

    def _prepare(self, work: PrepareEpoch) -> None:
        trust, model = self._office.trust, self._office.trust.model(work.model.hex())
        if not work.roster_envelope:
            if "registrar" not in trust.member.roles:
                raise WrongOwnerError(f"{trust.member.id} is not the registrar")
            register = self._office.store.period(work.period)
            self._office.outbox.offer(self._publisher.roster(work.epoch, work.period, register, self._office.roster_key))
            return
        if (model.stage_owner.department, model.stage_owner.level) != (trust.member.department, trust.member.level):
            raise WrongOwnerError(f"{trust.member.id} does not stage the subjects of {model.id}@{model.version}")
        compiled = trust.statement(work.roster_envelope, RosterCompiled, "registrar")
        roster = parse_roster(self._fetch(compiled.sha256))
        check_compiled(roster, compiled)
        if (compiled.epoch, compiled.period) != (work.epoch, work.period):
            raise WrongRosterError(f"the roster is of epoch {compiled.epoch}, period {compiled.period}")
        self._office.outbox.offer(self._publisher.stages(roster, model, self._records(work.period)))

    def _columns(self, work: ContributeColumns) -> None:
        epoch, member = self._epoch(work.epoch_open_envelope), self._office.trust.member
        owed = owed_entries(epoch.model, member, epoch.model.disclosures("authority"))
        contributor = self._contributor(work.epoch_open_envelope, len(owed) * len(epoch.batches))
        for prepared, points in contributor.columns():
            self._office.store.keep_points(prepared.source, points)
            self._office.outbox.offer(prepared)

    def _row(self, work: ContributeRow) -> None:
        contributor = self._contributor(work.epoch_open_envelope)
        given = self._office.trust.consent(work.consent_envelope, work.enrolment_envelope, contributor.epoch, self._now())
        places = f"column/{contributor.epoch.opened.epoch}/"

        def said(indicator: str) -> list[int] | None:
            source = self._office.outbox.said(f"{places}{indicator}/")
            return None if source is None else self._office.store.points(source)

        made = contributor.row(given, said)
        if made is not None:
            prepared, points = made
            self._office.store.keep_points(prepared.source, points)
            self._office.outbox.offer(prepared)

    # --- what they need ---

    def _contributor(self, raw: bytes, encryptions: int = ROWS_AHEAD) -> Contributor:
        office, epoch = self._office, self._epoch(raw)
        records = self._records(epoch.opened.period)
        if not any(subject in records for subject, _, _ in epoch.stages.subjects):
            raise RecordsMissingError(f"no subject of the roster has a record here for period {epoch.opened.period}")
        secret = office.secrets.secret(epoch.opened.epoch)
        return Contributor(office.trust.member, office.identity.signer, self._encryptor(epoch.opened.key, encryptions), epoch, secret, records)

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
        """The epoch is over the roster that we compiled and the stages that we published, where that was ours to do."""
        compiled = self._office.outbox.latest(f"roster/{epoch.opened.epoch}")
        subjects = tuple(sorted((subject, division) for subject, division, _ in epoch.stages.subjects))
        if compiled is not None and parse_roster(compiled.message.content).subjects != subjects:
            raise WrongRosterError("the epoch is over another roster than the one that we compiled")
        staged = self._office.outbox.latest(f"stages/{epoch.opened.epoch}")
        if staged is not None and sha256(staged.message.content).hex() != epoch.opened.roster:
            raise WrongRosterError("the epoch is over other stages than those that we published")

    def _encryptor(self, key_hash: str, encryptions: int) -> Encryptor:
        """An encryptor with the table that suits so many encryptions, or more: a table that is there is not made smaller."""
        key = self._office.trust.public_key(key_hash)
        window = window_for(encryptions, key.exponent_bits, self._office.window)
        if self._made is None or self._made[0] != key_hash or self._made[1] < window:
            self._made = (key_hash, window, Encryptor(key, window))
        return self._made[2]

    def _records(self, period: str) -> Records:
        """Own records of a period by subject id."""
        version = self._office.store.version
        if self._subjects[:2] != (period, version):
            found = {subject_id(self._office.roster_key, uscc): values for uscc, values in self._office.store.period(period).items()}
            self._subjects = (period, version, found)
        return self._subjects[2]


def _about(item: WorkItem) -> str:
    """Digest of what was asked: the epoch's opening, the consent, the roster."""
    asked = {"columns": item.columns.epoch_open_envelope, "row": item.row.consent_envelope, "prepare": item.prepare.roster_envelope}
    envelope = asked.get(item.WhichOneof("work") or "", b"")
    return sha256(envelope).hex() if envelope else ""
