"""Checkpoints, witness policy and portable proofs; every field changed is refused."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from crypto import checkpoint, merkle, notes
from crypto.checkpoint import Checkpoint, TlogProof, check_tlog_proof, check_witnessed, cosign, open_checkpoint, parse_checkpoint, sign_checkpoint
from crypto.errors import MerkleError, NoteError
from crypto.notes import COSIGNATURE_V1, ED25519, NoteSigner

LOG = NoteSigner("xinqiao/test", ED25519, os.urandom(32))
WITNESSES = [NoteSigner(f"xinqiao/test/w{i}", COSIGNATURE_V1, os.urandom(32)) for i in range(3)]
LOG_VKEY = LOG.key.to_vkey()
VKEYS = [witness.key.to_vkey() for witness in WITNESSES]
LEAVES = [b"leaf %d" % i for i in range(5)]
ROOT = merkle.root(LEAVES)
NOTE = sign_checkpoint(Checkpoint("xinqiao/test", 5, ROOT), LOG)
WITNESSED = NOTE + cosign(NOTE, WITNESSES[0], 100) + cosign(NOTE, WITNESSES[1], 300) + cosign(NOTE, WITNESSES[2], 200)


def test_the_text_of_a_checkpoint_is_three_lines() -> None:
    text = b"example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    parsed = parse_checkpoint(text)
    assert (parsed.origin, parsed.size) == ("example.com/behind-the-sofa", 20852163)
    assert parsed.to_text() == text


@pytest.mark.parametrize(
    "text",
    [
        b"", b"a\n5\n", b"\n5\nAAAA\n", b"a\n05\n" + b"A" * 43 + b"=\n", b"a\n-1\n" + b"A" * 43 + b"=\n", b"a\n5\nAAAA\n",
        b"a\n5\n" + b"A" * 43 + b"B\n",
        b"a\n5\n" + b"A" * 42 + b"B=\n", b"a\n5\n" + b"A" * 43 + b"=\nextension\n", b"a\n5\n" + b"A" * 43 + b"=",
        b"a\n\xd9\xa5\n" + b"A" * 43 + b"=\n",
        b"a\n" + b"9" * 30 + b"\n" + b"A" * 43 + b"=\n",
    ],
)  # fmt: skip
def test_other_texts_are_no_checkpoints(text: bytes) -> None:
    with pytest.raises(NoteError):
        parse_checkpoint(text)


def test_the_logs_checkpoint_opens() -> None:
    assert open_checkpoint(NOTE, LOG_VKEY) == Checkpoint("xinqiao/test", 5, ROOT)


def test_a_checkpoint_of_another_origin_is_refused() -> None:
    with pytest.raises(NoteError, match="not of"):
        open_checkpoint(sign_checkpoint(Checkpoint("xinqiao/other", 5, ROOT), LOG), LOG_VKEY)


def test_a_checkpoint_signed_by_another_key_is_refused() -> None:
    impostor = NoteSigner("xinqiao/test", ED25519, os.urandom(32))
    with pytest.raises(NoteError):
        open_checkpoint(sign_checkpoint(Checkpoint("xinqiao/test", 5, ROOT), impostor), LOG_VKEY)


def test_a_witness_key_is_no_log_key_and_the_reverse() -> None:
    with pytest.raises(NoteError, match="0x01"):
        open_checkpoint(WITNESSED, VKEYS[0])
    with pytest.raises(NoteError, match="0x04"):
        check_witnessed(WITNESSED, LOG_VKEY, [LOG_VKEY], 1)


@pytest.mark.parametrize(("required", "time"), [(1, 300), (2, 200), (3, 100)])
def test_freshness_is_the_time_of_the_wth_newest_cosignature(required: int, time: int) -> None:
    witnessed = check_witnessed(WITNESSED, LOG_VKEY, VKEYS, required)
    assert (witnessed.size, witnessed.root, witnessed.time) == (5, ROOT, time)


def test_too_few_witnesses_are_refused() -> None:
    with pytest.raises(NoteError, match="2 of the required 3"):
        check_witnessed(NOTE + cosign(NOTE, WITNESSES[0], 1) + cosign(NOTE, WITNESSES[2], 1), LOG_VKEY, VKEYS, 3)
    with pytest.raises(NoteError, match="0 of the required 1"):
        check_witnessed(NOTE, LOG_VKEY, VKEYS, 1)


def test_one_witness_signing_twice_counts_once_at_its_newest_time() -> None:
    note = NOTE + cosign(NOTE, WITNESSES[0], 500) + cosign(NOTE, WITNESSES[0], 400)
    assert check_witnessed(note, LOG_VKEY, VKEYS, 1).time == 500
    with pytest.raises(NoteError, match="1 of the required 2"):
        check_witnessed(note, LOG_VKEY, VKEYS, 2)


def test_a_cosignature_of_another_checkpoint_is_refused() -> None:
    other = sign_checkpoint(Checkpoint("xinqiao/test", 6, ROOT), LOG)
    with pytest.raises(NoteError, match="does not verify"):
        check_witnessed(NOTE + cosign(other, WITNESSES[0], 1), LOG_VKEY, VKEYS, 1)


@pytest.mark.parametrize("required", [0, -1, 4])
def test_a_policy_that_cannot_be_met_or_asks_for_nothing_is_refused(required: int) -> None:
    with pytest.raises(NoteError, match="policy"):
        check_witnessed(WITNESSED, LOG_VKEY, VKEYS, required)


def test_one_public_key_under_two_names_is_no_second_witness() -> None:
    private = os.urandom(32)
    twins = [NoteSigner(name, COSIGNATURE_V1, private) for name in ("a.example", "b.example")]
    note = NOTE + cosign(NOTE, twins[0], 1) + cosign(NOTE, twins[1], 1)
    with pytest.raises(NoteError, match="policy"):
        check_witnessed(note, LOG_VKEY, [twin.key.to_vkey() for twin in twins], 2)


def test_every_changed_bit_of_a_witnessed_checkpoint_is_noticed() -> None:
    for position in range(len(WITNESSED)):
        changed = bytearray(WITNESSED)
        changed[position] ^= 4
        with pytest.raises(NoteError):
            check_witnessed(bytes(changed), LOG_VKEY, VKEYS, 3)


# --- tlog-proof ---

PROOF = TlogProof(3, tuple(merkle.MemoryTree(LEAVES).inclusion_proof(3)), WITNESSED)


def test_a_proof_proves_its_leaf() -> None:
    assert check_tlog_proof(PROOF.to_bytes(), LEAVES[3], LOG_VKEY, VKEYS, 2).size == 5


@pytest.mark.parametrize("extra", [None, b"", b"anything"])
def test_a_proof_survives_its_text(extra: bytes | None) -> None:
    proof = replace(PROOF, extra=extra)
    assert checkpoint.parse_tlog_proof(proof.to_bytes()) == proof


def test_the_text_is_the_specifications() -> None:
    lines = replace(PROOF, extra=b"x").to_bytes().decode().split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra eA==", "index 3"]
    assert lines[3 + len(PROOF.hashes)] == ""
    assert "\n".join(lines[4 + len(PROOF.hashes) :]).encode() == WITNESSED


@pytest.mark.parametrize(
    "wrong",
    [
        replace(PROOF, index=2),
        replace(PROOF, index=5),
        replace(PROOF, hashes=PROOF.hashes[:-1]),
        replace(PROOF, hashes=(*PROOF.hashes, ROOT)),
        replace(PROOF, hashes=PROOF.hashes[::-1]),
    ],
)
def test_a_changed_proof_is_refused(wrong: TlogProof) -> None:
    with pytest.raises(MerkleError):
        check_tlog_proof(wrong.to_bytes(), LEAVES[3], LOG_VKEY, VKEYS, 2)


def test_a_proof_of_another_leaf_is_refused() -> None:
    with pytest.raises(MerkleError):
        check_tlog_proof(PROOF.to_bytes(), LEAVES[2], LOG_VKEY, VKEYS, 2)


def test_a_proof_under_an_unwitnessed_checkpoint_is_refused() -> None:
    with pytest.raises(NoteError):
        check_tlog_proof(replace(PROOF, checkpoint=NOTE).to_bytes(), LEAVES[3], LOG_VKEY, VKEYS, 1)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"wrong\nindex 0\n\n" + WITNESSED, b"c2sp.org/tlog-proof@v1\n\n" + WITNESSED, b"c2sp.org/tlog-proof@v1\nindex x\n\n" + WITNESSED,
        b"c2sp.org/tlog-proof@v1\nindex -5\n\n" + WITNESSED, b"c2sp.org/tlog-proof@v1\nindex 05\n\n" + WITNESSED,
        b"c2sp.org/tlog-proof@v1\nextra !!\nindex 0\n\n" + WITNESSED, b"c2sp.org/tlog-proof@v1\nindex 0\n!!\n\n" + WITNESSED,
        b"c2sp.org/tlog-proof@v1\nindex 0\n" + b"A" * 86 + b"==\n\n" + WITNESSED, b"c2sp.org/tlog-proof@v1\nindex 0\nextra AA==\n\n" + WITNESSED,
        b"c2sp.org/tlog-proof@v1\nindex 0\n" + (b"A" * 43 + b"=\n") * 64 + b"\n" + WITNESSED, PROOF.to_bytes().replace(b"index", b"Index"),
        PROOF.to_bytes() + b"x" * (1 << 17),
    ],
)  # fmt: skip
def test_other_bytes_are_no_proofs(data: bytes) -> None:
    with pytest.raises(NoteError):
        check_tlog_proof(data, LEAVES[0], LOG_VKEY, VKEYS, 1)


def test_a_note_of_one_kind_does_not_pass_for_the_other() -> None:
    plain = NoteSigner(WITNESSES[0].name, ED25519, os.urandom(32))
    assert notes.verified(notes.parse_note(WITNESSED + plain.signature_line(b"x\n")), [WITNESSES[0].key]) == {WITNESSES[0].key: 100}
