"""Changes of members in the log: what they let and forbid afterwards, and whose approvals count."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import pytest

from crypto.encoding import sha256
from crypto.keygen import PrivateKey
from crypto.statements import countersign
from nodes.errors import MemberLeftError, MemberUnknownError
from nodes.log.admission import Admission
from nodes.log.storage import Entry
from scoring.errors import (
    ApprovalError,
    CustodianNeededError,
    SignerUnknownError,
    StatementReplayedError,
    WrongSignerError,
)
from scoring.statements import (
    KeyActivated,
    KeyRound,
    Leaf,
    MemberChange,
    parse_leaf,
)
from tests.support.custody import Custody
from tests.support.ledger import SMALL_BITS
from tests.support.zone import MemoryZone, open_zone
from tests.unit.log.admitting import PLACES, entry, put
from tests.unit.log.small_zone import SmallZone, make_key

# --- changes of members ---


def test_a_joined_member_may_call_and_sign_and_one_that_left_may_not(admission: Admission, small_zone: SmallZone) -> None:
    key = make_key("bank-c")
    small_zone.keys["bank-c"] = key
    with pytest.raises(MemberUnknownError):
        admission.check_member("bank-c")
    put(admission, "authority", small_zone.sign("authority", small_zone.change("bank-c", key)))
    admission.check_member("bank-c")
    assert admission.admit("bank-c", small_zone.refusal("bank-c"), "k").actor == "bank-c"
    put(admission, "authority", small_zone.sign("authority", small_zone.change("bank-c", key, "leave")))
    with pytest.raises(MemberLeftError):
        admission.check_member("bank-c")
    with pytest.raises(SignerUnknownError):
        admission.admit("coordinator", small_zone.refusal("bank-c"), "k")


def test_a_rekeyed_member_signs_with_its_new_key_only(admission: Admission, small_zone: SmallZone) -> None:
    old, new = small_zone.keys["bank-b"], make_key("bank-b")
    put(admission, "authority", small_zone.sign("authority", small_zone.change("bank-b", new, "rekey")))
    with pytest.raises(SignerUnknownError):
        admission.admit("bank-b", small_zone.refusal("bank-b"), "k")
    small_zone.keys["bank-b"] = new
    try:
        assert admission.admit("bank-b", small_zone.refusal("bank-b"), "k").actor == "bank-b"
    finally:
        small_zone.keys["bank-b"] = old


def test_only_the_authority_changes_members(admission: Admission, small_zone: SmallZone) -> None:
    with pytest.raises(WrongSignerError):
        admission.admit("coordinator", small_zone.sign("coordinator", small_zone.change("bank-c", make_key("bank-c"))), "k")


def test_a_key_that_too_few_custodians_approved_is_not_logged(admission: Admission, small_zone: SmallZone) -> None:
    for action in ("join", "rekey"):
        approved = small_zone.change("bank-b", make_key("bank-b"), action)
        with pytest.raises(ApprovalError):
            admission.admit("authority", small_zone.sign("authority", approved.model_copy(update={"approvals": ()})), "k")
        admission.admit("authority", small_zone.sign("authority", approved), "k")
    revoked = small_zone.change("bank-b", small_zone.keys["bank-b"], "leave").model_copy(update={"approvals": ()})
    put(admission, "authority", small_zone.sign("authority", revoked))
    with pytest.raises(MemberLeftError):
        admission.check_member("bank-b")


# --- whose approvals count ---


@pytest.fixture(scope="module")
def dealt(small_private_key: PrivateKey) -> Custody:
    """A zone with its key, of which insurance is a custodian too, without a share."""
    custody = Custody(open_zone(small_private_key))
    custody.employ("insurance")
    return custody


def following(zone: MemoryZone) -> Admission:
    """The log's admission once it has the zone's leaves."""
    admission = Admission(zone.entries[0][1], SMALL_BITS)
    for index in range(1, len(zone.entries)):
        follow(admission, zone, index)
    return admission


def follow(admission: Admission, zone: MemoryZone, index: int) -> None:
    leaf, envelope = zone.entries[index]
    said = parse_leaf(leaf)
    admission.apply(Entry(index, leaf, bytes.fromhex(said.digest), said.kind, (said.actor,), envelope))


def rekeyed(zone: MemoryZone, custodians: Sequence[str]) -> bytes:
    zone.keys.make("ip")
    change = MemberChange(zone=zone.name, nonce=secrets.token_hex(16), action="rekey", member=zone.keys.member("ip"))
    return zone.envelope(zone.approved(change, custodians), "authority")


def test_after_a_re_sharing_the_log_takes_approvals_of_the_custodians_of_today(dealt: Custody) -> None:
    zone = dealt.zone.fork()
    before = following(zone)
    with pytest.raises(ApprovalError):
        before.admit("authority", rekeyed(zone, ("notary", "insurance")), "k")
    before.admit("authority", rekeyed(zone, ("notary", "tax")), "k")
    Custody(zone).play(("credit", "notary", "insurance"), 2)
    after = following(zone)
    with pytest.raises(ApprovalError):
        after.admit("authority", rekeyed(zone, ("notary", "tax")), "k")
    after.admit("authority", rekeyed(zone, ("notary", "insurance")), "k")


def test_a_ceremony_or_a_round_that_is_void_appoints_nobody(dealt: Custody) -> None:
    """The coordinator submits rounds: the log does not take its word, nor the authority's, for those who hold the key."""
    zone = dealt.zone.fork()
    admission, start = following(zone), len(zone.entries)
    ceremony = zone.view.ceremony
    assert ceremony is not None
    zone.say_void(ceremony.statement.model_copy(update={"nonce": secrets.token_hex(16), "threshold": 1, "custodians": ("tax",)}), "authority")
    said: dict[str, Any] = {"zone": zone.name, "generation": 1}
    round_ = KeyRound(nonce=secrets.token_hex(16), action="reshare", threshold=1, custodians=("tax",), dealers=("credit", "notary"), **said)
    begun = zone.say(round_, "authority")
    zone.say_void(KeyActivated(nonce=secrets.token_hex(16), round=begun.digest, acknowledgements=(), **said), "authority")
    for index in range(start, len(zone.entries)):
        follow(admission, zone, index)
    with pytest.raises(ApprovalError):
        admission.admit("authority", rekeyed(zone, ("tax",)), "k")
    admission.admit("authority", rekeyed(zone, ("credit", "notary")), "k")


def test_a_custodian_without_whom_nothing_could_be_opened_does_not_leave_the_log_either(dealt: Custody) -> None:
    zone = dealt.zone.fork()
    zone.say(MemberChange(zone=zone.name, nonce=secrets.token_hex(16), action="leave", member=zone.keys.member("tax")), "authority")
    admission = following(zone)
    leaves = MemberChange(zone=zone.name, nonce=secrets.token_hex(16), action="leave", member=zone.keys.member("notary"))
    with pytest.raises(CustodianNeededError):
        admission.admit("authority", zone.envelope(leaves, "authority"), "k")
    zone.say_void(leaves, "authority")
    follow(admission, zone, len(zone.entries) - 1)
    admission.check_member("notary")


def test_a_change_that_cannot_take_effect_is_refused(admission: Admission, small_zone: SmallZone) -> None:
    stolen = small_zone.change("bank-c", small_zone.keys["bank-a"])
    with pytest.raises(WrongSignerError, match="registered twice"):
        admission.admit("authority", small_zone.sign("authority", stolen), "k")
    with pytest.raises(SignerUnknownError):
        admission.admit("authority", small_zone.sign("authority", small_zone.change("nobody", make_key("nobody"), "leave")), "k")


def test_of_two_changes_that_contradict_each_other_the_second_has_no_effect(admission: Admission, small_zone: SmallZone) -> None:
    key = make_key("bank-c")
    first = admission.admit("authority", small_zone.sign("authority", small_zone.change("bank-c", key)), "k")
    second = admission.admit("authority", small_zone.sign("authority", small_zone.change("bank-d", key)), "k")
    admission.apply(entry(1, first))
    admission.apply(entry(2, second))
    admission.check_member("bank-c")
    with pytest.raises(MemberUnknownError):
        admission.check_member("bank-d")


def test_an_old_joining_in_a_new_envelope_does_not_bring_a_member_back(admission: Admission, small_zone: SmallZone) -> None:
    key = make_key("bank-c")
    joining = put(admission, "authority", small_zone.sign("authority", small_zone.change("bank-c", key)))
    put(admission, "authority", small_zone.sign("authority", small_zone.change("bank-c", key, "leave")))
    again = countersign(joining.envelope, small_zone.keys["coordinator"])
    with pytest.raises(StatementReplayedError):
        admission.admit("coordinator", again, "k")
    leaf = Leaf(kind="member", actor="authority", time=9, digest=sha256(again).hex()).to_bytes()
    admission.apply(
        Entry(next(PLACES), leaf, sha256(again), "member", ("authority",), again)
    )  # admitted by an earlier version, or together with the first
    with pytest.raises(MemberLeftError):
        admission.check_member("bank-c")
