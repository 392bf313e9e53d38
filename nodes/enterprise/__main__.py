"""An enterprise service's process: ``python -m nodes.enterprise CONFIG``."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from nodes.enterprise.api import create_app
from nodes.enterprise.credentials.api import routes as credential_routes
from nodes.enterprise.customs import Seen
from nodes.enterprise.desks import Desks
from nodes.enterprise.opening import open_desks
from nodes.enterprise.policies.api import routes as policy_routes
from nodes.enterprise.portal.serving import serve_pages
from nodes.enterprise.settings import EnterpriseSettings
from nodes.errors import NotReadyError, PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.clock import now
from nodes.runtime.database import open_database
from nodes.runtime.entry import run_program
from nodes.runtime.pages.accounts import Person
from nodes.runtime.pages.site import open_pages
from nodes.runtime.pages.views import ViewLog
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.process import Process
from nodes.runtime.replica.relay import LOAN, VALUES
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
    engine = open_database(settings.state_dir, "enterprise", settings.database_url)
    exchange = ExchangeClient(Identity.load(settings), settings.peer("coordinator"))
    desks, opened = open_desks(process, settings, engine, exchange)
    ports, pages = {}, open_pages(settings)
    if settings.enterprise.pages is not None:
        ports["pages_port"] = serve_pages(process, settings.member, settings.enterprise.pages, desks, engine, pages, now)
    token = token_file(settings.state_dir / "api.token")
    staff = create_app(
        desks.enrolments, desks.consents, desks.portraits, desks.values, desks.straight, desks.customs, desks.store, token, staff_views(pages),
        (policy_routes(desks.policies), credential_routes(desks.credentials)),
    )  # fmt: skip
    server = WebServer(staff, settings.enterprise.listen)
    closing = [zone.gateway.close for zone in desks.credentials.zones.values()]
    for action in (engine.dispose, desks.gateway.close, exchange.close, exchange.cancel, *(board.close for board in opened.boards), *closing):
        process.on_stop(action)

    def handle(item: WorkItem) -> None:
        if item.sealed.subject_matter == LOAN:
            desks.market.receive(item.sealed)
            desks.store.skip(item.seq)
        else:
            (desks.values.handle if item.sealed.subject_matter == VALUES else desks.enrolments.handle)(item)

    process.worker("work", lambda: exchange.follow_work(desks.store.cursor, handle, process.stopping, desks.store.skip))
    process.worker("failures", lambda: opened.reports.run(process.stopping))
    process.worker("resend", lambda: _resend(process, desks))
    process.worker("straight", lambda: desks.straight.run(process.stopping))
    process.on_stop(desks.straight.stop)
    process.worker("customs", lambda: desks.customs.run(process.stopping))
    process.worker("disputes", lambda: opened.disputes.run(process.stopping, opened.opener.generation))
    process.on_stop(opened.disputes.stop)
    server.attach(process)
    return process.run({"port": server.port, **ports})


def _resend(process: Process, desks: Desks) -> None:
    """What was signed before a crash or an outage reaches the zone in the end."""
    while not process.stopping.is_set():
        for desk in (desks.enrolments, desks.consents, desks.values, desks.market):
            try:
                desk.resume()
            except (PeerUnavailableError, RpcRefusal, NotReadyError) as error:
                _log.warning(SENDING_DELAYED, error=type(error).__name__)
        process.stopping.wait(RETRY_S)


def staff_views(pages: Engine) -> Seen:
    """Writes down what the staff looks at, where the enterprise sees it."""
    views = ViewLog(pages, now)
    return lambda page, uscc: views.seen(STAFF, page, uscc)


if __name__ == "__main__":
    run_program(main)
