"""The keys of a peer zone's node follow its entry in the other zone: nothing is restarted, nothing is signed by a key that is gone [F6, P10.5]."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from crypto.checkpoint import Checkpoint, sign_checkpoint, witness_times
from crypto.keygen import PrivateKey
from crypto.merkle import EMPTY_ROOT, MemoryTree, consistency_proof
from crypto.notes import COSIGNATURE_V1, ED25519, NoteSigner
from nodes.auditor.witness import Witness
from nodes.auditor.witness_state import WitnessState
from nodes.errors import IdentityError
from nodes.peering.keys import WitnessKeys
from nodes.peering.members import OtherZone
from nodes.runtime.files import make_private_directory, write_private
from nodes.runtime.peers.identity import load_note_signer
from nodes.runtime.peers.signing import fresh_nonce
from scoring.statements import Member, MemberChange
from tests.support.coordinator import write_public
from tests.support.credentials import ORIGIN, peer_joins
from tests.support.ledger import SMALL_BITS, Ledger
from tests.support.members import ZONE
from tests.support.zone import open_zone

NAME = f"xinqiao/{ZONE}/other-node"
LOG = NoteSigner(f"xinqiao/{ZONE}", ED25519, bytes(32))


def put_key(path: Path) -> str:
    """A fresh witness key in ``path``; its verifier key."""
    make_private_directory(path.parent)
    write_private(path, Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return load_note_signer(NAME, COSIGNATURE_V1, path).key.to_vkey()


def test_the_witness_cosigns_with_the_key_that_its_entry_names(tmp_path: Path) -> None:
    entry = [put_key(tmp_path / "note.pem")]
    keys = WitnessKeys(NAME, tmp_path, lambda: entry[-1])
    witness = Witness(LOG.key.to_vkey(), keys, WitnessState(tmp_path / "state", tmp_path / "witness.pin"), lambda: 1)
    leaves = [b"first", b"second", b"third"]

    def cosigned_by(size: int) -> list[str]:
        tree = MemoryTree(leaves[:size])
        note = sign_checkpoint(Checkpoint(LOG.name, size, tree.root()), LOG)
        proof = consistency_proof(witness.size, size, tree.hashes) if 0 < witness.size < size else []
        answer = witness.add(witness.size, proof, note)
        assert answer.status == 200
        return [line for line in entry if witness_times(note + answer.cosignature, [line])]

    assert cosigned_by(1) == entry
    after = put_key(tmp_path / "next" / "note.pem")
    assert cosigned_by(2) == entry, "a key that no entry names is not used"
    entry.append(after)
    assert cosigned_by(3) == [after], "what was cosigned before is remembered under the new key"
    (tmp_path / "next" / "note.pem").replace(tmp_path / "note.pem")
    WitnessKeys(NAME, tmp_path, lambda: entry[-1]).check()


def test_a_key_that_is_not_there_is_an_error_at_the_start_and_an_alarm_later(tmp_path: Path) -> None:
    own, missing = put_key(tmp_path / "note.pem"), NoteSigner(NAME, COSIGNATURE_V1, secrets.token_bytes(32)).key.to_vkey()
    with pytest.raises(IdentityError):
        WitnessKeys(NAME, tmp_path, lambda: missing).check()
    note = sign_checkpoint(Checkpoint(LOG.name, 0, EMPTY_ROOT), LOG)
    line = WitnessKeys(NAME, tmp_path, lambda: missing).signature_line(note.partition(b"\n\n")[0] + b"\n", 1)
    assert witness_times(note + line, [own])


def test_the_nodes_own_keys_are_told_of_every_entry(small_private_key: PrivateKey, tmp_path: Path) -> None:
    zone, told = open_zone(small_private_key), list[tuple[Member, int]]()
    first = zone.say(zone.approved(peer_joins(zone, Ledger(small_private_key, name=ORIGIN))), "authority")
    zone.keys.make("other-node")
    both = first.statement.member.model_copy(update={"keys": (*first.statement.member.keys, zone.keys.signing("other-node"))})
    second = zone.say(zone.approved(MemberChange(zone=ZONE, nonce=fresh_nonce(), action="rekey", member=both)), "authority")
    other = OtherZone(write_public(zone, tmp_path), ZONE, "other-node", ORIGIN, SMALL_BITS)
    other.tell(lambda entry, time: told.append((entry, time)), lambda _index, _digest: b"")
    for index, (leaf, envelope) in enumerate(zone.entries):
        other.apply(index, leaf, envelope)
    assert told[: len(zone.view.registry.genesis.members)] == [(member, 0) for member in zone.view.registry.genesis.members]
    assert told[-2:] == [(first.statement.member, first.time), (both, second.time)]
