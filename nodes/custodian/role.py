"""The custodian's role wired onto a process: a process of its own, or one that is a department too."""

from __future__ import annotations

import queue

from nodes.custodian.examination import Examiner
from nodes.custodian.settings import CustodianTable
from nodes.custodian.worker import Custodian, Prover, ShareHolder
from nodes.runtime.clock import now
from nodes.runtime.cursor import Cursor
from nodes.runtime.files import make_private_directory
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.process import Process
from nodes.runtime.replica.material import Ciphertexts, Placements, proven
from nodes.runtime.replica.zone import Zone, follow_zone
from nodes.runtime.settings import NodeSettings
from protos.v1.exchange_pb2 import WorkItem
from scoring.exchange.view import Logged
from scoring.statements import Ceremony


class CustodianRole:
    """Four workers: the log's follower, the share's acceptance, the prover, and the tickets. Has its own work stream and cursor."""

    def __init__(self, process: Process, identity: Identity, settings: NodeSettings, table: CustodianTable) -> None:
        state_dir = settings.state_dir / "custodian"
        self._process = process
        self._ceremonies: queue.SimpleQueue[Logged | None] = queue.SimpleQueue()
        zone = Zone(settings.public_dir)
        log = LogClient(identity, settings.peer("log"))
        self._exchange = exchange = ExchangeClient(identity, settings.peer("coordinator"))
        make_private_directory(state_dir)
        ciphertexts = Ciphertexts(zone, lambda logged: proven(zone, logged, exchange.fetch_blob(logged.statement.header.merkle_root)), state_dir)
        prover = Prover(ciphertexts, process.stopping)
        zone.observe(self._note_ceremony)
        zone.observe(prover.observe)
        follower = follow_zone(process, identity, settings, zone, state_dir)
        prover.live = True
        self._cursor = Cursor(state_dir / "work.cursor")
        self._holder = ShareHolder(identity, zone, log, state_dir / "share.json", table.passphrase_file)
        examiner = Examiner(zone, follower, ciphertexts, Placements(zone, exchange.fetch_blob), now, table.witness_wait_s)
        self._custodian = Custodian(identity, examiner, self._holder, exchange, log, process.stopping)
        process.worker("share", self._accept)
        process.worker("prover", prover.run)
        process.worker("tickets", self._answer)
        for action in (log.close, exchange.close, exchange.cancel, prover.stop, self._holder.cancel, lambda: self._ceremonies.put(None)):
            process.on_stop(action)

    def _note_ceremony(self, logged: Logged) -> None:
        if isinstance(logged.statement, Ceremony):
            self._ceremonies.put(logged)

    def _accept(self) -> None:
        while (ceremony := self._ceremonies.get()) is not None:
            self._holder.accept(ceremony)

    def _answer(self) -> None:
        self._holder.wait()
        self._exchange.follow_work(self._cursor.get, self._handle, self._process.stopping)

    def _handle(self, item: WorkItem) -> None:
        if item.WhichOneof("work") == "open":
            self._custodian.open(item.open)
        if not self._process.stopping.is_set():
            self._cursor.set(item.seq)
