"""A member leaves: a bank's consents are over, a department's contributions stay, a custodian leaves no zone without t shares."""

from __future__ import annotations

import pytest

from crypto.keygen import PrivateKey
from nodes.runtime.peers.signing import fresh_nonce
from scoring.errors import (
    AudienceUnknownError,
    ConsentLapsedError,
    CustodianNeededError,
    OwnerLeftError,
    SignerUnknownError,
    WrongOwnerError,
)
from scoring.exchange.tickets import derive_inputs
from scoring.statements import MemberChange
from tests.support.custody import Custody
from tests.support.epoch import EPOCH
from tests.support.members import CUSTODIANS, ZONE
from tests.support.zone import MemoryZone, open_zone, released_zone


@pytest.fixture(scope="module")
def made(small_private_key: PrivateKey) -> MemoryZone:
    return released_zone(small_private_key)


@pytest.fixture
def zone(made: MemoryZone) -> MemoryZone:
    return made.fork()


def change(zone: MemoryZone, name: str, action: str = "leave") -> MemberChange:
    return MemberChange.model_validate({"zone": ZONE, "nonce": fresh_nonce(), "action": action, "member": zone.keys.member(name)})


def leave(zone: MemoryZone, name: str) -> int:
    return zone.say(change(zone, name), "authority").index


# --- banks ---


def test_consents_for_a_bank_that_left_are_over_and_do_not_come_back_with_it(zone: MemoryZone) -> None:
    consent = zone.consent(zone.subjects[0])
    ready, other = zone.asked(consent).ticket, zone.consent(zone.subjects[0], "bank-b")
    left = leave(zone, "bank-a")
    with pytest.raises(AudienceUnknownError):
        zone.judge(ready, "coordinator")
    zone.say(zone.approved(change(zone, "bank-a", "join")), "authority")
    assert zone.view.consents[consent.statement.id].lapsed_index == left
    with pytest.raises(ConsentLapsedError, match="new consent"):
        zone.judge(zone.asked(consent).ticket, "coordinator")
    zone.say(zone.asked(other).ticket, "coordinator")  # another bank's stands
    anew = zone.consent(zone.subjects[1])
    zone.say(zone.asked(anew).ticket, "coordinator")


def test_a_member_that_gives_up_being_a_bank_gives_up_its_consents(zone: MemoryZone) -> None:
    consent = zone.consent(zone.subjects[0])
    entry = zone.keys.member("bank-a").model_copy(update={"roles": ()})
    zone.say(MemberChange(zone=ZONE, nonce=fresh_nonce(), action="rekey", member=entry), "authority")
    assert not zone.view.consents[consent.statement.id].stands


# --- departments ---


def test_a_department_that_leaves_an_open_epoch_keeps_in_it_what_it_contributed(small_private_key: PrivateKey) -> None:
    zone = open_zone(small_private_key)
    zone.contribute_columns()
    late = zone.fork()
    leave(zone, "science")
    zone.close_epoch()
    zone.open_totals()
    zone.say(zone.release_statement(), "authority")  # its columns count as before
    consent = zone.consent(zone.subjects[0], rows=False)
    for name in ("tax", "market", "insurance", "ip", "credit"):
        row = zone.row(name, consent)
        if row is not None:
            zone.say(row, name)
    with pytest.raises(OwnerLeftError, match="science"):
        zone.asked(consent)
    kept = late.consent(late.subjects[0])  # its row came before
    leave(late, "science")
    state = late.view.epoch(EPOCH)
    derive_inputs(
        late.view, state, kept.statement.functionals, late.placement.stage(kept.statement.subject), subject=kept.statement.subject, audience="bank-a"
    )
    row = late.row("science", kept, revision=1)
    assert row is not None
    with pytest.raises(SignerUnknownError):
        late.judge(row, "science")


def test_no_epoch_is_opened_before_a_department_that_left_has_a_successor(zone: MemoryZone) -> None:
    leave(zone, "science")
    with pytest.raises(WrongOwnerError, match="science"):
        zone.open_epoch("second")


# --- custodians ---


def test_a_custodian_leaves_as_long_as_t_of_those_with_shares_are_left(zone: MemoryZone) -> None:
    leave(zone, "notary")
    for name in ("tax", "credit"):
        with pytest.raises(CustodianNeededError, match="reshare"):
            zone.judge(change(zone, name), "authority")
    entry = zone.keys.member("credit").model_copy(update={"roles": ("department",)})
    with pytest.raises(CustodianNeededError):
        zone.judge(MemberChange(zone=ZONE, nonce=fresh_nonce(), action="rekey", member=entry), "authority")
    zone.say_void(change(zone, "tax"), "authority")
    assert "tax" in zone.view.registry.members


def test_after_a_resharing_without_it_a_custodian_leaves(zone: MemoryZone) -> None:
    custody = Custody(zone)
    custody.employ("insurance")
    custody.employ("ip")
    custody.play(("tax", "insurance", "ip"), 2, ("tax", "credit"))
    for name in ("notary", "credit", "tax"):  # two hold nothing any more, and of the three others two are enough
        leave(zone, name)
    assert set(CUSTODIANS).isdisjoint(zone.view.registry.members)
    with pytest.raises(CustodianNeededError):
        zone.judge(change(zone, "ip"), "authority")
