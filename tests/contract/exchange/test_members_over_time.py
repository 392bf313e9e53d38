"""Members change their keys, come and leave: what they signed before stays verifiable offline, and so does what they sign after [P5.5]."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crypto.encoding import canonical_json
from crypto.keygen import PrivateKey
from crypto.merkle import MemoryTree
from nodes.bank.queries import Query
from nodes.evidence.receipt import verify_receipt
from nodes.runtime.peers.signing import fresh_nonce
from scoring.errors import LogInconsistentError, ReceiptError, SignerUnknownError
from scoring.exchange.registry import MemberRegistry
from scoring.release.members import member_history
from scoring.statements import MemberChange
from tests.support.bank import BankNode, bank, bound_consent, roots_of, uscc_of
from tests.support.exchange import MemoryLog
from tests.support.gateway import front
from tests.support.members import ZONE
from tests.support.zone import PRODUCT, MemoryZone, released_zone

NOTHING = Query(PRODUCT, "loan")


@pytest.fixture(scope="module")
def zone(small_private_key: PrivateKey) -> MemoryZone:
    return released_zone(small_private_key)


@pytest.fixture
def node(zone: MemoryZone, tmp_path: Path) -> BankNode:
    return bank(front(zone.fork(), tmp_path / "gateway"), tmp_path / "bank-a")


def rekey(zone: MemoryZone, member: str) -> int:
    """Fresh signing keys of a member, approved and logged; its leaf. Its sealing key stays."""
    old, sealing = zone.keys.signers[member], zone.keys.hpke[member]
    new = zone.keys.make(member)
    zone.keys.hpke[member] = sealing
    change = MemberChange(zone=ZONE, nonce=fresh_nonce(), action="rekey", member=zone.keys.member(member))
    zone.keys.signers[member] = old  # approvals and the change itself are signed with the keys that count before it
    leaf = zone.say(zone.approved(change), "authority").index
    zone.keys.signers[member] = new
    return leaf


def receipt(node: BankNode, place: int) -> bytes:
    """The receipt of a fresh query about a firm."""
    subject = node.site.zone.subjects[place]
    node.told(bound_consent(node.site.zone, subject, uscc_of(place)), place + 1)
    return asked(node, subject)


def asked(node: BankNode, subject: str) -> bytes:
    answer = node.queries.answer(Query(PRODUCT, "loan", subject=subject))
    return (node.receipt_dir / f"{answer['receipt_id']}.json").read_bytes()


def test_a_receipt_from_before_a_rekey_still_verifies(node: BankNode) -> None:
    before = receipt(node, 0)
    for member in ("tax", "coordinator", "notary"):
        rekey(node.site.zone, member)
    assert verify_receipt(before, roots_of(node.site.zone)).subject == node.site.zone.subjects[0]
    assert "members" not in json.loads(before)


@pytest.mark.parametrize("member", ["tax", "coordinator", "market", "notary", "authority"])
def test_a_receipt_from_after_a_rekey_verifies_by_the_change_that_it_carries(zone: MemoryZone, tmp_path: Path, member: str) -> None:
    """tax signs rows, the coordinator tickets, market (the registrar) enrolments, notary partials, the authority the next changes."""
    zone = zone.fork()
    leaf = rekey(zone, member)
    if member == "authority":
        leaf = rekey(zone, "tax")
    node = bank(front(zone, tmp_path / "gateway"), tmp_path / "bank-a")
    made = receipt(node, 0)
    assert int(json.loads(made)["members"][-1]["leaf_index"]) == leaf
    assert verify_receipt(made, roots_of(zone)).subject == zone.subjects[0]


def test_rows_from_before_a_rekey_are_in_a_receipt_from_after_it(node: BankNode) -> None:
    zone = node.site.zone
    subject = zone.subjects[0]
    node.told(bound_consent(zone, subject, uscc_of(0)), 1)  # the departments' rows are logged now
    for member in ("tax", "ip", "market"):
        rekey(zone, member)
    assert verify_receipt(asked(node, subject), roots_of(zone)).subject == subject


# --- what does not pass ---


def without_changes(said: dict[str, Any], _zone: MemoryZone) -> None:
    del said["members"]


def moved(said: dict[str, Any], _zone: MemoryZone) -> None:
    said["members"][0]["leaf_index"] = str(int(said["members"][0]["leaf_index"]) + 1)


def unapproved(said: dict[str, Any], zone: MemoryZone) -> None:
    """A change that the authority made alone: it is in the log, where it is void."""
    zone.keys.make("ip")
    change = MemberChange(zone=ZONE, nonce=fresh_nonce(), action="rekey", member=zone.keys.member("ip"))
    said["members"].append(logged_evidence(zone, zone.say_void(change, "authority"), said))


def by_another(said: dict[str, Any], zone: MemoryZone) -> None:
    change = zone.approved(MemberChange(zone=ZONE, nonce=fresh_nonce(), action="leave", member=zone.keys.member("ip")))
    said["members"].append(logged_evidence(zone, zone.say_void(change, "coordinator"), said))


def logged_evidence(zone: MemoryZone, index: int, said: dict[str, Any]) -> dict[str, Any]:
    """A leaf's evidence under a newer checkpoint, to which the whole receipt is moved."""
    tree = MemoryTree([leaf for leaf, _ in zone.entries])

    def proof(at: int) -> list[str]:
        return [item.hex() for item in tree.inclusion_proof(at)]

    said["checkpoint"] = MemoryLog(zone).note().decode()
    for item in (*said["rows"], said["stage_proof"], said["quantile_table"], *said["members"]):
        if item is not None:
            item["inclusion_proof"] = proof(int(item["leaf_index"]))
    said["inclusion_proof"] = proof(int(said["ticket_leaf_index"]))
    leaf, envelope = zone.entries[index]
    return {
        "envelope": base64.b64encode(envelope).decode(), "leaf": base64.b64encode(leaf).decode(),
        "leaf_index": str(index), "inclusion_proof": proof(index),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "reason"),
    [(without_changes, "SIGNATURE_INVALID"), (moved, "INCLUSION_PROOF"), (unapproved, "MEMBERS_INVALID"), (by_another, "MEMBERS_INVALID")],
)
def test_a_change_that_is_missing_moved_or_not_the_authoritys_to_make_fails_the_receipt(
    zone: MemoryZone, tmp_path: Path, change: Callable[[dict[str, Any], MemoryZone], None], reason: str
) -> None:
    zone = zone.fork()
    rekey(zone, "coordinator")
    node = bank(front(zone, tmp_path / "gateway"), tmp_path / "bank-a")
    said = json.loads(receipt(node, 0))
    verify_receipt(canonical_json(said), roots_of(zone))
    change(said, zone)
    with pytest.raises(ReceiptError) as failed:
        verify_receipt(canonical_json(said), roots_of(zone))
    assert failed.value.reason == reason


def test_a_row_signed_with_a_key_of_another_time_does_not_open(node: BankNode) -> None:
    """The old key does not sign what is logged after its end, whoever still has it."""
    zone = node.site.zone
    old = zone.keys.signers["tax"]
    rekey(zone, "tax")
    zone.keys.signers["tax"], new = old, zone.keys.signers["tax"]
    with pytest.raises(SignerUnknownError):
        bound_consent(zone, zone.subjects[0], uscc_of(0))
    zone.keys.signers["tax"] = new


# --- members over time ---


@pytest.fixture
def changes(zone: MemoryZone) -> tuple[MemoryZone, list[int]]:
    fork = zone.fork()
    return fork, [rekey(fork, "tax"), rekey(fork, "tax")]


def test_each_leaf_has_its_own_members(changes: tuple[MemoryZone, list[int]]) -> None:
    zone, (first, second) = changes
    pinned = MemberRegistry(zone.view.registry.genesis)
    keys = [pinned.member("tax").keys[0].key_id]
    shown = [(index, *zone.entries[index]) for index in (first, second)]
    history = member_history(pinned, shown, zone.view.generation(0))
    keys += [item.keys[0].key_id for item in (zone.view.at(index).statement.member for index in (first, second))]
    assert [history.at(index).member("tax").keys[0].key_id for index in (0, first, first + 1, second, second + 1)] == [
        keys[0], keys[0], keys[1], keys[1], keys[2]
    ]  # fmt: skip
    assert history.key(keys[0], second + 1).member.id == "tax"
    with pytest.raises(SignerUnknownError):
        history.key(keys[2], second)
    with pytest.raises(SignerUnknownError):
        history.at(second + 1).key(keys[0])
    with pytest.raises(LogInconsistentError):
        member_history(pinned, [*shown, shown[0]], zone.view.generation(0))
