"""A real log and a real coordinator over real mutual TLS, in this process, on the statements of a zone in memory with its small key.

Both keep their state in directories: a coordinator can be ended at once, in the middle of a call, and another one started on what it
left. ``HeldLog`` is where a call can be stopped: before the log has heard of a statement, or after it has, but before its answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crypto.encoding import sha256
from nodes.coordinator.epochs import Epochs
from nodes.coordinator.intake import Intake
from nodes.coordinator.journal import Journal
from nodes.coordinator.keeping.blobs import BlobStore
from nodes.coordinator.keeping.store import Store
from nodes.coordinator.reactor import Reactor
from nodes.coordinator.releasing.evidence import EvidenceDesk
from nodes.coordinator.releasing.openings import Openings
from nodes.coordinator.releasing.tickets import TicketOffice
from nodes.coordinator.service import ExchangeService
from nodes.coordinator.settings import CoordinatorTable
from nodes.coordinator.work import WorkQueue
from nodes.errors import PeerUnavailableError
from nodes.log.admission import Admission
from nodes.log.publication import FilePin, Publication
from nodes.log.reader import Reader
from nodes.log.sequencer import Sequencer, genesis_submission
from nodes.log.service import LogService
from nodes.log.storage import Entry, LogStore
from nodes.log.witnessing import Rounds
from nodes.runtime.clock import now
from nodes.runtime.files import make_private_directory
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.limits import RateLimit
from nodes.runtime.peers.log_client import Appended, LogClient
from nodes.runtime.peers.rpc import RpcServer
from nodes.runtime.replica.follower import LogFollower
from nodes.runtime.replica.material import Ciphertexts, Placements
from nodes.runtime.replica.store import LogReplica
from nodes.runtime.replica.zone import Zone
from nodes.runtime.settings import Peer
from protos.v1.exchange_pb2_grpc import add_ExchangeServicer_to_server
from protos.v1.log_pb2_grpc import add_LogServicer_to_server
from tests.support.databases import database_in
from tests.support.ledger import SMALL_BITS, Ledger
from tests.support.members import ORGANISATIONS

HOLD_S = 60.0
TABLE = CoordinatorTable(listen="127.0.0.1:0")
Moment = Literal["", "before", "after"]


def member_identity(made: Identity, ledger: Ledger) -> Identity:
    """``made`` (whose certificate is used) with the statement signing key that the ledger's registry names."""
    return made.but(signer=ledger.keys.signers[made.member])


def write_public(ledger: Ledger, directory: Path) -> Path:
    """What a coordinator needs of the zone's public directory."""
    (directory / "packs").mkdir(parents=True)
    (directory / "registry.dsse.json").write_bytes(ledger.entries[0][1])
    (directory / "packs" / ledger.pack.name).write_bytes(ledger.pack.read_bytes())
    return directory


class RunningLog:
    """The log's own service over mutual TLS, beginning with every statement of ``ledger``."""

    def __init__(self, ledger: Ledger, identity: Identity, directory: Path, appends: RateLimit | None = None) -> None:
        self._admission, self._publication = Admission(ledger.entries[0][1], SMALL_BITS), Publication()
        store = LogStore(database_in(directory, "log"))
        reader = Reader(store, self._publication)

        def on_commit(entries: Sequence[Entry]) -> None:
            for entry in entries:
                self._admission.apply(entry)
            reader.remember(entries)

        self._sequencer = Sequencer(store, FilePin(directory / "head.pin"), ledger.log_signer, self._publication, now, on_commit)
        policy = self._admission.registry_statement.witness_policy
        rounds = Rounds(self._publication, policy.witnesses, policy.required, reader.consistency_proof, lambda _note: None)
        self._server = RpcServer(identity, "127.0.0.1:0", self._admission.check_member, _unexpected)
        service = LogService(self._admission, self._sequencer, reader, self._publication, rounds, appends)
        self._server.add(add_LogServicer_to_server, service)
        self._thread = threading.Thread(target=self._sequencer.run, name="sequencer", daemon=True)
        self._thread.start()
        self.peer = Peer(member=identity.member, address=f"127.0.0.1:{self._server.start()}")
        self._sequencer.submit([genesis_submission(self._admission.genesis, self._admission.authority)]).result()
        for _, envelope in ledger.entries[1:]:
            self.append(envelope)

    @property
    def size(self) -> int:
        """Number of leaves."""
        return self._publication.signed.size

    def append(self, envelope: bytes) -> int:
        """Log a statement as the coordinator would; its leaf."""
        return self._sequencer.append(self._admission.admit("coordinator", envelope, sha256(envelope).hex())).index

    def stop(self) -> None:
        self._publication.close()
        self._server.stop(0.2)
        self._sequencer.close()
        self._thread.join()


class HeldLog(LogClient):
    """The coordinator's way to the log, with a place to stop a call at. ``reached`` is set when one is held there."""

    def __init__(self, identity: Identity, peer: Peer) -> None:
        super().__init__(identity, peer)
        self.hold: Moment = ""
        self.reached, self.gone = threading.Event(), threading.Event()

    def append(self, envelope: bytes) -> Appended:
        held = self.hold
        if held == "before":
            self._crash()
        answer = super().append(envelope)
        if held == "after":
            self._crash()
        return answer

    def _crash(self) -> None:
        """Nothing of this call goes on: the process is ended while it waits here."""
        self.reached.set()
        assert self.gone.wait(HOLD_S), "nobody ended the process"
        raise PeerUnavailableError("the process has ended")


@dataclass
class Coordinator:
    """A running coordinator. ``end`` stops it at once."""

    peer: Peer
    zone: Zone
    follower: LogFollower
    store: Store
    blobs: BlobStore
    journal: Journal
    log: HeldLog
    end: Callable[[], None]

    @classmethod
    def start(
        cls,
        identity: Identity,
        log: Peer,
        public_dir: Path,
        state_dir: Path,
        make_blobs: Callable[[Path], BlobStore] = BlobStore,
        table: CoordinatorTable = TABLE,
    ) -> Coordinator:
        """A coordinator on ``state_dir``, whether another one left something there or not; it has caught up with its own copy of the log."""
        make_private_directory(state_dir)
        zone = Zone(public_dir)
        zone._view.min_key_bits = SMALL_BITS
        store = Store(engine := database_in(state_dir, "coordinator"))
        blobs = make_blobs(state_dir / "blobs")
        stopping, client = threading.Event(), HeldLog(identity, log)
        work, journal = WorkQueue(store, stopping), Journal(zone, client, store, now)
        ciphertexts, placements = Ciphertexts(zone, lambda logged: blobs.get(logged.statement.header.merkle_root)), Placements(zone, blobs.get)
        office = TicketOffice(identity, zone, journal, store, ciphertexts, placements, now, table.ticket_life_s)
        openings = Openings(zone, store, work, table.patience_s)
        zone.observe(Reactor(zone, work))
        replica_engine = database_in(state_dir, "replica")
        replica = LogReplica(replica_engine, state_dir / "replica", zone.genesis.log_vkey)
        follower = LogFollower(identity, log, replica, zone, zone.genesis.witness_policy)
        follower.replay()
        following = threading.Thread(target=follower.run, name="follower", daemon=True)
        following.start()
        intake = Intake(zone, store, blobs, journal, now)
        desk, epochs = EvidenceDesk(zone, client, follower, ciphertexts, placements), Epochs(zone, work, office, openings, placements)
        server = RpcServer(identity, "127.0.0.1:0", zone.admit, _unexpected)
        service = ExchangeService(zone, table, intake, journal, blobs, work, office, openings, desk, epochs)
        server.add(add_ExchangeServicer_to_server, service)

        def end() -> None:
            """As a kill: calls are cut, nothing that waits for the log goes on."""
            stopping.set()
            work.wake()
            server.stop(0)
            client.gone.set()
            follower.cancel()
            following.join()
            client.close()
            engine.dispose()
            replica_engine.dispose()

        return cls(Peer(member=identity.member, address=f"127.0.0.1:{server.start()}"), zone, follower, store, blobs, journal, client, end)

    def work(self) -> list[tuple[str, int]]:
        """(member, number) of every work item ever queued."""
        return [(member, seq) for member in ORGANISATIONS for seq, _ in self.store.work_after(member, 0, 1 << 20)]

    def wait_for(self, index: int) -> None:
        """Return once the coordinator has taken leaf ``index`` into its view and queued the work that follows from it."""
        self.follower.wait_for(index, 30)


@contextmanager
def running(coordinator: Coordinator) -> Iterator[Coordinator]:
    """The coordinator for a block; it is ended afterwards."""
    try:
        yield coordinator
    finally:
        coordinator.end()


def _unexpected(error: BaseException) -> None:
    raise AssertionError("a server met a fatal error") from error
