"""The program of docs/interop-phe.md, as it stands there: a sender with phe and the standard library alone contributes, custodians open it."""

from __future__ import annotations

import ast
import base64
import json
import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crypto.contribution import check_contribution
from crypto.encoding import canonical_json
from crypto.errors import CiphertextError, MerkleError, ProofError
from crypto.keygen import PrivateKey
from crypto.merkle import root
from crypto.paillier import PublicKey
from crypto.proofs import KnowledgeProof
from crypto.statements import parse_envelope, pre_authentication_encoding
from scoring.statements import Column, ContributionHeader, parse_statement

phe = pytest.importorskip("phe")
pytestmark = pytest.mark.interop
DOCUMENT = (Path(__file__).parents[2] / "docs" / "interop-phe.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
SENDER, _, RECEIVER = BLOCKS[0].partition("# ---- The zone:")
HEADER = {
    "sender": "ip", "zone": "test-zone", "kind": "column", "epoch": "e1", "period": "1995", "model": "11" * 32, "roster": "22" * 32,
    "entries": [{"indicator": "patents", "functional": "-"}], "revision": 0, "slot_bits": 20, "slots": 3,
    "subject": "", "audience": "", "consent": "",
}  # fmt: skip
PLAINTEXTS = [0, 1250, -32768, 1 << 300]


@pytest.fixture(scope="module")
def sender() -> dict[str, Any]:
    """The sender's functions."""
    namespace: dict[str, Any] = {}
    exec(compile(SENDER, "docs/interop-phe.md", "exec"), namespace)
    return namespace


def test_the_program_runs_as_it_stands() -> None:
    assert len(BLOCKS) == 1
    done = subprocess.run([sys.executable, "-c", BLOCKS[0]], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert (done.returncode, done.stdout, done.stderr) == (0, "contributed with phe, opened by three of five\n", "")


def test_the_senders_side_needs_phe_and_the_standard_library_alone() -> None:
    imported = {alias.name for node in ast.walk(ast.parse(SENDER)) if isinstance(node, ast.Import) for alias in node.names}
    assert not [node for node in ast.walk(ast.parse(SENDER)) if isinstance(node, ast.ImportFrom)]
    assert imported - {"phe"} <= sys.stdlib_module_names
    assert "phe" in imported
    assert RECEIVER


def test_the_header_has_every_name_of_the_schema(sender: dict[str, Any], small_public_key: PublicKey) -> None:
    header, _, _ = sender["contribution"](small_public_key.to_json(), HEADER, PLAINTEXTS)
    assert set(header) == set(ContributionHeader.model_fields)
    assert sender["canonical"](header) == canonical_json(header)
    table = re.findall(r"^\| (`[a-z_`, ]+`) \|", DOCUMENT.partition("## Header")[2].partition("## Proof")[0], re.MULTILINE)
    assert {name for row in table for name in re.findall(r"[a-z_]+", row)} == set(ContributionHeader.model_fields)


def test_what_it_makes_is_a_contribution(sender: dict[str, Any], small_public_key: PublicKey, small_private_key: PrivateKey) -> None:
    header, proof, data = sender["contribution"](small_public_key.to_json(), HEADER, PLAINTEXTS)
    ciphertexts = check_contribution(small_public_key, header, KnowledgeProof.from_json(proof), data)
    private = phe.PaillierPrivateKey(phe.PaillierPublicKey(small_public_key.n), small_private_key.p, small_private_key.q)
    assert [private.raw_decrypt(c) for c in ciphertexts] == [m % small_public_key.n for m in PLAINTEXTS]


def test_the_envelope_is_a_signed_statement(sender: dict[str, Any], small_public_key: PublicKey) -> None:
    key, signed = Ed25519PrivateKey.generate(), []

    def sign(data: bytes) -> bytes:
        signed.append(data)
        return key.sign(data)

    header, proof, _ = sender["contribution"](small_public_key.to_json(), HEADER, PLAINTEXTS)
    envelope = parse_envelope(sender["envelope"](header, proof, "ip~1", sign))
    assert signed == [pre_authentication_encoding(envelope.payload_type, envelope.payload)]
    statement = parse_statement(envelope.payload_type, envelope.payload)
    assert isinstance(statement, Column)
    assert statement.header.model_dump(mode="json") == header
    assert base64.b64encode(envelope.payload).decode() == json.loads(envelope.raw)["payload"]


def test_a_key_whose_h_does_not_follow_is_refused_by_the_sender(sender: dict[str, Any], small_public_key: PublicKey) -> None:
    document = small_public_key.to_json() | {"h": f"{small_public_key.h ^ 2:x}"}
    with pytest.raises(ValueError, match="h does not follow"):
        sender["read_key"](document)


@pytest.mark.parametrize("field", ["t", "z1", "z2"])
def test_no_number_of_its_proof_can_be_changed(sender: dict[str, Any], small_public_key: PublicKey, field: str) -> None:
    header, proof, data = sender["contribution"](small_public_key.to_json(), HEADER, PLAINTEXTS)
    changed = proof | {field: f"{int(proof[field], 16) ^ 1:x}"}
    with pytest.raises(ProofError):
        check_contribution(small_public_key, header, KnowledgeProof.from_json(changed), data)


def test_its_proof_fits_no_other_header_and_no_other_ciphertexts(sender: dict[str, Any], small_public_key: PublicKey) -> None:
    header, proof, data = sender["contribution"](small_public_key.to_json(), HEADER, PLAINTEXTS)
    other, _, theirs = sender["contribution"](small_public_key.to_json(), HEADER, PLAINTEXTS)
    for said, sent, error in ((header | {"revision": 1}, data, ProofError), (other, theirs, ProofError), (header, theirs, MerkleError)):
        with pytest.raises(error):
            check_contribution(small_public_key, said, KnowledgeProof.from_json(proof), sent)
    with pytest.raises(CiphertextError):
        check_contribution(small_public_key, header, KnowledgeProof.from_json(proof), data[: -small_public_key.ciphertext_size])


def test_its_roots_are_units(sender: dict[str, Any]) -> None:
    assert {sender["unit"](15) for _ in range(400)} == {1, 2, 4, 7, 8, 11, 13, 14}


def test_its_merkle_root_is_that_of_rfc_6962(sender: dict[str, Any]) -> None:
    for count in (1, 2, 3, 5, 8, 13):
        leaves = [secrets.token_bytes(16) for _ in range(count)]
        assert sender["merkle_root"](leaves) == root(leaves)
