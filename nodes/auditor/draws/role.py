"""The auditor's draws wired onto its process: two workers, one that conducts and one that takes what departments show."""

from __future__ import annotations

from nodes.auditor.draws.book import Book
from nodes.auditor.draws.conduct import Conductor, Policy
from nodes.auditor.draws.judging import Judge
from nodes.auditor.draws.settling import Settler
from nodes.auditor.settings import AuditorSettings
from nodes.errors import NotReadyError, PeerUnavailableError, RpcRefusal
from nodes.runtime.clock import now
from nodes.runtime.cursor import Cursor
from nodes.runtime.database import open_database
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.process import Process
from nodes.runtime.replica.follower import LogFollower
from nodes.runtime.replica.material import Ciphertexts, Placements, proven
from nodes.runtime.replica.store import LogReplica
from nodes.runtime.replica.zone import Zone
from protos.v1.exchange_pb2 import WorkItem

RETRY_S, CAUGHT_UP_S = 1.0, 10.0
REPORTS = "draws"


class DrawsRole:
    """Draws over ``zone``, which ``follower`` keeps up to date from ``replica``. Make it before the follower is attached."""

    def __init__(
        self, process: Process, identity: Identity, settings: AuditorSettings, zone: Zone, follower: LogFollower, replica: LogReplica
    ) -> None:
        state_dir, table = settings.state_dir, settings.auditor
        self._process, self._follower = process, follower
        self._log = LogClient(identity, settings.peer("log"))
        self._exchange = exchange = ExchangeClient(identity, settings.peer("coordinator"))
        self._cursor = Cursor(state_dir / "work.cursor")
        engine = open_database(state_dir, "draws", settings.database_url)
        book = Book(engine)
        ciphertexts = Ciphertexts(zone, lambda logged: proven(zone, logged, exchange.fetch_blob(logged.statement.header.merkle_root)), state_dir)
        judge = Judge(zone, ciphertexts, Placements(zone, exchange.fetch_blob).placement)
        settler = Settler(identity, zone, exchange.relay, book, judge, state_dir / REPORTS, now)
        policy = Policy(table.columns_drawn, table.rows_drawn, table.rows_every_s, table.answers_due_s)

        def leaf_at(index: int) -> tuple[bytes, bytes]:
            entry = next(replica.entries(index, index + 1))
            return entry.leaf, entry.envelope

        self._conductor = Conductor(identity, zone, self._log, book, settler, leaf_at, policy, now)
        zone.observe(self._conductor.wake)
        process.worker("draws", self._conduct)
        process.worker("draws.answers", self._take)
        for action in (engine.dispose, self._log.close, exchange.close, exchange.cancel, self._conductor.wake, follower.cancel):
            process.on_stop(action)

    def _conduct(self) -> None:
        """Once our view is where the log is: from an old one a draw would be committed to after its epoch's close."""
        while not self._process.stopping.is_set():
            try:
                size = int(self._log.read_tile("checkpoint").split(b"\n", 2)[1])
                self._follower.wait_for(size - 1, CAUGHT_UP_S)
            except (NotReadyError, PeerUnavailableError, RpcRefusal):
                self._process.stopping.wait(RETRY_S)
                continue
            self._conductor.run(self._process.stopping)

    def _take(self) -> None:
        self._exchange.follow_work(self._cursor.get, self._handle, self._process.stopping, self._cursor.set)

    def _handle(self, item: WorkItem) -> None:
        self._conductor.take(item)
        self._cursor.set(item.seq)
