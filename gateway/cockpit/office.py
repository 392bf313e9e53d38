"""Puts the cockpit's parts together for one gateway: what its process and its tests call once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter
from sqlalchemy import Engine

from gateway.cockpit.desk import Cockpit
from gateway.cockpit.money import LoanSteps
from gateway.cockpit.pages import OFFICIALS, routes
from gateway.cockpit.publisher import Publisher
from gateway.cockpit.results import Results
from gateway.cockpit.store import CockpitStore
from gateway.evaluation.conduct import Evaluation
from gateway.policies.store import PolicyStore
from gateway.register.book import Register
from gateway.store import Store
from nodes.runtime.clock import Clock
from nodes.runtime.pages.accounts import AUTHORITY
from nodes.runtime.pages.language import N_
from nodes.runtime.pages.site import Site
from nodes.runtime.replica.zone import Zone


@dataclass(frozen=True, slots=True)
class CockpitOffice:
    """The cockpit of one gateway: its pages' router, the worker that publishes tables, and where they are kept."""

    router: APIRouter
    publisher: Publisher
    store: CockpitStore


def open_cockpit(
    site: Site, zone: Zone, evaluation: Evaluation, engine: Engine, totals: Store, register: Register, policies: PolicyStore, now: Clock
) -> CockpitOffice:
    """The cockpit over released results, kept in ``engine``. To be called before the log is followed."""
    store, steps = CockpitStore(engine), LoanSteps()
    results = Results(zone, evaluation, totals, register)
    publisher = Publisher(results, register, store, now)
    zone.observe(publisher.observe)
    zone.observe(steps.observe)
    site.use("cockpit", Path(__file__).parent)
    site.entry("/cockpit/board", N_("驾驶舱"), *OFFICIALS)
    site.entry("/cockpit/enterprises", N_("企业名录"), *OFFICIALS)
    site.entry("/cockpit/supervision", N_("重点监管"), *OFFICIALS)
    site.entry("/cockpit/register", N_("公示登记"), AUTHORITY)
    return CockpitOffice(routes(Cockpit(site, results, store, register, evaluation, policies, steps, now)), publisher, store)
