"""The service's desks, opened over its settings and database: everything but the interfaces and the threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from nodes.enterprise.consents import ConsentDesk
from nodes.enterprise.credentials.desk import CredentialDesk, OtherZone
from nodes.enterprise.credentials.store import CredentialStore
from nodes.enterprise.customs import CustomsDesk
from nodes.enterprise.desks import Desks
from nodes.enterprise.enrolment import Enrolments
from nodes.enterprise.keyring import Keyring
from nodes.enterprise.market.catalog import Catalog
from nodes.enterprise.market.desk import MarketDesk
from nodes.enterprise.policies.desk import OwnPolicyDesk
from nodes.enterprise.portraits import PortraitDesk
from nodes.enterprise.publications.desk import OwnPublicationDesk
from nodes.enterprise.settings import EnterpriseSettings, EnterpriseTable
from nodes.enterprise.store import Store
from nodes.enterprise.straight import StraightDesk
from nodes.enterprise.values import ValuesDesk, periods_of
from nodes.evidence.roots import Roots
from nodes.lending.book import LoanBook
from nodes.lending.desk import LoanDesk
from nodes.lending.service import ServiceAdmission
from nodes.runtime.clock import now
from nodes.runtime.failures import FailureReports
from nodes.runtime.notices.board import BoardClient
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.process import Process
from nodes.runtime.replica.disputes import Disputes
from nodes.runtime.replica.members import Members
from nodes.runtime.replica.releases import ReleaseOpener
from nodes.runtime.standing.remaining import watch_certificate
from nodes.runtime.web.gateway_client import GatewayClient


@dataclass(frozen=True, slots=True)
class Opened:
    """What runs beside the desks, or has to be closed."""

    opener: ReleaseOpener
    disputes: Disputes
    reports: FailureReports
    boards: Sequence[BoardClient]


def open_desks(process: Process, settings: EnterpriseSettings, engine: Engine, exchange: ExchangeClient) -> tuple[Desks, Opened]:
    """The desks of the service that ``settings`` describe. Raises as the parts do when files or keys are missing."""
    table, identity, roots = settings.enterprise, Identity.load(settings), Roots.load(settings.public_dir)
    watch_certificate(process, lambda: identity.tls.now().chain, now)
    registry = roots.registry.copied()
    members = Members(process, identity, settings, registry)
    store, keyring = Store(engine), Keyring(settings.state_dir / "keys")
    gateway = GatewayClient(table.gateway, settings.public_dir / "ca.pem", addresses=table.gateway_addresses)
    enrolments = Enrolments(identity, registry, keyring, store, exchange)
    disputes = Disputes(identity, exchange, settings.state_dir / "disputes", now)
    opener = ReleaseOpener.load(settings.public_dir, published=lambda: gateway.get("/v1/keys"), disputes=disputes)
    boards = [BoardClient(identity, settings.peer(role)) for role in ("coordinator", "log")]
    straight = StraightDesk(boards, store, registry, opener.blocking, now)
    consents = ConsentDesk(identity, registry, roots.packs, keyring, store, enrolments, gateway, now, table.consent_days, straight.announce)
    reports = FailureReports(settings.state_dir / "failures", exchange.submit)
    portraits = PortraitDesk(registry, keyring, store, enrolments, consents, gateway, opener, reports, process.stopping)
    book = LoanBook(engine)
    loans = LoanDesk(identity, registry, book, exchange, members.leaf, now, ServiceAdmission())
    desks = Desks(
        registry=registry, packs=roots.packs, store=store, keyring=keyring, gateway=gateway, enrolments=enrolments, consents=consents,
        portraits=portraits, values=ValuesDesk(identity, registry, enrolments, store, engine, exchange, lambda: periods_of(gateway)),
        straight=straight, customs=CustomsDesk(table.customs, engine, now, table.customs_scan_s),
        market=MarketDesk(identity, keyring, enrolments, consents, Catalog(registry, gateway), book, loans, now),
        policies=OwnPolicyDesk(identity, keyring, enrolments, portraits, gateway, now),
        credentials=CredentialDesk(roots, keyring, enrolments, CredentialStore(engine), _zones(table), now),
        publications=OwnPublicationDesk(keyring, enrolments, gateway),
    )  # fmt: skip
    return desks, Opened(opener, disputes, reports, boards)


def _zones(table: EnterpriseTable) -> dict[str, OtherZone]:
    """The other zones of the configuration."""
    return {other.zone: OtherZone(other.title, GatewayClient(other.gateway, other.ca_file)) for other in table.zones}
