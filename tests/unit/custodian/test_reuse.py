"""One signed request opens one ticket, in its time, at its place, for the key that its audience has: whatever the coordinator, the gateway
and whoever passes things on make of it [P5.1, P5.2, P5.4]."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest

from crypto.encoding import canonical_json
from crypto.errors import CryptoError, SealingError
from crypto.sealing import open_sealed
from nodes.custodian.examination import Admitted
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.web.request_document import SCORES, RequestDocument
from nodes.runtime.web.signed_requests import sign_request
from protos.v1.exchange_pb2 import OpenTicket
from scoring.errors import (
    AudienceUnknownError,
    RequestExpiredError,
    RequestFormatError,
    RequestSignatureError,
    ScoringError,
    SignerUnknownError,
    TicketInputsError,
    TicketReplayError,
)
from scoring.release.partials import sealing_aad, sealing_info
from scoring.statements import MemberChange
from tests.support.members import ZONE
from tests.support.zone import BASE, Asked
from tests.unit.custodian.conftest import Desk
from tests.unit.custodian.test_examination import asked, consents
from tests.unit.custodian.test_worker import Exchange, custodian

TOLERANCE_S, REQUEST_LIFE_S = 5, 60


def ticket_for(desk: Desk, document: RequestDocument, nonce: str) -> OpenTicket:
    """The ticket of an honest request made out for ``document`` instead, logged; what a dishonest coordinator would send."""
    ticket = asked(desk).ticket.model_copy(update={"request": document.digest, "request_nonce": nonce, "nonce": fresh_nonce()})
    return desk.log(ticket, document.to_bytes())


def signed(desk: Desk, at: int, *, base: str = BASE, signer: str = "bank-a", **body: str) -> tuple[RequestDocument, str]:
    """A request signed at ``at`` for what the first consent allows, with parts of its body said otherwise."""
    said, nonce = consents(desk)[0].statement, secrets.token_urlsafe(16)
    wanted = {"subject": said.subject, "product": said.products[0], "purpose": "loan", "consent_id": said.id} | body
    return sign_request(desk.zone.keys.signers[signer], SCORES, base, canonical_json(wanted), now=at, nonce=nonce), nonce


# --- the request, again ---


def test_a_request_whose_ticket_ran_out_gets_no_second_one(desk: Desk) -> None:
    """A ticket that was never opened counts: the same request would otherwise be good for as long as the coordinator likes."""
    wanted = asked(desk)
    desk.say(wanted)
    desk.zone.now = wanted.ticket.not_after + 1
    again = wanted.ticket.model_copy(update={"nonce": fresh_nonce(), "not_after": desk.zone.now + 60})
    with pytest.raises(TicketReplayError):
        desk.examine(desk.log(again, wanted.document.to_bytes()))


def test_of_two_tickets_for_one_request_custodians_open_the_first_whoever_is_sent_which(desk: Desk) -> None:
    """The coordinator logs two and sends each to another quorum: the log has an order, and everyone reads it there."""
    wanted = asked(desk)
    first = desk.say(wanted)
    second = desk.say(wanted, nonce=fresh_nonce())
    with pytest.raises(TicketReplayError):
        desk.examine(second)
    assert desk.examine(first).aggregates == wanted.aggregates


def test_a_nonce_serves_one_request_though_the_gateway_forgot_it(desk: Desk) -> None:
    wanted = asked(desk)
    desk.say(wanted)
    desk.zone.now += 1
    other = desk.zone.asked(consents(desk)[0], nonce=wanted.ticket.request_nonce)
    assert other.document.digest != wanted.document.digest
    with pytest.raises(TicketReplayError):
        desk.examine(desk.say(other))


def test_a_request_serves_the_subject_and_consent_that_it_names_only(desk: Desk) -> None:
    wanted, other = asked(desk), asked(desk, 1)
    ticket = other.ticket.model_copy(update={"request": wanted.document.digest, "request_nonce": wanted.ticket.request_nonce})
    with pytest.raises(ScoringError):
        desk.examine(desk.log(ticket, wanted.document.to_bytes()))


# --- its time ---


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("beyond", [True, False])
def test_a_request_is_good_from_created_to_expires_within_the_zones_tolerance(desk: Desk, early: bool, beyond: bool) -> None:
    """Judged by the time of the ticket's leaf, which the log gave it."""
    life = REQUEST_LIFE_S
    edge = TOLERANCE_S + (1 if beyond else 0)
    document, nonce = signed(desk, desk.zone.now + edge if early else desk.zone.now - life - edge)
    work = ticket_for(desk, document, nonce)
    if beyond:
        with pytest.raises(RequestExpiredError):
            desk.examine(work)
    else:
        assert desk.examine(work).aggregates


# --- its place and its words ---


@pytest.mark.parametrize("target", ["/v1/scores:batch", "/v1/portraits", "/v1/scores?x=1", "/v1/elsewhere"])
def test_a_request_to_another_target_opens_nothing(desk: Desk, target: str) -> None:
    document, nonce = signed(desk, desk.zone.now)
    with pytest.raises((RequestFormatError, RequestSignatureError)):
        desk.examine(ticket_for(desk, replace(document, target_uri=BASE + target), nonce))


def test_a_request_moved_to_another_gateway_does_not_verify(desk: Desk) -> None:
    document, nonce = signed(desk, desk.zone.now)
    with pytest.raises(RequestSignatureError):
        desk.examine(ticket_for(desk, replace(document, target_uri="https://elsewhere.test:8443" + SCORES.path), nonce))


def test_a_swapped_body_does_not_verify(desk: Desk) -> None:
    document, nonce = signed(desk, desk.zone.now)
    other, _ = signed(desk, desk.zone.now, subject=consents(desk)[1].statement.subject, consent_id=consents(desk)[1].statement.id)
    with pytest.raises(RequestSignatureError):
        desk.examine(ticket_for(desk, replace(document, body=other.body), nonce))
    document, nonce = signed(desk, desk.zone.now)
    digest = dict(other.headers)["content-digest"]
    headers = tuple((name, digest if name == "content-digest" else value) for name, value in document.headers)
    with pytest.raises(RequestSignatureError):
        desk.examine(ticket_for(desk, replace(document, body=other.body, headers=headers), nonce))


# --- the key of its audience ---


def rekey(desk: Desk, member: str = "bank-a", *, sealing_of: str = "", signing: bool = False) -> None:
    """``member`` gets another sealing key, that of ``sealing_of`` or a fresh one, and with ``signing`` another signing key too."""
    zone = desk.zone
    before, hpke = zone.keys.signers[member], zone.keys.hpke[member]
    zone.keys.make(member)
    if not signing:
        zone.keys.signers[member] = before
    if sealing_of:
        zone.keys.hpke[member] = zone.keys.hpke[sealing_of] if sealing_of != member else hpke
    change = MemberChange(zone=ZONE, nonce=fresh_nonce(), action="rekey", member=zone.keys.member(member))
    zone.say(zone.approved(change), "authority")


def answers(desk: Desk, work: OpenTicket) -> Exchange:
    exchange = Exchange()
    custodian(desk, desk.examiner, exchange).open(work)
    return exchange


def opens(desk: Desk, work: OpenTicket, exchange: Exchange, private: bytes) -> bytes:
    item, digest = exchange.answered[0].partials[0], desk.zone.view.at(work.leaf_index).digest
    return open_sealed(private, sealing_info(digest, "tax", 0), sealing_aad(0), item.enc, item.ciphertext)


def test_an_answer_is_sealed_to_the_registered_key_and_opens_with_no_other(desk: Desk) -> None:
    """Who passes a ticket on cannot name a key: the custodian takes it from its own log."""
    work = desk.say(asked(desk))
    exchange = answers(desk, work)
    assert opens(desk, work, exchange, desk.zone.keys.hpke["bank-a"])
    for other in ("coordinator", "authority", "bank-b"):
        with pytest.raises(SealingError):
            opens(desk, work, exchange, desk.zone.keys.hpke[other])


def test_an_answer_passed_on_under_another_ticket_or_custodian_does_not_open(desk: Desk) -> None:
    work = desk.say(asked(desk))
    item, digest = answers(desk, work).answered[0].partials[0], desk.zone.view.at(work.leaf_index).digest
    private = desk.zone.keys.hpke["bank-a"]
    for info, aad in (
        (sealing_info("00" * 32, "tax", 0), sealing_aad(0)),
        (sealing_info(digest, "notary", 0), sealing_aad(0)),
        (sealing_info(digest, "tax", 1), sealing_aad(0)),
        (sealing_info(digest, "tax", 0), sealing_aad(1)),
    ):
        with pytest.raises(CryptoError):
            open_sealed(private, info, aad, item.enc, item.ciphertext)


def test_a_rekey_between_request_and_ticket_is_answered_under_the_new_key_only(desk: Desk) -> None:
    before: Asked = asked(desk)
    rekey(desk)
    with pytest.raises(AudienceUnknownError):
        desk.examine(desk.say(before))  # it cites the old key's leaf
    leaf = desk.zone.view.sealing_key("bank-a")[1]
    work = desk.say(before, audience_leaf=leaf, nonce=fresh_nonce())
    assert desk.examine(work).audience_key == desk.zone.keys.sealing("bank-a")


def test_a_request_signed_by_a_key_that_was_replaced_before_the_ticket_opens_nothing(desk: Desk) -> None:
    document, nonce = signed(desk, desk.zone.now)
    rekey(desk, signing=True)
    with pytest.raises(SignerUnknownError):
        desk.examine(ticket_for(desk, document, nonce))


def test_a_rekey_while_the_answer_is_made_stops_it(desk: Desk) -> None:
    class Interrupted:
        def examine(self, work: OpenTicket) -> Admitted:
            admitted = desk.examine(work)
            rekey(desk, sealing_of="authority")
            return admitted

        def still_admitted(self, admitted: Admitted) -> None:
            desk.examiner.still_admitted(admitted)

    exchange, work = Exchange(), desk.say(asked(desk))
    custodian(desk, Interrupted(), exchange).open(work)
    assert (exchange.answered, exchange.refused) == ([], ["AUDIENCE_UNKNOWN"])


@pytest.mark.parametrize("leaf", [1, 5, 10_000])
def test_a_ticket_that_cites_another_leaf_for_the_key_is_void(desk: Desk, leaf: int) -> None:
    with pytest.raises((AudienceUnknownError, TicketInputsError)):
        desk.examine(desk.say(asked(desk), audience_leaf=leaf))
