"""The enterprise service against the gateway's real application: enrolment, consents, revocations, portraits; outages and refusals."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from crypto.encoding import sha256
from crypto.errors import PackingError
from crypto.keygen import PrivateKey
from nodes.custodian.revocations import Revocations
from nodes.enterprise.api import create_app
from nodes.enterprise.consents import ConsentDesk
from nodes.enterprise.customs import CustomsDesk
from nodes.enterprise.enrolment import Enrolments
from nodes.enterprise.keyring import Keyring
from nodes.enterprise.portraits import PortraitDesk
from nodes.enterprise.settings import CustomsTable
from nodes.enterprise.store import NOT_LOGGED, Store
from nodes.enterprise.straight import StraightDesk
from nodes.enterprise.values import ValuesDesk, periods_of
from nodes.errors import NotFoundError, NotReadyError, PeerUnavailableError
from nodes.runtime.failures import FailureReports
from nodes.runtime.notices.board import BoardClient
from nodes.runtime.pages.views import MANY
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica import relay
from nodes.runtime.replica.relay import BINDING, ENROLMENT_REQUEST, BindingAnswer, EnrolmentRequest
from nodes.runtime.web.gateway_client import GatewayClient, GatewayRefusal
from protos.v1.exchange_pb2 import Sealed, WorkItem
from scoring.errors import ConsentRevokedError, ConsentScopeError, NotDisclosedError, RangeError, SubjectUnknownError
from scoring.exchange.view import verify_key
from scoring.statements import Binding, Enrolment, Head
from tests.support.bank import bank, opener_of, roots_of, uscc_of
from tests.support.databases import ON_BOTH, database_in
from tests.support.exchange import HeldZone, identity_of
from tests.support.gateway import Front, front
from tests.support.members import CUSTODIANS, ZONE
from tests.support.waiting import until
from tests.support.zone import BASE, PRODUCT, MemoryZone, released_zone

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
    """The way to the gateway; can be cut before a request arrives or before its answer does."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self.cut_before = self.cut_after = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.cut_before:
            raise httpx.ConnectError("cut", request=request)
        response = self._inner.handle_request(request)
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


@pytest.fixture(scope="module")
def zone(small_private_key: PrivateKey) -> MemoryZone:
    return released_zone(small_private_key)


@pytest.fixture
def desk(zone: MemoryZone, tmp_path: Path) -> Service:
    return service(front(zone.fork(), tmp_path / "gateway"), tmp_path / "enterprise")


# --- enrolment ---


def test_an_enterprise_is_enrolled_under_keys_that_only_this_service_can_read(desk: Service) -> None:
    uscc = desk.enrolled()
    found = desk.enrolments.enrolled(uscc)
    assert (found.state, found.subject) == ("enrolled", desk.site.zone.subjects[0])
    file = desk.state_dir / "keys" / f"{found.key_id}.json"
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)
    assert uscc not in file.read_text()


def test_the_code_is_in_nothing_that_the_coordinator_carries(desk: Service) -> None:
    uscc = desk.enrolled()
    assert all(uscc.encode() not in sealed for _, _, sealed in desk.site.exchange.relayed)
    assert all(uscc.encode() not in leaf + envelope for leaf, envelope in desk.site.zone.entries)


def test_asking_again_sends_the_same_request_and_an_enrolled_one_nothing(desk: Service) -> None:
    for _ in range(2):
        with pytest.raises(NotReadyError):
            desk.enrolments.enrol(uscc_of(0), 0.0)
    assert len({sealed for _, _, sealed in desk.site.exchange.relayed}) == 1
    desk.enrolments.handle(desk.registrar(1))
    sent = len(desk.site.exchange.relayed)
    assert desk.enrolments.enrol(uscc_of(0), 0.0).state == "enrolled"
    assert len(desk.site.exchange.relayed) == sent


@ON_BOTH
def test_a_restarted_service_sends_its_open_requests_again(desk: Service) -> None:
    with pytest.raises(NotReadyError):
        desk.enrolments.enrol(uscc_of(0), 0.0)
    again = service(desk.site, desk.state_dir)
    again.enrolments.resume()
    first, second = (sealed for _, _, sealed in desk.site.exchange.relayed)
    assert first == second


def test_a_refused_enrolment_tells_why_and_can_be_asked_for_again(desk: Service) -> None:
    with pytest.raises(NotReadyError):
        desk.enrolments.enrol(uscc_of(0), 0.0)
    known = desk.store.enterprise(uscc_of(0))
    assert known is not None
    desk.enrolments.handle(desk.answer(1, BindingAnswer(key_id=known.key_id, subject="", reason="SUBJECT_UNKNOWN")))
    assert desk.store.enterprises()[0].state == "refused"
    with pytest.raises(NotReadyError):
        desk.enrolments.enrol(uscc_of(0), 0.0)
    desk.enrolments.handle(desk.registrar(2))
    assert desk.enrolments.enrolled(uscc_of(0)).key_id == known.key_id


@pytest.mark.parametrize(
    "forged",
    [
        lambda desk: desk.registrar(3, signer="tax"),
        lambda desk: desk.registrar(3, uscc=uscc_of(5)),
        lambda desk: desk.registrar(3, key_id="e-0000000000000000"),
        lambda desk: desk.answer(3, BindingAnswer(key_id="e-0000000000000000", subject="", reason="SUBJECT_UNKNOWN"), sender="tax"),
        lambda desk: WorkItem(seq=3, sealed=Sealed(sender=REGISTRAR, subject_matter=BINDING, sealed=b"x" * 100)),
    ],
    ids=["binding by another", "another code", "another key", "another sender", "garbage"],
)
def test_an_answer_that_does_not_hold_is_left_out_and_work_goes_on(desk: Service, forged: Callable[[Service], WorkItem]) -> None:
    with pytest.raises(NotReadyError):
        desk.enrolments.enrol(uscc_of(0), 0.0)
    desk.enrolments.handle(forged(desk))
    assert (desk.store.enterprises()[0].state, desk.store.cursor()) == ("asked", 3)


# --- consents ---


def test_a_consent_lets_the_bank_ask_and_its_revocation_ends_that(desk: Service, tmp_path: Path) -> None:
    uscc = desk.enrolled()
    kept = desk.consents.give(uscc, "bank-a", "loan", [PRODUCT])
    zone = desk.site.zone
    logged = zone.view.at(kept.leaf_index)
    zone.contribute_rows(logged)
    node = bank(desk.site, tmp_path / "bank-a")
    node.told(logged, 1)
    assert [held.uscc for held in node.consents.all()] == [uscc]
    revoked = desk.consents.revoke(kept.id)
    assert zone.view.consents[kept.id].revoked_index == revoked.revoked_leaf_index
    assert desk.consents.revoke(kept.id) == revoked


def test_a_revocation_binds_custodians_though_gateway_and_log_never_see_it(desk: Service, tmp_path: Path) -> None:
    """The gateway is cut: the revocation goes by the board, and custodians' own heads tell the staff who holds it."""
    kept = desk.consents.give(desk.enrolled(), "bank-a", "loan", [PRODUCT])
    desk.network.cut_before = True
    with pytest.raises(PeerUnavailableError):
        desk.consents.revoke(kept.id)
    (raw,) = desk.board.pinned
    assert desk.consents.revocation(kept.id) == raw
    zone, view = desk.site.zone, desk.site.zone.view
    assert view.consents[kept.id].revoked_index is None
    shown = desk.straight.shown(desk.store.consent(kept.id))
    assert (shown["held_by"], shown["binding"], shown["revoked_leaf_index"]) == ([], False, NOT_LOGGED)
    for count, name in enumerate(CUSTODIANS[:2], 1):
        revocations = Revocations(HeldZone(view), tmp_path / name, lambda: zone.now)
        revocations.take(raw)
        with pytest.raises(ConsentRevokedError):
            revocations.check(view.consents[kept.id])
        head = Head(zone=ZONE, nonce=fresh_nonce(), member=name, time=zone.now, checkpoint="a note", held=revocations.held())
        desk.board.notices.append(zone.envelope(head, name))
        desk.straight.turn()
        shown = desk.straight.shown(desk.store.consent(kept.id))
        assert shown["held_by"] == sorted(CUSTODIANS[:count])
        assert shown["binding"] is (count == 2)  # 2 of 3 open: without two of them nothing does


def test_acknowledgements_are_looked_for_soon_after_a_revocation_however_quiet_it_was(desk: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nodes.enterprise.straight.QUIET_TURN_S", 3600.0)
    monkeypatch.setattr("nodes.enterprise.straight.OPEN_TURN_S", 0.05)
    kept = desk.consents.give(desk.enrolled(), "bank-a", "loan", [PRODUCT])
    stopping = threading.Event()
    running = threading.Thread(target=desk.straight.run, args=(stopping,))
    running.start()
    try:
        assert desk.board.turned.wait(10)  # its first turn found nothing to say: it sleeps for an hour
        desk.network.cut_before = True
        with pytest.raises(PeerUnavailableError):
            desk.consents.revoke(kept.id)
        digest, zone = sha256(desk.consents.revocation(kept.id)).hex(), desk.site.zone
        head = Head(zone=ZONE, nonce=fresh_nonce(), member="tax", time=zone.now, checkpoint="a note", held=(digest,))
        desk.board.notices.append(zone.envelope(head, "tax"))
        until(lambda: desk.straight.shown(desk.store.consent(kept.id))["held_by"] == ["tax"], "the acknowledgement is read", 10)
    finally:
        stopping.set()
        desk.straight.stop()
        running.join(10)
    assert not running.is_alive()


def test_an_acknowledgement_that_its_custodian_did_not_sign_is_none(desk: Service) -> None:
    kept = desk.consents.give(desk.enrolled(), "bank-a", "loan", [PRODUCT])
    kept = desk.consents.revoke(kept.id)
    digest = sha256(kept.revocation).hex()
    zone = desk.site.zone
    for signer, member in (("notary", "tax"), ("auditor", "auditor"), ("coordinator", "notary")):
        head = Head(zone=ZONE, nonce=fresh_nonce(), member=member, time=zone.now, checkpoint="a note", held=(digest,))
        desk.board.notices.append(zone.envelope(head, signer))
    desk.board.notices.append(b"nonsense")
    desk.straight.turn()
    assert desk.straight.shown(kept)["held_by"] == []


def test_a_consent_names_exactly_what_the_product_needs(desk: Service) -> None:
    kept = desk.consents.give(desk.enrolled(), "bank-a", "loan", [PRODUCT])
    said = desk.site.zone.view.consents[kept.id].consent
    assert (said.products, said.functionals, said.open_indicators, said.signed_by) == ((PRODUCT,), ("total",), (), "enterprise")


@pytest.mark.parametrize(
    ("audience", "products", "error"),
    [("bank-a", ["gold"], NotDisclosedError), ("bank-a", [], ConsentScopeError), ("tax", [PRODUCT], ConsentScopeError)],
)
def test_a_consent_to_what_does_not_exist_is_not_signed(desk: Service, audience: str, products: list[str], error: type[Exception]) -> None:
    uscc = desk.enrolled()
    with pytest.raises(error):
        desk.consents.give(uscc, audience, "loan", products)
    assert desk.store.consents() == []


def test_nothing_is_signed_for_who_is_not_enrolled(desk: Service) -> None:
    with pytest.raises(SubjectUnknownError):
        desk.consents.give(uscc_of(0), "bank-a", "loan", [PRODUCT])
    with pytest.raises(NotFoundError):
        desk.consents.revoke("00" * 16)


@ON_BOTH
@pytest.mark.parametrize("lost", ["cut_before", "cut_after"])
def test_a_consent_signed_before_an_outage_is_logged_once_after_it(desk: Service, lost: str) -> None:
    uscc = desk.enrolled()
    desk.consents.model()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk.consents, "model", lambda: desk.site.zone.model)
        setattr(desk.network, lost, True)
        with pytest.raises(PeerUnavailableError):
            desk.consents.give(uscc, "bank-a", "loan", [PRODUCT])
        setattr(desk.network, lost, False)
    assert [kept.leaf_index for kept in desk.store.consents()] == [NOT_LOGGED]
    for _ in range(2):
        service(desk.site, desk.state_dir).consents.resume()
    kept = desk.store.consents()[0]
    assert [state.index for state in desk.site.zone.view.consents.values()] == [kept.leaf_index]


def test_a_consent_that_the_zone_refuses_is_not_sent_for_ever(desk: Service) -> None:
    uscc = desk.enrolled()
    enterprise = desk.enrolments.enrolled(uscc)
    desk.site.zone.view.enrolments.pop(enterprise.key_id)
    with pytest.raises(GatewayRefusal) as refusal:
        desk.consents.give(uscc, "bank-a", "loan", [PRODUCT])
    assert desk.store.consents()[0].refused == refusal.value.reason
    sent = len(desk.site.exchange.submitted)
    desk.consents.resume()
    assert len(desk.site.exchange.submitted) == sent


def test_a_consent_is_not_given_up_because_the_gateway_was_busy(desk: Service) -> None:
    uscc = desk.enrolled()
    inner = desk.network.handle_request

    def busy(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/consents":
            return httpx.Response(429, json={"reason": "RATE_LIMITED", "title": "later"}, request=request)
        return inner(request)

    desk.network.handle_request = busy  # type: ignore[method-assign]
    with pytest.raises(GatewayRefusal):
        desk.consents.give(uscc, "bank-a", "loan", [PRODUCT])
    desk.network.handle_request = inner  # type: ignore[method-assign]
    desk.consents.resume()
    assert desk.store.consents()[0].leaf_index == len(desk.site.zone.entries) - 1


# --- portraits ---


@pytest.fixture
def portrayed(desk: Service) -> tuple[Service, str]:
    """A service whose zone contributes rows as soon as a portrait is consented to."""
    uscc = desk.enrolled()
    kept = desk.consents.give_portrait(uscc)
    desk.site.zone.contribute_rows(desk.site.zone.view.at(kept.leaf_index))
    return desk, uscc


@ON_BOTH
def test_a_portrait_shows_every_point_and_the_total(portrayed: tuple[Service, str]) -> None:
    desk, uscc = portrayed
    portrait = desk.portraits.make(uscc, 0.0)
    points = desk.site.zone.points[desk.site.zone.subjects[0]]
    shown = {value["name"]: value["hundredths"] for value in portrait["values"] if value["kind"] == "indicator"}
    assert shown == points
    weights = {"rd": 3, "patents": 2, "citations": 1, "staff": 1, "growth": 3, "value": 1}
    total = next(value for value in portrait["values"] if value["name"] == "total")
    assert (total["hundredths"], total["gated"]) == (sum(weights[name] * value for name, value in points.items()), False)
    assert (portrait["stage"], desk.store.portraits(uscc)) == ("S1", [portrait])


def test_an_impossible_value_of_a_portrait_is_reported_in_the_enterprises_name(desk: Service) -> None:
    """P2.4: the enterprise's own key is the audience; while its inputs are not audited there is no ticket for it, of anybody."""
    uscc, zone = desk.enrolled(), desk.site.zone
    subject = zone.subjects[0]
    kept = desk.consents.give_portrait(uscc)
    honest, zone.points[subject] = zone.points[subject], zone.points[subject] | {"rd": 5_000_000}
    zone.contribute_rows(zone.view.at(kept.leaf_index))
    zone.points[subject] = honest
    with pytest.raises((RangeError, PackingError)):
        desk.portraits.make(uscc, 0.0)
    (failure,) = zone.view.failures.values()
    assert failure.ticket.statement.audience == zone.view.enrolled[subject]
    assert failure.reported.actor == SERVICE
    with pytest.raises(GatewayRefusal) as frozen:
        desk.portraits.make(uscc, 0.0)
    assert frozen.value.reason == "SUBJECT_FROZEN"


def test_the_standing_consent_to_a_portrait_is_used_again(portrayed: tuple[Service, str]) -> None:
    desk, uscc = portrayed
    desk.portraits.make(uscc, 0.0)
    desk.site.zone.now += 10
    desk.portraits.make(uscc, 0.0)
    assert [kept.purpose for kept in desk.store.consents(uscc)] == ["portrait"]
    assert len(desk.store.portraits(uscc)) == 2


def test_a_portrait_waits_for_rows_and_says_so(desk: Service) -> None:
    with pytest.raises(NotReadyError):
        desk.portraits.make(desk.enrolled(), 0.0)


def test_a_portrait_over_a_row_that_is_not_its_owners_is_refused(portrayed: tuple[Service, str]) -> None:
    """The gateway hands over a row whose ciphertexts are others than the department signed for."""
    desk, uscc = portrayed
    inner = desk.network.handle_request

    def swapped(request: httpx.Request) -> httpx.Response:
        response = inner(request)
        if request.url.path != "/v1/portraits":
            return response
        answer = httpx.Response(200, content=response.read()).json()
        row = answer["evidence"]["rows"][0]
        row["ciphertexts"][0] = str(int(row["ciphertexts"][0]) + 1)
        return httpx.Response(200, json=answer, request=request)

    desk.network.handle_request = swapped  # type: ignore[method-assign]
    with pytest.raises(Exception, match="aggregate"):
        desk.portraits.make(uscc, 0.0)
    assert desk.store.portraits(uscc) == []


# --- the loopback interface ---


@pytest.fixture
def staff(desk: Service) -> TestClient:
    app = create_app(desk.enrolments, desk.consents, desk.portraits, desk.values, desk.straight, desk.customs, desk.store, TOKEN, desk.seen)
    return TestClient(app, headers={"Authorization": f"Bearer {TOKEN}"})


def test_staff_give_and_revoke_consents_by_http(desk: Service, staff: TestClient) -> None:
    uscc = desk.enrolled()
    assert [item["uscc"] for item in staff.get("/enrolments").json()["enrolments"]] == [uscc]
    given = staff.post("/consents", json={"uscc": uscc, "audience": "bank-a", "products": [PRODUCT]})
    assert given.status_code == 201
    consent_id = given.json()["id"]
    assert staff.delete(f"/consents/{consent_id}").json()["revoked_leaf_index"] > given.json()["leaf_index"]
    assert [item["id"] for item in staff.get("/consents", params={"uscc": uscc}).json()["consents"]] == [consent_id]
    assert desk.views == [("enrolments", MANY), ("consents", uscc)]


def test_the_enterprise_is_told_what_follows_before_it_consents(desk: Service, staff: TestClient) -> None:
    """That an appeal shows its correction, that extremes tell everything, and what the model exposes [P7.1, P7.2]."""
    answer = staff.get("/consents/text", params={"audience": "bank-a", "product": PRODUCT})
    assert answer.status_code == 200
    text = answer.json()
    assert "申诉或更正而重新评定" in text["zh"]
    assert "after an appeal or a correction" in text["en"]
    assert "A total of 0, or the greatest there is" in text["en"]
    for exposure in desk.site.zone.model.pack.exposures:
        assert desk.site.zone.model.indicators[exposure.indicator].title.zh in text["zh"]
        assert exposure.reason.en in text["en"]
    assert desk.site.zone.model.products[PRODUCT].spec.title.zh in text["zh"]
    assert staff.get("/consents/text", params={"audience": "bank-a", "product": "nothing"}).json()["reason"] == "NOT_DISCLOSED"
    assert staff.get("/consents/text", params={"audience": "tax", "product": PRODUCT}).json()["reason"] == "CONSENT_SCOPE"
    assert staff.get("/consents/text", params={"audience": "bank-a"}).status_code == 422


def test_waiting_for_the_registrar_is_told_as_not_ready(staff: TestClient) -> None:
    response = staff.post("/enrolments", json={"uscc": uscc_of(4), "wait_s": 0})
    assert (response.status_code, response.json()["reason"]) == (503, "NOT_READY")


@pytest.mark.parametrize(("method", "path"), [("POST", "/enrolments"), ("GET", "/consents"), ("POST", "/portraits"), ("GET", "/healthz")])
def test_without_the_token_nobody_gets_in(desk: Service, method: str, path: str) -> None:
    app = create_app(desk.enrolments, desk.consents, desk.portraits, desk.values, desk.straight, desk.customs, desk.store, TOKEN, desk.seen)
    response = TestClient(app).request(method, path, json={} if method == "POST" else None)
    assert (response.status_code, response.json()["reason"]) == (401, "TOKEN_INVALID")
