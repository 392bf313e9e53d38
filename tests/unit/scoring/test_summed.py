"""Records of several banks of which only the sum is used: what a pack may do with them, who contributes, and what opens [M7]."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crypto.encoding import sha256
from crypto.keygen import PrivateKey
from crypto.packing import unpack
from nodes.runtime.peers.signing import fresh_nonce
from scoring.audit import closing_findings, release_findings
from scoring.disclosure.audiences import registered
from scoring.disclosure.lint import lint
from scoring.errors import (
    EpochDefinitionError,
    LayoutError,
    ModelError,
    RangeError,
    RosterError,
    RowsAwaitedError,
    TicketInputsError,
    WrongOwnerError,
    WrongRosterError,
)
from scoring.exchange.contributions import owed_entries, row_entries
from scoring.exchange.contributors import contributors_of, formed, missing_columns
from scoring.exchange.order import check_order, order_of, parse_order
from scoring.indicators.functional import contributed, functional, read
from scoring.indicators.model import Model, load_pack
from scoring.release.asking import answering_epochs
from scoring.statements import Entry, EpochClose, MemberChange, Ticket
from tests.support.epoch import EPOCH, PERIOD, changed
from tests.support.members import ORGANISATIONS, ZONE, Organisation
from tests.support.zone import MemoryZone

PACK = Path(__file__).parents[3] / "scoring" / "packs" / "loan-performance" / "loan-performance@1.yaml"
LOANS, BALANCE, REPAID, OVERDUE = "loans-active", "loan-balance", "loan-repaid", "loans-overdue"
BANKS = ("bank-a", "bank-b")
TEXT = PACK.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def model() -> Model:
    return load_pack(PACK.read_bytes())


@pytest.fixture(scope="module")
def opened(small_private_key: PrivateKey) -> MemoryZone:
    zone = MemoryZone(small_private_key, pack=PACK, firms=("all",) * 12)
    zone.found()
    zone.open_epoch()
    for place, subject in enumerate(zone.subjects):  # what bank-b has is not what bank-a has
        for name in (LOANS, BALANCE, REPAID, OVERDUE):
            zone.points[subject][f"{name} of bank-b"] = (place * 137) % (zone.model.indicators[name].bounds[1] + 1)
    return zone


@pytest.fixture
def zone(opened: MemoryZone) -> MemoryZone:
    """An epoch of the loan model, open, with nothing contributed."""
    return opened.fork()


def closed(zone: MemoryZone, *away: tuple[str, str]) -> MemoryZone:
    """The epoch closed by an honest authority; columns of ``away`` (bank, indicator) did not come."""
    for sender, entry in zone.owed_columns():
        if (sender, entry.indicator) not in away:
            zone.say(zone.column(sender, entry), sender)
    absent = missing_columns(zone.view, zone.view.epoch(EPOCH))
    zone.say(EpochClose(zone=ZONE, nonce=fresh_nonce(), epoch=EPOCH, absent=absent), "authority")
    return zone


# --- the pack ---


@pytest.mark.parametrize(
    ("before", "after", "wrong"),
    [
        ("disclosed_to: [authority]", "disclosed_to: [authority, bank]", "disclosed to the authority alone"),
        ("disclosed_to: [authority]", "disclosed_to: [enterprise]", "disclosed to the authority alone"),
        ("    bounds: [0, 40]\n", "    bounds: [0, 40]\n    open_to: [authority]\n", "only its sum is opened"),
        ("    weights: 1\n", "    weights: 1\n    rule_by_stage: {all: {kind: flag, of: loans_active, points: 1}}\n", "one rule for all stages"),
        ("at_least: 2", "at_least: 1", "a number from 2 on is expected"),
        ("at_least: 2, at_most: 16", "at_least: 5, at_most: 4", "at_least is no more than at_most"),
        ("{sum: bank", "{sum: department", "'bank' is expected"),
        ("axes: []", "axes: [loan_balance]", "nobody could say a firm's stage"),
    ],
)  # fmt: skip
def test_a_pack_may_not_show_one_banks_value(before: str, after: str, wrong: str) -> None:
    assert before in TEXT
    with pytest.raises(ModelError, match=wrong):
        load_pack(TEXT.replace(before, after, 1).encode())


def test_a_veto_or_a_gate_has_one_owner() -> None:
    text = TEXT.replace("    dimension: lending\n", "    role: veto\n", 1).replace("    weights: 1\n", "", 1)
    with pytest.raises(ModelError, match="gives points only"):
        load_pack(text.encode())


def test_bounds_count_every_bank(model: Model) -> None:
    """A slot has room for the most banks that the model allows; what an epoch gives is judged by those that it names."""
    form = functional(model, "loans-at-all", "all")
    assert (form.plain_lo, form.plain_hi) == (0, 16 * 4000)
    assert model.slot_bits == 1 + (16 * 5000).bit_length()
    of_two = contributed(model, form, {LOANS: BANKS})
    assert (of_two.plain_hi, of_two.hash) == (2 * 4000, form.hash)
    assert read(of_two, 8000).value_hundredths == 8000
    with pytest.raises(RangeError):
        read(of_two, 8001)
    assert model.input_bounds(LOANS, "-") == (0, 4000)


def test_there_are_no_rows_and_nothing_for_anybody_but_the_authority(zone: MemoryZone) -> None:
    bank = zone.view.registry.member("bank-a")
    assert zone.model.disclosures("enterprise") == zone.model.disclosures("bank") == ()
    assert len(owed_entries(zone.model, bank, zone.model.disclosures("authority"))) == 4
    assert row_entries(zone.model, bank, ("total",)) == ()
    assert answering_epochs(zone.view) == []


# --- what one bank's value shows [P7.1] ---


def test_sums_over_two_banks_pass_the_lint_and_one_bank_with_the_authority_sees_the_other(model: Model) -> None:
    report = lint(model)
    assert report.admissible
    leaks = {leak.indicator: leak for leak in report.audiences[0].stages[0].leaks}
    assert set(leaks) == {f"{name} of bank {number}" for name in (LOANS, BALANCE, REPAID, OVERDUE) for number in (1, 2)}
    joint = [finding for finding in report.findings if finding.rule == "isolated"]
    assert {(finding.audience, finding.outcome) for finding in joint} == {("authority+bank", "reported")}


def test_an_authority_that_is_a_bank_itself_would_read_the_other_banks_values(zone: MemoryZone) -> None:
    members = list(zone.view.registry.members.values())
    both = [item.model_copy(update={"roles": (*item.roles, "bank")}) if item.id == "authority" else item for item in members]
    report = lint(zone.model, audiences=registered(both, [zone.model]))
    assert not report.admissible
    assert {finding.audience for finding in report.findings if finding.outcome == "refused"} == {"authority authority"}
    assert lint(zone.model, audiences=registered(members, [zone.model])).admissible


# --- who contributes ---


@pytest.mark.parametrize("banks", [("bank-a",), ("bank-b", "bank-a"), ("bank-a", "bank-b", "tax"), ("bank-a", "bank-a"), ()])
def test_the_contributors_are_no_ones_choice(zone: MemoryZone, banks: tuple[str, ...]) -> None:
    zone.compile("epoch-two")
    zone.say(zone.roster_statement(), "market")
    stages = zone.say(zone.stages_statement(), "tax")
    honest = zone.opening_statement(stages.index)
    assert honest.contributors[LOANS] == BANKS
    zone.judge(honest, "authority")
    for wrong in ({"contributors": {**honest.contributors, LOANS: banks}}, {"order": ""}):
        with pytest.raises(EpochDefinitionError):
            zone.judge(honest.model_copy(update=wrong), "authority")


def test_the_banks_of_a_data_period_stay_the_same(zone: MemoryZone, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sum with a bank and one without it would differ by that bank's value: who joins waits for the next period, and who leaves ends it."""
    monkeypatch.setitem(ORGANISATIONS, "bank-c", Organisation(("bank",)))
    zone.keys.make("bank-c")
    joined = MemberChange(zone=ZONE, nonce=fresh_nonce(), action="join", member=zone.keys.member("bank-c"))
    zone.say(zone.approved(joined), "authority")
    assert contributors_of(zone.view, zone.model, "1999")[LOANS] == BANKS  # it has not accepted the model
    zone.say(zone.admission(), "authority")
    assert contributors_of(zone.view, zone.model, "1999")[LOANS] == (*BANKS, "bank-c")
    assert contributors_of(zone.view, zone.model, PERIOD)[LOANS] == BANKS
    entry = Entry(indicator=LOANS)
    with pytest.raises(WrongOwnerError):
        zone.judge(zone.column("bank-c", entry), "bank-c")
    zone.say(MemberChange(zone=ZONE, nonce=fresh_nonce(), action="leave", member=zone.keys.member("bank-b")), "authority")
    with pytest.raises(EpochDefinitionError, match="bank-b contributed to an earlier epoch"):
        contributors_of(zone.view, zone.model, PERIOD)
    assert contributors_of(zone.view, zone.model, "1999")[LOANS] == ("bank-a", "bank-c")


def test_one_bank_alone_opens_no_epoch(zone: MemoryZone) -> None:
    zone.say(MemberChange(zone=ZONE, nonce=fresh_nonce(), action="leave", member=zone.keys.member("bank-b")), "authority")
    with pytest.raises(EpochDefinitionError, match="it takes 2 to 16"):
        contributors_of(zone.view, zone.model, "1999")


def test_a_banks_column_is_over_the_order_alone(zone: MemoryZone) -> None:
    """An order of the coordinator's own making, under the same roster, gives no column that counts."""
    column, epoch = zone.column("bank-a", Entry(indicator=LOANS)), zone.view.epoch(EPOCH)
    assert column.header.roster == epoch.opened.order != epoch.opened.roster
    zone.judge(column, "bank-a")
    for other in (epoch.opened.roster, sha256(b"another order").hex()):
        with pytest.raises(WrongRosterError):
            zone.judge(changed(column, roster=other), "bank-a")
    with pytest.raises(WrongOwnerError):
        zone.judge(changed(column, sender="tax"), "tax")
    with pytest.raises(LayoutError):
        zone.judge(changed(column, batches=column.header.batches + 1), "bank-a")


# --- what opens ---


def expected(zone: MemoryZone, name: str) -> list[int]:
    """Plain sums over both banks, in the roster's order."""
    of = zone.points
    return [of[subject][name] + of[subject][f"{name} of bank-b"] for subject, _, _ in zone.stages.subjects]


@pytest.mark.parametrize(
    ("functional_name", "indicator"), [("loans-at-all", LOANS), ("total", BALANCE), ("repaid-at-all", REPAID), ("overdue-at-all", OVERDUE)]
)
def test_totals_are_the_sums_over_all_banks(zone: MemoryZone, functional_name: str, indicator: str) -> None:
    closed(zone)
    values: list[int] = []
    for stage, _ in zone.stages.counts():
        batches = zone.batches_of(stage)
        ticket, aggregates = zone.bulk_ticket(functional_name, batches)
        zone.say(ticket, "coordinator")
        assert [(item.indicator, zone.view.at(item.leaf_index).actor) for item in ticket.inputs] == [(indicator, bank) for bank in BANKS]
        for batch, aggregate in zip(batches, aggregates, strict=True):
            values += unpack(zone.open(aggregate).m, zone.model.slot_bits, batch.count)
    assert values == expected(zone, indicator)


def altered(ticket: Ticket, **changes: Any) -> Ticket:
    return ticket.model_copy(update=changes)


def test_a_ticket_takes_exactly_one_input_of_each_bank(zone: MemoryZone) -> None:
    """With one missing or doubled the opening would be of one bank's values, or tell them beside the right one."""
    closed(zone)
    ticket, _ = zone.bulk_ticket("total", zone.batches_of("all"))
    first, second = ticket.inputs
    zone.judge(ticket, "coordinator")
    for wrong in ((first,), (second,), (first, first), (second, first), (first, second, second), ()):
        with pytest.raises(TicketInputsError):
            zone.judge(altered(ticket, inputs=wrong), "coordinator")


def test_without_a_banks_column_its_sum_is_not_opened_and_the_others_are(zone: MemoryZone) -> None:
    """A sum over those present would, beside a later one over all, show the absent bank's values [P5.3]."""
    closed(zone, ("bank-b", OVERDUE))
    state = zone.view.epoch(EPOCH)
    assert zone.view.at(state.close_index or 0).statement.absent == ((OVERDUE, "-", "bank-b"),)
    assert list(closing_findings(zone.view)) == []
    assert formed(zone.view, state) == ("total", "repaid-at-all", "loans-at-all")
    with pytest.raises(RowsAwaitedError, match="bank-b"):
        zone.bulk_ticket("overdue-at-all", zone.batches_of("all"))
    present = next(item for item in zone.view.contributions.values() if item.statement.header.entries[0].indicator == OVERDUE)
    ticket, _ = zone.bulk_ticket("total", zone.batches_of("all"))
    alone = ticket.inputs[0].model_copy(update={"indicator": OVERDUE, "leaf_index": present.index})
    opening = ticket.openings[0].model_copy(update={"functionals": ("overdue-at-all",)})
    with pytest.raises((TicketInputsError, RowsAwaitedError)):
        zone.judge(altered(ticket, inputs=(alone,), openings=(opening,)), "coordinator")
    for name in formed(zone.view, state):
        zone.say(zone.bulk_ticket(name, zone.batches_of("all"))[0], "coordinator")
    zone.say(zone.release_statement(), "authority")
    assert list(release_findings(zone.view, {EPOCH})) == []


def test_a_closing_that_hides_the_absent_bank_is_found(zone: MemoryZone) -> None:
    for sender, entry in zone.owed_columns():
        if sender == "bank-a":
            zone.say(zone.column(sender, entry), sender)
    zone.close_epoch()
    assert {finding.code for finding in closing_findings(zone.view)} == {"EPOCH_ABSENT"}
    assert len(list(closing_findings(zone.view))) == 4


# --- the order ---


def test_an_order_says_ids_and_batches_and_nothing_else(zone: MemoryZone) -> None:
    opened = zone.view.epoch(EPOCH).opened
    order = order_of(zone.stages, opened.slots)
    data = order.to_bytes()
    assert sha256(data).hex() == opened.order
    assert parse_order(data) == order
    assert [batch.count for batch in order.batches("all")] == [batch.count for batch in zone.placement.batches]
    for _, division, stage in zone.stages.subjects:
        assert division.encode() not in data
        assert f'"{stage}"'.encode() not in data
    check_order(opened, zone.stages)
    with pytest.raises(RosterError):
        check_order(opened.model_copy(update={"order": "ab" * 32}), zone.stages)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"subjects":["', '"subjects":["00', 1),
        lambda text: text.replace('"batches":["', '"batches":["9', 1),
        lambda text: text.replace('"batches":["', '"batches":["0', 1),
        lambda text: text.replace("order/v1", "order/v2"),
        lambda text: text[:-1] + ',"more":"x"}',
        lambda text: text + " ",
        lambda text: "[]",
        lambda text: "{" * 100_000,
    ],
)
def test_a_malformed_order_is_refused(zone: MemoryZone, change: Any) -> None:
    text = order_of(zone.stages, zone.slots).to_bytes().decode()
    with pytest.raises(RosterError):
        parse_order(change(text).encode())


def test_an_order_that_repeats_a_subject_is_refused(zone: MemoryZone) -> None:
    order = order_of(zone.stages, zone.slots)
    twice = type(order)(order.zone, order.epoch, order.period, (*order.subjects[:-1], order.subjects[0]), order.counts)
    with pytest.raises(RosterError):
        parse_order(twice.to_bytes())
