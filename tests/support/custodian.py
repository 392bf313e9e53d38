"""A real custodian over real mutual TLS, with a real log and witness, and a coordinator of the test's choice, on a memory zone's statements.

The custodian follows the log, keeps its share, proves ciphertexts and examines tickets as its process does; only what others' heads
say is left out, which has tests of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from crypto.sealing import public_key
from nodes.auditor.witness import Witness, WitnessClient
from nodes.auditor.witness_state import WitnessState
from nodes.custodian.admission import AdmissionLint
from nodes.custodian.examination import Examiner
from nodes.custodian.revocations import Revocations
from nodes.custodian.shares.keeper import ShareKeeper
from nodes.custodian.worker import Custodian
from nodes.runtime.clock import now
from nodes.runtime.files import make_private_directory, write_private
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.replica.follower import LogFollower
from nodes.runtime.replica.material import Ciphertexts, Placements, proven
from nodes.runtime.replica.store import LogReplica
from nodes.runtime.replica.zone import Zone
from nodes.runtime.settings import Peer
from protos.v1.exchange_pb2 import WorkItem
from simulators.adversaries.coordinator import HostileCoordinator
from tests.support.coordinator import RunningLog, member_identity, write_public
from tests.support.databases import database_in
from tests.support.ledger import SMALL_BITS
from tests.support.zone import MemoryZone

MakeIdentity = Callable[..., Identity]


class Quiet:
    """Nobody's head speaks against opening."""

    def check(self) -> None:
        """Returns."""


@dataclass
class Site:
    """A log, a witness, a hostile coordinator and one real custodian, all running."""

    memory: MemoryZone
    log: RunningLog
    coordinator: HostileCoordinator
    custodian: str
    zone: Zone

    def open(self, ticket: object, request: bytes) -> str:
        """What comes of asking the custodian to open a ticket of the coordinator's making: "" or the reason of its refusal."""
        return self.coordinator.open(self.custodian, ticket, request)  # type: ignore[arg-type] # tests make tickets as they like


@contextmanager
def custodian_site(memory: MemoryZone, make_identity: MakeIdentity, directory: Path, custodian: str = "notary") -> Iterator[Site]:
    """The site for a block. The memory zone's clock must be about now."""

    def identity(name: str) -> Identity:
        made, private = make_identity(name, listens=name in {"coordinator", "log"}), memory.keys.hpke[name]
        made = member_identity(made, memory)
        return Identity(made.zone, made.member, made.signer, private, public_key(private), made.tls)

    stopping, threads = threading.Event(), list[threading.Thread]()

    def start(name: str, work: Callable[[], object]) -> None:
        threads.append(threading.Thread(target=work, name=name, daemon=True))
        threads[-1].start()

    log = RunningLog(memory, identity("log"), directory / "log")
    signer, state = memory.witness_signer, WitnessState(directory / "witness", directory / "witness.pin")
    witness = WitnessClient(identity("auditor"), log.peer, Witness(memory.log_signer.key.to_vkey(), signer, state, now))
    start("witness", witness.run)
    coordinator_log = LogClient(identity("coordinator"), log.peer)
    coordinator = HostileCoordinator(identity("coordinator"), coordinator_log, dict(memory.blobs))  # type: ignore[abstract] # custodians call no others
    peer = Peer(member="coordinator", address=f"127.0.0.1:{coordinator.port}")
    zone = Zone(write_public(memory, directory / "public"))
    zone._view.min_key_bits = SMALL_BITS
    own = identity(custodian)
    exchange, client = ExchangeClient(own, peer), LogClient(own, log.peer)
    admission = AdmissionLint(zone, stopping)
    zone.observe(admission.observe)
    worker, follower, keeper = _custodian(own, zone, admission, log.peer, exchange, client, directory / custodian, stopping)
    start("follower", follower.run)
    start("admission", admission.run)
    follower.wait_for(log.size - 1, 30)
    keeper.advance()
    start("work", lambda: exchange.follow_work(lambda: 0, lambda item: _handle(worker, item), stopping, lambda _seq: None))
    try:
        yield Site(memory, log, coordinator, custodian, zone)
    finally:
        stopping.set()
        admission.stop()
        witness.cancel()
        follower.cancel()
        exchange.cancel()
        coordinator.stop()
        for closing in (exchange, client, coordinator_log):
            closing.close()
        for thread in threads:
            thread.join(20)
        log.stop()


def _custodian(
    own: Identity,
    zone: Zone,
    admission: AdmissionLint,
    log: Peer,
    exchange: ExchangeClient,
    client: LogClient,
    directory: Path,
    stopping: threading.Event,
) -> tuple[Custodian, LogFollower, ShareKeeper]:
    make_private_directory(directory)
    write_private(directory / "passphrase", b"passphrase")
    replica = LogReplica(database_in(directory, "replica"), directory / "replica", zone.genesis.log_vkey)
    follower = LogFollower(own, log, replica, zone, zone.genesis.witness_policy)
    keeper = ShareKeeper(own, zone, client, exchange, directory / "shares", directory / "passphrase", SMALL_BITS)
    revocations = Revocations(zone, directory / "revocations", now)
    ciphertexts = Ciphertexts(zone, lambda logged: proven(zone, logged, exchange.fetch_blob(logged.statement.header.merkle_root)), directory)
    examiner = Examiner(zone, follower, ciphertexts, Placements(zone, exchange.fetch_blob), Quiet(), revocations, admission, now, 20.0)
    return Custodian(own, examiner, keeper, revocations, exchange, client, stopping), follower, keeper


def _handle(worker: Custodian, item: WorkItem) -> None:
    if item.WhichOneof("work") == "open":
        worker.open(item.open)
