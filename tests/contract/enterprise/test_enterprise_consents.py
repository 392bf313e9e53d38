"""Consents and revocations through an enterprise service: what they let and end, over outages and refusals."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import pytest

from crypto.encoding import sha256
from nodes.custodian.revocations import Revocations
from nodes.enterprise.store import NOT_LOGGED
from nodes.errors import NotFoundError, PeerUnavailableError
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.web.gateway_client import GatewayRefusal
from scoring.errors import ConsentRevokedError, ConsentScopeError, NotDisclosedError, SubjectUnknownError
from scoring.statements import Head
from tests.support.bank import bank, uscc_of
from tests.support.databases import ON_BOTH
from tests.support.enterprise_service import Service, service
from tests.support.exchange import HeldZone
from tests.support.members import CUSTODIANS, ZONE
from tests.support.waiting import until
from tests.support.zone import PRODUCT


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
    inner = desk.network.answers

    def busy(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/consents":
            return httpx.Response(429, json={"reason": "RATE_LIMITED", "title": "later"}, request=request)
        return inner(request)

    desk.network.answers = busy
    with pytest.raises(GatewayRefusal):
        desk.consents.give(uscc, "bank-a", "loan", [PRODUCT])
    desk.network.answers = inner
    desk.consents.resume()
    assert desk.store.consents()[0].leaf_index == len(desk.site.zone.entries) - 1
