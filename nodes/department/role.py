"""The department's role wired onto a process, beside the custodian's where the process carries both."""

from __future__ import annotations

from sqlalchemy import MetaData

from nodes.department import outbox, store
from nodes.department.epoch_secrets import EpochSecrets
from nodes.department.outbox import Outbox
from nodes.department.sender import Sender
from nodes.department.settings import DepartmentTable
from nodes.department.store import RecordStore
from nodes.department.trust import ZoneTrust
from nodes.department.worker import Department, Office
from nodes.errors import PeerUnavailableError, RpcRefusal, SettingsError
from nodes.runtime import logging
from nodes.runtime.clock import now
from nodes.runtime.cursor import Cursor
from nodes.runtime.database import open_database
from nodes.runtime.files import read_private
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.process import Process
from nodes.runtime.replica.members import Members
from nodes.runtime.settings import NodeSettings
from protos.v1.exchange_pb2 import WorkItem

SCAN_DELAYED = "records.scan_delayed"
_log = logging.logger("department")


def metadata() -> MetaData:
    """The tables of a department's database."""
    found = MetaData()
    for part in (store.METADATA, outbox.METADATA):
        for table in part.tables.values():
            table.to_metadata(found)
    return found


class DepartmentRole:
    """Three workers: one follows the coordinator's work, one sends, one looks into the drop folder. Own work stream and cursor."""

    def __init__(self, process: Process, identity: Identity, settings: NodeSettings, table: DepartmentTable) -> None:
        state_dir = settings.state_dir / "department"
        engine = open_database(state_dir, "department", metadata(), settings.database_url)
        self._process, self._table = process, table
        self._cursor = Cursor(state_dir / "work.cursor")
        self._exchange = ExchangeClient(identity, settings.peer("coordinator"))
        log = LogClient(identity, settings.peer("log"))
        trust = ZoneTrust(settings.public_dir, settings.zone, settings.member)
        self._members = Members(process, identity, settings, trust.registry, state_dir)
        office = Office(
            identity=identity,
            trust=trust,
            store=RecordStore(engine),
            outbox=Outbox(engine),
            secrets=EpochSecrets(state_dir / "epochs", table.epoch_secrets_kept),
            roster_key=read_roster_key(read_private(table.roster_key_file)),
            records_dir=table.records_dir,
            window=table.encryption_window,
        )
        self._department = Department(office, self._exchange.fetch_blob, now)
        sender = Sender(office.outbox, self._exchange, log, self._department.settled, process.stopping)
        process.worker("department.work", self._follow)
        process.worker("department.sender", sender.run)
        process.worker("department.records", self._scan)
        for action in (engine.dispose, log.close, self._exchange.close, self._exchange.cancel, sender.stop):
            process.on_stop(action)

    def _follow(self) -> None:
        self._exchange.follow_work(self._cursor.get, self._handle, self._process.stopping)

    def _handle(self, item: WorkItem) -> None:
        leaf = {"columns": item.columns.leaf_index, "row": item.row.consent_leaf_index}.get(item.WhichOneof("work") or "")
        if leaf is not None:
            self._members.wait_for(leaf)  # who signed may be a member, or have a key, since just before
        self._department.handle(item)
        self._cursor.set(item.seq)

    def _scan(self) -> None:
        look = self._department.resume
        while not self._process.stopping.is_set():
            try:
                look()
                look = self._department.scan
            except (PeerUnavailableError, RpcRefusal) as error:
                _log.warning(SCAN_DELAYED, error=type(error).__name__)
            self._process.stopping.wait(self._table.scan_s)


def read_roster_key(text: bytes) -> bytes:
    """Roster key of its file's content: 64 hex digits. Raises SettingsError, which does not show them."""
    try:
        key = bytes.fromhex(text.decode("ascii").strip())
    except ValueError as error:
        raise SettingsError("a roster key is written as 64 hex digits") from error
    if len(key) != 32:
        raise SettingsError("a roster key is written as 64 hex digits")
    return key
