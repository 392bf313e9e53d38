"""The registry's end stops what opens or publishes, and nothing else; the authority renews it, custodians bridge its absence [P9]."""

from __future__ import annotations

import pytest

from crypto.keygen import PrivateKey
from nodes.runtime.peers.signing import fresh_nonce
from scoring.errors import ApprovalError, RegistryExpiredError, RegistryRenewalError, StatementReplayedError, WrongSignerError
from scoring.exchange.validity import DAY_S, EXTENSION_S, EXTENSIONS_IN_A_ROW, VALIDITY_S, Validity
from scoring.exchange.view import ZoneView
from scoring.statements import RegistryExtension, RegistryRenewal, parse_statement
from tests.support.ledger import SMALL_BITS, THRESHOLD
from tests.support.members import CUSTODIANS, ZONE
from tests.support.zone import MemoryZone

LIFE_S = 100 * DAY_S


@pytest.fixture(scope="module")
def made(small_private_key: PrivateKey) -> MemoryZone:
    """A released zone whose registry holds a hundred days, with one consent and its rows."""
    zone = MemoryZone(small_private_key, validity_s=LIFE_S)
    zone.found()
    zone.open_epoch()
    zone.contribute_columns()
    zone.close_epoch()
    zone.open_totals()
    zone.say(zone.release_statement(), "authority")
    return zone


@pytest.fixture
def zone(made: MemoryZone) -> MemoryZone:
    return made.fork()


def renewal(zone: MemoryZone, until: int) -> RegistryRenewal:
    return zone.approved(RegistryRenewal(zone=ZONE, nonce=fresh_nonce(), until=until))


def extension(zone: MemoryZone, until: int, number: int = 1) -> RegistryExtension:
    return zone.approved(RegistryExtension(zone=ZONE, nonce=fresh_nonce(), number=number, until=until))


def end_of(zone: MemoryZone) -> int:
    assert zone.view.validity.until is not None
    return zone.view.validity.until


def test_after_the_end_nothing_is_opened_while_contributions_go_on(zone: MemoryZone) -> None:
    consent = zone.consent(zone.subjects[0])
    zone.now = end_of(zone) - DAY_S
    renewed = zone.say(zone.consent_statement(zone.subjects[0]), zone.own_key[zone.subjects[0]])
    zone.now = end_of(zone)
    zone.judge(zone.asked(renewed).ticket, "coordinator")
    zone.now += 1
    with pytest.raises(RegistryExpiredError, match="1 s before"):
        zone.judge(zone.asked(renewed).ticket, "coordinator")
    zone.say_void(zone.asked(renewed).ticket, "coordinator")
    zone.consent(zone.subjects[1])  # enrolment, consent and every department's row are logged
    zone.say(zone.revocation(consent), zone.own_key[zone.subjects[0]])


def test_no_epoch_is_opened_or_released_after_the_end(small_private_key: PrivateKey) -> None:
    zone = MemoryZone(small_private_key, validity_s=LIFE_S)
    zone.found()
    late = zone.fork()
    late.now = end_of(zone) + 1
    with pytest.raises(RegistryExpiredError):
        late.open_epoch()
    zone.open_epoch()
    zone.contribute_columns()
    zone.close_epoch()
    zone.open_totals()
    zone.now = end_of(zone) + 1
    with pytest.raises(RegistryExpiredError):
        zone.judge(zone.release_statement(), "authority")
    zone.say(renewal(zone, zone.now + LIFE_S), "authority")
    zone.say(zone.release_statement(), "authority")


def test_a_registry_without_the_field_holds_without_end_and_its_bytes_are_as_before(small_private_key: PrivateKey) -> None:
    zone = MemoryZone(small_private_key)
    assert b"validity" not in zone.registry().payload()
    assert zone.view.validity == Validity()
    zone.now += 100 * 365 * DAY_S
    assert zone.view.validity.state(zone.now) == "unlimited"
    with pytest.raises(RegistryRenewalError, match="without end"):
        zone.judge(extension(zone, zone.now + DAY_S), "notary")
    zone.say(renewal(zone, zone.now + VALIDITY_S), "authority")  # may adopt an end
    assert zone.view.validity.left_s(zone.now) is not None


def test_half_of_what_was_given_is_when_the_alarm_begins(zone: MemoryZone) -> None:
    validity, end = zone.view.validity, end_of(zone)
    assert [validity.state(end - LIFE_S + share) for share in (0, LIFE_S // 2 - 1, LIFE_S // 2, LIFE_S, LIFE_S + 1)] == [
        "valid", "valid", "ageing", "ageing", "expired",
    ]  # fmt: skip
    zone.now = end - 10
    zone.say(extension(zone, end + DAY_S), "notary")
    assert zone.view.validity.state(zone.now) == "ageing"  # bridged, not renewed
    zone.say(renewal(zone, zone.now + LIFE_S), "authority")
    assert zone.view.validity.state(zone.now) == "valid"


def test_a_renewal_is_the_authoritys_with_the_custodians_approvals_over_exactly_this_time(zone: MemoryZone) -> None:
    good = renewal(zone, zone.now + LIFE_S)
    for signer in ("notary", "coordinator", "bank-a"):
        with pytest.raises(WrongSignerError):
            zone.judge(good, signer)
    other = renewal(zone, zone.now + LIFE_S - 1)
    for approvals in ((), good.approvals[: THRESHOLD - 1], other.approvals, good.approvals[:1] * THRESHOLD):
        with pytest.raises(ApprovalError):
            zone.judge(good.model_copy(update={"approvals": approvals}), "authority")
    zone.say(good, "authority")
    with pytest.raises((RegistryRenewalError, StatementReplayedError)):
        zone.judge(good, "authority")


def test_a_renewal_reaches_no_further_than_the_registry_gives(zone: MemoryZone) -> None:
    for until in (zone.now, zone.now - 1, end_of(zone), zone.now + LIFE_S + 1):
        with pytest.raises(RegistryRenewalError):
            zone.judge(renewal(zone, until), "authority")


def test_extensions_are_short_few_near_the_end_and_signed_by_a_custodian(zone: MemoryZone) -> None:
    with pytest.raises(RegistryRenewalError, match="last 30 days"):
        zone.judge(extension(zone, end_of(zone) + DAY_S), "notary")
    zone.now = end_of(zone) - DAY_S
    with pytest.raises(WrongSignerError):
        zone.judge(extension(zone, end_of(zone) + DAY_S), "authority")
    for until, number in ((end_of(zone), 1), (end_of(zone) + EXTENSION_S + 1, 1), (end_of(zone) + 1, 2)):
        with pytest.raises(RegistryRenewalError):
            zone.judge(extension(zone, until, number), "notary")
    alone = extension(zone, end_of(zone) + 1)
    with pytest.raises(ApprovalError):
        zone.judge(alone.model_copy(update={"approvals": alone.approvals[:1]}), "notary")
    for number in range(1, EXTENSIONS_IN_A_ROW + 1):
        zone.say(extension(zone, end_of(zone) + EXTENSION_S, number), "notary")
        zone.now = end_of(zone) + DAY_S  # each bridges, after the end too
        with pytest.raises(RegistryExpiredError):
            zone.view.validity.check(zone.now)
    with pytest.raises(RegistryRenewalError, match="in a row"):
        zone.judge(extension(zone, zone.now + DAY_S, EXTENSIONS_IN_A_ROW + 1), "notary")
    zone.say(renewal(zone, zone.now + LIFE_S), "authority")
    zone.now = end_of(zone)
    zone.say(extension(zone, end_of(zone) + DAY_S), "tax")  # a renewal begins the row anew


def test_whoever_replays_the_log_finds_the_same(zone: MemoryZone) -> None:
    zone.now = end_of(zone) + 1
    consent = zone.say(zone.consent_statement(zone.subjects[0]), zone.enrol(zone.subjects[0]))
    zone.contribute_rows(consent)
    void = zone.say_void(zone.asked(consent).ticket, "coordinator")
    zone.say(extension(zone, zone.now + DAY_S), CUSTODIANS[0])
    zone.say(zone.asked(consent).ticket, "coordinator")
    again = ZoneView(zone.view.genesis, zone.view.models, min_key_bits=SMALL_BITS)
    for index, (leaf, envelope) in enumerate(zone.entries):
        again.apply(index, leaf, envelope)
    assert again.validity == zone.view.validity
    assert set(again.void) == set(zone.view.void) >= {void}
    assert isinstance(again.void[void], RegistryExpiredError)


def test_an_approval_of_one_kind_of_change_serves_no_other(zone: MemoryZone) -> None:
    zone.now = end_of(zone)
    asked = RegistryExtension(zone=ZONE, nonce=fresh_nonce(), number=1, until=end_of(zone) + DAY_S)
    approvals = zone.approved(asked).approvals
    as_renewal = RegistryRenewal(zone=ZONE, nonce=asked.nonce, until=asked.until, approvals=approvals)
    with pytest.raises(ApprovalError):
        zone.judge(as_renewal, "authority")
    assert parse_statement(asked.payload_type(), asked.payload()) == asked
