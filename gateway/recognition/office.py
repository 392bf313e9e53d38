"""Opens the recognition of other zones' scores in the gateway's process: database, route and page."""

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy import Engine

from gateway.intake import SignedIntake
from gateway.recognition.api import routes
from gateway.recognition.desk import MOST_BYTES, RecognitionDesk
from gateway.recognition.pages import pages
from gateway.recognition.peers import Peers
from gateway.recognition.store import RecognitionStore
from gateway.register.book import Register
from nodes.runtime.clock import Clock
from nodes.runtime.pages.site import Site
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.replica.zone import Zone


def open_recognition(
    identity: Identity, zone: Zone, exchange: ExchangeClient, engine: Engine, peers: Peers, now: Clock, most_bytes: int = MOST_BYTES
) -> RecognitionDesk:
    """The desk over the gateway's database ``engine``, which keeps ``most_bytes`` of each zone; its ``run`` sends statements to the log."""
    return RecognitionDesk(identity, zone, exchange, RecognitionStore(engine), peers, now, most_bytes=most_bytes)


def recognition(site: Site, desk: RecognitionDesk, intake: SignedIntake, register: Register) -> APIRouter:
    """The route for enterprises and the page for officials."""
    router = APIRouter()
    router.include_router(routes(desk, intake))
    router.include_router(pages(site, desk, register))
    return router
