"""Every application of the gateway, opened over what the process has: the one place that knows them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from sqlalchemy import Engine

from gateway.evaluation.conduct import Evaluation
from gateway.front.pages import front
from gateway.intake import SignedIntake
from gateway.public import Public
from gateway.publications.office import add_publications, publications
from gateway.register.book import Register
from nodes.runtime.clock import Clock
from nodes.runtime.pages.site import Site
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.process import Process
from nodes.runtime.replica.zone import Zone


@dataclass(frozen=True)
class Ground:
    """What applications stand on. ``engine``: the gateway's database."""

    process: Process
    identity: Identity
    zone: Zone
    exchange: ExchangeClient
    engine: Engine
    evaluation: Evaluation
    register: Register
    intake: SignedIntake
    public: Public
    site: Site
    now: Clock

    def company(self, subject: str) -> str:
        """The name of an enterprise; empty where the register does not know it."""
        known = self.register.enterprise(subject)
        return "" if known is None else known.company


def applications(ground: Ground) -> Sequence[APIRouter]:
    """The routers of all applications, in the order of the navigation; their workers run with the process."""
    desk = add_publications(
        ground.process, ground.identity, ground.zone, ground.exchange, ground.evaluation, ground.engine, ground.company, ground.now
    )  # fmt: skip
    return (
        front(ground.site, ground.public),
        publications(ground.site, desk, ground.zone, ground.intake),
    )
