"""The gateway's process, the authority's front: ``python -m gateway CONFIG``."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from crypto.encoding import digest
from gateway.app import Gateway, create_app
from gateway.applications import Applications, Ground, Worker, applications
from gateway.evaluation.conduct import Evaluation
from gateway.evaluation.founding import log_founding
from gateway.evaluation.resuming import Resuming
from gateway.evaluation.rounds import KeyRounds
from gateway.evaluation.standing import RegistryDesk
from gateway.front.pages import gateway_site
from gateway.intake import SignedIntake
from gateway.public import Public
from gateway.recognition.peers import Peers
from gateway.refusals import RefusalLog
from gateway.register.office import add_register
from gateway.releases import Releases
from gateway.settings import GatewaySettings
from gateway.store import Store
from nodes.errors import NotReadyError
from nodes.evidence.roots import Roots
from nodes.peering.settings import GB
from nodes.runtime.clock import now
from nodes.runtime.entry import run_program
from nodes.runtime.lease import Lease
from nodes.runtime.pages.accounts import AUTHORITY
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.limits import RateLimit
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.process import Process
from nodes.runtime.replica.disputes import Disputes
from nodes.runtime.replica.zone import Zone, follow_zone
from nodes.runtime.shared import open_shared
from nodes.runtime.standing.remaining import watch_certificate, watch_registry
from nodes.runtime.web.server import WebServer
from nodes.runtime.web.tokens import token_file


@dataclass(frozen=True)
class _Core:
    """The gateway's own parts: what its applications stand on, and what works beside them."""

    lease: Lease
    ground: Ground
    refusals: RefusalLog
    rounds: KeyRounds
    registry: RegistryDesk
    disputes: Disputes
    resuming: Resuming


def main(config: Path) -> int:
    """Run until stopped. Returns the exit code."""
    settings = GatewaySettings.load(config)
    process = Process(settings)
    core = _core(process, settings, lambda index: next(follower.replica.entries(index, index + 1)).envelope)
    found = applications(core.ground)
    follower = follow_zone(process, core.ground.identity, settings, core.ground.zone)  # once all observers are there
    watch_registry(process, core.ground.zone, now)
    process.health.require("lead", core.lease.check)
    process.health.require("key", lambda: _check_key(core.ground.zone, follower.size))
    gateway = _gateway(settings, core, found, process.health.check)
    server = WebServer(create_app(gateway), settings.gateway.listen, settings.keys_dir / "cert.pem", settings.keys_dir / "tls-key.pem")
    _work(process, settings, core, found)
    server.attach(process)
    return process.run({"port": server.port})


def _core(process: Process, settings: GatewaySettings, envelope: Callable[[int], bytes]) -> _Core:
    table, identity, zone = settings.gateway, Identity.load(settings), Zone(settings.public_dir)
    lease = Lease(f"{settings.zone}/gateway", settings.database_url, settings.standby_after_s)
    lease.attach(process)
    engine = open_shared(lease, settings.state_dir, "gateway", settings.database_url)
    store = Store(engine)
    watch_certificate(process, lambda: identity.tls.now().chain, now)
    log, exchange = LogClient(identity, settings.peer("log")), ExchangeClient(identity, settings.peer("coordinator"))
    refusals = RefusalLog(identity, lambda sent: log.append(sent).index, now)
    disputes = Disputes(identity, exchange, settings.state_dir / "disputes", now)
    rounds = KeyRounds(identity, zone, exchange)
    zone.observe(rounds.observe)
    with zone.reading() as view:
        title = view.registry.genesis.title
    ground = Ground(
        identity=identity,
        zone=zone,
        exchange=exchange,
        engine=engine,
        store=store,
        evaluation=Evaluation(identity, zone, exchange, store, refusals, disputes),
        register=add_register(process, table.public_register, lease),
        intake=SignedIntake(zone, store, refusals, table.public_base, now, RateLimit(table.requests_per_minute_per_key, time.monotonic)),
        public=Public(zone, log),
        site=gateway_site(
            settings.member,
            title,
            open_shared(lease, settings.state_dir, "pages", settings.database_url),
            now,
            digest("sign-in-forms", identity.hpke_registered),
        ),
        now=now,
        admin_token=token_file(table.admin_token_file),
        divisions={} if table.public_register is None else table.public_register.divisions,
        log=log,
        roots=lambda: Roots.load(settings.public_dir),
        envelope=envelope,
        peers=Peers(settings.public_dir / "peers"),
        packs=settings.public_dir / "packs",
        credentials_bytes=int(table.credentials_gb * GB),
    )
    registry = RegistryDesk(identity, zone, exchange, now)
    ground.site.alarm(registry.alarm, AUTHORITY)
    resuming = Resuming(ground.evaluation)
    zone.observe(resuming.observe)
    return _Core(lease, ground, refusals, rounds, registry, disputes, resuming)


def _check_key(zone: Zone, size: int) -> None:
    """The zone can open what it is sent. Raises NotReadyError."""
    with zone.reading() as view:
        if view.ceremony is None or set(view.ceremony.statement.custodians) - view.shares:
            raise NotReadyError(f"the log shows no usable key yet, at {size} leaves")


def _gateway(settings: GatewaySettings, core: _Core, found: Applications, ready: Callable[[], None]) -> Gateway:
    ground, table = core.ground, settings.gateway
    return Gateway(
        public_base=table.public_base,
        admin_token=ground.admin_token,
        releases=Releases(ground.intake, ground.exchange),
        exchange=ground.exchange,
        refusals=core.refusals,
        evaluation=ground.evaluation,
        rounds=core.rounds,
        registry=core.registry,
        public=ground.public,
        address_limit=RateLimit(table.requests_per_minute_per_address, time.monotonic),
        ready=ready,
        site=ground.site,
        parts=found.parts,
        check_leads=core.lease.check,
    )


def _work(process: Process, settings: GatewaySettings, core: _Core, found: Applications) -> None:
    """What goes on beside the requests while this instance leads, until the process stops."""
    log, exchange = core.ground.log, core.ground.exchange
    own = (
        Worker("founding", lambda stopping: log_founding(settings.public_dir, lambda envelope: log.append(envelope).index, stopping), _nothing),
        Worker("rounds", core.rounds.worker.run, core.rounds.worker.wake),
        Worker("evaluation", core.resuming.worker.run, core.resuming.worker.wake),
        Worker("refusals", core.refusals.run, _nothing),
    )
    process.on_stop(log.close)
    process.on_stop(exchange.close)
    process.worker("disputes", lambda: core.disputes.run(process.stopping, core.ground.evaluation.generation))  # its own, leading or not
    process.on_stop(core.disputes.stop)
    process.on_stop(lambda: core.refusals.flush(everything=True))
    for worker in (*own, *found.workers):
        process.worker(worker.name, partial(core.lease.when_leading(worker.run), process.stopping))
        process.on_stop(worker.wake)


def _nothing() -> None:
    """For work that looks at its event by itself."""


if __name__ == "__main__":
    run_program(main)
