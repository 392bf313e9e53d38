"""An enterprise service and the zone around it: its desks over the gateway's real application, a registrar that answers, a way that can be cut."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from nodes.enterprise.consents import ConsentDesk
from nodes.enterprise.customs import CustomsDesk
from nodes.enterprise.enrolment import Enrolments
from nodes.enterprise.keyring import Keyring
from nodes.enterprise.portraits import PortraitDesk
from nodes.enterprise.settings import CustomsTable
from nodes.enterprise.store import Store
from nodes.enterprise.straight import StraightDesk
from nodes.enterprise.values import ValuesDesk, periods_of
from nodes.errors import NotReadyError
from nodes.runtime.failures import FailureReports
from nodes.runtime.notices.board import BoardClient
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica import relay
from nodes.runtime.replica.relay import BINDING, ENROLMENT_REQUEST, BindingAnswer, EnrolmentRequest
from nodes.runtime.web.gateway_client import GatewayClient
from protos.v1.exchange_pb2 import Sealed, WorkItem
from scoring.exchange.view import verify_key
from scoring.statements import Binding, Enrolment
from tests.support.bank import opener_of, roots_of, uscc_of
from tests.support.databases import database_in
from tests.support.exchange import identity_of
from tests.support.gateway import Front
from tests.support.zone import BASE, MemoryZone

TOKEN = "e" * 43
SERVICE, REGISTRAR = "enterprise", "market"


class Board(BoardClient):
    """A notice board: what was pinned, and what others say."""

    keeper = "coordinator"

    def __init__(self) -> None:
        self.pinned: list[bytes] = []
        self.notices: list[bytes] = []
        self.turned = threading.Event()

    def exchange(self, notices: Sequence[bytes]) -> list[bytes]:
        self.pinned = list(notices)
        self.turned.set()
        return self.notices


@dataclass
class Service:
    """An enterprise service and the zone around it. ``registrar`` turns a relayed request into the answer's work item."""

    site: Front
    store: Store
    enrolments: Enrolments
    consents: ConsentDesk
    portraits: PortraitDesk
    values: ValuesDesk
    straight: StraightDesk
    customs: CustomsDesk
    board: Board
    state_dir: Path
    network: Network
    views: list[tuple[str, str]] = field(default_factory=list)

    def seen(self, page: str, uscc: str) -> None:
        self.views.append((page, uscc))

    def registrar(self, seq: int, *, signer: str = REGISTRAR, **changes: Any) -> WorkItem:
        """What the registrar makes of the last relayed request, parts of its answer said otherwise."""
        zone = self.site.zone
        to, matter, sealed = self.site.exchange.relayed[-1]
        service = zone.keys.member(SERVICE)
        request = relay.open_message(
            EnrolmentRequest, sealed, zone.keys.hpke[to], [verify_key(key) for key in service.keys], sender=SERVICE, to=to, matter=ENROLMENT_REQUEST
        )
        assert (to, matter) == (REGISTRAR, ENROLMENT_REQUEST)
        subject = changes.pop("subject", zone.subjects[int(request.uscc[8:16])])
        enrolment = Enrolment(zone=zone.name, nonce=fresh_nonce(), subject=subject, key=request.key, hpke=request.hpke, service=SERVICE)
        leaf = zone.say(enrolment, REGISTRAR).index
        binding = Binding(zone=zone.name, nonce=fresh_nonce(), subject=subject, uscc=changes.pop("uscc", request.uscc), service=SERVICE)
        raw = sign_statement(binding, zone.keys.signers[signer]).hex()
        said = {"key_id": request.key.key_id, "subject": subject, "binding": raw, "leaf_index": leaf} | changes
        return self.answer(seq, BindingAnswer(**said))

    def answer(self, seq: int, message: BindingAnswer, sender: str = REGISTRAR) -> WorkItem:
        zone = self.site.zone
        sealed = relay.seal_message(message, zone.keys.sealing(SERVICE), zone.keys.signers[sender], sender=sender, to=SERVICE, matter=BINDING)
        return WorkItem(seq=seq, sealed=Sealed(sender=sender, subject_matter=BINDING, sealed=sealed))

    def enrolled(self, place: int = 0) -> str:
        """The code of an enterprise that is enrolled here."""
        with pytest.raises(NotReadyError):
            self.enrolments.enrol(uscc_of(place), 0.0)
        self.enrolments.handle(self.registrar(self.store.cursor() + 1))
        self.network.keys_of(self.site.zone, self.enrolments.enrolled(uscc_of(place)).key_id, self.state_dir)
        return uscc_of(place)


class Network(httpx.BaseTransport):
    """The way to the gateway; can be cut before a request arrives or before its answer does. ``answers`` is who stands at its other end."""

    def __init__(self, gateway: httpx.BaseTransport) -> None:
        self.answers = gateway.handle_request
        self.cut_before = self.cut_after = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.cut_before:
            raise httpx.ConnectError("cut", request=request)
        response = self.answers(request)
        if self.cut_after:
            raise httpx.ReadError("cut", request=request)
        return response

    def keys_of(self, zone: MemoryZone, key_id: str, state_dir: Path) -> None:
        """Let the memory zone know whose key this is, as its bookkeeping of actors wants."""
        zone.keys.signers[key_id] = Keyring(state_dir / "keys").get(key_id).signer


def service(site: Front, state_dir: Path) -> Service:
    zone, identity, roots = site.zone, identity_of(site.zone.keys, SERVICE), roots_of(site.zone)
    engine = database_in(state_dir, "enterprise")
    store, keyring = Store(engine), Keyring(state_dir / "keys")
    network = Network(site.client._transport)
    gateway = GatewayClient(BASE, now=lambda: zone.now, transport=network)
    enrolments = Enrolments(identity, roots.registry, keyring, store, site.exchange.client())
    board = Board()
    straight = StraightDesk([board], store, roots.registry, opener_of(zone).blocking, lambda: zone.now)
    consents = ConsentDesk(identity, roots.registry, roots.packs, keyring, store, enrolments, gateway, lambda: zone.now, 365, straight.announce)
    reports = FailureReports(state_dir / "failures", site.exchange.client().submit)
    portraits = PortraitDesk(roots.registry, keyring, store, enrolments, consents, gateway, opener_of(zone), reports, threading.Event())
    client = CustomsTable(uscc=uscc_of(0), folder=state_dir / "ImpPath", dialect="a", quiet_s=0)
    customs = CustomsDesk([client], engine, lambda: zone.now, 1.0)
    values = ValuesDesk(identity, roots.registry, enrolments, store, engine, site.exchange.client(), lambda: periods_of(gateway))
    return Service(site, store, enrolments, consents, portraits, values, straight, customs, board, state_dir, network)
