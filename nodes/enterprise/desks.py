"""The service's desks together, as its interfaces use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nodes.enterprise.consents import ConsentDesk
from nodes.enterprise.credentials.desk import CredentialDesk
from nodes.enterprise.customs import CustomsDesk
from nodes.enterprise.enrolment import Enrolments
from nodes.enterprise.keyring import Keyring
from nodes.enterprise.market.desk import MarketDesk
from nodes.enterprise.policies.desk import OwnPolicyDesk
from nodes.enterprise.portraits import PortraitDesk
from nodes.enterprise.publications.desk import OwnPublicationDesk
from nodes.enterprise.store import Store
from nodes.enterprise.straight import StraightDesk
from nodes.enterprise.values import ValuesDesk
from nodes.runtime.web.gateway_client import GatewayClient
from scoring.exchange.registry import MemberRegistry
from scoring.indicators.model import Model


@dataclass(frozen=True)
class Desks:
    """What one enterprise service does for its enterprises. ``packs``: the zone's models by sha256."""

    registry: MemberRegistry
    packs: Mapping[str, Model]
    store: Store
    keyring: Keyring
    gateway: GatewayClient
    enrolments: Enrolments
    consents: ConsentDesk
    portraits: PortraitDesk
    values: ValuesDesk
    straight: StraightDesk
    customs: CustomsDesk
    market: MarketDesk
    policies: OwnPolicyDesk
    credentials: CredentialDesk
    publications: OwnPublicationDesk
