"""The key's shares pass to other custodians: from then on their approvals count, to everybody who judges a change of members [P1.7, P7.1].

Here for what is checked offline, a receipt and a log on disk, by our verifier and by the independent one alike.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from crypto.encoding import canonical_json
from crypto.keygen import PrivateKey
from crypto.merkle import MemoryTree
from nodes.bank.queries import Query
from nodes.evidence.receipt import verify_receipt
from nodes.evidence.roots import Roots
from nodes.runtime.peers.signing import fresh_nonce
from scoring.errors import ApprovalError, ReceiptError, StatementReplayedError
from scoring.statements import KeyActivated, KeyRound, MemberChange
from tests.support import independent
from tests.support.artifacts import note_of, write_zone
from tests.support.bank import bank, bound_consent, roots_of, uscc_of
from tests.support.custody import Custody
from tests.support.gateway import front
from tests.support.ledger import SMALL_BITS
from tests.support.members import ZONE
from tests.support.zone import PRODUCT, MemoryZone, released_zone

STAYING, LEFT, NEW = ("credit", "notary"), "tax", "insurance"
"""After the re-sharing two of the three approve; at the ceremony it was ``tax`` in place of ``insurance``."""


@pytest.fixture(scope="module")
def verifier() -> ModuleType:
    """The independent verifier, which takes the tests' short keys here."""
    program = independent.load()
    program.LEAST_KEY_BITS = SMALL_BITS  # type: ignore[attr-defined]  # a module that was loaded from its file
    return program


@pytest.fixture(scope="module")
def reshared(small_private_key: PrivateKey) -> tuple[MemoryZone, Custody]:
    """A zone whose key went over to another set of custodians, after a refresh."""
    custody = Custody(released_zone(small_private_key))
    custody.play()
    custody.employ(NEW)
    custody.play((*STAYING, NEW), 2)
    return custody.zone, custody


def rekeyed(zone: MemoryZone, member: str, custodians: Sequence[str]) -> MemberChange:
    """A change of the member's keys with the approvals of ``custodians``, not logged yet; the member's keys here are the new ones."""
    sealing = zone.keys.hpke[member]
    zone.keys.make(member)
    zone.keys.hpke[member] = sealing
    change = MemberChange(zone=ZONE, nonce=fresh_nonce(), action="rekey", member=zone.keys.member(member))
    return zone.approved(change, custodians)


def receipt_after(reshared: tuple[MemoryZone, Custody], custodians: Sequence[str], directory: Path) -> tuple[MemoryZone, dict[str, Any]]:
    """The receipt of a bank that asked once the coordinator's keys had changed with these custodians' approvals."""
    zone, custody = reshared[0].fork(), reshared[1]
    zone.say(rekeyed(zone, "coordinator", custodians), "authority")
    site = front(zone, directory / "gateway")
    site.exchange.custody, site.exchange.asleep = custody, {LEFT}
    node = bank(site, directory / "bank-a")
    node.told(bound_consent(zone, zone.subjects[0], uscc_of(0)), 1)
    answer = node.queries.answer(Query(PRODUCT, "loan", subject=zone.subjects[0]))
    return zone, json.loads((node.receipt_dir / f"{answer['receipt_id']}.json").read_bytes())


def kinds_of(said: dict[str, Any]) -> list[str]:
    return [json.loads(base64.b64decode(item["leaf"]))["kind"] for item in said["members"]]


def reasons(said: dict[str, Any], zone: MemoryZone, verifier: ModuleType, directory: Path) -> tuple[str, str]:
    """What our verifier, and what the independent one, has against a receipt; empty where it holds."""
    ours = ""
    try:
        verify_receipt(canonical_json(said), roots_of(zone))
    except ReceiptError as error:
        ours = error.reason
    target = write_zone(zone, directory, receipts=[said])
    found = verifier.verify(target / "receipts" / "receipt-0.json", verifier.Roots(target / "public"))
    return ours, "".join(item["reason"] for item in found["reasons"])


# --- what holds ---


def test_a_receipt_shows_how_those_who_approved_a_change_came_by_their_shares(
    reshared: tuple[MemoryZone, Custody], verifier: ModuleType, tmp_path: Path
) -> None:
    zone, said = receipt_after(reshared, ("notary", NEW), tmp_path)
    kinds = kinds_of(said)
    assert (kinds.count("key-activate"), kinds.count("key-deal"), kinds[-1]) == (2, 3 + 2, "member")
    assert reasons(said, zone, verifier, tmp_path / "run") == ("", "")
    first = Roots.load(tmp_path / "run" / "public", SMALL_BITS).first_generation  # as a verifier reads it from what it pins
    assert first is not None
    assert first.sharing == zone.view.generation(0).sharing


def test_a_receipt_that_needs_no_rounds_has_none(reshared: tuple[MemoryZone, Custody], verifier: ModuleType, tmp_path: Path) -> None:
    """Approvals of custodians that were there from the beginning: verifiers that know changes alone can go on checking such receipts."""
    zone, said = receipt_after(reshared, STAYING, tmp_path)
    assert set(kinds_of(said)) == {"member"}
    assert reasons(said, zone, verifier, tmp_path / "run") == ("", "")


def test_the_whole_log_is_judged_by_the_custodians_of_each_leaf(reshared: tuple[MemoryZone, Custody], verifier: ModuleType, tmp_path: Path) -> None:
    zone = reshared[0].fork()
    zone.say(rekeyed(zone, "ip", ("notary", NEW)), "authority")
    assert verify_log(zone, verifier, tmp_path / "good") == set()
    void = zone.say_void(rekeyed(zone, "science", (LEFT, "notary")), "authority")
    assert isinstance(zone.view.void[void], ApprovalError)
    assert verify_log(zone, verifier, tmp_path / "bad") == {("STATEMENT_VOID_CHANGE_NOT_APPROVED", void)}


def test_approvals_serve_once_whatever_others_come_with_them(reshared: tuple[MemoryZone, Custody], verifier: ModuleType, tmp_path: Path) -> None:
    """Else the authority brings back keys that were given up since, by a statement that differs in its approvals alone."""
    zone = reshared[0].fork()
    change = rekeyed(zone, "ip", ("notary", NEW))
    zone.say(change, "authority")
    void = zone.say_void(zone.approved(change, STAYING), "authority")
    assert isinstance(zone.view.void[void], StatementReplayedError)
    assert verify_log(zone, verifier, tmp_path / "run") == {("STATEMENT_VOID_STATEMENT_REPLAYED", void)}


def verify_log(zone: MemoryZone, verifier: ModuleType, directory: Path) -> set[tuple[str, int | None]]:
    target = write_zone(zone, directory)
    found = verifier.verify(target, verifier.Roots(target / "public"))
    return {(item["reason"], item["leaf_index"]) for item in found["reasons"]}


# --- what does not ---


def without_rounds(said: dict[str, Any], _zone: MemoryZone) -> None:
    said["members"] = [item for item, kind in zip(said["members"], kinds_of(said), strict=True) if kind == "member"]


def without_a_deal(said: dict[str, Any], _zone: MemoryZone) -> None:
    del said["members"][kinds_of(said).index("key-deal")]


def without_the_refresh_before(said: dict[str, Any], _zone: MemoryZone) -> None:
    del said["members"][: kinds_of(said).index("key-activate") + 1]


def approved_by_one_who_left(said: dict[str, Any], zone: MemoryZone) -> None:
    """t approvals, one of them of a custodian whose share is retired: in the log such a change is void."""
    show(said, zone, zone.say_void(rekeyed(zone, "ip", (LEFT, "notary")), "authority"))


def passed_on_by_the_authority_alone(said: dict[str, Any], zone: MemoryZone) -> None:
    """A round without a deal of those who hold the key: the new custodians are the authority's own."""
    round_ = KeyRound(zone=ZONE, nonce=fresh_nonce(), action="reshare", generation=3, threshold=1, custodians=("tax",), dealers=STAYING)
    begun = zone.say(round_, "authority")
    activated = KeyActivated(zone=ZONE, nonce=fresh_nonce(), round=begun.digest, generation=3, acknowledgements=())
    for index in (begun.index, zone.say_void(activated, "authority"), zone.say_void(rekeyed(zone, "ip", ("tax",)), "authority")):
        show(said, zone, index)


def another_kind(said: dict[str, Any], zone: MemoryZone) -> None:
    show(said, zone, zone.view.ceremony.index if zone.view.ceremony is not None else -1)


def show(said: dict[str, Any], zone: MemoryZone, index: int) -> None:
    """Add a leaf to the receipt's members, and move the whole receipt to a checkpoint over it."""
    tree = MemoryTree([leaf for leaf, _ in zone.entries])
    leaf, envelope = zone.entries[index]
    said["members"].append({"envelope": base64.b64encode(envelope).decode(), "leaf": base64.b64encode(leaf).decode(), "leaf_index": str(index)})
    said["checkpoint"] = note_of(zone).decode()
    for item in (*said["rows"], said["stage_proof"], said["quantile_table"], *said["members"]):
        item["inclusion_proof"] = [part.hex() for part in tree.inclusion_proof(int(item["leaf_index"]))]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without_rounds, "MEMBERS_INVALID"),
        (without_a_deal, "MEMBERS_INVALID"),
        (without_the_refresh_before, "MEMBERS_INVALID"),
        (approved_by_one_who_left, "MEMBERS_INVALID"),
        (passed_on_by_the_authority_alone, "MEMBERS_INVALID"),
        (another_kind, "LEAF_DIGEST"),
    ],
)
def test_approvals_of_others_than_the_custodians_of_that_time_are_refused(
    reshared: tuple[MemoryZone, Custody],
    verifier: ModuleType,
    tmp_path: Path,
    change: Callable[[dict[str, Any], MemoryZone], None],
    reason: str,
) -> None:
    zone, said = receipt_after(reshared, ("notary", NEW), tmp_path)
    change(said, zone)
    assert reasons(said, zone, verifier, tmp_path / "run") == (reason, reason)
