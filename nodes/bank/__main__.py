"""A bank's process: ``python -m nodes.bank CONFIG``."""

from __future__ import annotations

from pathlib import Path

from nodes.bank.api import create_app
from nodes.bank.clerk.pages import bank_site
from nodes.bank.consents import Consents
from nodes.bank.lending import open_lending
from nodes.bank.loans.opening import open_loans
from nodes.bank.loans.products import Products
from nodes.bank.queries import Queries
from nodes.bank.receipts import ReceiptStore
from nodes.bank.settings import BankSettings
from nodes.contributing.trust import ZoneTrust
from nodes.evidence.roots import Roots
from nodes.runtime.clock import now
from nodes.runtime.database import open_database
from nodes.runtime.entry import run_program
from nodes.runtime.failures import FailureReports
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.process import Process
from nodes.runtime.replica.disputes import Disputes
from nodes.runtime.replica.members import Members
from nodes.runtime.replica.relay import LOAN
from nodes.runtime.replica.releases import ReleaseOpener
from nodes.runtime.standing.remaining import watch_certificate
from nodes.runtime.web.gateway_client import GatewayClient
from nodes.runtime.web.server import WebServer
from nodes.runtime.web.tokens import token_file
from protos.v1.exchange_pb2 import WorkItem


def main(config: Path) -> int:
    """Run until stopped. Returns the exit code."""
    settings = BankSettings.load(config)
    process = Process(settings)
    identity = Identity.load(settings)
    watch_certificate(process, lambda: identity.tls.now().chain, now)
    roots = Roots.load(settings.public_dir)
    engine = open_database(settings.state_dir, "bank", settings.database_url)
    trust = ZoneTrust(settings.public_dir, settings.zone, settings.member)  # what is pinned in roots stays as it is: receipts are verified from there
    exchange, log = ExchangeClient(identity, settings.peer("coordinator")), LogClient(identity, settings.peer("log"))
    products = Products(engine, identity, exchange, settings.bank.kind, now)
    members = Members(
        process, identity, settings, trust.registry, heard=lambda index, leaf, envelope: products.hear(index, leaf, envelope, trust.registry)
    )
    consents = Consents(engine, identity, trust.registry)
    receipts = ReceiptStore(engine, settings.state_dir / "receipts", roots)
    gateway = GatewayClient(settings.bank.gateway, settings.public_dir / "ca.pem", addresses=settings.bank.gateway_addresses)
    disputes = Disputes(identity, exchange, settings.state_dir / "disputes", now)
    opener = ReleaseOpener.load(settings.public_dir, published=lambda: gateway.get("/v1/keys"), disputes=disputes)
    reports = FailureReports(settings.state_dir / "failures", log.append)
    queries = Queries(identity, gateway, opener, consents, receipts, log, reports, process.stopping)

    loans = open_loans(process, identity, settings.bank, engine, members, trust.registry, consents, queries, receipts, exchange, gateway, products)
    contracts = loans.source if settings.bank.contracts_are_records else None
    contributor = open_lending(process, identity, settings.bank, engine, trust, consents, exchange, log, contracts)
    site = bank_site(settings, trust.registry.member(settings.member).title)

    def handle(item: WorkItem) -> None:
        if item.WhichOneof("work") == "consent":
            members.wait_for(item.consent.leaf_index)  # a registrar that changed its key since
            consents.take(item.consent, item.seq)
            loans.desk.again()
            return
        if item.WhichOneof("work") == "sealed" and item.sealed.subject_matter == LOAN:
            loans.desk.receive(item.sealed)
            consents.skip(item.seq)
            return
        if item.WhichOneof("work") == "columns":
            members.wait_for(item.columns.leaf_index)
        contributor.handle(item)
        consents.skip(item.seq)

    server = WebServer(
        create_app(queries, consents, receipts, loans.counter, loans.products, site, token_file(settings.state_dir / "api.token")),
        settings.bank.listen,
    )
    for action in (engine.dispose, gateway.close, log.close, exchange.close, exchange.cancel):
        process.on_stop(action)
    process.worker("failures", lambda: reports.run(process.stopping))
    process.worker("work", lambda: exchange.follow_work(consents.cursor, handle, process.stopping, consents.skip))
    process.worker("disputes", lambda: disputes.run(process.stopping, opener.generation))
    process.on_stop(disputes.stop)
    server.attach(process)
    return process.run({"port": server.port})


if __name__ == "__main__":
    run_program(main)
