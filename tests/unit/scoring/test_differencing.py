"""No audience learns a protected value from the difference of two openings; each attack is shown to work where the ledger is forgotten [P7.2].

The attacks are carried out on a whole zone: real ciphertexts, real tickets, openings by the custodians' shares.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from crypto.keygen import PrivateKey
from crypto.paillier import Opening
from crypto.threshold import combine, partial
from scoring.disclosure.ledger import DisclosureLedger
from scoring.errors import DisclosureFrozenError, DisclosureIsolatesError, DisclosureLimitError, RevisionError, TicketInputsError
from scoring.exchange.tickets import functional_hashes, release_of
from scoring.exchange.view import Logged, ZoneView
from scoring.indicators.functional import functional
from scoring.release.aggregate import aggregate, aggregate_hash
from scoring.statements import DisclosurePolicy, Input, Ticket
from tests.support.epoch import EPOCH
from tests.support.leaky import SECOND_PRODUCT, leaky_zone
from tests.support.ledger import SMALL_BITS, THRESHOLD
from tests.support.zone import Asked, MemoryZone, open_zone

FIRM, GROWTH = 0, 600  # of stage S1
THIRD_STAGE_FIRM = 9
APPEAL = "epoch-1995-appeal"


@pytest.fixture(scope="module")
def opened(small_private_key: PrivateKey) -> MemoryZone:
    """An open epoch; the first firm's sales are missing, so that its growth earns 0. It has consented to bank-a, and its rows are there."""
    zone = open_zone(small_private_key)
    zone.points[zone.subjects[FIRM]]["growth"] = 0
    zone.consent(zone.subjects[FIRM])
    zone.consent(zone.subjects[THIRD_STAGE_FIRM])
    return zone


@pytest.fixture
def zone(opened: MemoryZone) -> MemoryZone:
    return opened.fork()


def consent_of(zone: MemoryZone, firm: int = FIRM) -> Logged:
    state = next(state for state in zone.view.consents.values() if state.consent.subject == zone.subjects[firm])
    return zone.view.at(state.index)


def forget(zone: MemoryZone) -> None:
    """Take the defence away: the view no longer knows what the audience could open before."""
    zone.view.ledger = DisclosureLedger()
    zone.view.first_tickets.clear()


def release(zone: MemoryZone, asked: Asked) -> Opening:
    """The ticket is logged, and what it allows is opened."""
    zone.say(asked.ticket, "coordinator")
    return zone.open(asked.aggregates[0])


def weight(zone: MemoryZone, indicator: str, stage: str = "S1") -> int:
    return zone.model.indicators[indicator].weight(stage)


# --- by leaves that changed ---


def one_leaf(zone: MemoryZone) -> None:
    """The tax bureau has the missing figure now and sends its row again."""
    row = zone.row("tax", consent_of(zone), revision=1)
    assert row is not None
    zone.say(row, "tax")


def all_leaves(zone: MemoryZone) -> None:
    """Every department sends its row again, so that no ciphertext is the same."""
    zone.contribute_rows(consent_of(zone), revision=1)


@pytest.mark.parametrize("resubmit", [one_leaf, all_leaves])
def test_differencing_by_revised_leaves_is_refused(zone: MemoryZone, resubmit: Callable[[MemoryZone], None]) -> None:
    first = release(zone, zone.asked(consent_of(zone)))
    zone.points[zone.subjects[FIRM]]["growth"] = GROWTH
    with pytest.raises(RevisionError, match="froze"):
        resubmit(zone)
    second = release(zone, zone.asked(consent_of(zone)))
    assert second.m == first.m


@pytest.mark.parametrize("resubmit", [one_leaf, all_leaves])
def test_differencing_by_revised_leaves_gives_the_value_where_nothing_is_frozen(zone: MemoryZone, resubmit: Callable[[MemoryZone], None]) -> None:
    first = release(zone, zone.asked(consent_of(zone)))
    zone.points[zone.subjects[FIRM]]["growth"] = GROWTH
    forget(zone)
    resubmit(zone)
    second = release(zone, zone.asked(consent_of(zone)))
    assert second.m - first.m == weight(zone, "growth") * GROWTH


def with_row_of(zone: MemoryZone, ticket: Ticket, leaf: int, sender: str) -> Ticket:
    """The ticket with every input of ``sender`` taken from another leaf, as the coordinator would like it."""
    old = zone.view.rows[EPOCH, sender, ticket.subject, ticket.audience][0].index
    inputs: tuple[Input, ...] = tuple(item.model_copy(update={"leaf_index": leaf}) if item.leaf_index == old else item for item in ticket.inputs)
    return ticket.model_copy(update={"inputs": inputs})


def test_a_ticket_over_another_leaf_than_the_first_is_refused_by_derivation_and_by_ledger(zone: MemoryZone) -> None:
    release(zone, zone.asked(consent_of(zone)))
    row = zone.row("tax", consent_of(zone), revision=1)
    assert row is not None
    leaf = zone.say_void(row, "tax")
    ticket = with_row_of(zone, zone.asked(consent_of(zone)).ticket, leaf, "tax")
    with pytest.raises(TicketInputsError):
        zone.judge(ticket, "coordinator")
    made = release_of(zone.view, ticket)
    assert made is not None
    with pytest.raises(DisclosureFrozenError, match="growth"):
        zone.view.ledger.check(made, zone.policy)


# --- by another stage ---


def restaged(zone: MemoryZone, asked: Asked, stage: str) -> Asked:
    """The same request, answered with the weights of another stage over the same inputs."""
    ticket = asked.ticket
    value = aggregate(zone.public_key, zone.model, ("total",), stage, None, ticket.inputs, zone.ciphertext)
    line = ticket.openings[0].model_copy(
        update={"functional_hashes": functional_hashes(zone.model, ("total",), stage), "aggregate": aggregate_hash(zone.public_key, value)}
    )
    return Asked(asked.document, ticket.model_copy(update={"stage": stage, "openings": (line,)}), (value,))


def citations_less_patents(zone: MemoryZone) -> int:
    points = zone.points[zone.subjects[THIRD_STAGE_FIRM]]
    return points["citations"] - points["patents"]


def test_differencing_by_a_changed_stage_is_refused(zone: MemoryZone) -> None:
    """S3 and S4 differ in the weights of patents and citations alone, which one office owns."""
    asked = zone.asked(consent_of(zone, THIRD_STAGE_FIRM))
    assert asked.ticket.stage == "S3"
    release(zone, asked)
    other = restaged(zone, zone.asked(consent_of(zone, THIRD_STAGE_FIRM)), "S4")
    with pytest.raises(DisclosureFrozenError, match="froze stage S3"):
        zone.judge(other.ticket, "coordinator")
    forget(zone)
    assert release(zone, other).m - zone.open(asked.aggregates[0]).m == citations_less_patents(zone)


def appeal(zone: MemoryZone, stage: str) -> Asked:
    """Another epoch of the same data, in which the firm is of ``stage`` and every leaf is new."""
    zone.staged[zone.subjects[THIRD_STAGE_FIRM]] = stage
    zone.open_epoch(APPEAL)
    consent = consent_of(zone, THIRD_STAGE_FIRM)
    zone.contribute_rows(consent, epoch=APPEAL)
    return zone.asked(consent, epoch=APPEAL)


def test_differencing_by_a_changed_stage_over_two_epochs_of_the_same_data_is_refused(zone: MemoryZone) -> None:
    first = release(zone, zone.asked(consent_of(zone, THIRD_STAGE_FIRM)))
    asked = appeal(zone, "S4")
    with pytest.raises(DisclosureIsolatesError, match="ip/province alone"):
        zone.judge(asked.ticket, "coordinator")
    leaf = zone.say_void(asked.ticket, "coordinator")
    assert isinstance(zone.view.void[leaf], DisclosureIsolatesError)
    forget(zone)
    repeated = zone.asked(consent_of(zone, THIRD_STAGE_FIRM), epoch=APPEAL)
    assert release(zone, repeated).m - first.m == citations_less_patents(zone)


def test_a_release_after_an_appeal_shows_the_difference_that_the_correction_made(zone: MemoryZone) -> None:
    """Accepted, and said to the enterprise before it consents: a new epoch of the same data is what an appeal is for."""
    first = release(zone, zone.asked(consent_of(zone, THIRD_STAGE_FIRM)))
    zone.points[zone.subjects[THIRD_STAGE_FIRM]]["growth"] += 100
    assert release(zone, appeal(zone, "S3")).m - first.m == 100 * weight(zone, "growth", "S3")


# --- by tickets of which each is shown to other custodians ---


def replayed(zone: MemoryZone) -> ZoneView:
    """What a custodian finds who replays the log for itself."""
    view = ZoneView(zone.view.genesis, {zone.model.sha256: zone.model}, min_key_bits=SMALL_BITS)
    for index, (leaf, envelope) in enumerate(zone.entries):
        view.apply(index, leaf, envelope)
    return view


def opened_by(zone: MemoryZone, quorum: slice, value: int) -> Opening:
    return combine(zone.sharing, value, {share.index: partial(zone.sharing, share, value) for share in zone.shares[quorum]})


def test_conflicting_tickets_for_different_quorums_are_refused_by_every_custodian(zone: MemoryZone) -> None:
    asked = zone.asked(consent_of(zone))
    rival = zone.fork()
    rival.points[rival.subjects[FIRM]]["growth"] = GROWTH
    one_leaf(rival)
    conflicting = rival.asked(consent_of(rival))

    zone.say(asked.ticket, "coordinator")  # one log: whatever comes second is void, whoever is asked to open it
    one, two = rival.entries[-1]
    assert zone.view.apply(len(zone.entries), one, two) is None
    zone.entries.append((one, two))
    zone.say_void(conflicting.ticket, "coordinator")
    for view in (replayed(zone) for _ in zone.shares):
        assert [item.statement for item in view.tickets.values()] == [asked.ticket]

    rival.say(conflicting.ticket, "coordinator")  # positive control: two logs, one for each quorum
    first = opened_by(zone, slice(0, THRESHOLD), asked.aggregates[0])
    second = opened_by(rival, slice(len(zone.shares) - THRESHOLD, len(zone.shares)), conflicting.aggregates[0])
    assert second.m - first.m == weight(zone, "growth") * GROWTH


# --- by functionals ---


def steady(zone: MemoryZone) -> Asked:
    subject = zone.subjects[FIRM]
    consent = zone.consent_statement(subject, products=(SECOND_PRODUCT,))
    return zone.asked(zone.say(consent, zone.own_key[subject]))


@pytest.fixture(scope="module")
def leaky(small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> MemoryZone:
    """No linter would pass its pack; its owners were careless."""
    zone = leaky_zone(small_private_key, tmp_path_factory.mktemp("packs"))
    zone.consent(zone.subjects[FIRM])
    return zone


def test_two_functionals_that_differ_in_one_owners_indicator_are_refused_one_after_the_other(leaky: MemoryZone) -> None:
    zone = leaky.fork()
    first = release(zone, zone.asked(consent_of(zone)))
    asked = steady(zone)
    with pytest.raises(DisclosureIsolatesError, match="tax/city alone"):
        zone.judge(asked.ticket, "coordinator")
    forget(zone)
    assert first.m - release(zone, asked).m == weight(zone, "growth") * zone.points[zone.subjects[FIRM]]["growth"]


def test_a_ticket_counts_although_nobody_opened_it(leaky: MemoryZone) -> None:
    zone = leaky.fork()
    zone.say(steady(zone).ticket, "coordinator")
    with pytest.raises(DisclosureIsolatesError):
        zone.judge(zone.asked(consent_of(zone)).ticket, "coordinator")


def test_another_bank_and_another_enterprise_have_ledgers_of_their_own(leaky: MemoryZone) -> None:
    zone = leaky.fork()
    zone.say(zone.asked(consent_of(zone)).ticket, "coordinator")
    zone.say(zone.asked(zone.consent(zone.subjects[FIRM], "bank-b")).ticket, "coordinator")
    zone.say(zone.asked(zone.consent(zone.subjects[4])).ticket, "coordinator")


def test_an_enterprises_own_portrait_is_exempt_and_counts_for_nobody(zone: MemoryZone) -> None:
    subject = zone.subjects[FIRM]
    portrait = zone.asked(zone.consent(subject, "own"))
    assert release_of(zone.view, portrait.ticket) is None
    zone.say(portrait.ticket, "coordinator")
    zone.say(zone.asked(consent_of(zone)).ticket, "coordinator")


def test_the_policy_limits_the_functionals_of_a_bank(leaky: MemoryZone) -> None:
    zone = leaky.fork()
    zone.say(zone.asked(consent_of(zone)).ticket, "coordinator")
    made = release_of(zone.view, steady(zone).ticket)
    assert made is not None
    with pytest.raises(DisclosureLimitError):
        zone.view.ledger.check(made, DisclosurePolicy(bank_functionals=1))
    with pytest.raises(DisclosureIsolatesError):
        zone.view.ledger.check(made, DisclosurePolicy())


def test_every_functional_of_a_ticket_is_an_entry_with_its_ciphertexts(zone: MemoryZone) -> None:
    ticket = zone.asked(consent_of(zone)).ticket
    zone.say(ticket, "coordinator")
    (held,) = zone.view.ledger.held("bank-a", ticket.subject, "1995")
    form = functional(zone.model, "total", ticket.stage)
    assert [(part.indicator, part.weight) for part in held.parts] == [(term.indicator, term.weight) for term in form.terms]
    assert {(part.leaf, part.position) for part in held.parts} == {(item.leaf_index, item.position) for item in ticket.inputs}
    packed = ticket.openings[0].model_copy(update={"functionals": ("total", "total")})
    made = release_of(zone.view, ticket.model_copy(update={"openings": (packed,)}))
    assert made is not None
    assert len(made.entries) == 2, "each slot of a packed opening is an entry"
