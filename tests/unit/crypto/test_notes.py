"""Signed notes against published answers: the C2SP example and the one in the documentation of Go's sumdb/note."""

from __future__ import annotations

import base64
import os

import pytest

from crypto import notes
from crypto.errors import NoteError
from crypto.notes import COSIGNATURE_V1, ED25519, NoteSigner, VerifierKey, parse_note, parse_vkey

C2SP_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_NOTE = (
    "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
).encode()
GO_SEED = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"  # type byte, then the Ed25519 seed
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = b"If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_NOTE = GO_TEXT + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n".encode()
SUM_DATABASE_VKEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
COSIGNED = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
).encode()


def signer(name: str = "log.example", kind: int = ED25519) -> NoteSigner:
    return NoteSigner(name, kind, os.urandom(32))


@pytest.mark.parametrize(("vkey", "note"), [(C2SP_VKEY, C2SP_NOTE), (GO_VKEY, GO_NOTE)])
def test_published_notes_verify(vkey: str, note: bytes) -> None:
    assert notes.open_note(note, [parse_vkey(vkey)]) == note.partition(b"\n\n")[0] + b"\n"


def test_signing_makes_the_published_bytes() -> None:
    known = NoteSigner("PeterNeumann", ED25519, base64.b64decode(GO_SEED)[1:])
    assert known.key.to_vkey() == GO_VKEY
    assert notes.sign_note(GO_TEXT, known) == GO_NOTE


@pytest.mark.parametrize("vkey", [C2SP_VKEY, GO_VKEY, SUM_DATABASE_VKEY])
def test_published_keys_parse_and_come_back(vkey: str) -> None:
    assert parse_vkey(vkey).to_vkey() == vkey


def test_the_specifications_cosignature_line_has_its_time_and_survives() -> None:
    note = parse_note(COSIGNED)
    assert [item.name for item in note.signatures] == ["example.com/behind-the-sofa", "witness.example.com/w1"]
    assert int.from_bytes(note.signatures[1].signature[:8], "big") == 1679315147
    assert len(note.signatures[1].signature) == 72
    assert note.text + b"\n" + b"".join(item.to_line() for item in note.signatures) == COSIGNED


def test_a_cosignature_covers_header_time_and_text() -> None:
    witness = signer("witness.example/w1", COSIGNATURE_V1)
    line = notes.parse_signatures(witness.signature_line(b"a\n", 1679315147))[0]
    plain = VerifierKey("other", ED25519, witness.key.public)
    assert plain.check(b"cosignature/v1\ntime 1679315147\na\n", line.signature[8:]) == 0
    assert witness.key.check(b"a\n", line.signature) == 1679315147
    with pytest.raises(NoteError):
        witness.key.check(b"a\n", (1679315148).to_bytes(8, "big") + line.signature[8:])


@pytest.mark.parametrize(
    "line",
    [
        "", "a", "a+b", "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", GO_VKEY.replace("c74f20a3", "c74f20a4"), GO_VKEY.upper(),
        GO_VKEY.replace("PeterNeumann", "Peter Neumann"), GO_VKEY + "=", " " + GO_VKEY, GO_VKEY.replace("+ARpc", "+"), "x+00000000+",
    ],
)  # fmt: skip
def test_other_lines_are_no_keys(line: str) -> None:
    with pytest.raises(NoteError):
        parse_vkey(line)


@pytest.mark.parametrize(
    "note",
    [
        b"", b"\n", b"text\n", GO_NOTE[:-1], GO_NOTE + b"\n", GO_NOTE.replace(b"\n\n", b"\n"), GO_NOTE.replace("—".encode(), b"-"),
        GO_NOTE.replace(b"PeterNeumann x08", b"PeterNeumann  x08"), GO_NOTE.replace(b"nAM=", b"nAM"), GO_NOTE.replace(b"nAM=", b"nAN="),
        GO_NOTE.replace(b"If you", b"If\tyou"), GO_NOTE.replace(b"If you", b"If\xffyou"), GO_NOTE.replace(b"x08go", b"x0 go"),
        GO_TEXT + "\n— PeterNeumann AAAA\n".encode(), b"x" * (notes.MAX_NOTE_BYTES + 1), b"a\n\n" + "— n AAAAAAA=\n".encode() * 65,
    ],
)  # fmt: skip
def test_other_bytes_are_no_notes(note: bytes) -> None:
    with pytest.raises(NoteError):
        parse_note(note)


def test_text_ends_at_the_last_empty_line() -> None:
    key = signer()
    note = notes.sign_note(b"one\n\ntwo\n\n", key)
    assert notes.open_note(note, [key.key]) == b"one\n\ntwo\n\n"


@pytest.mark.parametrize("text", [b"no newline", b"control\x01\n", b"\xff\n", b""])
def test_text_that_no_note_may_have_is_not_signed(text: bytes) -> None:
    with pytest.raises(NoteError):
        notes.sign_note(text, signer())


def test_signatures_of_unknown_keys_are_ignored_even_under_a_known_name() -> None:
    key, namesake = signer(), signer()
    note = notes.sign_note(b"a\n", key)
    assert notes.open_note(note + namesake.signature_line(b"other\n"), [key.key]) == b"a\n"


def test_a_wrong_signature_of_a_known_key_spoils_the_note() -> None:
    key, other = signer(), signer("other.example")
    note = notes.sign_note(b"a\n", key) + other.signature_line(b"b\n")
    assert notes.open_note(note, [key.key]) == b"a\n"
    with pytest.raises(NoteError, match=r"other\.example"):
        notes.open_note(note, [key.key, other.key])


def test_a_note_without_a_trusted_signature_is_refused() -> None:
    with pytest.raises(NoteError, match="no trusted key"):
        notes.open_note(notes.sign_note(b"a\n", signer()), [signer("other.example").key])


def test_every_changed_byte_of_a_note_is_noticed() -> None:
    key = parse_vkey(GO_VKEY)
    for position in range(len(GO_NOTE)):
        changed = bytearray(GO_NOTE)
        changed[position] ^= 1
        with pytest.raises(NoteError):
            notes.open_note(bytes(changed), [key])


def test_a_signers_repr_does_not_show_its_key() -> None:
    private = os.urandom(32)
    text = repr(NoteSigner("log.example", ED25519, private))
    assert private.hex() not in text
    assert base64.b64encode(private).decode() not in text
    assert "log.example" in text


def test_a_private_key_has_32_bytes() -> None:
    with pytest.raises(NoteError):
        NoteSigner("log.example", ED25519, b"short")
