"""Rounds that renew the key's shares, as the log's rules have them: all or nothing, in order, and by nobody else [P1.7]."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace

import pytest

from crypto.errors import CryptoError, KeyFormatError, PartialError
from crypto.keygen import PrivateKey
from crypto.sealing import seal
from crypto.threshold import check_share, combine, partial
from nodes.runtime.peers.signing import fresh_nonce
from scoring.custody.rounds import make_deal, new_share, open_deal
from scoring.errors import BadDealError, KeyNotReadyError, KeyRoundError, ScoringError, WrongSignerError
from scoring.exchange.view import ZoneView
from scoring.statements import Statement
from tests.support.custody import Custody
from tests.support.ledger import SMALL_BITS
from tests.support.members import CUSTODIANS
from tests.support.zone import MemoryZone

OTHER = "ab" * 32


@pytest.fixture(scope="module")
def founded(small_private_key: PrivateKey) -> MemoryZone:
    zone = MemoryZone(small_private_key)
    zone.found()
    return zone


@pytest.fixture
def custody(founded: MemoryZone) -> Custody:
    return Custody(founded.fork())


def changed(statement: Statement, **fields: object) -> Statement:
    return type(statement).model_validate({**statement.model_dump(), **fields}, strict=False)


def opens(custody: Custody, names: tuple[str, ...]) -> bool:
    """Whether the shares of these custodians open a ciphertext under the present generation."""
    key, sharing = custody.zone.public_key, custody.zone.view.generation().sharing
    ciphertext = (1 + 42 * key.n) * pow(key.h_s, 12345, key.n2) % key.n2
    partials = {custody.shares[name].index: partial(sharing, custody.shares[name], ciphertext) for name in names}
    return combine(sharing, ciphertext, partials).m == 42


def begun(custody: Custody) -> None:
    custody.zone.say(custody.round(), "authority")


def received(custody: Custody) -> None:
    begun(custody)
    for name in CUSTODIANS:
        custody.zone.say(custody.receiver(name), name)


def dealt(custody: Custody) -> None:
    received(custody)
    for name in CUSTODIANS:
        custody.zone.say(custody.deal(name), name)


def acknowledged(custody: Custody) -> None:
    dealt(custody)
    for name in CUSTODIANS:
        custody.zone.say(custody.acknowledgement(name), name)


# --- what holds ------------------------------------------------------------------------------------------------------------


def test_a_refresh_takes_effect_when_it_is_activated_and_not_before(custody: Custody) -> None:
    before = custody.zone.view.generation()
    acknowledged(custody)
    assert custody.zone.view.generation() == before
    custody.zone.say(custody.activation(), "authority")
    present = custody.zone.view.generation()
    assert (present.number, present.custodians, custody.zone.view.round) == (1, before.custodians, None)
    assert custody.zone.view.generation(0) == before
    for name in CUSTODIANS:
        assert present.sharing.v_i != before.sharing.v_i, name


def test_shares_of_every_generation_open(custody: Custody) -> None:
    for _ in range(3):
        custody.play()
        for name, share in custody.shares.items():
            check_share(custody.zone.view.generation().sharing, share)
            assert opens(custody, tuple(sorted({name, CUSTODIANS[0], CUSTODIANS[1]}))[:2])


def test_custodians_join_leave_and_come_back(custody: Custody) -> None:
    for name in ("bank-a", "bank-b"):
        custody.employ(name)
    custody.play(("credit", "bank-a", "bank-b", "tax", "notary"), 3)
    assert opens(custody, ("bank-a", "bank-b", "notary"))
    assert custody.shares["tax"].index == 4
    custody.play()
    custody.play(("tax", "notary"), 2, ("bank-a", "bank-b", "credit"))
    assert opens(custody, ("tax", "notary"))
    assert set(custody.shares) == {"tax", "notary"}
    with pytest.raises(PartialError):
        custody.zone.view.generation().share_number("credit")


def test_a_custodian_that_lost_its_share_gets_one_from_the_others(custody: Custody) -> None:
    del custody.shares["tax"]
    custody.play(CUSTODIANS, 2, ("credit", "notary"))
    assert opens(custody, ("tax", "notary"))


def test_an_abandoned_round_leaves_the_generation_as_it_was(custody: Custody) -> None:
    steps: tuple[Callable[[Custody], None], ...] = (begun, received, dealt, acknowledged)
    for step in steps:
        step(custody)
        custody.zone.say(custody.abandonment(), "authority")
        assert (custody.zone.view.generation().number, custody.zone.view.round) == (0, None)
    assert opens(custody, CUSTODIANS[:2])
    custody.play()
    assert opens(custody, CUSTODIANS[:2])


def test_who_replays_the_log_comes_to_the_same_generations(custody: Custody) -> None:
    custody.play()
    custody.play(("notary", "tax"), 2)
    zone = custody.zone
    again = ZoneView(zone.entries[0][1], {zone.model.sha256: zone.model}, min_key_bits=SMALL_BITS)
    for index, (leaf, envelope) in enumerate(zone.entries):
        again.apply(index, leaf, envelope)
    assert again.void == {}
    assert again.generations == zone.view.generations


# --- what does not -----------------------------------------------------------------------------------------------------------


WRONG_ROUNDS: dict[str, dict[str, object]] = {
    "another generation": {"generation": 2},
    "another threshold in a refresh": {"threshold": 3},
    "fewer custodians in a refresh": {"custodians": CUSTODIANS[:2]},
    "fewer dealers in a refresh": {"dealers": CUSTODIANS[:2]},
    "more dealers than t": {"action": "reshare"},
    "a dealer who holds nothing": {"action": "reshare", "dealers": ("tax", "bank-a")},
    "half as threshold": {"action": "reshare", "dealers": CUSTODIANS[:2], "custodians": CUSTODIANS[:2], "threshold": 1},
    "a custodian twice": {"action": "reshare", "dealers": CUSTODIANS[:2], "custodians": (*CUSTODIANS, "tax"), "threshold": 3},
    "a member that is no custodian": {"action": "reshare", "dealers": CUSTODIANS[:2], "custodians": (*CUSTODIANS, "bank-a"), "threshold": 3},
}


@pytest.mark.parametrize("fields", WRONG_ROUNDS.values(), ids=WRONG_ROUNDS.keys())
def test_a_round_that_does_not_fit_is_void(custody: Custody, fields: dict[str, object]) -> None:
    with pytest.raises((ScoringError, CryptoError)):
        custody.zone.judge(changed(custody.round(), **fields), "authority")


def test_only_the_authority_begins_ends_and_gives_up_a_round(custody: Custody) -> None:
    with pytest.raises(WrongSignerError):
        custody.zone.judge(custody.round(), "tax")
    acknowledged(custody)
    for statement in (custody.activation(), custody.abandonment()):
        with pytest.raises(WrongSignerError):
            custody.zone.judge(statement, "tax")


def test_a_round_waits_for_the_one_under_way_and_for_the_shares_of_the_ceremony(custody: Custody, small_private_key: PrivateKey) -> None:
    begun(custody)
    with pytest.raises(KeyRoundError, match="under way"):
        custody.zone.judge(custody.round(), "authority")
    fresh = MemoryZone(small_private_key)
    fresh.hold_ceremony()
    with pytest.raises(KeyNotReadyError):
        fresh.judge(Custody(fresh).round(), "authority")


def test_nobody_speaks_for_another_custodian_or_twice(custody: Custody) -> None:
    zone = custody.zone
    begun(custody)
    with pytest.raises(WrongSignerError):
        zone.judge(custody.receiver("tax"), "credit")
    zone.say(custody.receiver("tax"), "tax")
    with pytest.raises(KeyRoundError, match="before"):
        zone.judge(custody.receiver("tax"), "tax")
    with pytest.raises(KeyRoundError, match="no custodian"):
        zone.judge(changed(custody.receiver("tax"), custodian="bank-a"), "bank-a")
    for name in ("credit", "notary"):
        zone.say(custody.receiver(name), name)
    with pytest.raises(WrongSignerError):
        zone.judge(custody.deal("tax"), "credit")
    zone.say(custody.deal("tax"), "tax")
    with pytest.raises(KeyRoundError, match="before"):
        zone.judge(custody.deal("tax"), "tax")


def test_steps_have_their_order(custody: Custody) -> None:
    zone = custody.zone
    begun(custody)
    with pytest.raises(KeyRoundError, match="not every custodian"):
        custody.deal("tax")
    for name in CUSTODIANS:
        zone.say(custody.receiver(name), name)
    deals = {name: custody.deal(name) for name in CUSTODIANS}
    for name in CUSTODIANS[:-1]:
        zone.say(deals[name], name)
    with pytest.raises(KeyRoundError, match="not every dealer"):
        new_share(custody.pending, "tax", custody.private["tax"], custody.shares["tax"])
    zone.say(deals[CUSTODIANS[-1]], CUSTODIANS[-1])
    for name in CUSTODIANS[:-1]:
        zone.say(custody.acknowledgement(name), name)
    early = changed(custody.abandonment(), round=OTHER)
    with pytest.raises(KeyRoundError, match="not under way"):
        zone.judge(early, "authority")


def test_an_activation_needs_every_acknowledgement(custody: Custody) -> None:
    """t of them would be enough to open; but then a share would be lost."""
    dealt(custody)
    for name in CUSTODIANS[:-1]:
        custody.zone.say(custody.acknowledgement(name), name)
    custody.zone.say(custody.acknowledgement(CUSTODIANS[-1]), CUSTODIANS[-1])
    whole = custody.activation()
    for fields in ({"acknowledgements": whole.acknowledgements[:-1]}, {"acknowledgements": whole.acknowledgements[::-1]}, {"generation": 2}):
        with pytest.raises(KeyRoundError, match="something else"):
            custody.zone.judge(changed(whole, **fields), "authority")
    other = Custody(custody.zone.fork())
    assert other.zone.view.round is not None
    other.zone.view.round = replace(other.zone.view.round, acknowledged={"tax": OTHER})
    with pytest.raises(KeyRoundError, match="not acknowledged by credit, notary"):
        other.zone.judge(whole, "authority")


def test_an_acknowledgement_is_of_the_logged_deals(custody: Custody) -> None:
    received(custody)
    for name in CUSTODIANS:
        custody.zone.say(custody.deal(name), name)
    with pytest.raises(KeyRoundError, match="other deals"):
        custody.zone.judge(changed(custody.acknowledgement("tax"), deals=OTHER), "tax")


def test_a_deal_that_shifts_the_key_is_void(custody: Custody) -> None:
    received(custody)
    deal = custody.deal("tax")
    v = custody.zone.view.generation().sharing.v
    with pytest.raises(KeyFormatError, match="not zero"):
        custody.zone.judge(changed(deal, commitments=(f"{v:x}", *deal.commitments[1:])), "tax")
    with pytest.raises(KeyRoundError, match="one sealed value"):
        custody.zone.judge(changed(deal, sealed=deal.sealed[:-1]), "tax")


def test_a_receiver_names_the_deal_that_does_not_hold(custody: Custody) -> None:
    received(custody)
    good = {name: custody.deal(name) for name in CUSTODIANS}
    other = custody.deal("credit")  # of another polynomial: its values do not agree with the first one's commitments
    bad = custody.zone.say(changed(good["credit"], sealed=other.sealed), "credit")
    for name in ("tax", "notary"):
        custody.zone.say(good[name], name)
    with pytest.raises(BadDealError, match="the deal of credit") as refused:
        new_share(custody.pending, "tax", custody.private["tax"], custody.shares["tax"])
    assert refused.value.deal == bad.digest


def test_a_dealt_value_opens_for_its_receiver_in_its_round_alone(custody: Custody) -> None:
    dealt(custody)
    deal = custody.pending.deals["tax"]
    open_deal(custody.pending, deal, "credit", custody.private["credit"])
    with pytest.raises(CryptoError):
        open_deal(custody.pending, deal, "credit", custody.private["notary"])
    with pytest.raises(CryptoError):
        open_deal(replace(custody.pending, digest=OTHER), deal, "credit", custody.private["credit"])
    with pytest.raises(CryptoError):  # the custodian's lasting key reads nothing
        open_deal(custody.pending, deal, "credit", custody.zone.keys.hpke["credit"])


def test_a_value_of_another_width_is_refused(custody: Custody) -> None:
    received(custody)
    enc, ciphertext = seal(custody.pending.receivers["tax"], b"", b"", b"short")
    deal = changed(custody.deal("credit"), sealed=((enc + ciphertext).hex(),) * 3)
    custody.zone.say(deal, "credit")
    with pytest.raises(CryptoError):
        open_deal(custody.pending, custody.pending.deals["credit"], "tax", custody.private["tax"])


def test_a_deal_needs_the_share_that_is_bound_to(custody: Custody) -> None:
    received(custody)
    with pytest.raises(KeyFormatError, match="no dealer"):
        make_deal(custody.pending, "tax", replace(custody.shares["tax"], generation=4), fresh_nonce(), secrets.randbits)
