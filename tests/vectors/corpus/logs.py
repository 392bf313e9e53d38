"""Logs with one thing wrong: files that were changed after the fact, and statements that were really signed, sequenced and witnessed.

``young`` is a log of few statements; ``epoch`` has the key ceremony, an open epoch and its columns. A log is a dict of path -> bytes.
"""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from crypto.checkpoint import Checkpoint, cosign, open_checkpoint, sign_checkpoint
from crypto.encoding import sha256
from crypto.notes import ED25519, NoteSigner
from crypto.statements import countersign, parse_envelope, sign_envelope
from crypto.tiles import decode_entries, encode_entries
from nodes.runtime.peers.signing import fresh_nonce
from scoring.statements import Leaf, MemberChange, Refusal, Statement
from tests.support.artifacts import write_log
from tests.support.members import ZONE
from tests.vectors.corpus.zone import PLAIN, CorpusZone, Made

Files = dict[str, bytes]
STATEMENTS = 6  # of a young log


def files_of(zone: CorpusZone) -> Files:
    """A zone's log as it lies on disk."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        write_log(zone, directory)
        return {path.relative_to(directory).as_posix(): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


def refusal(member: str = "bank-a", **changes: object) -> Refusal:
    return Refusal.model_validate({"zone": ZONE, "nonce": fresh_nonce(), "member": member, "reason": "CONSENT_MISSING"} | changes)


def young(made: Made) -> CorpusZone:
    """A log of the registry, an enrolment, a consent and refusals."""
    zone = made.start.fork()
    zone.say(zone.consent_statement(zone.subjects[PLAIN], products=("base-line",)), zone.enrol(zone.subjects[PLAIN]))
    while len(zone.entries) < STATEMENTS:
        zone.say(refusal(), "bank-a")
    return zone


def members(made: Made) -> CorpusZone:
    """A log in which members come, change keys and go, as custodians approved: new keys sign, replaced ones no more."""
    zone = made.start.fork()
    zone.keys.make("bank-a")
    zone.say(zone.approved(change(zone, "rekey", "bank-a")), "authority")
    zone.say(refusal(), "bank-a")
    zone.say(change(zone, "leave", "bank-b"), "authority")
    zone.keys.make("bank-b")
    zone.say(zone.approved(change(zone, "join", "bank-b")), "authority")
    zone.say(refusal("bank-b"), "bank-b")
    return zone


def change(zone: CorpusZone, action: str, member: str) -> MemberChange:
    return MemberChange.model_validate({"zone": ZONE, "nonce": fresh_nonce(), "action": action, "member": zone.keys.member(member)})


def epoch(made: Made) -> CorpusZone:
    """A log up to the columns of an open epoch."""
    zone = made.opened.fork()
    for name, entry in zone.owed_columns()[:1]:
        zone.say(zone.column(name, entry), name)
    return zone


# --- files changed after the fact ---


def _only(files: Files, start: str) -> str:
    return next(path for path in files if path.startswith(start))


def flip(files: Files, start: str, place: int = -1) -> None:
    path = _only(files, start)
    data = bytearray(files[path])
    data[place] ^= 1
    files[path] = bytes(data)


def _head(files: Files, made: Made) -> Checkpoint:
    return open_checkpoint(files["checkpoint"], made.zone.log_signer.key.to_vkey())


def another_log(files: Files, made: Made) -> None:
    signer = NoteSigner(made.zone.log_signer.name, ED25519, b"\3" * 32)
    note = sign_checkpoint(_head(files, made), signer)
    files["checkpoint"] = note + cosign(note, made.zone.witness_signer, made.zone.now)


def unwitnessed(files: Files, made: Made) -> None:
    files["checkpoint"] = sign_checkpoint(_head(files, made), made.zone.log_signer)


def another_root(files: Files, made: Made) -> None:
    head = _head(files, made)
    note = sign_checkpoint(Checkpoint(head.origin, head.size, bytes(32)), made.zone.log_signer)
    files["checkpoint"] = note + cosign(note, made.zone.witness_signer, made.zone.now)


def replaced_entry(files: Files, _made: Made) -> None:
    path = _only(files, "tile/entries")
    entries = decode_entries(files[path], STATEMENTS)
    entries[2] = entries[2].replace(b"enterprise", b"auditor-xx")
    files[path] = encode_entries(entries)


def cut_bundle(files: Files, _made: Made) -> None:
    path = _only(files, "tile/entries")
    files[path] = files[path][:-1]


def changed_statement(files: Files, _made: Made) -> None:
    """A stored statement with one more space: its bytes are no longer those that the leaf names."""
    path = _refusal(files)
    files[path] = files[path].replace(b'"payload":', b'"payload": ', 1)


def drop(start: str) -> Callable[[Files, Made], None]:
    """Without the first file that starts so."""

    def change(files: Files, _made: Made) -> None:
        del files[_only(files, start)]

    return change


def drop_all(start: str) -> Callable[[Files, Made], None]:
    def change(files: Files, _made: Made) -> None:
        for path in [path for path in files if path.startswith(start)]:
            del files[path]

    return change


EDITS: dict[str, tuple[str, Callable[[Made], CorpusZone], Callable[[Files, Made], object]]] = {
    # name: (reason that it must get, log that is changed, change)
    "checkpoint-signature": ("CHECKPOINT_SIGNATURE", young, lambda files, _: flip(files, "checkpoint", 12)),
    "checkpoint-by-another-log": ("CHECKPOINT_SIGNATURE", young, another_log),
    "cosignature-missing": ("WITNESS_POLICY", young, unwitnessed),
    "root-of-another-tree": ("ROOT_MISMATCH", young, another_root),
    "entry-replaced": ("ENTRY_HASH_MISMATCH", young, replaced_entry),
    "entries-cut": ("ENTRY_BUNDLE_INVALID", young, cut_bundle),
    "entries-missing": ("ENTRY_MISSING", young, drop("tile/entries")),
    "tile-bit": ("TILE_HASH_MISMATCH", young, lambda files, _: flip(files, "tile/0/", 40)),
    "tile-missing": ("TILE_MISSING", young, drop("tile/0/")),
    "statements-missing": ("STATEMENTS_MISSING", young, drop_all("envelopes/")),
    "statement-missing": ("ENVELOPE_MISSING", young, lambda files, _: files.pop(_refusal(files))),
    "statement-changed": ("ENVELOPE_DIGEST", young, changed_statement),
    "ciphertexts-missing": ("BLOB_MISSING", epoch, lambda files, made: files.pop(_ciphertexts(files, made))),
    "ciphertext-bit": ("CIPHERTEXT_ROOT_MISMATCH", epoch, lambda files, made: flip(files, _ciphertexts(files, made))),
    "roster-changed": ("ROSTER_INVALID", epoch, lambda files, made: flip(files, f"blobs/{made.opened.roster_statement().sha256}", 30)),
}


def _refusal(files: Files) -> str:
    """The shortest statement: it has no effect on others."""
    return min((path for path in files if path.startswith("envelopes/")), key=lambda path: len(files[path]))


def _ciphertexts(files: Files, made: Made) -> str:
    documents = {f"blobs/{sha256(data).hex()}" for data in made.opened.blobs.values()}
    return next(path for path in files if path.startswith("blobs/") and path not in documents)


# --- statements really logged that break a rule ---


def raw(zone: CorpusZone, envelope: bytes, actor: str = "bank-a", kind: str = "refusal") -> None:
    """Sequence an envelope as it is, with the leaf that says so."""
    leaf = Leaf(kind=kind, actor=actor, time=zone.now, digest=sha256(envelope).hex()).to_bytes()
    zone.entries.append((leaf, envelope))
    zone.now += 1


def say(zone: CorpusZone, statement: Statement, signer: str, actor: str = "") -> None:
    raw(zone, zone.envelope(statement, signer), actor or signer, statement.kind)


def spaced_leaf(zone: CorpusZone, _made: Made) -> None:
    envelope = zone.envelope(refusal(), "bank-a")
    leaf = Leaf(kind="refusal", actor="bank-a", time=zone.now, digest=sha256(envelope).hex()).to_bytes()
    zone.entries.append((leaf.replace(b",", b", "), envelope))


def time_back(zone: CorpusZone, _made: Made) -> None:
    zone.now -= 3600
    say(zone, refusal(), "bank-a")


def flipped_signature(zone: CorpusZone, _made: Made) -> None:
    envelope = json.loads(zone.envelope(refusal(), "bank-a"))
    signature = bytearray(base64.b64decode(envelope["signatures"][0]["sig"]))
    signature[-1] ^= 1
    envelope["signatures"][0]["sig"] = base64.b64encode(signature).decode()
    raw(zone, json.dumps(envelope, separators=(",", ":"), sort_keys=True).encode())


def unknown_signer(zone: CorpusZone, _made: Made) -> None:
    zone.keys.make("stranger")
    say(zone, refusal(), "stranger", "bank-a")


def replayed(zone: CorpusZone, _made: Made) -> None:
    """The last statement again, with another member's signature beside the first: another envelope, the same words."""
    raw(zone, countersign(zone.entries[-1][1], zone.keys.signers["bank-b"]))


def replaced_key(zone: CorpusZone, _made: Made) -> None:
    """An enterprise goes on signing with a key in whose place it has enrolled another."""
    subject = zone.subjects[PLAIN]
    old = zone.own_key[subject]
    zone.enrol(subject)
    say(zone, zone.consent_statement(subject, products=("base-line",)), old, "enterprise")


def no_statement(zone: CorpusZone, _made: Made) -> None:
    envelope = parse_envelope(zone.envelope(refusal(), "bank-a"))
    raw(zone, sign_envelope("application/vnd.other.v1+json", envelope.payload, zone.keys.signers["bank-a"]))


def model_not_accepted(zone: CorpusZone, _made: Made) -> None:
    say(zone, zone.admission().model_copy(update={"acceptances": zone.admission().acceptances[:1]}), "authority")


def change_not_approved(zone: CorpusZone, _made: Made) -> None:
    """The authority alone gives a bank another key; nobody signs with it."""
    zone.keys.make("bank-b")
    say(zone, change(zone, "rekey", "bank-b"), "authority")


def approval_of_another(zone: CorpusZone, _made: Made) -> None:
    """Approvals of one change stand in another."""
    zone.keys.make("bank-b")
    approved = zone.approved(change(zone, "rekey", "bank-b"))
    say(zone, approved.model_copy(update={"nonce": fresh_nonce()}), "authority")


def broken_proof(zone: CorpusZone, _made: Made) -> None:
    name, entry = zone.owed_columns()[1]
    column = zone.column(name, entry)
    proof = column.proof.model_copy(update={"z1": f"{int(column.proof.z1, 16) ^ 1:x}"})
    zone.say(column.model_copy(update={"proof": proof}), name)


def another_registry(zone: CorpusZone, _made: Made) -> None:
    leaf, envelope = zone.entries[0]
    other = countersign(envelope, zone.keys.signers["bank-a"])
    zone.entries[0] = (leaf.replace(sha256(envelope).hex().encode(), sha256(other).hex().encode()), other)


FORGERIES: dict[str, tuple[str, Callable[[Made], CorpusZone], Callable[[CorpusZone, Made], None]]] = {
    "registry-of-another": ("GENESIS_MISMATCH", young, another_registry),
    "leaf-not-canonical": ("LEAF_INVALID", young, spaced_leaf),
    "leaf-time-goes-back": ("LEAF_TIME", young, time_back),
    "leaf-names-another": ("STATEMENT_VOID_SIGNER_NOT_ALLOWED", young, lambda zone, _: say(zone, refusal(), "bank-a", "bank-b")),
    "signature-bit": ("STATEMENT_VOID_SIGNATURE_INVALID", young, flipped_signature),
    "signer-unknown": ("STATEMENT_VOID_SIGNER_UNKNOWN", young, unknown_signer),
    "signer-not-the-one-named": ("STATEMENT_VOID_SIGNER_NOT_ALLOWED", young, lambda zone, _: say(zone, refusal("bank-b"), "bank-a")),
    "signer-without-the-role": (
        "STATEMENT_VOID_SIGNER_NOT_ALLOWED",
        young,
        lambda zone, _: say(zone, zone.enrolment(zone.subjects[3]), "tax"),
    ),
    "statement-of-another-zone": ("STATEMENT_VOID_ZONE_MISMATCH", young, lambda zone, _: say(zone, refusal(zone="other-zone"), "bank-a")),
    "statement-replayed": ("STATEMENT_VOID_STATEMENT_REPLAYED", young, replayed),
    "statement-of-no-kind": ("STATEMENT_VOID_STATEMENT_INVALID", young, no_statement),
    "envelope-malformed": ("STATEMENT_VOID_ENVELOPE_INVALID", young, lambda zone, _: raw(zone, b'{"payload":""}')),
    "key-was-replaced": ("STATEMENT_VOID_SIGNER_UNKNOWN", young, replaced_key),
    "model-not-accepted": ("STATEMENT_VOID_MODEL_NOT_ACCEPTED", young, model_not_accepted),
    "change-not-approved": ("STATEMENT_VOID_CHANGE_NOT_APPROVED", young, change_not_approved),
    "approvals-of-another-change": ("STATEMENT_VOID_CHANGE_NOT_APPROVED", young, approval_of_another),
    "proof-of-knowledge": ("PROOF_INVALID", epoch, broken_proof),
}


def logs(made: Made) -> dict[str, tuple[str, Files]]:
    """Name -> (reason, files) of every bad log."""
    found: dict[str, tuple[str, Files]] = {}
    for name, (reason, base, change) in EDITS.items():
        files = files_of(base(made))
        change(files, made)
        found[name] = (reason, files)
    for name, (reason, base, forge) in FORGERIES.items():
        zone = base(made)
        forge(zone, made)
        found[name] = (reason, files_of(zone))
    return found
