"""An enterprise service's process: ``python -m nodes.enterprise CONFIG``."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, MetaData

from nodes.auditor.evidence.roots import Roots
from nodes.enterprise.api import create_app
from nodes.enterprise.consents import ConsentDesk
from nodes.enterprise.customs import CustomsDesk, Seen
from nodes.enterprise.desks import Desks
from nodes.enterprise.enrolment import Enrolments
from nodes.enterprise.keyring import Keyring
from nodes.enterprise.policies.api import routes as policy_routes
from nodes.enterprise.policies.desk import OwnPolicyDesk
from nodes.enterprise.portal.serving import serve_pages
from nodes.enterprise.portraits import PortraitDesk
from nodes.enterprise.settings import EnterpriseSettings
from nodes.enterprise.store import Store
from nodes.enterprise.straight import StraightDesk
from nodes.enterprise.values import ValuesDesk, periods_of
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.clock import now
from nodes.runtime.database import open_database
from nodes.runtime.entry import run_program
from nodes.runtime.failures import FailureReports
from nodes.runtime.notices.board import BoardClient
from nodes.runtime.pages.accounts import Person
from nodes.runtime.pages.site import open_pages
from nodes.runtime.pages.views import ViewLog
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.process import Process
from nodes.runtime.replica.disputes import Disputes
from nodes.runtime.replica.members import Members
from nodes.runtime.replica.relay import VALUES
from nodes.runtime.replica.releases import ReleaseOpener
from nodes.runtime.web.gateway_client import GatewayClient
from nodes.runtime.web.server import WebServer
from nodes.runtime.web.tokens import token_file
from protos.v1.exchange_pb2 import WorkItem

RETRY_S = 30.0
STAFF = Person("staff", "工作人员", frozenset({"staff"}))
SENDING_DELAYED = "sending.delayed"
_log = logging.logger("enterprise")


def main(config: Path) -> int:
    """Run until stopped. Returns the exit code."""
    settings = EnterpriseSettings.load(config)
    process = Process(settings)
    identity = Identity.load(settings)
    roots = Roots.load(settings.public_dir)
    registry = roots.registry.copied()
    Members(process, identity, settings, registry)
    engine = open_database(settings.state_dir, "enterprise", MetaData(), settings.database_url)
    store, keyring = Store(engine), Keyring(settings.state_dir / "keys")
    exchange = ExchangeClient(identity, settings.peer("coordinator"))
    gateway = GatewayClient(settings.enterprise.gateway, settings.public_dir / "ca.pem")
    enrolments = Enrolments(identity, registry, keyring, store, exchange)
    disputes = Disputes(identity, exchange, settings.state_dir / "disputes", now)
    opener = ReleaseOpener.load(settings.public_dir, published=lambda: gateway.get("/v1/keys"), disputes=disputes)
    boards = [BoardClient(identity, settings.peer(role)) for role in ("coordinator", "log")]
    straight = StraightDesk(boards, store, registry, opener.blocking, now)
    consents = ConsentDesk(
        identity, registry, roots.packs, keyring, store, enrolments, gateway, now, settings.enterprise.consent_days, straight.announce
    )
    values = ValuesDesk(identity, registry, enrolments, store, engine, exchange, lambda: periods_of(gateway))
    reports = FailureReports(settings.state_dir / "failures", exchange.submit)
    portraits = PortraitDesk(registry, keyring, store, enrolments, consents, gateway, opener, reports, process.stopping)
    customs = CustomsDesk(settings.enterprise.customs, engine, now, settings.enterprise.customs_scan_s)
    desks = Desks(registry, roots.packs, store, keyring, gateway, enrolments, consents, portraits, values, straight, customs)
    ports, pages = {}, open_pages(settings)
    if settings.enterprise.pages is not None:
        ports["pages_port"] = serve_pages(process, settings.member, settings.enterprise.pages, desks, engine, pages, now)

    def resend() -> None:
        """What was signed before a crash or an outage reaches the zone in the end."""
        while not process.stopping.is_set():
            try:
                enrolments.resume()
                consents.resume()
                values.resume()
            except (PeerUnavailableError, RpcRefusal) as error:
                _log.warning(SENDING_DELAYED, error=type(error).__name__)
            process.stopping.wait(RETRY_S)

    parts = (policy_routes(OwnPolicyDesk(identity, keyring, enrolments, portraits, gateway, now)),)
    token = token_file(settings.state_dir / "api.token")
    server = WebServer(
        create_app(enrolments, consents, portraits, values, straight, customs, store, token, staff_views(pages), parts), settings.enterprise.listen
    )
    for action in (engine.dispose, gateway.close, exchange.close, exchange.cancel, *(board.close for board in boards)):
        process.on_stop(action)

    def handle(item: WorkItem) -> None:
        (values.handle if item.sealed.subject_matter == VALUES else enrolments.handle)(item)

    process.worker("work", lambda: exchange.follow_work(store.cursor, handle, process.stopping, store.skip))
    process.worker("failures", lambda: reports.run(process.stopping))
    process.worker("resend", resend)
    process.worker("straight", lambda: straight.run(process.stopping))
    process.on_stop(straight.stop)
    process.worker("customs", lambda: customs.run(process.stopping))
    process.worker("disputes", lambda: disputes.run(process.stopping, opener.generation))
    process.on_stop(disputes.stop)
    server.attach(process)
    return process.run({"port": server.port, **ports})


def staff_views(pages: Engine) -> Seen:
    """Writes down what the staff looks at, where the enterprise sees it."""
    views = ViewLog(pages, now)
    return lambda page, uscc: views.seen(STAFF, page, uscc)


if __name__ == "__main__":
    run_program(main)
