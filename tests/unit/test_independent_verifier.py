"""The second verifier: independent of ours, right about signatures by outside truth, and of one mind with ours about every pack."""

from __future__ import annotations

import ast
import copy
import hashlib
import json
import os
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.merkle import MemoryTree, root
from nodes.packs import pack_path, shipped_pack, shipped_packs
from scoring.indicators.document import parse_document
from scoring.indicators.model import load_pack
from scoring.rules.credit import line_fen
from tests.support import independent
from tests.support.mutations import leaves

verify = independent.load()
PACKS = shipped_packs()

CORPUS = Path(__file__).parents[1] / "vectors" / "artifacts"
ROOTS = verify.Roots(CORPUS / "public")
RECEIPT = json.loads((CORPUS / "receipts" / "plain.json").read_bytes())
PLACES = [(), *(path[: length + 1] for path in leaves(RECEIPT) for length in range(len(path)))]

# RFC 8032, section 7.1: secret key, public key, message, signature
RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


def test_it_imports_the_standard_library_alone() -> None:
    tree = ast.parse(independent.PATH.read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert called.isdisjoint({"__import__", "exec", "eval", "open"})


def test_it_runs_where_nothing_is_installed(tmp_path: Path) -> None:
    """In isolated mode, without site packages, from another directory: usage is answered, and missing keys are exit 2."""
    (tmp_path / "receipt.json").write_text("{}")
    command = [sys.executable, "-I", "-S", str(independent.PATH), "receipt.json", "nowhere", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (2, "")
    assert "registry.dsse.json" in json.loads(done.stdout)["error"]


def test_a_directory_without_a_log_is_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(verify.Unusable):
        verify.verify(tmp_path, ROOTS)
    assert verify.main([str(tmp_path / "absent.json"), str(CORPUS / "public")]) == 2


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@settings(max_examples=60, deadline=None)
@given(place=st.sampled_from(PLACES), value=VALUES)
def test_whatever_stands_in_a_receipt_ends_in_a_reason(place: tuple[Any, ...], value: Any) -> None:
    holder: dict[Any, Any] = {(): copy.deepcopy(RECEIPT)}
    item: Any = holder
    for key in ((), *place)[:-1]:
        item = item[key]
    item[((), *place)[-1]] = value
    with pytest.raises(verify.Fault):
        verify.ReceiptCheck(json.dumps(holder[()]).encode(), ROOTS).check()


@settings(deadline=None)
@given(data=st.binary(max_size=200))
def test_bytes_that_are_no_receipt_and_no_note_are_faults(data: bytes) -> None:
    with pytest.raises(verify.Fault):
        verify.ReceiptCheck(data, ROOTS).check()
    with pytest.raises(verify.Fault):
        ROOTS.checkpoint(data)


def test_nothing_outside_a_log_is_read_and_nothing_is_waited_for(tmp_path: Path) -> None:
    """Who signs a roster may name a device as its document, and who hands over a log may lay a pipe into it."""
    (tmp_path / "log" / "blobs").mkdir(parents=True)
    (tmp_path / "secret").write_text("{}")
    os.mkfifo(tmp_path / "log" / "pipe")
    (tmp_path / "log" / "endless").symlink_to("/dev/zero")
    log = verify.LogCheck(tmp_path / "log", ROOTS)
    assert [log.file(name) for name in ("pipe", "endless", "blobs", "absent")] == [None] * 4
    for name in ("../../secret", "/dev/zero", "", None):
        with pytest.raises(ValueError, match="a digest is malformed"):
            verify.Replay(log).blob(name)


def test_it_knows_every_kind_that_is_logged() -> None:
    """Add a new kind to SIGNERS in docs/verifier/verify.py, with the role that signs it: else it tells its reader that it did not judge it."""
    text = (Path(__file__).parents[2] / "docs" / "specs" / "statements.md").read_text(encoding="utf-8")
    table = text.partition("## Kinds")[2].partition("Never logged")[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == set(verify.SIGNERS)


# --- signatures ---


@pytest.mark.parametrize(("public", "message", "signature"), RFC_8032)
def test_vectors_of_rfc_8032_verify_and_no_changed_one(public: str, message: str, signature: str) -> None:
    key, text, signed = bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)
    assert verify.ed25519_verify(key, text, signed)
    assert not verify.ed25519_verify(key, text + b"x", signed)
    for place in range(0, 64, 7):
        assert not verify.ed25519_verify(key, text, signed[:place] + bytes([signed[place] ^ 1]) + signed[place + 1 :])


def test_a_signature_with_s_beyond_the_order_is_refused() -> None:
    public, message, signature = (bytes.fromhex(part) for part in RFC_8032[1])
    s = int.from_bytes(signature[32:], "little") + verify.L25519
    assert not verify.ed25519_verify(public, message, signature[:32] + s.to_bytes(32, "little"))


@settings(max_examples=15, deadline=None)
@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=300))
def test_what_a_common_library_signs_with_ed25519_verifies(seed: bytes, message: bytes) -> None:
    private = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = private.public_key().public_bytes_raw(), private.sign(message)
    assert verify.ed25519_verify(public, message, signature)
    assert not verify.ed25519_verify(public, message + b"!", signature)
    assert not verify.ed25519_verify(public[:-1], message, signature)


@settings(max_examples=5, deadline=None)
@given(secret=st.integers(1, verify.N256 - 1), message=st.binary(max_size=300))
def test_what_a_common_library_signs_with_p256_verifies(secret: int, message: bytes) -> None:
    private = ec.derive_private_key(secret, ec.SECP256R1())
    public = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    signature = private.sign(message, ec.ECDSA(hashes.SHA256()))
    r, s = verify.der_signature(signature)
    assert verify.p256_verify(public, message, r, s)
    assert not verify.p256_verify(public, message + b"!", r, s)
    assert not verify.p256_verify(public, message, r, s + verify.N256)
    assert not verify.p256_verify(public[:-1] + bytes([public[-1] ^ 1]), message, r, s)


@pytest.mark.parametrize(
    "data",
    ["", "3000", "3006020100020101ff", "300702010002020001", "30070202000102010a", "3006020101030101", "3081060201010201", "30060201010201"],
)
def test_other_encodings_of_a_signature_are_refused(data: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        verify.der_signature(bytes.fromhex(data))


# --- trees ---


@settings(deadline=None)
@given(st.lists(st.binary(max_size=4), min_size=1, max_size=40))
def test_roots_and_inclusion_proofs_are_those_of_the_log(leaves: list[bytes]) -> None:
    tree = MemoryTree(leaves)
    hashed = [verify.leaf_hash(leaf) for leaf in leaves]
    assert verify.tree_root(hashed) == root(leaves) == tree.root()
    for index, leaf in enumerate(hashed):
        proof = tree.inclusion_proof(index)
        assert verify.included(leaf, index, len(leaves), proof, tree.root())
        assert not verify.included(leaf, index, len(leaves), [*proof, bytes(32)], tree.root())
        assert not verify.included(hashlib.sha256(leaf).digest(), index, len(leaves), proof, tree.root())


# --- packs ---


def plain(value: Any) -> Any:
    """Values of a pack as the second reader gives them: lists, and fractions for decimals."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return Fraction(str(value)) if type(value) not in {int, bool, str, type(None)} else value


@pytest.mark.parametrize("name", PACKS)
def test_both_readers_read_the_same_in_every_pack(name: str) -> None:
    data = shipped_pack(name)
    source = pack_path(name).read_bytes()
    assert verify.read_yaml(source.decode()) == plain(parse_document(source).value)
    assert verify.read_yaml(data.decode()) == plain(parse_document(data).value)


@pytest.mark.parametrize("name", PACKS)
def test_every_functional_and_line_of_every_pack_is_the_same(name: str) -> None:
    data = shipped_pack(name)
    ours, theirs = load_pack(data), verify.Model(data)
    assert theirs.sha256 == ours.sha256
    for (of, stage), form in ours.forms.items():
        found = theirs.functional(of, stage)
        terms = tuple((term.indicator, term.functional, term.weight) for term in form.terms)
        assert (found.hash, found.terms, found.constant, found.low, found.high, found.s) == (
            (form.hash, terms, form.constant, form.plain_lo, form.plain_hi, form.gate_bits)
        )
        for value in (form.lo, form.plain_lo - 1, form.plain_lo, 0, form.plain_hi, form.plain_hi - (1 << form.gate_bits), form.plain_hi + 1):
            try:
                reading = ours.read(form, value)
                expected: Any = (reading.value_hundredths, reading.gated)
            except Exception:  # noqa: BLE001  whatever refuses it: the second reader must refuse it too
                expected = ValueError
            try:
                assert found.read(value) == expected
            except ValueError:
                assert expected is ValueError
    for offer, product in ours.products.items():
        assert theirs.singles(offer) == list(product.singles)
        for stage in (item.id for item in ours.stages):
            for total in (-500, 0, 1, 4999, 5000, 12_345, 30_000):
                for shown in (*([figure] * len(product.singles) for figure in (0, 100, 4_321, 99_999_999)), range(len(product.singles))):
                    singles = dict(zip(product.singles, shown, strict=True)) | dict.fromkeys(product.vetoes, 0)
                    line = line_fen(product, stage, total, False, singles).line_fen
                    assert theirs.line_fen(offer, stage, total, gated=False, singles=singles) == line
            cleared = dict.fromkeys(product.singles, 100) | dict.fromkeys(product.vetoes, 0)
            assert theirs.line_fen(offer, stage, 9000, gated=True, singles=cleared) == 0
            for veto in product.vetoes:
                assert theirs.line_fen(offer, stage, 9000, gated=False, singles=cleared | {veto: 100}) == 0
            for condition in product.eligibility:
                assert theirs.line_fen(offer, stage, 9000, gated=False, singles=cleared | {condition: 0}) == 0
