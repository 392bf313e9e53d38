"""Opens the publications in the gateway's process: database, routes and pages."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter
from sqlalchemy import Engine

from gateway.evaluation.conduct import Evaluation
from gateway.intake import SignedIntake
from gateway.publications.api import routes
from gateway.publications.desk import PublicationDesk
from gateway.publications.pages import pages
from gateway.publications.store import PublicationStore
from nodes.runtime.clock import Clock
from nodes.runtime.pages.site import Site
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.replica.zone import Zone


def open_publications(
    identity: Identity, zone: Zone, exchange: ExchangeClient, evaluation: Evaluation, engine: Engine, company: Callable[[str], str], now: Clock
) -> PublicationDesk:
    """The desk over the gateway's database ``engine``; its ``run`` sends steps to the log."""
    return PublicationDesk(identity, zone, exchange, evaluation, PublicationStore(engine), company, now)


def publications(site: Site, desk: PublicationDesk, intake: SignedIntake) -> APIRouter:
    """Routes for programs and pages for people."""
    router = APIRouter()
    router.include_router(routes(desk, intake))
    router.include_router(pages(site, desk))
    return router
