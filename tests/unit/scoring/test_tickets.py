"""Tickets: exactly what log, model and consent allow is opened; everything else has its own error [P5.2, P5.3]."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from crypto.keygen import PrivateKey
from nodes.runtime.peers.signing import fresh_nonce
from scoring.errors import (
    AggregateError,
    AudienceUnknownError,
    ConsentExpiredError,
    ConsentMissingError,
    ConsentNotYetError,
    ConsentRevokedError,
    ConsentScopeError,
    DisclosureFrozenError,
    EpochDefinitionError,
    EpochStateError,
    EpochUnknownError,
    NotDisclosedError,
    RowsAwaitedError,
    ScoringError,
    SubjectUnknownError,
    TicketExpiredError,
    TicketInputsError,
    TicketReplayError,
    WrongSignerError,
)
from scoring.exchange.tickets import COLUMN_POSITION, combination, derive_inputs, functional_hashes
from scoring.exchange.view import Logged
from scoring.indicators.functional import functional
from scoring.release.aggregate import Placement, check_stage, recompute
from scoring.statements import Input, MemberChange, Ticket, TicketOpening
from tests.support.epoch import EPOCH
from tests.support.members import ZONE
from tests.support.zone import MemoryZone, closed_zone, open_zone, released_zone

OTHER = "ab" * 32


@pytest.fixture(scope="module")
def made(small_private_key: PrivateKey) -> dict[str, MemoryZone]:
    zones = {"open": open_zone(small_private_key), "closed": closed_zone(small_private_key), "released": released_zone(small_private_key)}
    zones["released"].consent(zones["released"].subjects[0])
    return zones


@pytest.fixture
def released(made: dict[str, MemoryZone]) -> MemoryZone:
    """A released epoch; the first firm has consented to bank-a and its rows are there."""
    return made["released"].fork()


@pytest.fixture
def closed(made: dict[str, MemoryZone]) -> MemoryZone:
    return made["closed"].fork()


def consent_of(zone: MemoryZone) -> Logged:
    state = next(iter(zone.view.consents.values()))
    return zone.view.at(state.index)


def altered(document: BaseModel, **changes: Any) -> Any:
    return document.model_copy(update=changes)


def refused(zone: MemoryZone, ticket: Ticket, error: type[ScoringError], match: str | None = None) -> None:
    """The ticket is refused with this error, and without effect in the log."""
    with pytest.raises(error, match=match) as caught:
        zone.judge(ticket, "coordinator")
    assert type(caught.value) is error
    tickets, first = dict(zone.view.tickets), dict(zone.view.first_tickets)
    zone.say_void(ticket, "coordinator")
    assert (zone.view.tickets, zone.view.first_tickets) == (tickets, first)


def without(items: tuple[Input, ...], place: int) -> tuple[Input, ...]:
    return items[:place] + items[place + 1 :]


# --- one enterprise's ticket ---


def test_ticket_of_a_consented_request_opens_the_plain_total(released: MemoryZone) -> None:
    asked = released.asked(consent_of(released))
    logged = released.say(asked.ticket, "coordinator")
    subject, model = asked.ticket.subject, released.model
    total = sum(item.weight(asked.ticket.stage) * released.points[subject][name] for name, item in model.indicators.items() if not item.gate)
    assert released.open(asked.aggregates[0]).m == total
    assert released.view.first_tickets["bank-a", subject, EPOCH] is logged
    assert (asked.document.digest, subject) in released.view.requests


def test_only_the_coordinator_issues_tickets(released: MemoryZone) -> None:
    ticket = released.asked(consent_of(released)).ticket
    for signer in ("authority", "bank-a", "tax", "log"):
        with pytest.raises(WrongSignerError):
            released.judge(ticket, signer)


def test_ticket_breaks_each_rule_with_its_error(released: MemoryZone) -> None:
    ticket = released.asked(consent_of(released)).ticket
    opening = ticket.openings[0]
    later = released.now + released.view.registry.genesis.ticket_max_life_s + 120
    for wrong, error in (
        ({"epoch": "another"}, EpochUnknownError),
        ({"model": OTHER}, TicketInputsError),
        ({"not_after": later}, TicketExpiredError),
        ({"not_after": released.now - 1}, TicketExpiredError),
        ({"audience": "stranger"}, AudienceUnknownError),
        ({"audience_leaf": ticket.audience_leaf + 1}, AudienceUnknownError),
        ({"audience": "bank-b"}, ConsentScopeError),
        ({"openings": ()}, TicketInputsError),
        ({"consent": OTHER}, ConsentMissingError),
        ({"consent": ""}, ConsentMissingError),
        ({"subject": ""}, TicketInputsError),
        ({"subject": released.subjects[1]}, TicketInputsError),
        ({"purpose": "insurance"}, ConsentScopeError),
        ({"stage": "S9"}, TicketInputsError),
        ({"openings": (altered(opening, functional_hashes=(OTHER,)),)}, TicketInputsError),
        ({"openings": (altered(opening, functional_hashes=()),)}, TicketInputsError),
        ({"openings": (altered(opening, batch=0),)}, TicketInputsError),
        ({"openings": (altered(opening, slot_bits=released.model.slot_bits),)}, TicketInputsError),
    ):
        refused(released, altered(ticket, **wrong), error)
    released.say(ticket, "coordinator")


def test_purpose_epoch_does_not_get_around_a_consent(released: MemoryZone) -> None:
    ticket = released.asked(consent_of(released)).ticket
    refused(released, altered(ticket, purpose="epoch"), EpochStateError)


def test_functional_outside_the_consent_is_refused(released: MemoryZone) -> None:
    ticket = released.asked(consent_of(released)).ticket
    unit = TicketOpening(
        functionals=("rd",), functional_hashes=functional_hashes(released.model, ("rd",), ticket.stage), slot_bits=0, batch=-1, aggregate=OTHER
    )  # fmt: skip
    refused(released, altered(ticket, openings=(*ticket.openings, unit)), ConsentScopeError)


def test_functional_that_is_not_open_to_banks_is_refused_even_under_consent(released: MemoryZone) -> None:
    """An enterprise cannot consent a bank into what the model does not disclose."""
    subject = released.subjects[7]
    key = released.enrol(subject)
    wide = released.say(released.consent_statement(subject, functionals=("total", "rd")), key)
    released.contribute_rows(wide)
    ticket = released.asked(wide).ticket
    unit = TicketOpening(
        functionals=("rd",), functional_hashes=functional_hashes(released.model, ("rd",), ticket.stage), slot_bits=0, batch=-1, aggregate=OTHER
    )  # fmt: skip
    refused(released, altered(ticket, openings=(unit,)), NotDisclosedError)


def test_banks_openings_are_never_packed(released: MemoryZone) -> None:
    ticket = released.asked(consent_of(released)).ticket
    hashes = functional_hashes(released.model, ("total", "total"), ticket.stage)
    packed = altered(ticket.openings[0], functionals=("total", "total"), functional_hashes=hashes, slot_bits=released.model.slot_bits)
    refused(released, altered(ticket, openings=(packed,)), TicketInputsError, "portrait")


# --- inputs [P5.3 (5)] ---


def test_missing_duplicate_foreign_and_additional_inputs_are_refused(released: MemoryZone) -> None:
    ticket = released.asked(consent_of(released)).ticket
    inputs, first = ticket.inputs, ticket.inputs[0]
    column = next(item for item in released.view.contributions.values() if item.statement.kind == "column")
    moved = altered(first, position=first.position + 1)
    for wrong in (
        without(inputs, 0),
        without(inputs, len(inputs) - 1),
        (*inputs, first),
        (*inputs, altered(first, functional="total")),
        (moved, *inputs[1:]),
        (altered(first, leaf_index=column.index), *inputs[1:]),
        (altered(first, leaf_index=10**6), *inputs[1:]),
        tuple(reversed(inputs)),
        (),
    ):
        refused(released, altered(ticket, inputs=wrong), TicketInputsError)


def test_latest_revision_enters_and_an_earlier_one_is_refused(released: MemoryZone) -> None:
    consent = consent_of(released)
    old = released.asked(consent).ticket
    row: Any = released.row("tax", consent, revision=1)
    newer = released.say(row, "tax")
    refused(released, old, TicketInputsError)
    ticket = released.asked(consent).ticket
    assert newer.index in {item.leaf_index for item in ticket.inputs}
    released.say(ticket, "coordinator")


def test_rows_that_are_awaited_stop_the_ticket(released: MemoryZone) -> None:
    given = released.consent(released.subjects[7], rows=False)
    with pytest.raises(RowsAwaitedError):
        released.asked(given)
    stand_in = altered(released.asked(consent_of(released)).ticket, subject=released.subjects[7], consent=given.digest)
    refused(released, stand_in, RowsAwaitedError)
    rows = released.contribute_rows(given)
    assert {item.leaf_index for item in released.asked(given).ticket.inputs} <= {logged.index for logged in rows}


def test_rows_for_one_bank_do_not_serve_another(released: MemoryZone) -> None:
    other = released.consent(released.subjects[0], "bank-b", rows=False)
    with pytest.raises(RowsAwaitedError):
        released.asked(other)


def test_first_ticket_freezes_leaves_and_stage(released: MemoryZone) -> None:
    consent = consent_of(released)
    first = released.say(released.asked(consent).ticket, "coordinator").statement
    second = released.asked(consent).ticket
    assert second.inputs == first.inputs
    stage = next(item.id for item in released.model.stages if item.id != first.stage)
    opening = altered(second.openings[0], functional_hashes=functional_hashes(released.model, ("total",), stage))
    refused(released, altered(second, stage=stage, openings=(opening,)), DisclosureFrozenError, "froze stage")
    released.say(second, "coordinator")


# --- replay ---


def test_request_has_one_ticket(released: MemoryZone) -> None:
    asked = released.asked(consent_of(released))
    released.say(asked.ticket, "coordinator")
    refused(released, altered(asked.ticket, nonce=fresh_nonce()), TicketReplayError)
    refused(released, altered(asked.ticket, nonce=fresh_nonce(), not_after=released.now + 30), TicketReplayError)


def test_nonce_serves_one_request(released: MemoryZone) -> None:
    nonce = "0123456789abcdef"
    released.say(released.asked(consent_of(released), nonce).ticket, "coordinator")
    released.now += 5
    refused(released, released.asked(consent_of(released), nonce).ticket, TicketReplayError)


def test_batch_request_has_one_ticket_for_each_enterprise(released: MemoryZone) -> None:
    first, second = consent_of(released), released.consent(released.subjects[7])
    asked = released.asked(first)
    released.say(asked.ticket, "coordinator")
    said = {"request": asked.ticket.request, "request_nonce": asked.ticket.request_nonce}
    released.say(altered(released.asked(second).ticket, **said), "coordinator")
    refused(released, altered(released.asked(second).ticket, **said), TicketReplayError)


# --- consent, at the time of the ticket ---


def test_revoked_consent_opens_nothing(released: MemoryZone) -> None:
    consent = consent_of(released)
    ticket = released.asked(consent).ticket
    released.say(released.revocation(consent), "enterprise")
    refused(released, ticket, ConsentRevokedError)


def test_revocation_of_one_consent_leaves_another(released: MemoryZone) -> None:
    old = consent_of(released)
    released.say(released.revocation(old), "enterprise")
    renewed = released.consent(released.subjects[0], rows=False)  # a renewed consent of the same audience reuses the rows [P4.2]
    released.say(released.asked(renewed).ticket, "coordinator")


@pytest.mark.parametrize(("edge", "beyond_s", "error"), [("not_before", -60, ConsentNotYetError), ("not_after", 60, ConsentExpiredError)])
def test_consent_holds_only_in_its_period(released: MemoryZone, edge: str, beyond_s: int, error: type[ConsentExpiredError]) -> None:
    released.now = getattr(consent_of(released).statement, edge) + beyond_s
    ticket = released.asked(consent_of(released)).ticket
    refused(released, ticket, error)


def test_audience_that_changed_its_keys_needs_a_ticket_for_the_new_ones(released: MemoryZone) -> None:
    ticket = released.asked(consent_of(released)).ticket
    released.keys.make("bank-a")
    member = released.keys.member("bank-a")
    change = MemberChange(zone=ZONE, nonce=fresh_nonce(), action="rekey", member=member)
    logged = released.say(released.approved(change), "authority")
    refused(released, ticket, AudienceUnknownError)
    released.say(altered(ticket, audience_leaf=logged.index), "coordinator")


# --- portraits [P5.0, P5.6] ---


def test_portrait_packs_every_indicator_for_the_enterprise_alone(released: MemoryZone) -> None:
    subject = released.subjects[3]
    asked = released.asked(released.consent(subject, "own"))
    released.say(asked.ticket, "coordinator")
    (opening,) = asked.ticket.openings
    assert opening.functionals == released.model.disclosures("enterprise")
    value, bits = released.open(asked.aggregates[0]).m, released.model.slot_bits
    slots = [(value >> (bits * place)) & ((1 << bits) - 1) for place in range(len(opening.functionals))]
    assert dict(zip(opening.functionals, slots, strict=True)).items() >= released.points[subject].items()


def test_portrait_takes_the_models_slots(released: MemoryZone) -> None:
    ticket = released.asked(released.consent(released.subjects[3], "own")).ticket
    opening = ticket.openings[0]
    refused(released, altered(ticket, openings=(altered(opening, slot_bits=opening.slot_bits - 1),)), TicketInputsError)
    refused(released, altered(ticket, openings=(altered(opening, slot_bits=0),)), TicketInputsError)
    names = opening.functionals * 9
    packed = altered(opening, functionals=names, functional_hashes=functional_hashes(released.model, names, ticket.stage))
    refused(released, altered(ticket, openings=(packed,)), TicketInputsError, "slots")


def test_loan_consent_gives_no_portrait_and_no_portrait_a_loan(released: MemoryZone) -> None:
    loan = released.asked(consent_of(released)).ticket
    own = released.asked(released.consent(released.subjects[0], "own")).ticket
    refused(released, altered(loan, purpose="portrait"), ConsentScopeError)
    refused(released, altered(own, purpose="loan"), ConsentScopeError)
    refused(released, altered(own, audience="bank-a", audience_leaf=loan.audience_leaf), ConsentScopeError)


# --- bulk tickets ---


def bulk(zone: MemoryZone, stage: str = "S1") -> Ticket:
    return zone.bulk_ticket("total", zone.batches_of(stage))[0]


def test_bulk_ticket_opens_each_firms_total_in_its_slot(closed: MemoryZone) -> None:
    ticket, values = closed.bulk_ticket("total", closed.batches_of("S1"))
    closed.say(ticket, "coordinator")
    (batch,), bits = closed.batches_of("S1"), closed.model.slot_bits
    opened, found = closed.open(values[0]).m, []
    for _ in range(batch.count):
        low = (opened + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))
        found.append(low)
        opened = (opened - low) >> bits
    weights = {name: item.weight("S1") for name, item in closed.model.indicators.items() if not item.gate}
    for slot, value in enumerate(found):
        subject = closed.stages.subjects[batch.first_position + slot][0]
        plain = sum(weight * closed.points[subject][name] for name, weight in weights.items())
        assert (value < -(1 << 15)) if subject in closed.gated else (value == plain)


def test_bulk_ticket_breaks_each_rule_with_its_error(closed: MemoryZone) -> None:
    ticket, opened = bulk(closed), closed.view.epoch(EPOCH).opened
    opening = ticket.openings[0]
    for wrong, error in (
        ({"audience": "bank-a"}, NotDisclosedError),
        ({"audience": "coordinator"}, NotDisclosedError),
        ({"request": OTHER}, TicketInputsError),
        ({"request_nonce": "0123456789abcdef"}, TicketInputsError),
        ({"subject": closed.subjects[0]}, TicketInputsError),
        ({"consent": OTHER}, TicketInputsError),
        ({"openings": (opening, opening)}, TicketInputsError),
        ({"openings": (altered(opening, batch=opened.batches),)}, EpochDefinitionError),
        ({"openings": (altered(opening, batch=-1),)}, EpochDefinitionError),
        ({"openings": (altered(opening, slot_bits=opened.slot_bits),)}, TicketInputsError),
        ({"openings": (altered(opening, functionals=()),)}, TicketInputsError),
        ({"inputs": without(ticket.inputs, 0)}, TicketInputsError),
        ({"inputs": (*ticket.inputs, ticket.inputs[0])}, TicketInputsError),
        ({"inputs": (altered(ticket.inputs[0], position=0), *ticket.inputs[1:])}, TicketInputsError),
    ):
        refused(closed, altered(ticket, **wrong), error)
    closed.say(ticket, "coordinator")


def test_bulk_ticket_does_not_open_single_indicators(closed: MemoryZone) -> None:
    """The authority sees totals, not what they are made of."""
    ticket = bulk(closed)
    hashes = functional_hashes(closed.model, ("rd",), ticket.stage)
    unit = altered(ticket.openings[0], functionals=("rd",), functional_hashes=hashes)
    refused(closed, altered(ticket, openings=(unit,)), NotDisclosedError)


def test_batch_has_one_ticket_for_each_functional(closed: MemoryZone) -> None:
    closed.say(bulk(closed), "coordinator")
    refused(closed, bulk(closed), TicketReplayError)
    closed.say(bulk(closed, "S2"), "coordinator")


def test_bulk_ticket_needs_the_close_and_ends_with_the_release(closed: MemoryZone, made: dict[str, MemoryZone]) -> None:
    early = made["open"].fork()
    early.contribute_columns()
    state = closed.view.epoch(EPOCH)
    ticket = altered(bulk(closed), inputs=derive_inputs(early.view, early.view.epoch(EPOCH), ["total"], "S1"))
    refused(early, ticket, EpochStateError)
    late = made["released"].fork()
    refused(late, altered(bulk(late), request=late.view.epoch(EPOCH).close_digest), EpochStateError)
    assert state.close_digest


def test_absent_column_stops_the_totals(made: dict[str, MemoryZone]) -> None:
    zone = made["open"].fork()
    for sender, entry in zone.owed_columns()[1:]:
        zone.say(zone.column(sender, entry), sender)
    zone.close_epoch()
    with pytest.raises(RowsAwaitedError):
        bulk(zone)


def test_columns_latest_revision_before_the_close_enters(made: dict[str, MemoryZone]) -> None:
    zone = made["open"].fork()
    zone.contribute_columns()
    later = zone.contribute_columns(revision=1)
    zone.close_epoch()
    assert {item.leaf_index for item in bulk(zone).inputs} <= {logged.index for logged in later}
    zone.say(bulk(zone), "coordinator")


# --- aggregates and stages, where rosters and ciphertexts are at hand ---


def test_aggregate_is_recomputed_and_another_is_refused(released: MemoryZone) -> None:
    asked = released.asked(consent_of(released))
    ticket, key, model = asked.ticket, released.public_key, released.model
    value = recompute(key, model, ticket, ticket.openings[0], released.placement, released.ciphertext)
    assert value == asked.aggregates[0]
    with pytest.raises(AggregateError):
        recompute(key, model, ticket, altered(ticket.openings[0], aggregate=OTHER), released.placement, released.ciphertext)
    with pytest.raises(AggregateError):
        recompute(key, model, ticket, ticket.openings[0], released.placement, lambda leaf, place: released.ciphertext(leaf, place) + 1)


def test_stage_is_that_of_the_frozen_roster(released: MemoryZone, closed: MemoryZone) -> None:
    ticket = released.asked(consent_of(released)).ticket
    check_stage(ticket, released.placement)
    with pytest.raises(TicketInputsError):
        check_stage(altered(ticket, stage="S3"), released.placement)
    with pytest.raises(SubjectUnknownError):
        check_stage(altered(ticket, subject="00" * 16), released.placement)
    check_stage(bulk(closed), closed.placement)
    mixed = (*bulk(closed, "S1").openings, *bulk(closed, "S2").openings)
    with pytest.raises(TicketInputsError):
        check_stage(altered(bulk(closed), openings=mixed), closed.placement)


def test_batches_never_mix_stages(closed: MemoryZone) -> None:
    placement = Placement.of(closed.stages, 3)
    for batch in placement.batches:
        subjects = closed.stages.subjects[batch.first_position : batch.first_position + batch.count]
        assert {stage for _, _, stage in subjects} == {batch.stage}
    assert sum(batch.count for batch in placement.batches) == len(closed.subjects)


def test_combination_of_packed_functionals_is_shifted_by_slots(closed: MemoryZone) -> None:
    model = closed.model
    packed = combination(model, ("rd", "total"), "S1", 8)
    total = functional(model, "total", "S1")
    assert packed.weights[("rd", "-")] == 1 + (next(t.weight for t in total.terms if t.indicator == "rd") << 8)
    assert packed.constant == total.constant << 8
    assert COLUMN_POSITION == -1
