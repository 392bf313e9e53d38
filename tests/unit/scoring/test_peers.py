"""Which entries make another zone a peer, and whose approval a change of one needs [F1]."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crypto.encoding import canonical_json
from crypto.notes import COSIGNATURE_V1, NoteSigner
from scoring.errors import ApprovalError, PeerEntryError, StatementFormatError
from scoring.exchange.peers import named_in_policy, readable_kinds
from scoring.exchange.registry import MemberRegistry, check_witness_policy
from scoring.statements import Member, MemberChange, WitnessPolicy, parse_record
from tests.support.independent import load
from tests.support.peers import ALL, OTHER, OTHER_LOG, PEER, PEER_WITNESS, change_of, entry, peer_member
from tests.unit.log.small_zone import ZONE, SmallZone, make_key, record

verify = load()


@pytest.fixture
def zone() -> SmallZone:
    return SmallZone()


@pytest.fixture
def registry(zone: SmallZone) -> MemberRegistry:
    return MemberRegistry(zone.registry)


def test_a_peer_joins_with_the_custodians_approval_and_not_without(zone: SmallZone, registry: MemberRegistry) -> None:
    with pytest.raises(ApprovalError):
        registry.apply(change_of(zone, peer_member(), approved=False), 1)
    registry.apply(change_of(zone, peer_member()), 1)
    found = registry.member(PEER).peer
    assert found == entry()
    assert [member.id for member in registry.with_role("peer")] == [PEER]
    assert not named_in_policy(registry, entry())


def other_witness() -> str:
    return NoteSigner(PEER_WITNESS.name, COSIGNATURE_V1, bytes(32)).key.to_vkey()


WRONG: dict[str, Any] = {
    "of the zone itself": {"zone": ZONE},
    "another zone's log key": {"log_vkey": NoteSigner("xinqiao/third-zone", 1, bytes(32)).key.to_vkey()},
    "a log key that cosigns": {"log_vkey": NoteSigner(f"xinqiao/{OTHER}", COSIGNATURE_V1, bytes(32)).key.to_vkey()},
    "no key": {"log_vkey": "xinqiao"},
    "another member's witness key": {"witness_vkey": NoteSigner(f"xinqiao/{ZONE}/somebody", COSIGNATURE_V1, bytes(32)).key.to_vkey()},
    "a witness key that signs checkpoints": {"witness_vkey": NoteSigner(f"xinqiao/{ZONE}/{PEER}", 1, bytes(32)).key.to_vkey()},
    "no witness key": {"witness_vkey": ""},
    "a grant twice": {"grants": ("log", "log")},
    "roles without the witness": {"roles": ("peer",)},
    "a role beside": {"roles": ("peer", "witness", "auditor")},
    "custody beside": {"roles": ("peer", "witness", "custodian")},
    "no role": {"roles": ("witness",)},
}


@pytest.mark.parametrize("wrong", list(WRONG))
def test_an_entry_that_is_no_peer_is_refused(zone: SmallZone, registry: MemberRegistry, wrong: str) -> None:
    with pytest.raises(PeerEntryError):
        registry.apply(change_of(zone, peer_member(**WRONG[wrong])), 1)
    assert PEER not in registry.members


def test_the_role_alone_makes_no_peer(zone: SmallZone, registry: MemberRegistry) -> None:
    with pytest.raises(PeerEntryError):
        registry.apply(change_of(zone, record(PEER, make_key(PEER), ("peer",))), 1)


def test_one_member_stands_for_a_zone(zone: SmallZone, registry: MemberRegistry) -> None:
    registry.apply(change_of(zone, peer_member()), 1)
    again = NoteSigner(f"xinqiao/{ZONE}/second", COSIGNATURE_V1, bytes(32)).key.to_vkey()
    with pytest.raises(PeerEntryError, match=PEER):
        registry.apply(change_of(zone, peer_member("second", witness_vkey=again)), 2)
    third: dict[str, Any] = {"zone": "third-zone", "log_vkey": NoteSigner("xinqiao/third-zone", 1, bytes(32)).key.to_vkey()}
    registry.apply(change_of(zone, peer_member("second", witness_vkey=again, **third)), 2)
    assert len(registry.with_role("peer")) == 2


def test_two_witnesses_do_not_share_a_key(zone: SmallZone, registry: MemberRegistry) -> None:
    """One body could otherwise be counted as two."""
    registry.apply(change_of(zone, peer_member()), 1)
    same = NoteSigner(f"xinqiao/{ZONE}/second", COSIGNATURE_V1, bytes(range(32, 64))).key.to_vkey()
    third: dict[str, Any] = {"zone": "third-zone", "log_vkey": NoteSigner("xinqiao/third-zone", 1, bytes(32)).key.to_vkey()}
    with pytest.raises(PeerEntryError, match="another witness's"):
        registry.apply(change_of(zone, peer_member("second", witness_vkey=same, **third)), 2)


def test_giving_up_grants_needs_no_approval_and_getting_more_does(zone: SmallZone, registry: MemberRegistry) -> None:
    key = make_key(PEER)
    registry.apply(change_of(zone, peer_member(key=key, grants=("log", "models"))), 1)
    registry.apply(change_of(zone, peer_member(key=key, grants=("log",)), "rekey", approved=False), 2)
    wider: tuple[dict[str, Any], ...] = (
        {"grants": ("log", "backup")},
        {"grants": ("log",), "registry": "cd" * 32},
        {"grants": ("log",), "witness_vkey": other_witness()},
    )
    for more in wider:
        with pytest.raises(ApprovalError):
            registry.apply(change_of(zone, peer_member(key=key, **more), "rekey", approved=False), 3)
        assert registry.member(PEER).peer == entry(grants=("log",))
    registry.apply(change_of(zone, peer_member(key=key, grants=ALL), "rekey"), 3)
    registry.apply(change_of(zone, peer_member(key=key), "leave", approved=False), 4)
    assert PEER not in registry.members


def test_a_witness_of_genesis_becomes_a_peer_and_goes_on_counting(zone: SmallZone) -> None:
    """Two zones cannot each name the digest of the other's registry in their own: one of the two names the witness first [F6]."""
    key = make_key(PEER)
    policy = WitnessPolicy(
        witnesses=(zone.witness.key.to_vkey(), PEER_WITNESS.key.to_vkey()), required=2, max_age_s=600, outside=(PEER,), development=True
    )
    members = (*zone.registry.members, record(PEER, key, ("witness",)))
    genesis = zone.registry.model_copy(update={"members": members, "witness_policy": policy})
    registry = MemberRegistry(genesis)
    with pytest.raises(PeerEntryError, match="names another key"):
        registry.apply(change_of(zone, peer_member(key=key, witness_vkey=other_witness()), "rekey"), 1)
    registry.apply(change_of(zone, peer_member(key=key), "rekey"), 1)
    assert named_in_policy(registry, entry())
    check_witness_policy(genesis.model_copy(update={"members": (*zone.registry.members, peer_member(key=key))}))  # it stays outside


def test_a_member_without_an_entry_reads_and_is_approved_as_before() -> None:
    """A change that custodians approved before there were peers keeps its digest."""
    member = record("bank-c", make_key("bank-c"), ("bank",))
    change = MemberChange(zone=ZONE, nonce="00" * 16, action="join", member=member)
    assert "peer" not in json.loads(change.payload())["member"]
    assert parse_record(MemberChange, change.payload()) == change
    peer = change.model_copy(update={"member": peer_member()})
    assert parse_record(MemberChange, peer.payload()) == peer
    with pytest.raises(StatementFormatError):
        parse_record(Member, json.dumps({**member.model_dump(mode="json"), "peer": None}).encode())


def test_no_grant_shows_what_is_between_members() -> None:
    private = {"consent", "revocation", "enrolment", "column", "row", "roster", "stages", "ticket", "refusal", "policy-step", "loan-step", "failure"}
    assert not readable_kinds(entry()) & private
    assert readable_kinds(entry(grants=("log", "backup", "policies", "models"))) == frozenset()


def test_the_other_log_is_named_after_its_zone() -> None:
    assert OTHER_LOG.name == f"xinqiao/{OTHER}"


@pytest.mark.parametrize("wrong", ["", *WRONG])
def test_the_second_verifier_agrees(zone: SmallZone, registry: MemberRegistry, wrong: str) -> None:
    change = change_of(zone, peer_member(**WRONG.get(wrong, {})))
    other = verify.Members(json.loads(zone.registry.payload()))
    if wrong:
        with pytest.raises(verify.Fault, match="PEER_ENTRY_INVALID"):
            other.apply(json.loads(change.payload()))
    else:
        other.apply(json.loads(change.payload()))
        registry.apply(change, 1)
        assert other.members[PEER] == json.loads(canonical_json(registry.member(PEER).model_dump(mode="json")))
