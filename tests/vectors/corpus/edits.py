"""Receipts with one thing changed after the fact: a forger has the file, and nobody's keys."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from typing import Any

from crypto.checkpoint import Checkpoint, cosign, open_checkpoint, sign_checkpoint
from crypto.encoding import canonical_json
from crypto.notes import COSIGNATURE_V1, ED25519, NoteSigner, sign_note
from crypto.statements import sign_envelope
from tests.support.artifacts import base64_of
from tests.vectors.corpus.zone import Made

Document = dict[str, Any]
Edit = Callable[[Document, Made], object]


def plus_one(holder: Document, name: str, step: int = 1) -> None:
    holder[name] = str(int(holder[name]) + step)


def other_digit(text: str) -> str:
    """The same text with its last digit or letter changed."""
    return text[:-1] + ("1" if text[-1] != "1" else "2")


def payload_of(encoded: str) -> bytes:
    """The payload of an envelope in base64."""
    return base64.b64decode(json.loads(base64.b64decode(encoded))["payload"])


def flipped_signature(encoded: str) -> str:
    """The envelope with one bit of its first signature changed."""
    envelope = json.loads(base64.b64decode(encoded))
    signature = bytearray(base64.b64decode(envelope["signatures"][0]["sig"]))
    signature[-1] ^= 1
    envelope["signatures"][0]["sig"] = base64_of(bytes(signature))
    return base64_of(json.dumps(envelope, separators=(",", ":")).encode())


# --- members and rounds ---


def _kind(item: Document) -> str:
    return str(json.loads(base64.b64decode(item["leaf"]))["kind"])


def first_of(document: Document, kind: str) -> Document:
    """The first statement of a kind among those of members and rounds."""
    found: Document = next(item for item in document["members"] if _kind(item) == kind)
    return found


def only_members(document: Document) -> None:
    """The changes of members stay, and not what says who approved the last of them."""
    document["members"] = [item for item in document["members"] if _kind(item) == "member"]


# --- checkpoints ---


def _head(document: Document, made: Made) -> Checkpoint:
    return open_checkpoint(document["checkpoint"].encode(), made.zone.log_signer.key.to_vkey())


def _witnessed(note: bytes, made: Made) -> str:
    return (note + cosign(note, made.zone.witness_signer, made.zone.now)).decode()


def another_root(document: Document, made: Made) -> None:
    head = _head(document, made)
    document["checkpoint"] = document["checkpoint"].replace(base64_of(head.root), base64_of(bytes(32)))


def another_log(document: Document, made: Made) -> None:
    signer = NoteSigner(made.zone.log_signer.name, ED25519, b"\1" * 32)
    document["checkpoint"] = _witnessed(sign_checkpoint(_head(document, made), signer), made)


def extension_line(document: Document, made: Made) -> None:
    document["checkpoint"] = _witnessed(sign_note(_head(document, made).to_text() + b"extension\n", made.zone.log_signer), made)


def unwitnessed(document: Document, made: Made) -> None:
    document["checkpoint"] = sign_checkpoint(_head(document, made), made.zone.log_signer).decode()


def strange_witness(document: Document, made: Made) -> None:
    note = sign_checkpoint(_head(document, made), made.zone.log_signer)
    stranger = NoteSigner(made.zone.witness_signer.name, COSIGNATURE_V1, b"\2" * 32)
    document["checkpoint"] = (note + cosign(note, stranger, made.zone.now)).decode()


def later_cosignature(document: Document, made: Made) -> None:
    line = document["checkpoint"].rstrip("\n").split(" ")[-1]
    blob = bytearray(base64.b64decode(line))
    blob[11] ^= 1  # the last byte of the time, after 4 bytes of key id
    document["checkpoint"] = document["checkpoint"].replace(line, base64_of(bytes(blob)))


# --- statements and leaves ---


def signed_by(name: str, signer: str) -> Edit:
    """The same payload, signed by another member."""

    def change(document: Document, made: Made) -> None:
        envelope = json.loads(base64.b64decode(document[name]))
        raw = sign_envelope(envelope["payloadType"], base64.b64decode(envelope["payload"]), made.zone.keys.signers[signer])
        document[name] = base64_of(raw)

    return change


def spaced_leaf(document: Document, _made: Made) -> None:
    document["ticket_leaf"] = base64_of(base64.b64decode(document["ticket_leaf"]).replace(b",", b", "))


def swapped_ciphertexts(document: Document, _made: Made) -> None:
    row = max(document["rows"], key=lambda item: len(item["ciphertexts"]))["ciphertexts"]
    row[0], row[1] = row[1], row[0]


def another_position(document: Document, _made: Made) -> None:
    row = max(range(len(document["rows"])), key=lambda place: len(document["rows"][place]["ciphertexts"]))
    given = next(item for item in document["openings"][0]["inputs"] if item["row"] == str(row))
    given["position"] = "1" if given["position"] == "0" else "0"


def m_plus_n(document: Document, _made: Made) -> None:
    opening = document["openings"][0]
    opening["m"] = str(int(opening["m"]) + int(document["public_key"]["n"]))


def inflated_total(document: Document, _made: Made) -> None:
    units, cents = document["result"]["total"].split(".")
    document["result"]["total"] = f"{int(units) + 1}.{cents}"


EDITS: dict[str, tuple[str, str, Edit]] = {
    # name: (receipt that is changed, reason that it must get, change)
    "field-missing": ("before-release", "RECEIPT_FORMAT", lambda d, _: d.pop("roster_sha256")),
    "field-added": ("before-release", "RECEIPT_FORMAT", lambda d, _: d.update(remark="")),
    "number-with-leading-zero": ("before-release", "RECEIPT_FORMAT", lambda d, _: d.update(ticket_leaf_index="0" + d["ticket_leaf_index"])),
    "number-not-text": ("before-release", "RECEIPT_FORMAT", lambda d, _: d.update(ticket_leaf_index=int(d["ticket_leaf_index"]))),
    "rounds-left-out": ("reshared", "MEMBERS_INVALID", lambda d, _: only_members(d)),
    "rounds-without-a-deal": ("reshared", "MEMBERS_INVALID", lambda d, _: d["members"].remove(first_of(d, "key-deal"))),
    "members-left-out": ("rekeyed", "SIGNATURE_INVALID", lambda d, _: d.pop("members")),
    "members-moved": ("rekeyed", "INCLUSION_PROOF", lambda d, _: plus_one(d["members"][0], "leaf_index")),
    "zone": ("before-release", "ZONE_MISMATCH", lambda d, _: d.update(zone="other-zone")),
    "key-n": ("before-release", "KEY_NOT_PINNED", lambda d, _: plus_one(d["public_key"], "n", 2)),
    "model-version": ("before-release", "MODEL_NOT_PINNED", lambda d, _: d["model"].update(version="2")),
    "model-hash": ("before-release", "MODEL_NOT_PINNED", lambda d, _: d["model"].update(sha256="0" * 64)),
    "checkpoint-root": ("before-release", "CHECKPOINT_SIGNATURE", another_root),
    "checkpoint-by-another-log": ("before-release", "CHECKPOINT_SIGNATURE", another_log),
    "checkpoint-with-extension-line": ("before-release", "CHECKPOINT_SIGNATURE", extension_line),
    "cosignature-missing": ("before-release", "WITNESS_POLICY", unwitnessed),
    "cosignature-of-a-stranger": ("before-release", "WITNESS_POLICY", strange_witness),
    "cosignature-time": ("before-release", "WITNESS_POLICY", later_cosignature),
    "ticket-signature": ("before-release", "SIGNATURE_INVALID", lambda d, _: d.update(ticket=flipped_signature(d["ticket"]))),
    "ticket-by-a-bank": ("before-release", "SIGNER_NOT_ALLOWED", signed_by("ticket", "bank-a")),
    "ticket-is-a-consent": ("before-release", "STATEMENT_KIND", lambda d, _: d.update(ticket=d["consent"])),
    "ticket-leaf-not-canonical": ("before-release", "LEAF_INVALID", spaced_leaf),
    "ticket-leaf-of-a-row": ("before-release", "LEAF_DIGEST", lambda d, _: d.update(ticket_leaf=d["rows"][0]["leaf"])),
    "ticket-leaf-index": ("before-release", "INCLUSION_PROOF", lambda d, _: plus_one(d, "ticket_leaf_index")),
    "inclusion-proof-short": ("before-release", "INCLUSION_PROOF", lambda d, _: d["inclusion_proof"].pop()),
    "row-inclusion-proof-bit": (
        "before-release",
        "INCLUSION_PROOF",
        lambda d, _: d["rows"][1]["inclusion_proof"].__setitem__(0, other_digit(d["rows"][1]["inclusion_proof"][0])),
    ),
    "tlog-proof-index": ("before-release", "TLOG_PROOF", lambda d, _: d.update(tlog_proof=d["tlog_proof"].replace("index ", "index 1", 1))),
    "audience": ("before-release", "TICKET_MISMATCH", lambda d, _: d.update(audience="bank-b")),
    "purpose": ("before-release", "TICKET_MISMATCH", lambda d, _: d.update(purpose="lease")),
    "stage": ("before-release", "TICKET_MISMATCH", lambda d, _: d["result"].update(stage="S2")),
    "opening-doubled": ("before-release", "TICKET_MISMATCH", lambda d, _: d["openings"].append(d["openings"][0])),
    "row-ciphertext": ("before-release", "ROW_CIPHERTEXTS", lambda d, _: plus_one(d["rows"][0]["ciphertexts"], 0)),  # type: ignore[arg-type]
    "row-ciphertexts-swapped": ("before-release", "ROW_CIPHERTEXTS", swapped_ciphertexts),
    "row-of-another-member": ("before-release", "ROW_MISMATCH", lambda d, _: d["rows"][0].update(member=d["rows"][1]["member"])),
    "stage-proof-stage": ("before-release", "STAGE_MISMATCH", lambda d, _: d["stage_proof"].update(stage="S2")),
    "stage-proof-position": ("before-release", "STAGE_PROOF", lambda d, _: plus_one(d["stage_proof"], "position")),
    "stage-proof-path": (
        "before-release",
        "STAGE_PROOF",
        lambda d, _: d["stage_proof"]["path"].__setitem__(0, other_digit(d["stage_proof"]["path"][0])),
    ),
    "consent-of-another-enterprise": (
        "plain",
        "CONSENT_MISMATCH",
        lambda d, made: d.update(consent=made.receipts["gated"]["consent"], enrolment=made.receipts["gated"]["enrolment"]),
    ),
    "enrolment-by-a-department": ("before-release", "SIGNER_NOT_ALLOWED", signed_by("enrolment", "tax")),
    "enrolment-of-another-enterprise": (
        "before-release",
        "SIGNATURE_INVALID",
        lambda d, made: d.update(enrolment=made.receipts["gated"]["enrolment"]),
    ),
    "request-body": ("before-release", "REQUEST_MISMATCH", lambda d, _: d["request"].update(body=d["request"]["body"].replace("loan", "lean"))),
    "request-target": ("before-release", "REQUEST_MISMATCH", lambda d, _: d["request"].update(target_uri=d["request"]["target_uri"] + ":batch")),
    "product-consented-but-not-asked": ("before-release", "REQUEST_MISMATCH", lambda d, _: d.update(product="strict-line")),
    "product-not-consented": ("before-release", "CONSENT_SCOPE", lambda d, _: d.update(product="other-line")),
    "functional-weight": ("before-release", "FUNCTIONAL_MISMATCH", lambda d, _: plus_one(d["openings"][0]["functional"][0], "weight")),
    "functional-term-missing": ("before-release", "FUNCTIONAL_MISMATCH", lambda d, _: d["openings"][0]["functional"].pop()),
    "functional-constant": ("before-release", "FUNCTIONAL_MISMATCH", lambda d, _: d["openings"][0].update(constant="100")),
    "input-missing": ("before-release", "INPUT_MISMATCH", lambda d, _: d["openings"][0]["inputs"].pop()),
    "input-at-another-position": ("before-release", "INPUT_MISMATCH", another_position),
    "aggregate": ("before-release", "AGGREGATE_MISMATCH", lambda d, _: plus_one(d["openings"][0], "aggregate")),
    "opening-m": ("before-release", "OPENING_INVALID", lambda d, _: plus_one(d["openings"][0], "m", 100)),
    "opening-m-plus-n": ("before-release", "OPENING_INVALID", m_plus_n),
    "opening-r": ("before-release", "OPENING_INVALID", lambda d, _: plus_one(d["openings"][0], "r")),
    "total": ("before-release", "RESULT_MISMATCH", inflated_total),
    "gated-denied": ("gated", "RESULT_MISMATCH", lambda d, _: d["result"].update(gated=False)),
    "line": ("before-release", "LINE_MISMATCH", lambda d, _: plus_one(d["result"], "line_fen", 100_000)),
    "line-in-spite-of-veto": ("vetoed", "LINE_MISMATCH", lambda d, _: d["result"].update(line_fen="15000000")),
    "percentile": ("plain", "PERCENTILE_MISMATCH", lambda d, _: d["result"].update(percentile="75-100")),
    "percentile-without-table": ("plain", "PERCENTILE_MISMATCH", lambda d, _: d.update(quantile_table=None)),
    "quantile-table-is-a-stage-column": (
        "plain",
        "STATEMENT_KIND",
        lambda d, _: d.update(quantile_table={name: d["stage_proof"][name] for name in ("envelope", "leaf", "leaf_index", "inclusion_proof")}),
    ),
}


def edited(made: Made) -> dict[str, tuple[str, bytes]]:
    """Name -> (reason, file) of every changed receipt."""
    found = {}
    for name, (base, reason, change) in EDITS.items():
        document = copy.deepcopy(made.receipts[base])
        change(document, made)
        found[name] = (reason, canonical_json(document))
    repeated = canonical_json(made.receipts["plain"])
    found["name-repeated"] = ("RECEIPT_FORMAT", repeated[:-1] + b',"zone":"other-zone"}')
    return found
