"""The gateway's process, the authority's front: ``python -m gateway CONFIG``."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from gateway.app import Gateway, create_app
from gateway.applications import Ground, applications
from gateway.evaluation.conduct import Evaluation
from gateway.evaluation.founding import log_founding
from gateway.evaluation.rounds import KeyRounds
from gateway.front.pages import gateway_site
from gateway.intake import SignedIntake
from gateway.metrics import Metrics
from gateway.public import Public
from gateway.refusals import RefusalLog
from gateway.register.office import add_register
from gateway.releases import Releases
from gateway.settings import GatewaySettings
from gateway.store import METADATA, Store
from nodes.auditor.evidence.roots import Roots
from nodes.errors import NotReadyError
from nodes.runtime.clock import now
from nodes.runtime.database import open_database
from nodes.runtime.entry import run_program
from nodes.runtime.pages.site import open_pages
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.limits import RateLimit
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.process import Process
from nodes.runtime.replica.disputes import Disputes
from nodes.runtime.replica.zone import Zone, follow_zone
from nodes.runtime.web.server import WebServer
from nodes.runtime.web.tokens import token_file


def main(config: Path) -> int:
    """Run until stopped. Returns the exit code."""
    settings = GatewaySettings.load(config)
    table = settings.gateway
    process = Process(settings)
    identity = Identity.load(settings)
    zone = Zone(settings.public_dir)
    engine = open_database(settings.state_dir, "gateway", METADATA, settings.database_url)
    store = Store(engine)
    log, exchange = LogClient(identity, settings.peer("log")), ExchangeClient(identity, settings.peer("coordinator"))
    refusals = RefusalLog(identity, lambda envelope: log.append(envelope).index, now)
    address_limit = RateLimit(table.requests_per_minute_per_address, time.monotonic)
    key_limit = RateLimit(table.requests_per_minute_per_key, time.monotonic)
    intake = SignedIntake(zone, store, refusals, table.public_base, now, key_limit)
    rounds = KeyRounds(identity, zone, exchange)
    register = add_register(process, table.public_register)
    zone.observe(rounds.observe)
    disputes = Disputes(identity, exchange, settings.state_dir / "disputes", now)
    evaluation = Evaluation(identity, zone, exchange, store, refusals, disputes)

    def ready() -> None:
        with zone.reading() as view:
            if view.ceremony is None or set(view.ceremony.statement.custodians) - view.shares:
                raise NotReadyError(f"the log shows no usable key yet, at {follower.size} leaves")

    with zone.reading() as view:
        title = view.registry.genesis.title
    public = Public(zone, log)
    site = gateway_site(settings.member, title, open_pages(settings), now)
    named = {} if table.public_register is None else table.public_register.divisions
    token = token_file(table.admin_token_file)
    ground = Ground(
        identity, zone, exchange, engine, store, evaluation, register, intake, public, site, now, token, named,
        log, lambda: Roots.load(settings.public_dir), lambda index: next(follower.replica.entries(index, index + 1)).envelope,
    )  # fmt: skip
    found = applications(ground)
    follower = follow_zone(process, identity, settings, zone)  # once all observers are there
    gateway = Gateway(
        public_base=table.public_base,
        admin_token=token,
        releases=Releases(intake, exchange),
        exchange=exchange,
        refusals=refusals,
        evaluation=evaluation,
        rounds=rounds,
        public=public,
        metrics=Metrics(),
        address_limit=address_limit,
        ready=ready,
        site=site,
        parts=found.parts,
    )
    server = WebServer(create_app(gateway), table.listen, settings.keys_dir / "cert.pem", settings.keys_dir / "tls-key.pem")
    process.on_stop(log.close)
    process.on_stop(exchange.close)
    process.on_stop(lambda: refusals.flush(everything=True))
    process.worker("founding", lambda: log_founding(settings.public_dir, lambda envelope: log.append(envelope).index, process.stopping))
    process.worker("disputes", lambda: disputes.run(process.stopping, evaluation.generation))
    process.on_stop(disputes.stop)
    process.worker("rounds", lambda: rounds.run(process.stopping))
    process.on_stop(rounds.stop)
    process.worker("refusals", lambda: refusals.run(process.stopping))
    for worker in found.workers:
        process.worker(worker.name, partial(worker.run, process.stopping))
        process.on_stop(worker.wake)
    server.attach(process)
    evaluation.resume()
    return process.run({"port": server.port})


if __name__ == "__main__":
    run_program(main)
