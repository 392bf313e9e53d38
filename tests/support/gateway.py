"""A gateway over a zone in memory: the real application, its store on disk, and the memory zone's coordinator and log behind it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from fastapi.testclient import TestClient
from httpx import Response

from gateway.app import Gateway, create_app
from gateway.applications import Ground, applications
from gateway.cockpit.office import CockpitOffice
from gateway.evaluation.conduct import Evaluation
from gateway.evaluation.rounds import KeyRounds
from gateway.evaluation.standing import RegistryDesk
from gateway.explorer.office import ExplorerOffice
from gateway.front.pages import gateway_site
from gateway.intake import SignedIntake
from gateway.policies.office import Policies
from gateway.public import Public
from gateway.publications.desk import PublicationDesk
from gateway.recognition.desk import RecognitionDesk
from gateway.recognition.peers import Peers
from gateway.refusals import RefusalLog
from gateway.register.book import Register
from gateway.releases import Releases
from gateway.sharing.offering import Offering
from gateway.store import Store
from nodes.errors import NotReadyError
from nodes.evidence.roots import Roots
from nodes.records.deliveries import Intake
from nodes.records.store import RecordStore
from nodes.runtime.observing.http import Observed
from nodes.runtime.pages.accounts import AUTHORITY
from nodes.runtime.pages.site import Site
from nodes.runtime.peers.limits import RateLimit
from nodes.runtime.replica.disputes import Disputes
from nodes.runtime.web.request_document import RequestDocument
from scoring.statements import Title
from tests.support.databases import database_in
from tests.support.exchange import HeldZone, MemoryExchange, MemoryLog, identity_of
from tests.support.zone import BASE, MemoryZone

TOKEN = "t" * 43
ARTIFACTS = Path(__file__).parents[1] / "vectors" / "artifacts"


@dataclass
class Front:
    """A gateway and everything around it."""

    zone: MemoryZone
    log: MemoryLog
    exchange: MemoryExchange
    store: Store
    evaluation: Evaluation
    refusals: RefusalLog
    client: TestClient
    down: list[str]
    rounds: KeyRounds
    disputes: Disputes
    site: Site
    policies: Policies
    publications: PublicationDesk
    cockpit: CockpitOffice
    zone_held: HeldZone
    explorer: ExplorerOffice
    recognition: RecognitionDesk
    offering: Offering

    def send(self, document: RequestDocument) -> Response:
        """Send a signed request exactly as it was signed."""
        path = document.target_uri.removeprefix(BASE)
        response: Response = self.client.request(document.method, path, content=document.body.encode(), headers=list(document.headers))
        return response

    def staff(self, method: str, path: str, body: object = None) -> Response:
        """A call of the authority's staff."""
        response: Response = self.client.request(method, path, json=body, headers={"Authorization": f"Bearer {TOKEN}"})
        return response


def front(
    zone: MemoryZone, state_dir: Path, *, per_key: int = 6000, per_address: int = 60_000, register: Register | None = None, secret: bytes = b""
) -> Front:
    """A gateway in front of ``zone``. ``secret``: as in ``Site``."""
    log = MemoryLog(zone)
    held = HeldZone(zone.view, log.lock)
    exchange = MemoryExchange(zone, log)
    identity = identity_of(zone.keys, "authority")
    engine = database_in(state_dir, "gateway")
    store = Store(engine)
    refusals = RefusalLog(identity, lambda envelope: log.append(envelope).index, lambda: zone.now)
    address_limit, key_limit = RateLimit(per_address, time.monotonic), RateLimit(per_key, time.monotonic)
    intake = SignedIntake(held, store, refusals, BASE, lambda: zone.now, key_limit)
    disputes = Disputes(identity, exchange.client(), state_dir / "disputes", lambda: zone.now)
    evaluation = Evaluation(identity, held, exchange.client(), store, refusals, disputes)
    rounds = KeyRounds(identity, held, exchange.client())
    down: list[str] = []

    def ready() -> None:
        if down:
            raise NotReadyError(down[0])

    public = Public(held, log.client())
    site = gateway_site("authority", zone.view.registry.genesis.title, database_in(state_dir, "pages"), lambda: zone.now, secret)
    records = database_in(state_dir, "records", name="register")
    register = register or Register(RecordStore(records), Intake(records, lambda: zone.now), b"", {})
    places = {"330108": Title(zh="滨江区", en="Binjiang"), "330100": Title(zh="杭州市", en="Hangzhou")}
    ground = Ground(
        identity, held, exchange.client(), engine, store, evaluation, register, intake, public, site, lambda: zone.now, TOKEN, places,
        log.client(), lambda: Roots.load(ARTIFACTS / "public", 512), lambda index: zone.entries[index][1],
        Peers(state_dir / "peers", 512), zone.pack.parent,
    )  # fmt: skip
    found = applications(ground)
    registry = RegistryDesk(identity, held, exchange.client(), lambda: zone.now)
    site.alarm(registry.alarm, AUTHORITY)
    gateway = Gateway(
        public_base=BASE,
        admin_token=TOKEN,
        releases=Releases(intake, exchange.client()),
        exchange=exchange.client(),
        refusals=refusals,
        evaluation=evaluation,
        rounds=rounds,
        registry=registry,
        public=public,
        address_limit=address_limit,
        ready=ready,
        site=site,
        parts=found.parts,
    )
    client = TestClient(Observed(create_app(gateway)), base_url=BASE, raise_server_exceptions=False)
    return Front(
        zone, log, exchange, store, evaluation, refusals, client, down, rounds, disputes, site, found.policies, found.publications,
        found.cockpit, held, found.explorer, found.recognition, found.offering,
    )  # fmt: skip
