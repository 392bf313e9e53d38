"""What a custodian answers, and everything that it does not, whoever sends it [P5.3 (1)-(5)]."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crypto.errors import CryptoError, MerkleError, ProofError
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.web.request_document import SCORES
from nodes.runtime.web.signed_requests import sign_request
from protos.v1.exchange_pb2 import OpenTicket
from scoring.errors import (
    AggregateError,
    AudienceUnknownError,
    CheckpointStaleError,
    ConsentExpiredError,
    ConsentRevokedError,
    ConsentScopeError,
    DisclosureFrozenError,
    EpochStateError,
    NotDisclosedError,
    RequestExpiredError,
    RequestFormatError,
    ScoringError,
    SignerUnknownError,
    TicketExpiredError,
    TicketInputsError,
    TicketReplayError,
    TicketUnknownError,
    WrongSignerError,
)
from scoring.exchange.tickets import COLUMN_POSITION, derive_inputs, functional_hashes, opening_for
from scoring.exchange.view import Logged
from scoring.indicators.functional import functional
from scoring.release.aggregate import aggregate, aggregate_hash
from scoring.statements import MemberChange, Refusal, Ticket
from tests.support.epoch import EPOCH
from tests.support.epoch import changed as misstated
from tests.support.members import ZONE
from tests.support.zone import BASE, Asked, closed_zone
from tests.unit.custodian.conftest import Desk, changed


def consents(desk: Desk) -> list[Logged]:
    return [desk.zone.view.at(state.index) for state in desk.zone.view.consents.values()]


def asked(desk: Desk, place: int = 0) -> Asked:
    return desk.zone.asked(consents(desk)[place])


# --- the positive control ---


def test_a_ticket_that_holds_is_admitted_with_its_own_aggregates_and_its_audiences_key(desk: Desk) -> None:
    wanted = asked(desk)
    admitted = desk.examine(desk.say(wanted))
    assert admitted.aggregates == wanted.aggregates
    assert admitted.audience_key == desk.zone.keys.sealing("bank-a")


def test_a_portrait_is_admitted_for_the_enterprises_own_key(desk: Desk) -> None:
    wanted = asked(desk, 2)
    assert desk.examine(desk.say(wanted)).audience_key == desk.zone.keys.sealing(wanted.ticket.audience)


# --- (1) the log ---


def test_a_ticket_that_is_not_in_our_log_is_not_opened(desk: Desk) -> None:
    work = desk.say(asked(desk))
    other = desk.zone.envelope(asked(desk, 1).ticket, "coordinator")
    with pytest.raises(TicketUnknownError):
        desk.examine(OpenTicket(ticket_envelope=other, leaf_index=work.leaf_index, request=work.request))


def test_a_ticket_named_at_another_leaf_is_not_opened(desk: Desk) -> None:
    work = desk.say(asked(desk))
    with pytest.raises(TicketUnknownError):
        desk.examine(OpenTicket(ticket_envelope=work.ticket_envelope, leaf_index=work.leaf_index - 1, request=work.request))


def test_a_stale_checkpoint_opens_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    work = desk.say(asked(desk))
    monkeypatch.setattr(desk.examiner, "_now", lambda: desk.zone.now + 400)  # the zone allows 300 s
    with pytest.raises(CheckpointStaleError):
        desk.examine(work)


def test_a_ticket_from_the_future_is_not_opened(desk: Desk) -> None:
    """The log cannot stretch a ticket's life, or reach a request that was signed for later, by running ahead."""
    work = desk.say(asked(desk))
    desk.late_s = -60
    with pytest.raises(TicketExpiredError):
        desk.examine(work)


def test_a_ticket_whose_life_is_over_is_not_opened(desk: Desk) -> None:
    work = desk.say(asked(desk))
    desk.late_s = 700
    with pytest.raises(TicketExpiredError):
        desk.examine(work)


# --- (2) the request ---


def test_another_request_of_the_same_bank_does_not_open_the_ticket(desk: Desk) -> None:
    work = desk.say(asked(desk))
    with pytest.raises(RequestFormatError):
        desk.examine(OpenTicket(ticket_envelope=work.ticket_envelope, leaf_index=work.leaf_index, request=asked(desk).document.to_bytes()))


def test_a_request_signed_by_another_bank_opens_nothing(desk: Desk) -> None:
    wanted = asked(desk)
    nonce = "another-banks-nonce-0001"
    document = sign_request(desk.zone.keys.signers["bank-b"], SCORES, BASE, wanted.document.body.encode(), now=desk.zone.now, nonce=nonce)
    work = desk.log(wanted.ticket.model_copy(update={"request": document.digest, "request_nonce": nonce}), document.to_bytes())
    with pytest.raises(ConsentScopeError):
        desk.examine(work)


def test_a_request_that_the_ticket_stretches_to_another_nonce_opens_nothing(desk: Desk) -> None:
    with pytest.raises(RequestFormatError):
        desk.examine(desk.say(asked(desk), request_nonce="another-nonce-0000000001"))


def test_a_request_long_over_opens_nothing(desk: Desk) -> None:
    wanted = asked(desk)
    desk.zone.now += 200
    with pytest.raises(RequestExpiredError):
        desk.examine(desk.say(wanted))


def test_a_request_has_one_ticket(desk: Desk) -> None:
    wanted = asked(desk)
    desk.examine(desk.say(wanted))
    with pytest.raises(TicketReplayError):
        desk.examine(desk.say(wanted, nonce=fresh_nonce()))


def test_a_request_of_a_key_that_left_opens_nothing(desk: Desk) -> None:
    work = desk.say(asked(desk))
    member = desk.zone.keys.member("bank-a")
    desk.zone.say(MemberChange(zone=ZONE, nonce=fresh_nonce(), action="leave", member=member), "authority")
    with pytest.raises(SignerUnknownError):
        desk.examine(work)


def test_a_hostile_request_document_is_a_refusal_and_not_a_crash(desk: Desk) -> None:
    wanted = asked(desk)
    headers = dict(wanted.document.headers)
    hostile = [
        replace(wanted.document, body='{"subject":"\\ud800"}'),
        replace(wanted.document, body="[" * 50_000),
        replace(wanted.document, body='{"subject":' + "9" * 5_000 + "}"),
        replace(wanted.document, target_uri="https://x" + SCORES.path + "\x00"),
        *(
            replace(wanted.document, headers=tuple((name, value if name != "signature-input" else text) for name, value in headers.items()))
            for text in (
                headers["signature-input"].replace("created=", "created=99999"),
                headers["signature-input"].replace("expires=", "expires=-"),
                headers["signature-input"].replace('"ed25519"', '"none"'),
                "sig1=()",
                "",
            )
        ),
    ]
    for document in hostile:
        work = desk.log(wanted.ticket.model_copy(update={"request": document.digest, "nonce": fresh_nonce()}), document.to_bytes())
        with pytest.raises((ScoringError, CryptoError)):
            desk.examine(work)
    work = desk.log(wanted.ticket.model_copy(update={"nonce": fresh_nonce()}), wanted.document.to_bytes())
    for raw in (b"", b"\xff", b"[]", b'{"method":1}', b"[" * 50_000):
        with pytest.raises((ScoringError, CryptoError)):
            desk.examine(OpenTicket(ticket_envelope=work.ticket_envelope, leaf_index=work.leaf_index, request=raw))


# --- (3) the consent ---


def test_a_revocation_after_the_ticket_stops_what_is_not_opened_yet(desk: Desk) -> None:
    work = desk.say(asked(desk))
    desk.zone.say(desk.zone.revocation(consents(desk)[0]), desk.zone.own_key[desk.zone.subjects[0]])
    with pytest.raises(ConsentRevokedError):
        desk.examine(work)


def test_a_consent_whose_period_ends_after_the_ticket_opens_nothing(desk: Desk) -> None:
    zone, subject = desk.zone, desk.zone.subjects[0]
    short = zone.say(zone.consent_statement(subject, not_after=zone.now + 20), zone.own_key[subject])
    work = desk.say(zone.asked(short))
    desk.late_s = 60
    with pytest.raises(ConsentExpiredError):
        desk.examine(work)


def test_a_ticket_under_another_consent_than_the_request_names_opens_nothing(desk: Desk) -> None:
    zone, subject = desk.zone, desk.zone.subjects[0]
    second = zone.say(zone.consent_statement(subject), zone.own_key[subject])
    with pytest.raises(ConsentScopeError):
        desk.examine(desk.say(asked(desk), consent=second.digest))


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"audience": "bank-b"}, (AudienceUnknownError, ConsentScopeError)),
        ({"audience": "authority"}, (AudienceUnknownError, ConsentScopeError)),
        ({"purpose": "insurance"}, ConsentScopeError),
        ({"purpose": "portrait"}, ConsentScopeError),
        ({"purpose": "epoch"}, EpochStateError),
    ],
)
def test_a_ticket_for_another_audience_or_purpose_is_void(desk: Desk, changes: dict[str, Any], refused: Any) -> None:
    with pytest.raises(refused):
        desk.examine(desk.say(asked(desk), **changes))


def test_the_leaf_of_another_members_key_does_not_lend_it_to_an_audience(desk: Desk) -> None:
    wanted = asked(desk)
    leaf = desk.zone.view.sealing_key(desk.zone.own_key[desk.zone.subjects[3]])[1]
    with pytest.raises(AudienceUnknownError):
        desk.examine(desk.say(wanted, audience_leaf=leaf))


def test_a_key_that_the_audience_got_after_the_ticket_is_not_sealed_to(desk: Desk) -> None:
    """The ticket cites the leaf of the audience's key: whoever changes the registry meanwhile does not get what it opens [P5.2]."""
    work = desk.say(asked(desk))
    member = desk.zone.keys.member("bank-a").model_copy(update={"hpke": desk.zone.keys.sealing("authority").hex()})
    change = MemberChange(zone=ZONE, nonce=fresh_nonce(), action="rekey", member=member)
    desk.zone.say(desk.zone.approved(change), "authority")
    with pytest.raises(AudienceUnknownError):
        desk.examine(work)


# --- (6) the disclosure ledger ---


def test_a_ticket_in_another_stage_than_the_first_opens_nothing(desk: Desk) -> None:
    """Coordinator and log agree to have it in the log; the custodian's own ledger does not [P7.2]."""
    desk.examine(desk.say(asked(desk)))
    again = asked(desk)
    opening = again.ticket.openings[0].model_copy(update={"functional_hashes": (functional(desk.zone.model, "total", "S4").hash,)})
    with pytest.raises(DisclosureFrozenError):
        desk.examine(desk.log(again.ticket.model_copy(update={"stage": "S4", "openings": (opening,)}), again.document.to_bytes()))


# --- (4) what may be opened ---


def single(desk: Desk, ticket: Ticket, name: str, **changes: Any) -> Ticket:
    """The ticket with one more functional, as the rules would have it if it were allowed."""
    zone = desk.zone
    names = (*(opening.functionals[0] for opening in ticket.openings), name)
    inputs = derive_inputs(zone.view, zone.view.epoch(ticket.epoch), names, ticket.stage, subject=ticket.subject, audience=ticket.audience)
    openings = (*ticket.openings, opening_for(zone.model, (name,), ticket.stage, COLUMN_POSITION, "00" * 32))
    return ticket.model_copy(update={"openings": openings, "inputs": inputs, **changes})


def test_no_bank_gets_a_single_indicator_even_with_a_consent_to_it(desk: Desk) -> None:
    zone, subject = desk.zone, desk.zone.subjects[0]
    closed_to_banks = next(name for name in zone.model.disclosures("enterprise") if name not in zone.model.disclosures("bank"))
    generous = zone.say(zone.consent_statement(subject, functionals=(*zone.model.disclosures("bank"), closed_to_banks)), zone.own_key[subject])
    wanted = zone.asked(generous)
    with pytest.raises(NotDisclosedError):
        desk.examine(desk.log(single(desk, wanted.ticket, closed_to_banks), wanted.document.to_bytes()))


def test_a_ticket_opens_no_more_than_its_request_asks_for(desk: Desk) -> None:
    wanted = asked(desk)
    extra = [name for name in desk.zone.model.disclosures("bank") if (name,) not in {opening.functionals for opening in wanted.ticket.openings}]
    for name in extra:
        with pytest.raises(ScoringError):
            desk.examine(desk.log(single(desk, wanted.ticket, name, nonce=fresh_nonce()), wanted.document.to_bytes()))
    twice = (*wanted.ticket.openings, *wanted.ticket.openings)
    with pytest.raises(ScoringError):
        desk.examine(desk.say(wanted, openings=[opening.model_dump() for opening in twice]))


def test_a_portrait_of_another_enterprise_is_void(desk: Desk) -> None:
    zone = desk.zone
    thief, victim = zone.own_key[zone.subjects[3]], zone.subjects[0]
    zone.say_void(zone.consent_statement(victim, thief), thief)
    zone.say_void(zone.consent_statement(victim, thief, signed_by="service"), "enterprise")
    with pytest.raises(ScoringError):
        desk.examine(desk.say(asked(desk, 2), subject=victim))


# --- (5) inputs and aggregate ---


def inputs_of(wanted: Asked) -> list[dict[str, Any]]:
    return [item.model_dump() for item in wanted.ticket.inputs]


def test_missing_doubled_or_reordered_inputs_are_refused(desk: Desk) -> None:
    first, *rest = inputs_of(asked(desk))
    for inputs in (rest, [first, first, *rest], [*rest, first], [{**first, "position": first["position"] + 1}, *rest]):
        with pytest.raises(TicketInputsError):
            desk.examine(desk.say(asked(desk), inputs=inputs))


def test_inputs_of_another_firm_are_refused(desk: Desk) -> None:
    with pytest.raises(TicketInputsError):
        desk.examine(desk.say(asked(desk), inputs=inputs_of(asked(desk, 1))))


def test_inputs_of_an_earlier_revision_are_refused(desk: Desk) -> None:
    stale = asked(desk)
    desk.zone.contribute_rows(consents(desk)[0], revision=1)
    with pytest.raises(TicketInputsError):
        desk.examine(desk.say(stale))


def test_an_aggregate_that_its_inputs_do_not_give_is_refused(desk: Desk) -> None:
    wanted = asked(desk)
    openings = [{**opening.model_dump(), "aggregate": "ab" * 32} for opening in wanted.ticket.openings]
    with pytest.raises(AggregateError):
        desk.examine(desk.say(wanted, openings=openings))


def test_a_stage_that_the_frozen_roster_does_not_give_is_refused(desk: Desk) -> None:
    zone, wanted = desk.zone, asked(desk)
    other = "S4"
    openings = []
    for opening in wanted.ticket.openings:
        value = aggregate(zone.public_key, zone.model, opening.functionals, other, None, wanted.ticket.inputs, zone.ciphertext)
        hashes = functional_hashes(zone.model, opening.functionals, other)
        openings.append({**opening.model_dump(), "functional_hashes": hashes, "aggregate": aggregate_hash(zone.public_key, value)})
    with pytest.raises(TicketInputsError):
        desk.examine(desk.say(wanted, stage=other, openings=openings))


def test_a_roster_that_is_not_the_frozen_one_opens_nothing(desk: Desk) -> None:
    work = desk.say(asked(desk))
    opened = desk.zone.view.epoch(EPOCH).opened
    desk.zone.blobs[opened.roster] = desk.zone.blobs[opened.roster].replace(b'"S1"', b'"S4"', 1)
    with pytest.raises(ScoringError):
        desk.examine(work)


def test_ciphertexts_that_are_not_those_of_the_header_open_nothing(desk: Desk) -> None:
    zone, work = desk.zone, desk.say(asked(desk))
    root = zone.view.contributions[zone.view.tickets[next(reversed(zone.view.tickets))].statement.inputs[0].leaf_index].statement.header.merkle_root
    data = bytearray(zone.blobs[root])
    data[-1] ^= 1
    zone.blobs[root] = bytes(data)
    with pytest.raises(MerkleError):
        desk.examine(work)


def test_a_contribution_without_its_proof_opens_nothing(desk: Desk) -> None:
    """A row whose proof was made for another header is in the log all the same; nothing that takes it as an input is opened [P4.6]."""
    zone, consent = desk.zone, consents(desk)[0]
    for name in ("tax", "science", "insurance", "ip", "credit", "market"):
        row = zone.row(name, consent, revision=0)
        if row is not None:
            zone.say(misstated(row, revision=1), name)
            break
    with pytest.raises((ProofError, MerkleError)):
        desk.examine(desk.say(zone.asked(consent)))


# --- bulk openings ---


@pytest.fixture
def bulk(small_private_key: Any, tmp_path: Path) -> Desk:
    return Desk(closed_zone(small_private_key), tmp_path)


def test_bulk_tickets_take_neither_subject_nor_consent_nor_another_request_or_audience(bulk: Desk) -> None:
    zone = bulk.zone
    ticket, values = zone.bulk_ticket("total", zone.batches_of("S1"))
    leaf = zone.view.sealing_key("bank-a")[1]
    wrong: list[dict[str, Any]] = [
        {"subject": zone.subjects[0]},
        {"consent": "ab" * 32},
        {"request": "ab" * 32},
        {"request_nonce": "some-nonce-0000000000001"},
        {"audience": "bank-a", "audience_leaf": leaf},
        {"openings": [*(item.model_dump() for item in ticket.openings)] * 2},
        {"stage": "S2"},
    ]
    for changes in wrong:
        with pytest.raises(ScoringError):
            bulk.examine(bulk.log(changed(ticket, **{"nonce": fresh_nonce(), **changes})))
    assert bulk.examine(bulk.log(ticket)).aggregates == values
    with pytest.raises(TicketReplayError):
        bulk.examine(bulk.log(ticket.model_copy(update={"nonce": fresh_nonce()})))


def test_a_bulk_ticket_that_ran_out_unopened_is_made_again_and_only_then(bulk: Desk) -> None:
    """Custodians that were away for longer than a ticket lives must not leave an epoch closed for ever."""
    zone = bulk.zone
    ticket, values = zone.bulk_ticket("total", zone.batches_of("S1"))
    old = bulk.log(ticket)
    zone.now = ticket.not_after
    again = changed(ticket, nonce=fresh_nonce(), not_after=zone.now + 600)
    with pytest.raises(TicketReplayError):
        bulk.examine(bulk.log(again))
    zone.now = ticket.not_after + 1
    assert bulk.examine(bulk.log(changed(again, nonce=fresh_nonce()))).aggregates == values
    with pytest.raises(TicketExpiredError):
        bulk.examine(old)


def test_no_single_indicator_is_opened_to_the_authority(bulk: Desk) -> None:
    zone = bulk.zone
    disclosed = zone.model.disclosures("authority")
    for name in zone.model.disclosures("enterprise"):
        if name not in disclosed:
            ticket, _ = zone.bulk_ticket(name, zone.batches_of("S1"))
            with pytest.raises(NotDisclosedError):
                bulk.examine(bulk.log(ticket))


def test_a_column_that_came_after_the_close_is_no_input(bulk: Desk) -> None:
    zone = bulk.zone
    sender, entry = zone.owed_columns()[0]
    late = zone.say_void(zone.column(sender, entry, 1), sender)
    assert late not in zone.view.contributions


def test_a_statement_that_is_no_ticket_is_not_opened(desk: Desk) -> None:
    refusal = Refusal(zone=ZONE, nonce=fresh_nonce(), member="coordinator", reason="NOT_READY")
    envelope = desk.zone.envelope(refusal, "coordinator")
    desk.zone.append(envelope, "coordinator", "refusal")
    with pytest.raises(TicketUnknownError):
        desk.examine(OpenTicket(ticket_envelope=envelope, leaf_index=len(desk.zone.entries) - 1))


def test_a_ticket_that_another_member_signed_is_void(desk: Desk) -> None:
    wanted = asked(desk)
    envelope = desk.zone.envelope(wanted.ticket, "bank-a")
    desk.zone.append(envelope, "bank-a", "ticket")
    with pytest.raises(WrongSignerError):
        desk.examine(OpenTicket(ticket_envelope=envelope, leaf_index=len(desk.zone.entries) - 1, request=wanted.document.to_bytes()))
