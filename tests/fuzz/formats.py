"""Readers of ``crypto``: envelopes, keys, ciphertexts and proofs, and the log's public formats."""

from __future__ import annotations

from crypto import merkle, notes, tiles
from crypto.checkpoint import Checkpoint, TlogProof, check_tlog_proof, check_witnessed, sign_checkpoint
from crypto.contribution import check_contribution
from crypto.encoding import canonical_json
from crypto.paillier import PublicKey, decode_ciphertexts
from crypto.proofs import KnowledgeProof
from crypto.statements import parse_envelope
from scoring.release.ceremony import check_ceremony
from scoring.statements import PAYLOAD_TYPE_PREFIX, Ceremony, Row, parse_statement
from tests.fuzz.judge import Parser, document
from tests.support.artifacts import note_of
from tests.support.ledger import SMALL_BITS
from tests.support.zone import MemoryZone


def crypto_parsers(zone: MemoryZone) -> dict[str, Parser]:
    """Envelopes, ciphertexts, contributions, the public key, the ceremony."""
    row = next(logged.statement for logged in zone.view.contributions.values() if isinstance(logged.statement, Row))
    ciphertexts = zone.blobs[row.header.merkle_root]
    contribution = canonical_json(row.model_dump(mode="json", include={"header", "proof"})) + b"\n" + ciphertexts
    assert zone.view.ceremony is not None
    ceremony = parse_envelope(zone.view.ceremony.envelope).payload

    def read_contribution(data: bytes) -> None:
        head, _, values = data.partition(b"\n")
        header, proof = (part if isinstance(part, dict) else {} for part in (document(head).get("header"), document(head).get("proof")))
        check_contribution(zone.public_key, header, KnowledgeProof.from_json(proof), values)

    def read_ceremony(data: bytes) -> None:
        said = parse_statement(f"{PAYLOAD_TYPE_PREFIX}{Ceremony.kind}.v1+json", data)
        assert isinstance(said, Ceremony)
        check_ceremony(said, SMALL_BITS)

    return {
        "envelope": Parser(parse_envelope, tuple(envelope for _, envelope in zone.entries[:4])),
        "ciphertexts": Parser(lambda data: decode_ciphertexts(zone.public_key, data), (ciphertexts,)),
        "contribution": Parser(read_contribution, (contribution,)),
        "public-key": Parser(lambda data: PublicKey.from_json(document(data), SMALL_BITS), (canonical_json(zone.public_key.to_json()),)),
        "ceremony": Parser(read_ceremony, (ceremony,), slow=True),
    }


def log_parsers(zone: MemoryZone) -> dict[str, Parser]:
    """Notes, keys, checkpoints, proofs, tiles."""
    leaves = [leaf for leaf, _ in zone.entries]
    vkey, witnesses = zone.log_signer.key.to_vkey(), [zone.witness_signer.key.to_vkey()]
    tree, note = merkle.MemoryTree(leaves), note_of(zone)
    proof = TlogProof(5, tuple(tree.inclusion_proof(5)), note)
    bare = sign_checkpoint(Checkpoint(zone.log_signer.name, len(leaves), tree.root()), zone.log_signer)
    path = (5).to_bytes(8, "big") + len(leaves).to_bytes(8, "big") + b"".join(proof.hashes)

    def read_inclusion(data: bytes) -> None:
        index, size, hashes = _path(data)
        merkle.check_inclusion(merkle.leaf_hash(leaves[5]), index, size, hashes, tree.root())

    def read_consistency(data: bytes) -> None:
        first, second, hashes = _path(data)
        merkle.check_consistency(first, second, hashes, tree.root(), tree.root())

    return {
        "note": Parser(notes.parse_note, (note, bare)),
        "vkey": Parser(lambda data: notes.parse_vkey(data.decode("latin-1")), (vkey.encode(), witnesses[0].encode())),
        "checkpoint": Parser(lambda data: check_witnessed(data, vkey, witnesses, 1), (note, bare)),
        "tlog-proof": Parser(lambda data: check_tlog_proof(data, leaves[5], vkey, witnesses, 1), (proof.to_bytes(),)),
        "tile-path": Parser(lambda data: tiles.parse_path(data.decode("latin-1")), (b"tile/0/x001/067.p/8", b"tile/entries/000")),
        "entry-bundle": Parser(lambda data: tiles.decode_entries(data, 8), (tiles.encode_entries(leaves[:8]),)),
        "inclusion-proof": Parser(read_inclusion, (path,)),
        "consistency-proof": Parser(read_consistency, (path,)),
        "frontier": Parser(merkle.Frontier.from_bytes, (merkle.Frontier().extended(map(merkle.leaf_hash, leaves)).to_bytes(),)),
    }


def _path(data: bytes) -> tuple[int, int, list[bytes]]:
    hashes = [data[start : start + 32] for start in range(16, len(data), 32)]
    return int.from_bytes(data[:8], "big"), int.from_bytes(data[8:16], "big"), hashes
