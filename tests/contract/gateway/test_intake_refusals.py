"""Every contribution that the coordinator refuses, with its reason; over real mutual TLS, with the real log behind it [P4.1–P4.3, P4.6].

Whatever is refused leaves no leaf, no work and no file. The key has 512 bits and the roster a dozen firms.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crypto.encoding import canonical_json
from crypto.keygen import PrivateKey
from crypto.paillier import encode_ciphertext
from crypto.statements import sign_envelope
from nodes.errors import RpcRefusal
from nodes.runtime.peers.signing import fresh_nonce
from scoring.exchange.contributions import NO_FUNCTIONAL
from scoring.statements import Column, Entry, EpochClose
from tests.support.epoch import EPOCH
from tests.support.intake import CLOSED, SENDER, MakeIdentity, Sent, Site, intake_site
from tests.support.members import ZONE

OTHER = "ab" * 32


@pytest.fixture(scope="module")
def site(small_private_key: PrivateKey, make_identity: MakeIdentity, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with intake_site(small_private_key, make_identity, tmp_path_factory.mktemp("refusals")) as running:
        yield running


def check_refused(site: Site, message: Sent, reason: str) -> None:
    """It is refused with this reason, and leaves nothing."""
    before = site.traces()
    with pytest.raises(RpcRefusal) as refused:
        site.contribute(message)
    assert refused.value.reason == reason, refused.value.detail
    assert site.traces() == before


def test_what_these_tests_change_is_taken_as_it_is(site: Site) -> None:
    """Control."""
    site.contribute(site.sent(site.column()))
    site.contribute(site.sent(site.row("ip")))


# --- what the header says ---

COLUMN_HEADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "an indicator of another department": ("NOT_OWNER", {"entries": (Entry(indicator="rd"),)}),
    "an indicator that the model does not have": ("NOT_OWNER", {"entries": (Entry(indicator="nothing"),)}),
    "another model": ("MODEL_MISMATCH", {"model": OTHER}),
    "another roster": ("ROSTER_MISMATCH", {"roster": OTHER}),
    "another period": ("ROSTER_MISMATCH", {"period": "1996"}),
    "another key": ("KEY_MISMATCH", {"key": OTHER}),
    "another Merkle root": ("MERKLE_INVALID", {"merkle_root": OTHER}),
    "other slots": ("LAYOUT_INVALID", {"slots": 1}),
    "other slot bits": ("LAYOUT_INVALID", {"slot_bits": 8}),
    "other batches": ("LAYOUT_INVALID", {"batches": 1}),
    "more batches than can be": ("LAYOUT_INVALID", {"batches": 1 << 20}),
    "two entries in a column": ("LAYOUT_INVALID", {"entries": (Entry(indicator="value"), Entry(indicator="value"))}),
    "no entry": ("STATEMENT_INVALID", {"entries": ()}),
    "an indicator for one functional": ("LAYOUT_INVALID", {"entries": (Entry(indicator="value", functional="total"),)}),
    "a column about one subject": ("LAYOUT_INVALID", {"subject": "0" * 32}),
    "a column for one audience": ("LAYOUT_INVALID", {"audience": "bank-a"}),
    "a column under a consent": ("LAYOUT_INVALID", {"consent": OTHER}),
    "a row sent as a column": ("STATEMENT_INVALID", {"kind": "row"}),
    "the header of another zone": ("STATEMENT_INVALID", {"zone": "elsewhere"}),
    "an epoch that was never opened": ("EPOCH_UNKNOWN", {"epoch": "epoch-nowhere"}),
    "the proof of the same ciphertexts under another header": ("PROOF_INVALID", {"revision": 1 << 20}),
    "a type of proof that it is not": ("STATEMENT_INVALID", {"proof": "root"}),
}


@pytest.mark.parametrize("case", COLUMN_HEADERS)
def test_a_column_with_another_header_is_refused(site: Site, case: str) -> None:
    reason, header = COLUMN_HEADERS[case]
    check_refused(site, site.sent(site.column(), **header), reason)


def test_a_gate_names_a_functional_that_is_disclosed(site: Site) -> None:
    gate = next(entry for entry in site.entries("credit") if entry.functional != NO_FUNCTIONAL)
    for functional in ("secret", "growth", NO_FUNCTIONAL):
        statement = site.column(gate, "credit")
        check_refused(site, site.sent(statement, entries=(Entry(indicator=gate.indicator, functional=functional),)), "LAYOUT_INVALID")


def test_a_column_of_a_closed_epoch_is_refused(site: Site) -> None:
    check_refused(site, site.sent(site.column(epoch=CLOSED)), "EPOCH_STATE")


def test_an_old_revision_is_refused(site: Site) -> None:
    old = site.column()
    site.contribute(site.sent(site.column()))
    check_refused(site, site.sent(old), "REVISION_CONFLICT")


def test_the_newest_revision_with_other_bytes_is_refused(site: Site) -> None:
    newest = site.column()
    site.contribute(site.sent(newest))
    revision = newest.header.revision
    check_refused(site, site.sent(site.column(revision=revision)), "REVISION_CONFLICT")  # the same ciphertexts, another nonce
    check_refused(site, site.recounted(revision), "REVISION_CONFLICT")


# --- ciphertexts ---

Replacing = Callable[[Site], int]
CIPHERTEXTS: dict[str, Replacing] = {
    "zero": lambda site: 0,
    "p": lambda site: site.memory.private_key.p,
    "a multiple of q": lambda site: site.memory.private_key.q * secrets.randbelow(site.memory.private_key.p**2 - 1) + site.memory.private_key.q,
    "n": lambda site: site.memory.public_key.n,
    "n²": lambda site: site.memory.public_key.n2,
    "n² + 1": lambda site: site.memory.public_key.n2 + 1,
    "the largest that fits": lambda site: (1 << 8 * site.memory.public_key.ciphertext_size) - 1,
}


@pytest.mark.parametrize("case", CIPHERTEXTS)
@pytest.mark.parametrize("place", [0, -1])
def test_a_ciphertext_that_is_no_unit_or_out_of_range_is_refused(site: Site, case: str, place: int) -> None:
    """Under the Merkle root that belongs to it."""
    statement = site.column()
    parts = site.split(statement)
    parts[place] = CIPHERTEXTS[case](site).to_bytes(site.memory.public_key.ciphertext_size, "big")
    check_refused(site, site.over(statement, parts), "CIPHERTEXT_INVALID")


COUNTS: dict[str, tuple[str, Callable[[bytes, bytes], bytes]]] = {
    "none": ("CIPHERTEXT_INVALID", lambda _data, _one: b""),
    "one too few": ("CIPHERTEXT_INVALID", lambda data, one: data[: -len(one)]),
    "a byte too few": ("CIPHERTEXT_INVALID", lambda data, _one: data[:-1]),
    "one too many": ("MESSAGE_INVALID", lambda data, one: data + one),
    "a byte too many": ("MESSAGE_INVALID", lambda data, _one: data + b"\0"),
    "far too many": ("MESSAGE_INVALID", lambda data, _one: data + bytes(8 << 20)),
    "the same in another order": ("MERKLE_INVALID", lambda data, one: data[len(one) :] + data[: len(one)]),
}


@pytest.mark.parametrize("case", COUNTS)
def test_other_ciphertexts_than_announced_are_refused(site: Site, case: str) -> None:
    reason, change = COUNTS[case]
    statement = site.column()
    parts = site.split(statement)
    check_refused(site, site.sent(statement, ciphertexts=change(b"".join(parts), parts[0])), reason)


def test_ciphertexts_and_header_that_agree_on_a_count_that_is_not_the_epochs_are_refused(site: Site) -> None:
    statement = site.column()
    for parts in (site.split(statement)[:-1], [*site.split(statement), encode_ciphertext(site.memory.public_key, 1)]):
        check_refused(site, site.over(statement, parts, batches=len(parts)), "LAYOUT_INVALID")


# --- proofs ---


def test_the_proof_of_another_sender_is_refused(site: Site) -> None:
    theirs = site.column(sender="science")
    check_refused(site, site.sent(site.column().model_copy(update={"proof": theirs.proof})), "PROOF_INVALID")


def test_a_rerandomised_copy_of_anothers_column_is_refused(site: Site) -> None:
    """What P4.6 is for: without a proof of one's own, another's points would come out of a total."""
    memory, theirs = site.memory, site.column(sender="science")
    n2, shift = memory.public_key.n2, memory.encryptor.power(secrets.randbits(memory.public_key.exponent_bits))
    copied = [encode_ciphertext(memory.public_key, int.from_bytes(part, "big") * shift % n2) for part in site.split(theirs)]
    for proof in (theirs.proof, site.column().proof):
        check_refused(site, site.over(site.column().model_copy(update={"proof": proof}), copied), "PROOF_INVALID")


@pytest.mark.parametrize("number", ["t", "z1", "z2"])
def test_a_proof_with_one_number_changed_is_refused(site: Site, number: str) -> None:
    statement = site.column()
    value = f"{int(getattr(statement.proof, number), 16) ^ 1:x}"
    check_refused(site, site.sent(statement.model_copy(update={"proof": statement.proof.model_copy(update={number: value})})), "PROOF_INVALID")


def test_a_proof_of_another_type_than_announced_is_refused(site: Site) -> None:
    statement = site.column()
    check_refused(site, site.sent(statement.model_copy(update={"proof": statement.proof.model_copy(update={"type": "root"})})), "STATEMENT_INVALID")


@pytest.mark.parametrize("member", ["proof", "header"])
def test_a_statement_without_proof_or_header_is_refused(site: Site, member: str) -> None:
    statement = site.column()
    document = json.loads(statement.payload())
    del document[member]
    envelope = sign_envelope(statement.payload_type(), canonical_json(document), site.memory.keys.signers[SENDER])
    check_refused(site, Sent(SENDER, envelope, site.memory.blobs[statement.header.merkle_root]), "STATEMENT_INVALID")


# --- who speaks ---


def foreign(site: Site, statement: Column, key_id: str = "") -> Sent:
    """The statement signed by a key that nobody registered, under its own key id or another one."""
    signer = site.memory.keys.fork().make(SENDER)
    document = json.loads(sign_envelope(statement.payload_type(), statement.payload(), signer))
    document["signatures"][0]["keyid"] = key_id or signer.key_id
    return Sent(SENDER, canonical_json(document), site.memory.blobs[statement.header.merkle_root])


def test_an_unknown_signer_is_refused(site: Site) -> None:
    check_refused(site, foreign(site, site.column()), "SIGNER_UNKNOWN")


def test_an_unknown_signer_under_the_senders_key_id_is_refused(site: Site) -> None:
    check_refused(site, foreign(site, site.column(), site.memory.keys.signers[SENDER].key_id), "SIGNATURE_INVALID")


def test_a_signer_that_is_not_the_sender_is_refused(site: Site) -> None:
    check_refused(site, site.sent(site.column(), signer="science"), "SIGNER_NOT_ALLOWED")


def test_a_caller_that_is_not_the_sender_is_refused(site: Site) -> None:
    check_refused(site, site.sent(site.column(), caller="science"), "ROLE_MISSING")


def test_a_department_does_not_speak_for_another_by_naming_it(site: Site) -> None:
    check_refused(site, site.sent(site.column(), sender="science", signer=SENDER, caller=SENDER), "ROLE_MISSING")
    check_refused(site, site.sent(site.column(), sender="science", signer=SENDER, caller="science"), "SIGNER_NOT_ALLOWED")


@pytest.mark.parametrize("sender", ["bank-a", "coordinator", "notary", "authority"])
def test_who_is_no_department_contributes_nothing(site: Site, sender: str) -> None:
    check_refused(site, site.sent(site.column(), sender=sender), "NOT_OWNER")


def test_a_statement_of_another_zone_is_refused(site: Site) -> None:
    check_refused(site, site.sent(site.column().model_copy(update={"zone": "elsewhere"})), "ZONE_MISMATCH")


# --- what it is made of ---


def test_another_kind_of_statement_is_refused(site: Site) -> None:
    close = site.memory.envelope(EpochClose(zone=ZONE, nonce=fresh_nonce(), epoch=EPOCH), "authority")
    check_refused(site, Sent("authority", close, b""), "STATEMENT_INVALID")


@pytest.mark.parametrize("envelope", [b"{}", b"\xff", b"null", b"[" * 100_000], ids=["no members", "no text", "no object", "deep"])
def test_bytes_that_are_no_envelope_are_refused(site: Site, envelope: bytes) -> None:
    check_refused(site, Sent(SENDER, envelope, b""), "ENVELOPE_INVALID")


def test_an_envelope_that_is_too_large_is_refused(site: Site) -> None:
    check_refused(site, Sent(SENDER, b" " * ((2 << 20) + 1), b""), "ENVELOPE_INVALID")
    check_refused(site, Sent(SENDER, b" " * (4 << 20), b""), "MESSAGE_TOO_LARGE")  # over what one message may have


# --- rows ---

ROW_HEADERS: dict[str, tuple[str, Callable[[Site], dict[str, Any]]]] = {
    "a consent that is not in the log": ("CONSENT_MISSING", lambda _: {"consent": OTHER}),
    "another subject's consent": ("CONSENT_SCOPE", lambda site: {"consent": site.consents["other"].digest}),
    "another subject": ("CONSENT_SCOPE", lambda site: {"subject": site.memory.subjects[5]}),
    "another audience": ("CONSENT_SCOPE", lambda _: {"audience": "bank-b"}),
    "slots of a column": ("LAYOUT_INVALID", lambda _: {"slots": 4}),
    "another key": ("KEY_MISMATCH", lambda _: {"key": OTHER}),
    "the proof of the same ciphertexts under another header": ("PROOF_INVALID", lambda _: {"revision": 1 << 20}),
}


@pytest.mark.parametrize("case", ROW_HEADERS)
def test_a_row_with_another_header_is_refused(site: Site, case: str) -> None:
    reason, header = ROW_HEADERS[case]
    check_refused(site, site.sent(site.row("science"), **header(site)), reason)


def test_a_row_under_a_revoked_consent_is_refused(site: Site) -> None:
    check_refused(site, site.sent(site.row("science", "revoked")), "CONSENT_REVOKED")


def test_a_row_carries_all_entries_in_their_order(site: Site) -> None:
    row = site.row("ip", "other")
    entries, parts = row.header.entries, site.split(row)
    assert len(entries) == 2
    check_refused(site, site.sent(row, entries=entries[::-1]), "LAYOUT_INVALID")
    check_refused(site, site.over(row, parts[:1], entries=entries[:1], batches=1), "LAYOUT_INVALID")
    check_refused(site, site.over(row, [*parts, parts[0]], entries=(*entries, entries[0]), batches=3), "LAYOUT_INVALID")
