"""Puts the policies' parts together for one gateway: what its process and its tests call once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import Engine

from gateway.intake import SignedIntake
from gateway.policies.courier import Courier
from gateway.policies.desk import PolicyDesk
from gateway.policies.matches import Matching
from gateway.policies.own import OwnPolicies
from gateway.policies.store import PolicyStore
from gateway.register.book import Register
from gateway.store import Store
from nodes.runtime.clock import Clock
from nodes.runtime.pages.language import ZONE as CHINA
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.replica.zone import Zone
from scoring.enterprises.divisions import prefix_of
from scoring.statements import Title


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies of one gateway: what its routes and pages work with."""

    store: PolicyStore
    register: Register
    matching: Matching
    courier: Courier
    desk: PolicyDesk
    own: OwnPolicies


def open_policies(
    identity: Identity, zone: Zone, exchange: ExchangeClient, engine: Engine, totals: Store, intake: SignedIntake, register: Register, now: Clock,
    divisions: Mapping[str, Title],
) -> Policies:  # fmt: skip
    """The policies kept in ``engine``. ``divisions``: names of the zone's divisions by six digits of GB/T 2260, as texts call them."""
    store, places = PolicyStore(engine), {prefix_of(code): title for code, title in divisions.items()}
    matching = Matching(zone, totals, store, lambda: register.edition().enterprises, lambda: today(now), places)
    courier = Courier(identity, exchange, store)
    desk = PolicyDesk(store, matching, courier, now, _places(identity, zone, places))
    return Policies(store, register, matching, courier, desk, OwnPolicies(intake, store, matching, courier, now))


def today(now: Clock) -> date:
    """The day in China."""
    return datetime.fromtimestamp(now(), UTC).astimezone(CHINA).date()


def _places(identity: Identity, zone: Zone, titles: Mapping[str, Title]) -> Callable[[], dict[str, str]]:
    named = {title.zh: code for code, title in titles.items()}

    def places() -> dict[str, str]:
        with zone.reading() as view:
            own = view.registry.member(identity.member).division
        return {**named, **({"": prefix_of(own)} if own else {})}

    return places
