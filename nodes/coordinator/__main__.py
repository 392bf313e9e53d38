"""The coordinator's process: ``python -m nodes.coordinator CONFIG``."""

from __future__ import annotations

import time
from pathlib import Path

from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server

from nodes.coordinator.callers import Callers
from nodes.coordinator.epochs import Epochs
from nodes.coordinator.intake import Intake
from nodes.coordinator.journal import Journal
from nodes.coordinator.keeping.blobs import open_blobs
from nodes.coordinator.keeping.outbox import Outbox
from nodes.coordinator.keeping.store import Store
from nodes.coordinator.reactor import Reactor
from nodes.coordinator.releasing.evidence import EvidenceDesk
from nodes.coordinator.releasing.openings import Openings
from nodes.coordinator.releasing.tickets import TicketOffice
from nodes.coordinator.replicating import FederationService
from nodes.coordinator.service import ExchangeService
from nodes.coordinator.settings import CoordinatorSettings
from nodes.coordinator.work import WorkQueue
from nodes.recovery.sealing import seal_beside
from nodes.runtime.clock import now
from nodes.runtime.entry import run_program
from nodes.runtime.lease import Lease
from nodes.runtime.notices.board import BoardService
from nodes.runtime.observing.service import HealthService
from nodes.runtime.peers.entitlement import permitting, while_leading
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.limits import RateLimit
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.peers.rpc import RpcServer
from nodes.runtime.process import Process
from nodes.runtime.replica.material import Ciphertexts, Placements
from nodes.runtime.replica.zone import Zone, follow_zone
from nodes.runtime.shared import open_shared
from nodes.runtime.standing.remaining import watch_certificate, watch_registry
from protos.v1.board_pb2_grpc import add_BoardServicer_to_server
from protos.v1.exchange_pb2_grpc import add_ExchangeServicer_to_server
from protos.v1.federation_pb2_grpc import add_FederationServicer_to_server


def main(config: Path) -> int:
    """Run until stopped. Returns the exit code."""
    settings = CoordinatorSettings.load(config)
    process = Process(settings)
    identity = Identity.load(settings)
    watch_certificate(process, lambda: identity.tls.now().chain, now)
    table = settings.coordinator
    zone = Zone(settings.public_dir)
    lease = Lease(f"{settings.zone}/coordinator", settings.database_url, settings.standby_after_s)
    lease.attach(process)
    engine = open_shared(lease, settings.state_dir, "coordinator", settings.database_url)
    store, outbox = Store(engine, now() * 1000), Outbox(engine)
    blobs = open_blobs(settings.state_dir, engine)
    work = WorkQueue(store, process.stopping)
    log = LogClient(identity, settings.peer("log"))
    journal = Journal(zone, log, store, now)
    ciphertexts = Ciphertexts(zone, lambda logged: blobs.get(logged.statement.header.merkle_root), settings.state_dir)
    placements = Placements(zone, blobs.get)
    office = TicketOffice(identity, zone, journal, store, ciphertexts, placements, now, table.ticket_life_s)
    openings = Openings(zone, store, work, table.patience_s)
    reactor = Reactor(zone, work, leads=lease.alone)
    zone.observe(reactor)
    lease.on_lead(journal.take_over)
    lease.on_lead(reactor.take_over)
    follower = follow_zone(process, identity, settings, zone)
    watch_registry(process, zone, now)
    if table.recovery_key is not None:
        seal_beside(process, settings, table.recovery_key, follower, blobs.get, outbox, lease)
    service = ExchangeService(
        zone,
        table,
        Intake(zone, store, blobs, journal, now),
        journal,
        blobs,
        work,
        office,
        openings,
        EvidenceDesk(zone, log, follower, ciphertexts, placements),
        Epochs(zone, work, office, openings, placements),
    )
    callers = Callers(zone, RateLimit(table.sent_per_minute_per_member, time.monotonic))
    server = RpcServer(identity, table.listen, zone.admit, process.fatal, permit=while_leading(lease.check, permitting(zone.member)))
    server.add(add_ExchangeServicer_to_server, service)
    server.add(add_FederationServicer_to_server, FederationService(callers, outbox, process.stopping, table.backup_held_by))
    server.add(add_BoardServicer_to_server, BoardService(settings.zone, zone.has_role))
    server.add(add_HealthServicer_to_server, HealthService(process.health, "xinqiao.v1.Exchange", "xinqiao.v1.Board"))
    process.health.require("lead", lease.check)
    process.health.require("log", follower.check_begun)
    work.tell()
    process.on_stop(log.close)
    process.on_stop(server.stop)
    process.on_stop(work.wake)
    process.on_stop(outbox.wake)
    return process.run({"port": server.start()})


if __name__ == "__main__":
    run_program(main)
