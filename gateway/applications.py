"""Every application of the gateway, opened over what the process has: the one place that knows them all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter
from sqlalchemy import Engine

from gateway.cockpit.office import CockpitOffice, open_cockpit
from gateway.disclosures import disclosures
from gateway.evaluation.conduct import Evaluation
from gateway.explorer.office import ExplorerOffice, open_explorer
from gateway.front.pages import front
from gateway.intake import SignedIntake
from gateway.mirrors import peer_logs
from gateway.policies.api import routes as policy_routes
from gateway.policies.office import Policies, open_policies
from gateway.policies.pages import pages as policy_pages
from gateway.pool.pages import pool
from gateway.public import Public
from gateway.publications.desk import PublicationDesk
from gateway.publications.office import open_publications, publications
from gateway.recognition.desk import MOST_BYTES, RecognitionDesk
from gateway.recognition.office import open_recognition, recognition
from gateway.recognition.peers import Peers
from gateway.register.book import Register
from gateway.sharing.offering import Offering
from gateway.sharing.pages import pages as shared_pages
from gateway.store import Store
from nodes.evidence.roots import Roots
from nodes.runtime.clock import Clock
from nodes.runtime.pages.site import Site
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.replica.zone import Zone
from scoring.statements import Title


@dataclass(frozen=True)
class Ground:
    """What applications stand on. ``engine``: the gateway's database; ``divisions``: names by six digits of GB/T 2260; ``roots``: what a
    verifier pins; ``envelope``: the logged envelope of a leaf, from the process's own verified copy; ``peers``: other zones as pinned here;
    ``packs``: the directory of this zone's packs; ``credentials_bytes``: how much is kept of each peer zone's scores."""

    identity: Identity
    zone: Zone
    exchange: ExchangeClient
    engine: Engine
    store: Store
    evaluation: Evaluation
    register: Register
    intake: SignedIntake
    public: Public
    site: Site
    now: Clock
    admin_token: str
    divisions: Mapping[str, Title]
    log: LogClient
    roots: Callable[[], Roots]
    envelope: Callable[[int], bytes]
    peers: Peers
    packs: Path
    credentials_bytes: int = MOST_BYTES

    def company(self, subject: str) -> str:
        """The name of an enterprise; empty where the register does not know it."""
        known = self.register.enterprise(subject)
        return "" if known is None else known.company


@dataclass(frozen=True, slots=True)
class Worker:
    """Work that goes on until its event is set; ``wake`` lets it see that at once."""

    name: str
    run: Callable[[threading.Event], None]
    wake: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Applications:
    """``parts``: their routers, in the order of the navigation; ``workers``: what runs beside them."""

    parts: tuple[APIRouter, ...]
    workers: tuple[Worker, ...]
    policies: Policies
    publications: PublicationDesk
    cockpit: CockpitOffice
    explorer: ExplorerOffice
    recognition: RecognitionDesk
    offering: Offering


def applications(ground: Ground) -> Applications:
    """All applications over ``ground``. To be called before the log is followed: some observe it."""
    site, zone, intake = ground.site, ground.zone, ground.intake
    policies = open_policies(
        ground.identity, zone, ground.exchange, ground.engine, ground.store, intake, ground.register, ground.now, ground.divisions
    )  # fmt: skip
    desk = open_publications(ground.identity, zone, ground.exchange, ground.evaluation, ground.engine, ground.company, ground.now)
    cockpit = open_cockpit(site, zone, ground.evaluation, ground.engine, ground.store, ground.register, policies.store, ground.now)
    recognised = open_recognition(ground.identity, zone, ground.exchange, ground.engine, ground.peers, ground.now, ground.credentials_bytes)
    offering = Offering(ground.identity, zone, ground.exchange.offer, ground.packs, cockpit.store, policies.store)
    explorer = open_explorer(site, zone, ground.log, ground.engine, ground.roots, ground.envelope, ground.now)
    return Applications(
        parts=(
            front(site, ground.public),
            cockpit.router,
            publications(site, desk, intake),
            recognition(site, recognised, intake, ground.register),
            peer_logs(ground.peers),
            shared_pages(site, ground.peers, recognised.recognised),
            policy_pages(site, policies),
            pool(site, zone, intake, ground.engine, ground.now),
            policy_routes(policies, ground.admin_token),
            explorer.router,
            disclosures(intake, zone),
        ),
        workers=(
            Worker("policies", policies.courier.sender.run, policies.courier.sender.wake),
            Worker("publications", desk.sender.run, desk.sender.wake),
            Worker("recognition", recognised.sender.run, recognised.sender.wake),
            Worker("sharing", offering.worker.run, offering.worker.wake),
            Worker("explorer", explorer.index.run, explorer.index.stop),
            Worker("cockpit", cockpit.publisher.worker.run, cockpit.publisher.worker.wake),
        ),
        policies=policies,
        publications=desk,
        cockpit=cockpit,
        explorer=explorer,
        recognition=recognised,
        offering=offering,
    )
