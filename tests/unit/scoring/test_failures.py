"""An impossible value freezes its enterprise until every input was opened to an auditor; else a contributor has a comparison oracle [P2.4]."""

from __future__ import annotations

from typing import Any

import pytest

from crypto.keygen import PrivateKey
from nodes.runtime.peers.signing import fresh_nonce
from scoring.draws.failures import REPORTED_WITHIN_S
from scoring.errors import DrawError, FailureReportError, RangeError, SubjectFrozenError, TicketUnknownError, WrongSignerError
from scoring.exchange.view import Logged
from scoring.indicators.functional import functional
from scoring.statements import AuditResult, DrawnItem, Failure, Outcome, Ticket
from tests.support.epoch import EPOCH
from tests.support.members import ZONE
from tests.support.zone import MemoryZone, closed_zone, released_zone

FIRM = 0


@pytest.fixture(scope="module")
def released(small_private_key: PrivateKey) -> MemoryZone:
    return released_zone(small_private_key)


@pytest.fixture(scope="module")
def closed(small_private_key: PrivateKey) -> MemoryZone:
    return closed_zone(small_private_key)


@pytest.fixture
def zone(released: MemoryZone) -> MemoryZone:
    return released.fork()


def ticket_for(zone: MemoryZone, audience: str = "bank-a", firm: int = FIRM) -> Logged:
    subject = zone.subjects[firm]
    audience_id = zone.own_key.get(subject) or zone.enrol(subject) if audience == "own" else audience
    rows = not any(key[2:] == (subject, audience_id) for key in zone.view.rows)  # a renewed consent reuses the row
    return zone.say(zone.asked(zone.consent(subject, audience, rows=rows)).ticket, "coordinator")


def failure(ticket: Logged, **changes: Any) -> Failure:
    said: dict[str, Any] = {"ticket": ticket.digest} | changes
    return Failure(zone=ZONE, nonce=fresh_nonce(), **said)


def outcome(zone: MemoryZone, report: Logged, of: Outcome = "AGREES") -> AuditResult:
    items = tuple(DrawnItem(leaf_index=leaf, position=place, outcome=of) for leaf, place in zone.view.failures[report.digest].inputs())
    return AuditResult(zone=ZONE, nonce=fresh_nonce(), cause=report.digest, size=0, root="", items=items)


# --- freezing ---


def test_no_ticket_of_any_audience_until_every_input_was_opened(zone: MemoryZone) -> None:
    report = zone.say(failure(ticket_for(zone)), "bank-a")
    for audience in ("bank-b", "own"):
        with pytest.raises(SubjectFrozenError):
            ticket_for(zone, audience)
    ticket_for(zone, "bank-b", firm=4)  # others go on
    zone.say(outcome(zone, report), "auditor")
    ticket_for(zone, "bank-b")


def test_the_ticket_of_a_frozen_enterprise_is_void_in_every_view(zone: MemoryZone) -> None:
    """Custodians replay the log through the same rule: such a ticket is not in their view, so they open nothing."""
    zone.say(failure(ticket_for(zone)), "bank-a")
    asked = zone.asked(zone.consent(zone.subjects[FIRM], "bank-b"))
    leaf = zone.say_void(asked.ticket, "coordinator")
    assert isinstance(zone.view.void[leaf], SubjectFrozenError)


@pytest.mark.parametrize("unopened", ["MISSING", "REFUSED", "OPENING_INVALID"])
def test_an_input_that_was_not_opened_leaves_it_frozen(zone: MemoryZone, unopened: str) -> None:
    report = zone.say(failure(ticket_for(zone)), "bank-a")
    good = outcome(zone, report)
    held = good.items[0].model_copy(update={"outcome": unopened})
    zone.say(good.model_copy(update={"items": (held, *good.items[1:])}), "auditor")
    with pytest.raises(SubjectFrozenError):
        ticket_for(zone, "bank-b")
    zone.say(outcome(zone, report, "RECORD_DIFFERS"), "auditor")  # opened at last: what it showed is a finding, not a reason to freeze
    ticket_for(zone, "bank-b")


def test_an_outcome_that_leaves_out_an_input_counts_for_nothing(zone: MemoryZone) -> None:
    report = zone.say(failure(ticket_for(zone)), "bank-a")
    good = outcome(zone, report)
    for items in ((), good.items[1:], (*good.items, good.items[0])):
        with pytest.raises(DrawError):
            zone.judge(good.model_copy(update={"items": items}), "auditor")
    with pytest.raises(WrongSignerError):
        zone.judge(good, "bank-a")


def test_only_the_audience_reports_and_once(zone: MemoryZone) -> None:
    ticket = ticket_for(zone)
    for signer in ("bank-b", "auditor", "coordinator"):
        with pytest.raises(WrongSignerError):
            zone.judge(failure(ticket), signer)
    with pytest.raises(FailureReportError):
        zone.judge(failure(ticket, batches=(0,)), "bank-a")
    with pytest.raises(TicketUnknownError):
        zone.judge(failure(ticket).model_copy(update={"ticket": "ab" * 32}), "bank-a")
    zone.say(failure(ticket), "bank-a")
    with pytest.raises(FailureReportError):
        zone.judge(failure(ticket), "bank-a")


def test_an_old_ticket_does_not_freeze_an_enterprise_any_more(zone: MemoryZone) -> None:
    """By then contributors may have erased what they open with: a bank could freeze whom it likes, for ever."""
    ticket = ticket_for(zone)
    zone.now = ticket.statement.not_after + REPORTED_WITHIN_S
    zone.judge(failure(ticket), "bank-a")
    zone.now += 1
    with pytest.raises(FailureReportError, match="within a week"):
        zone.judge(failure(ticket), "bank-a")


def test_a_second_auditor_may_settle_what_the_first_has_settled(zone: MemoryZone) -> None:
    report = zone.say(failure(ticket_for(zone)), "bank-a")
    zone.say(outcome(zone, report), "auditor")
    zone.say(outcome(zone, report, "RECORD_DIFFERS"), "auditor")
    assert zone.view.failures[report.digest].done


def test_an_enterprise_reports_its_own_portrait(zone: MemoryZone) -> None:
    ticket = ticket_for(zone, "own")
    zone.say(failure(ticket), zone.own_key[zone.subjects[FIRM]])
    with pytest.raises(SubjectFrozenError):
        ticket_for(zone)


def test_a_bulk_failure_freezes_its_batches(closed: MemoryZone) -> None:
    zone = closed.fork()
    (ticket, _), batches = zone.bulk_ticket("total", zone.batches_of("S1")), zone.batches_of("S1")
    logged = zone.say(ticket, "coordinator")
    for wrong in ((), (99,), (batches[-1].index, batches[0].index) if len(batches) > 1 else (99,)):
        with pytest.raises(FailureReportError):
            zone.judge(failure(logged, batches=wrong), "authority")
    report = zone.say(failure(logged, batches=(batches[0].index,)), "authority")
    zone.now = ticket.not_after + 1
    with pytest.raises(SubjectFrozenError):
        zone.judge(zone.bulk_ticket("total", zone.batches_of("S1"))[0], "coordinator")
    zone.judge(zone.bulk_ticket("total", zone.batches_of("S2"))[0], "coordinator")
    inputs = zone.view.failures[report.digest].inputs()
    assert {place for _, place in inputs} == {batches[0].index}
    assert len(inputs) == len(ticket.inputs)
    zone.say(outcome(zone, report), "auditor")
    zone.judge(zone.bulk_ticket("total", zone.batches_of("S1"))[0], "coordinator")


# --- the attack: a contributor compares the total of the others with thresholds of its choice ---


def comparisons(zone: MemoryZone, audiences: tuple[str, ...], *, defended: bool) -> tuple[int, int, int]:
    """A department that owns one indicator submits rows with values far outside its bounds, one threshold for each audience, and
    watches whether the audience's opening is possible. Returns (answers that it got, bounds in hundredths that it then knows of S).

    S is the total without its indicator. ``defended``: the audience reports its failures, as P2.4 demands.
    """
    subject, (_, indicator) = zone.subjects[FIRM], attacker(zone)
    stage = zone.placement.stage(subject)
    form, weight = functional(zone.model, "total", stage), zone.model.indicators[indicator].weight(stage)
    low, high, answers = 0, form.plain_hi, 0
    honest = zone.points[subject][indicator]
    for audience in audiences:
        threshold = (low + high) // 2
        consent = zone.consent(subject, audience, rows=False)
        zone.points[subject][indicator] = (form.plain_hi - threshold) // weight  # possible exactly when S <= plain_hi - weight·value
        zone.contribute_rows(consent)
        zone.points[subject][indicator] = honest
        asked = zone.asked(consent)
        try:
            ticket = zone.say(asked.ticket, "coordinator")
        except SubjectFrozenError:
            break
        answers += 1
        edge = form.plain_hi - weight * ((form.plain_hi - threshold) // weight)
        if possible(zone, ticket.statement, asked.aggregates[0]):
            high = edge
        else:
            low = edge + 1
            if defended:
                zone.say(failure(ticket), zone.own_key[subject] if audience == "own" else audience)
    return answers, low, high


def attacker(zone: MemoryZone) -> tuple[str, str]:
    """A department and one of its indicators that has weight in the firm's total."""
    stage = zone.placement.stage(zone.subjects[FIRM])
    contributors = zone.view.epoch(EPOCH).opened.contributors
    name = next(name for name, item in zone.model.indicators.items() if not item.gate and item.weight(stage))
    return contributors[name][0], name


def possible(zone: MemoryZone, ticket: Ticket, aggregate: int) -> bool:
    form = functional(zone.model, "total", ticket.stage)
    try:
        zone.model.read(form, zone.open(aggregate).m)
    except RangeError:
        return False
    return True


def total_of_the_others(zone: MemoryZone) -> int:
    subject, (_, indicator) = zone.subjects[FIRM], attacker(zone)
    stage = zone.placement.stage(subject)
    scored = {name: item for name, item in zone.model.indicators.items() if not item.gate and name != indicator}
    return sum(item.weight(stage) * zone.points[subject][name] for name, item in scored.items())


def test_positive_control_unreported_failures_make_a_comparison_oracle(zone: MemoryZone) -> None:
    """Without the report each audience's answer halves what the contributor does not know."""
    truth = total_of_the_others(zone)
    answers, low, high = comparisons(zone, ("bank-a", "bank-b"), defended=False)
    assert answers == 2
    assert low <= truth <= high
    assert high - low < functional(zone.model, "total", "S1").plain_hi // 3


def test_a_contributor_who_submits_an_impossible_value_gets_one_failure_and_no_more(zone: MemoryZone) -> None:
    for name in zone.points[zone.subjects[FIRM]]:
        zone.points[zone.subjects[FIRM]][name] = zone.model.indicators[name].bounds[1]  # the first comparison fails
    answers, _, _ = comparisons(zone, ("bank-a", "bank-b"), defended=True)
    assert answers == 1
