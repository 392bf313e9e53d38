"""A memory zone's log as a peer zone's node mirrors it: replica and files, without the processes between them."""

from __future__ import annotations

from pathlib import Path

from crypto.checkpoint import check_witnessed
from crypto.encoding import sha256
from nodes.log.admission import PUBLIC_KINDS
from nodes.peering.files import MirrorFiles
from nodes.peering.mirrored import MirroredLog
from nodes.runtime.database import open_database
from nodes.runtime.peers.identity import SigningKeyPair
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.replica.store import Entry, LogReplica
from scoring.statements import MemberChange, parse_leaf
from tests.support.artifacts import note_of
from tests.support.zone import MemoryZone


class MirroredZone:
    """``zone`` with the mirror of its log in ``directory``; ``state`` is the node's own. Of statements it has what every member may read."""

    def __init__(self, zone: MemoryZone, state: Path, directory: Path) -> None:
        self.zone, self.directory = zone, directory
        self.replica = LogReplica(open_database(state, "peering"), state / "replica", zone.log_signer.key.to_vkey(), PUBLIC_KINDS)
        self.files = MirrorFiles(directory, self.replica)

    @property
    def log(self) -> MirroredLog:
        return MirroredLog(self.directory)

    def grow(self) -> None:
        """Mirror what the zone has logged since, and show it."""
        note, start = note_of(self.zone), self.replica.next_index()
        entries = [Entry(index, leaf, self._readable(leaf, envelope)) for index, (leaf, envelope) in enumerate(self.zone.entries[start:], start)]
        self.replica.accept(entries, note)
        policy = self.zone.view.registry.genesis.witness_policy
        self.files.publish(note, check_witnessed(note, self.replica.log_vkey, policy.witnesses, policy.required))

    def statement(self, index: int) -> Path:
        """The file of the statement at a leaf."""
        return self.directory / "statements" / sha256(self.zone.entries[index][1]).hex()

    def _readable(self, leaf: bytes, envelope: bytes) -> bytes:
        return envelope if parse_leaf(leaf).kind in PUBLIC_KINDS else b""


def rotate(zone: MemoryZone, custodians: tuple[str, ...] = ()) -> tuple[SigningKeyPair, SigningKeyPair, int]:
    """The authority has another signing key, as ``custodians`` (all) approved: its key before, the one after, and the leaf of the change."""
    old, sealing = zone.keys.signers["authority"], zone.keys.hpke["authority"]
    new = zone.keys.make("authority")
    zone.keys.hpke["authority"] = sealing
    change = MemberChange(zone=zone.name, nonce=fresh_nonce(), action="rekey", member=zone.keys.member("authority"))
    zone.keys.signers["authority"] = old
    leaf = zone.say(zone.approved(change, custodians) if custodians else zone.approved(change), "authority").index
    zone.keys.signers["authority"] = new
    return old, new, leaf
