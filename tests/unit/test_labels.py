"""The table of hash labels in the protocol's specification is in step with the code: every use is listed, and nothing else."""

from __future__ import annotations

import ast
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from crypto.blame import prove_partial
from crypto.encoding import canonical_json
from crypto.keygen import PrivateKey, key_challenge
from crypto.paillier import PublicKey
from crypto.subjects import subject_id
from crypto.threshold import deal, verification_base
from scoring.custody.rounds import PendingRound, _dealt_info
from scoring.indicators.functional import functional
from scoring.indicators.model import load_pack
from scoring.release.ceremony import _share_info
from scoring.release.partials import sealing_info
from tests.support.ledger import PACK

ROOT = Path(__file__).parents[2]
SPECIFICATION = (ROOT / "docs" / "specs" / "protocol.md").read_text(encoding="utf-8")
SOURCES = [path for name in ("crypto", "scoring", "connectors", "nodes", "gateway", "simulators") for path in (ROOT / name).rglob("*.py")]
LABELLING = {"label", "digest", "xof", "xof_mod"}
ROWS = re.findall(r"^\| `([a-z-]+)` \| ([^|]*(?:\\\|[^|]*)*) \|", SPECIFICATION.partition("## Labels")[2].partition("\n## ")[0], re.MULTILINE)


def uses(source: str) -> Iterator[str]:
    """Every use that a module gives to a labelling function of ``crypto.encoding``, directly or through a function of its own.

    Raises AssertionError where the use is neither written there nor a parameter of the function around it.
    """
    tree = ast.parse(source)
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "crypto.encoding"
        for alias in node.names
        if alias.name in LABELLING
    }
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        parameters = [argument.arg for argument in function.args.args]
        for call in calls(function, imported):
            use = call.args[0]
            if isinstance(use, ast.Name) and use.id in parameters:
                yield from (constant(outer.args[parameters.index(use.id)]) for outer in calls(tree, {function.name}))
            else:
                yield constant(use)
    assert len(list(calls(tree, imported))) == sum(len(list(calls(node, imported))) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def calls(tree: ast.AST, names: set[str]) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            yield node


def constant(node: ast.expr) -> str:
    assert isinstance(node, ast.Constant), ast.unparse(node)
    assert isinstance(node.value, str), ast.unparse(node)
    return node.value


def used() -> set[str]:
    return {use for path in SOURCES if path.name != "encoding.py" for use in uses(path.read_text(encoding="utf-8"))}


def test_every_label_in_the_code_is_in_the_table_and_the_reverse() -> None:
    assert {use for use, _ in ROWS} == used()


def test_no_label_is_listed_twice() -> None:
    assert len(ROWS) == len({use for use, _ in ROWS}) > 15


def test_no_two_modules_share_a_label() -> None:
    places = [(use, path.name) for path in SOURCES if path.name != "encoding.py" for use in set(uses(path.read_text(encoding="utf-8")))]
    assert len(places) == len({use for use, _ in places})


def test_a_use_given_through_a_function_of_ones_own_is_found() -> None:
    source = "from crypto.encoding import xof\ndef draw(size, use):\n    return xof(use, size)\ndef a():\n    return draw(3, 'one')\n"
    assert list(uses(source)) == ["one"]
    with pytest.raises(AssertionError):
        list(uses("from crypto.encoding import xof\ndef a(x):\n    return xof(x.use, 3)\n"))
    with pytest.raises(AssertionError):
        list(uses("from crypto.encoding import xof\nA = xof('one', 3)\n"))


# --- what the table says, computed again from it with the standard library alone ---


def frame(use: str, *fields: bytes) -> bytes:
    return b"".join(len(field).to_bytes(8, "big") + field for field in (f"xinqiao/{use}/v1".encode(), *fields))


def residue(n: int, use: str, *fields: bytes) -> int:
    return int.from_bytes(hashlib.shake_256(frame(use, *fields)).digest(n.bit_length() // 8 + 16), "big") % n


def test_keys_are_named_and_derived_as_the_table_says(small_public_key: PublicKey) -> None:
    n, width = small_public_key.n, small_public_key.n.bit_length() // 8
    fixed = n.to_bytes(width, "big")
    y = residue(n, "base", fixed)
    assert small_public_key.h == -y * y % n
    assert small_public_key.key_hash == hashlib.sha256(frame("public-key", fixed, small_public_key.h.to_bytes(width, "big"))).digest()
    assert key_challenge(n, 7) == residue(n, "key-proof", fixed, (7).to_bytes(8, "big"))
    assert verification_base(n) == residue(n, "verification-base", fixed) ** 2 % n


def test_subjects_are_named_as_the_table_says() -> None:
    key, uscc = bytes(range(32)), "91330108MA2AAAAA00"
    assert subject_id(key, uscc) == hmac.digest(key, frame("subject", uscc.encode()), "sha256")[:16].hex()


def test_functionals_are_named_as_the_table_says() -> None:
    model = load_pack(PACK.read_bytes())
    form = functional(model, "total", "S1")
    terms = [{"functional": term.functional, "indicator": term.indicator, "weight": term.weight} for term in form.terms]
    document = canonical_json({"constant": form.constant, "name": "total", "stage": "S1", "terms": terms})
    assert form.hash == hashlib.sha256(frame("functional", bytes.fromhex(model.sha256), document)).hexdigest()


def test_seals_are_bound_as_the_table_says() -> None:
    assert sealing_info("ab" * 32, "tax", 1) == frame("partial", b"\xab" * 32, b"tax", b"\0\0\0\1")
    pending = cast(PendingRound, SimpleNamespace(digest="ab" * 32))
    assert _dealt_info(pending, "tax", "credit") == frame("dealt-share", b"\xab" * 32, b"tax", b"credit")
    assert _share_info("zone", "tax") == frame("share", b"zone", b"tax")


def test_a_proof_of_a_partial_is_challenged_as_the_table_says(small_private_key: PrivateKey) -> None:
    sharing, (share, *_) = deal(small_private_key, 2, 3, secrets.randbits)
    key, n, width = sharing.public_key, sharing.public_key.n, sharing.public_key.n.bit_length() // 8
    ciphertext, context = (1 + 7 * key.n) * pow(key.h_s, 99, key.n2) % key.n2, b"about"
    proof = prove_partial(sharing, share, ciphertext, context, secrets.randbits)
    x, base, c, z = pow(ciphertext, 12 * share.value, n), pow(ciphertext, 24, n), proof.challenge, proof.response
    numbers = (
        sharing.v,
        base,
        sharing.v_i[0],
        x * x % n,
        pow(sharing.v, z, n) * pow(sharing.v_i[0], -c, n) % n,
        pow(base, z, n) * pow(x, -2 * c, n) % n,
    )
    fields = [number.to_bytes(width, "big") for number in numbers]
    assert c == int.from_bytes(hashlib.shake_256(frame("partial-proof", key.key_hash, context, *fields)).digest(16), "big")
