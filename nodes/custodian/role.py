"""The custodian's role wired onto a process: a process of its own, or one that is a department too."""

from __future__ import annotations

from nodes.custodian.admission import AdmissionLint
from nodes.custodian.examination import Examiner
from nodes.custodian.proofs import ProofDesk
from nodes.custodian.revocations import Revocations
from nodes.custodian.settings import CustodianTable
from nodes.custodian.shares.keeper import ShareKeeper
from nodes.custodian.worker import Custodian, Prover
from nodes.runtime.clock import now
from nodes.runtime.cursor import Cursor
from nodes.runtime.files import make_private_directory
from nodes.runtime.notices.board import BoardClient
from nodes.runtime.notices.heads import HeadComparison, HeadLimits
from nodes.runtime.notices.turn import Notices
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.process import Process
from nodes.runtime.replica.material import Ciphertexts, Placements, proven
from nodes.runtime.replica.zone import Zone, follow_zone
from nodes.runtime.settings import NodeSettings
from nodes.runtime.standing.remaining import watch_registry
from protos.v1.exchange_pb2 import WorkItem


class CustodianRole:
    """Seven workers: the log's follower, the keeper of shares, the admission lint, the prover, proofs of partials, tickets, notices.

    Has its own work stream and cursor.
    """

    def __init__(self, process: Process, identity: Identity, settings: NodeSettings, table: CustodianTable) -> None:
        state_dir = settings.state_dir / "custodian"
        self._process = process
        zone = Zone(settings.public_dir)
        log = LogClient(identity, settings.peer("log"))
        self._exchange = exchange = ExchangeClient(identity, settings.peer("coordinator"))
        make_private_directory(state_dir)
        ciphertexts = Ciphertexts(zone, lambda logged: proven(zone, logged, exchange.fetch_blob(logged.statement.header.merkle_root)), state_dir)
        prover = Prover(ciphertexts, process.stopping)
        self._keeper = keeper = ShareKeeper(identity, zone, log, exchange, state_dir, table.passphrase_file)
        zone.observe(keeper.observe)
        zone.observe(prover.observe)
        self._revocations = Revocations(zone, state_dir / "revocations", now)
        zone.observe(self._revocations.observe)
        admission = AdmissionLint(zone, process.stopping)
        zone.observe(admission.observe)
        follower = follow_zone(process, identity, settings, zone, state_dir)
        watch_registry(process, zone, now)
        prover.live = True
        limits = HeadLimits(table.head_report_s, table.head_lag_s, table.head_silence_s)
        heads = HeadComparison(zone, follower.replica, identity.member, state_dir / "heads", now, limits)
        boards = [BoardClient(identity, settings.peer(role)) for role in ("coordinator", "log")]
        self._notices_s, self._notices = table.notices_s, Notices(identity, boards, follower, heads, self._revocations, now)
        self._cursor = Cursor(state_dir / "work.cursor")
        placements = Placements(zone, exchange.fetch_blob)
        examiner = Examiner(zone, follower, ciphertexts, placements, heads, self._revocations, admission, now, table.witness_wait_s)
        self._custodian = Custodian(identity, examiner, keeper, self._revocations, exchange, log, process.stopping)
        proofs = ProofDesk(identity, zone, examiner, keeper, exchange, process.stopping)
        zone.observe(proofs.observe)
        process.worker("share", lambda: keeper.run(process.stopping))
        process.worker("admission", admission.run)
        process.worker("proofs", proofs.run)
        process.worker("prover", prover.run)
        process.worker("tickets", self._answer)
        process.worker("notices", self._exchange_notices)
        for action in (
            *(board.close for board in boards),
            log.close,
            exchange.close,
            exchange.cancel,
            prover.stop,
            keeper.cancel,
            proofs.stop,
            admission.stop,
        ):
            process.on_stop(action)

    def _exchange_notices(self) -> None:
        while not self._process.stopping.is_set():
            self._revocations.collect()
            self._notices.turn()
            self._process.stopping.wait(self._notices_s)

    def _answer(self) -> None:
        self._keeper.wait()
        self._exchange.follow_work(self._cursor.get, self._handle, self._process.stopping, self._cursor.set)

    def _handle(self, item: WorkItem) -> None:
        if item.WhichOneof("work") == "open":
            self._custodian.open(item.open)
        if not self._process.stopping.is_set():
            self._cursor.set(item.seq)
