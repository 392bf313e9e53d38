"""A receipt's statements: signed by who may, and in the log under one witnessed checkpoint."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TypeVar

from crypto import merkle
from crypto.checkpoint import WitnessedCheckpoint, check_tlog_proof, check_witnessed, open_checkpoint, parse_tlog_proof
from crypto.encoding import sha256
from crypto.statements import check_signature, parse_envelope
from nodes.evidence.receipts.reasons import reason, require
from nodes.evidence.roots import Roots
from scoring.errors import ReceiptError
from scoring.exchange.registry import MemberHistory
from scoring.exchange.view import verify_key
from scoring.release.members import SHOWN, member_history
from scoring.release.receipt import Receipt
from scoring.statements import Leaf, MemberChange, SigningKey, Statement, parse_leaf, parse_statement

S = TypeVar("S", bound=Statement)


@dataclass(frozen=True, slots=True)
class Proven:
    """``receipt`` against ``roots``: its ``checkpoint`` is signed and witnessed, ``members`` are the registry's over time as it proves."""

    receipt: Receipt
    roots: Roots
    checkpoint: WitnessedCheckpoint
    members: MemberHistory

    @classmethod
    def of(cls, receipt: Receipt, roots: Roots) -> Proven:
        """Raises ReceiptError CHECKPOINT_SIGNATURE, WITNESS_POLICY, MEMBERS_INVALID and as ``check_leaf``."""
        note, policy = receipt.checkpoint.encode(), roots.registry.genesis.witness_policy
        with reason("CHECKPOINT_SIGNATURE", "checkpoint"):
            open_checkpoint(note, roots.log_vkey)
        with reason("WITNESS_POLICY", "checkpoint"):
            checkpoint = check_witnessed(note, roots.log_vkey, policy.witnesses, policy.required)
        before = cls(receipt, roots, checkpoint, MemberHistory(roots.registry))
        return cls(receipt, roots, checkpoint, before._history())

    def signed(self, envelope_base64: str, cls: type[S], role: str, at: int | None = None, key: SigningKey | None = None) -> tuple[S, str, str]:
        """(statement, signing member, digest) of an envelope that a member with ``role`` signed, or ``key``.

        The member had its key when leaf ``at`` was logged; where that is not known, at some time before the ticket.
        """
        with reason("SIGNATURE_INVALID", f"{cls.kind} envelope"):
            raw = base64.b64decode(envelope_base64, validate=True)
            envelope = parse_envelope(raw)
            statement = parse_statement(envelope.payload_type, envelope.payload)
            if not isinstance(statement, cls):
                raise ReceiptError("STATEMENT_KIND", f"expected a {cls.kind} statement, found {statement.kind}")
            if key is not None and envelope.key_ids[0] == key.key_id:
                check_signature(envelope, verify_key(key))
                member = ""
            else:
                until, signer = int(self.receipt.ticket_leaf_index), envelope.key_ids[0]
                entry = self.members.key(signer, until) if at is None else self.members.at(at).key(signer)
                check_signature(envelope, verify_key(entry.key))
                member = entry.member.id
                require(role in entry.member.roles, "SIGNER_NOT_ALLOWED", f"{member} may not sign a {cls.kind} statement")
        require(statement.zone == self.roots.zone, "ZONE_MISMATCH", f"the {cls.kind} statement is of zone {statement.zone}")
        return statement, member, sha256(raw).hex()

    def check_leaf(self, leaf_base64: str, index: int, proof: tuple[str, ...], digest: str, kind: str) -> Leaf:
        """The leaf of a ``kind`` statement with this envelope ``digest``, proven to stand at ``index`` under the checkpoint. Raises ReceiptError."""
        with reason("LEAF_INVALID", f"{kind} leaf"):
            raw = base64.b64decode(leaf_base64, validate=True)
            leaf = parse_leaf(raw)
        require((leaf.digest, leaf.kind) == (digest, kind), "LEAF_DIGEST", f"the {kind} leaf names another envelope")
        with reason("INCLUSION_PROOF", f"{kind} at leaf {index}"):
            merkle.check_inclusion(merkle.leaf_hash(raw), index, self.checkpoint.size, [bytes.fromhex(item) for item in proof], self.checkpoint.root)
        return leaf

    def check_tlog_proof(self) -> None:
        """The C2SP proof of the ticket says what the proof beside it says. Raises ReceiptError."""
        receipt, policy = self.receipt, self.roots.registry.genesis.witness_policy
        with reason("TLOG_PROOF", "tlog-proof"):
            data, leaf = receipt.tlog_proof.encode(), base64.b64decode(receipt.ticket_leaf, validate=True)
            found = check_tlog_proof(data, leaf, self.roots.log_vkey, policy.witnesses, policy.required)
            proof = parse_tlog_proof(data)
        hashes = tuple(item.hex() for item in proof.hashes)
        agree = (proof.index, hashes, proof.checkpoint.decode()) == (int(receipt.ticket_leaf_index), receipt.inclusion_proof, receipt.checkpoint)
        require(
            agree and (found.size, found.root) == (self.checkpoint.size, self.checkpoint.root),
            "TLOG_PROOF",
            "it disagrees with the proof beside it",
        )

    def _history(self) -> MemberHistory:
        """What came with the receipt of members and custodians is in the log and holds by its rules."""
        shown = []
        for item in self.receipt.members:
            raw = base64.b64decode(item.envelope)
            with reason("LEAF_INVALID", "leaf of members"):
                leaf = base64.b64decode(item.leaf, validate=True)
                kind = parse_leaf(leaf).kind
            self.check_leaf(item.leaf, int(item.leaf_index), item.inclusion_proof, sha256(raw).hex(), kind if kind in SHOWN else MemberChange.kind)
            shown.append((int(item.leaf_index), leaf, raw))
        with reason("MEMBERS_INVALID", "change of members"):
            return member_history(self.roots.registry, shown, self.roots.first_generation)
