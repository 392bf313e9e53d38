"""Who follows the log for its members alone: a department, a bank, an enterprise service. They are shown little and believe no more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from crypto.checkpoint import Checkpoint, sign_checkpoint
from crypto.keygen import PrivateKey
from crypto.merkle import root
from nodes.log.admission import PUBLIC_KINDS
from nodes.runtime.peers.identity import log_name
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.replica.members import READ, MembersSink
from nodes.runtime.replica.store import Entry, LogReplica
from scoring.errors import ApprovalError, LogInconsistentError, SignerUnknownError
from scoring.exchange.registry import MemberRegistry
from scoring.statements import KeyActivated, KeyRound, MemberChange, parse_leaf
from tests.support.custody import Custody
from tests.support.databases import ON_BOTH, database_in
from tests.support.ledger import SMALL_BITS, Ledger
from tests.support.members import CUSTODIANS, ZONE
from tests.support.zone import MemoryZone, open_zone

pytestmark = ON_BOTH


@pytest.fixture(scope="module")
def founded(small_private_key: PrivateKey) -> Ledger:
    ledger = Ledger(small_private_key)
    ledger.found()
    return ledger


@pytest.fixture
def ledger(founded: Ledger) -> Ledger:
    return founded.fork()


def rekeyed(ledger: Ledger, member: str, custodians: Sequence[str] = CUSTODIANS) -> MemberChange:
    """A change of the member's keys, approved, not logged yet."""
    old = ledger.keys.signers[member]
    new = ledger.keys.make(member)
    change = MemberChange(zone=ZONE, nonce=fresh_nonce(), action="rekey", member=ledger.keys.member(member))
    ledger.keys.signers[member] = old
    approved = ledger.approved(change, custodians)
    ledger.keys.signers[member] = new
    return approved


def shown(ledger: Ledger) -> list[Entry]:
    """The log's entries as a department gets them: without the envelopes that it may not read."""
    entries = [Entry(index, *entry) for index, entry in enumerate(ledger.entries)]
    return [entry if parse_leaf(entry.leaf).kind in PUBLIC_KINDS else Entry(entry.index, entry.leaf, b"") for entry in entries]


def followed(ledger: Ledger, entries: list[Entry], directory: Path) -> MemberRegistry:
    """The members as a process knows them that was shown ``entries``."""
    replica = LogReplica(database_in(directory, "replica"), directory, ledger.log_signer.key.to_vkey(), READ)
    checkpoint = Checkpoint(log_name(ZONE), len(entries), root(entry.leaf for entry in entries))
    replica.accept(entries, sign_checkpoint(checkpoint, ledger.log_signer))
    registry = MemberRegistry(ledger.view.registry.genesis)
    sink = MembersSink(registry, min_key_bits=SMALL_BITS)
    for entry in replica.entries(0, replica.head.size):
        sink.apply(entry.index, entry.leaf, entry.envelope)
    return registry


def test_members_are_as_the_log_has_them(ledger: Ledger, tmp_path: Path) -> None:
    ledger.say(rekeyed(ledger, "tax"), "authority")
    leaving = ledger.keys.member("bank-b")
    ledger.say(MemberChange(zone=ZONE, nonce=fresh_nonce(), action="leave", member=leaving), "authority")
    known = followed(ledger, shown(ledger), tmp_path)
    assert known.members == ledger.view.registry.members
    assert known.key(ledger.keys.signers["tax"].key_id).member.id == "tax"
    with pytest.raises(SignerUnknownError):
        known.member("bank-b")


def test_what_breaks_the_rules_changes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    """The same rules as everywhere: the authority's signature, the custodians' approvals, once."""
    change = rekeyed(ledger, "tax")
    unapproved = change.model_copy(update={"approvals": (), "nonce": fresh_nonce()})
    foreign = change.model_copy(update={"zone": "another-zone"})
    for statement, signer in ((unapproved, "authority"), (change, "coordinator"), (foreign, "authority")):
        ledger.say_void(statement, signer)
    assert followed(ledger, shown(ledger), tmp_path / "before").members == ledger.view.registry.members
    first = ledger.say(change, "authority")
    back = rekeyed(ledger, "tax")
    ledger.say(back, "authority")
    ledger.append(first.envelope, "authority", "member")  # the first change once more: it does not bring the old keys back
    assert followed(ledger, shown(ledger), tmp_path / "after").members == ledger.view.registry.members


@pytest.fixture(scope="module")
def reshared(small_private_key: PrivateKey) -> MemoryZone:
    """The key's shares went from tax to insurance, after a refresh and a round that was given up."""
    custody = Custody(open_zone(small_private_key))
    custody.play()
    custody.zone.say(custody.round(), "authority")
    custody.zone.say(custody.abandonment(), "authority")
    custody.employ("insurance")
    custody.play(("credit", "notary", "insurance"), 2)
    return custody.zone


def test_the_custodians_of_today_approve_changes(reshared: MemoryZone, tmp_path: Path) -> None:
    ledger = reshared.fork()
    joined = rekeyed(ledger, "ip", ("notary", "insurance"))
    ledger.say(joined, "authority")
    refused = rekeyed(ledger, "science", ("tax", "notary"))
    assert isinstance(ledger.view.void[ledger.say_void(refused, "authority")], ApprovalError)
    known = followed(ledger, shown(ledger), tmp_path)
    assert known.members == ledger.view.registry.members
    assert known.approvers == {"credit", "notary", "insurance"}
    assert known.key(joined.member.keys[0].key_id).member.id == "ip"


def test_a_round_that_the_authority_ends_alone_names_nobody(ledger: Ledger, tmp_path: Path) -> None:
    """Whoever holds the key deals for those who come: a word of the authority, and their own, are not enough."""
    said = KeyRound(zone=ZONE, nonce=fresh_nonce(), action="reshare", generation=1, threshold=1, custodians=("tax",), dealers=("credit", "notary"))
    begun = ledger.say(said, "authority")
    activated = KeyActivated(zone=ZONE, nonce=fresh_nonce(), round=begun.digest, generation=1, acknowledgements=())
    ledger.say_void(activated, "authority")
    ledger.say_void(rekeyed(ledger, "ip", ("tax",)), "authority")
    known = followed(ledger, shown(ledger), tmp_path)
    assert known.members == ledger.view.registry.members
    assert known.approvers == set(CUSTODIANS)


def test_what_an_earlier_version_did_not_read_is_asked_for(reshared: MemoryZone, tmp_path: Path) -> None:
    """Copies of the log made before deals were shown lack them: the log is asked once, and the copy keeps the answers."""
    ledger, entries = reshared, shown(reshared)
    lacking = [entry.index for entry in entries if parse_leaf(entry.leaf).kind in {"key-deal", "key-ack", "key-receiver", "key-abandon"}]
    asked: list[int] = []

    def late(index: int, digest: str) -> bytes:
        asked.append(index)
        assert parse_leaf(ledger.entries[index][0]).digest == digest
        return ledger.entries[index][1]

    answered, silent = MemberRegistry(ledger.view.registry.genesis), MemberRegistry(ledger.view.registry.genesis)
    sinks = (MembersSink(answered, late=late, min_key_bits=SMALL_BITS), MembersSink(silent, min_key_bits=SMALL_BITS))
    for entry in entries:
        for sink in sinks:
            sink.apply(entry.index, entry.leaf, b"" if entry.index in lacking else entry.envelope)
    assert asked == lacking
    assert answered.approvers == {"credit", "notary", "insurance"}
    assert silent.approvers == set(CUSTODIANS)


def test_a_change_of_members_that_is_withheld_stops_the_process(ledger: Ledger, tmp_path: Path) -> None:
    ledger.say(rekeyed(ledger, "tax"), "authority")
    entries = shown(ledger)
    entries[-1] = Entry(entries[-1].index, entries[-1].leaf, b"")
    with pytest.raises(LogInconsistentError):
        followed(ledger, entries, tmp_path)


def test_an_envelope_that_is_not_its_leafs_is_refused_whether_it_is_needed_or_not(ledger: Ledger, tmp_path: Path) -> None:
    entries = shown(ledger)
    place = next(index for index, entry in enumerate(entries) if parse_leaf(entry.leaf).kind not in READ)
    entries[place] = Entry(place, entries[place].leaf, b"another")
    with pytest.raises(LogInconsistentError):
        followed(ledger, entries, tmp_path)


def test_who_must_see_everything_is_not_content_with_less(ledger: Ledger, tmp_path: Path) -> None:
    entries = shown(ledger)
    entries[1] = Entry(1, entries[1].leaf, b"")
    replica = LogReplica(database_in(tmp_path, "replica"), tmp_path, ledger.log_signer.key.to_vkey())
    with pytest.raises(LogInconsistentError):
        replica.accept(entries, b"")


def test_the_log_lets_every_member_read_what_this_needs() -> None:
    assert READ <= PUBLIC_KINDS
