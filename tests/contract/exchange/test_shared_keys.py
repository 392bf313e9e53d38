"""Whose keys count for what a zone shares: those that its authority has by the mirrored log now, believed by the pinned roots alone [F16]."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from crypto.encoding import sha256
from crypto.keygen import PrivateKey
from crypto.statements import SignKey
from nodes.peering.files import MirrorFiles
from nodes.peering.members_now import MembersNow
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from scoring.federation.errors import SharedItemError
from scoring.federation.items import read_shared, share
from scoring.statements import MemberChange
from tests.support.artifacts import write_public
from tests.support.custody import Custody
from tests.support.ledger import SMALL_BITS
from tests.support.members import ZONE
from tests.support.mirrors import MirroredZone, rotate
from tests.support.zone import MemoryZone, open_zone


@pytest.fixture(scope="module")
def founded(small_private_key: PrivateKey) -> MemoryZone:
    """Another zone, whose authority has its first key."""
    return open_zone(small_private_key)


@dataclass
class Peer:
    """The zone as a receiving one has it: pinned, and mirrored by its node."""

    zone: MemoryZone
    public: Path
    mirrored: MirroredZone
    members: MembersNow

    def believes(self, signer: SignKey) -> bool:
        """Whether an item that ``signer`` signed counts."""
        item = share(ZONE, "policies", "policy-1", b"content", lambda statement: sign_statement(statement, signer))
        registry = self.members.registry()
        try:
            return read_shared(item, "policies", "policy-1", registry).content == b"content"
        except SharedItemError:
            return False

    def again(self) -> MembersNow:
        """What a reader has that starts now."""
        return MembersNow(self.public, self.mirrored.log, SMALL_BITS)


def peer_of(zone: MemoryZone, directory: Path) -> Peer:
    write_public(zone, directory / "public")
    mirrored = MirroredZone(zone, directory / "node", directory / "mirror")
    return Peer(zone, directory / "public", mirrored, MembersNow(directory / "public", mirrored.log, SMALL_BITS))


@pytest.fixture
def peer(founded: MemoryZone, tmp_path: Path) -> Peer:
    made = peer_of(founded.fork(), tmp_path)
    made.mirrored.grow()
    return made


def test_the_new_key_of_an_authority_counts_and_the_one_it_gave_up_does_not(peer: Peer) -> None:
    assert peer.believes(peer.zone.keys.signers["authority"])
    old, new, _ = rotate(peer.zone)
    assert (peer.believes(old), peer.believes(new)) == (True, False)  # the mirror does not have the change yet
    peer.mirrored.grow()
    assert (peer.believes(old), peer.believes(new)) == (False, True)
    peer.members = peer.again()
    assert (peer.believes(old), peer.believes(new)) == (False, True)


def test_a_change_that_custodians_of_a_later_round_approved_counts(small_private_key: PrivateKey, tmp_path: Path) -> None:
    custody = Custody(open_zone(small_private_key))
    custody.employ("insurance")
    custody.play(("credit", "notary", "insurance"), 2)
    peer = peer_of(custody.zone, tmp_path)
    old, new, _ = rotate(custody.zone, ("notary", "insurance"))
    peer.mirrored.grow()
    assert (peer.believes(old), peer.believes(new)) == (False, True)


def test_a_change_without_approvals_changes_nothing(peer: Peer) -> None:
    """It is in the log, where it is void: who stole the authority's key alone does not make itself another."""
    old = peer.zone.keys.signers["authority"]
    stolen = peer.zone.keys.make("authority")
    change = MemberChange(zone=ZONE, nonce=fresh_nonce(), action="rekey", member=peer.zone.keys.member("authority"))
    peer.zone.keys.signers["authority"] = old
    peer.zone.say_void(change, "authority")
    peer.mirrored.grow()
    assert (peer.believes(old), peer.believes(stolen)) == (True, False)


# --- mirrors that are not to be believed ---


def without_statement(peer: Peer, leaf: int) -> None:
    peer.mirrored.statement(leaf).unlink()


def forged_statement(peer: Peer, leaf: int) -> None:
    """Another statement of members, which holds by itself."""
    peer.mirrored.statement(leaf).write_bytes(peer.zone.entries[1][1])


def without_leaf(peer: Peer, leaf: int) -> None:
    """The change's leaf is one that says nothing of members."""
    (bundle,) = (path for path in (peer.mirrored.directory / "log" / "tile" / "entries").rglob("*") if path.is_file())
    data, said = bundle.read_bytes(), peer.zone.entries[leaf][0]
    assert data.count(said) == 1
    bundle.write_bytes(data.replace(said, said.replace(b'"kind":"member"', b'"kind":"nobody"')))


def without_checkpoint(peer: Peer, leaf: int) -> None:
    (peer.mirrored.directory / "log" / "checkpoint").unlink()


def unwitnessed(peer: Peer, leaf: int) -> None:
    note = peer.mirrored.directory / "log" / "checkpoint"
    lines = note.read_text(encoding="utf-8").splitlines(keepends=True)
    note.write_text("".join(lines[:-1]), encoding="utf-8")


@pytest.mark.parametrize("harm", [without_statement, forged_statement, without_leaf, without_checkpoint, unwitnessed])
def test_a_mirror_that_lacks_or_forges_a_change_is_refused_as_a_whole(peer: Peer, harm: Callable[[Peer, int], None]) -> None:
    """Nothing falls back to the pinned keys: then whoever kept a change away would bring back the key that it took away."""
    _, _, leaf = rotate(peer.zone)
    peer.mirrored.grow()
    assert peer.again().registry().leaf_of["authority"] == leaf
    harm(peer, leaf)
    for members in (peer.members, peer.again()):
        with pytest.raises(SharedItemError, match="does not show whose keys count"):
            members.registry()


def test_an_older_mirror_is_refused_by_who_saw_the_newer_one(peer: Peer) -> None:
    checkpoint = peer.mirrored.directory / "log" / "checkpoint"
    before = checkpoint.read_bytes()
    rotate(peer.zone)
    peer.mirrored.grow()
    assert peer.members.registry().leaf_of["authority"] > 0
    checkpoint.write_bytes(before)
    with pytest.raises(SharedItemError, match="it had"):
        peer.members.registry()


def test_a_log_of_another_registry_is_refused(peer: Peer) -> None:
    """One that names the same log and witnesses: the pinned registry decides, not the keys of the log alone."""
    other = peer.zone.view.registry.genesis.model_copy(update={"nonce": fresh_nonce()})
    (peer.public / "registry.dsse.json").write_bytes(peer.zone.envelope(other, "authority"))
    with pytest.raises(SharedItemError, match="another registry"):
        peer.again().registry()


def test_a_statement_that_came_after_its_leaf_is_shown_from_the_next_start_on(peer: Peer) -> None:
    _, _, leaf = rotate(peer.zone)
    peer.mirrored.grow()
    shown = peer.mirrored.statement(leaf)
    shown.unlink()
    MirrorFiles(peer.mirrored.directory, peer.mirrored.replica)
    assert sha256(shown.read_bytes()).hex() == shown.name
    assert peer.members.registry().leaf_of["authority"] == leaf
