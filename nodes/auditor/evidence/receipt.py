"""Verifies a receipt offline [P5.5]: recomputes everything that it claims, against pinned roots, and trusts nothing else in it.

Each failure has its own reason; the first one found is raised. What a receipt cannot show offline: later changes of the registry,
a revocation logged after the ticket, and whether newer revisions of its rows exist (the auditor's replay shows those).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from crypto import merkle
from crypto.checkpoint import WitnessedCheckpoint, check_tlog_proof, check_witnessed, open_checkpoint, parse_tlog_proof
from crypto.contribution import check_contribution
from crypto.encoding import sha256, to_fixed
from crypto.errors import CryptoError
from crypto.multiexp import linear_combination
from crypto.paillier import Opening, PublicKey, balanced, check_opening
from crypto.proofs import KnowledgeProof
from crypto.statements import check_signature, parse_envelope
from nodes.auditor.evidence.roots import Roots
from nodes.runtime.web.request_document import SCORES, SCORES_BATCH, RequestDocument
from nodes.runtime.web.signed_requests import verify_request
from scoring.errors import ReceiptError, ScoringError
from scoring.exchange.consent import ConsentState, check_consent
from scoring.exchange.contributions import owns
from scoring.exchange.registry import MemberHistory
from scoring.exchange.roster import StageProof, check_stage_proof
from scoring.exchange.tickets import COLUMN_POSITION
from scoring.exchange.view import verify_key
from scoring.indicators.functional import functional
from scoring.indicators.model import Model
from scoring.release.aggregate import aggregate_hash
from scoring.release.asking import ScoreAsked, asked
from scoring.release.members import member_history
from scoring.release.percentiles import band_of
from scoring.release.receipt import Receipt, ReceiptOpening, ReceiptRow
from scoring.rules.credit import line_fen
from scoring.statements import (
    Consent,
    ContributionHeader,
    Enrolment,
    EpochRelease,
    Leaf,
    MemberChange,
    Row,
    SigningKey,
    StagesPublished,
    Statement,
    Ticket,
    parse_leaf,
    parse_statement,
    unique_names,
)

S = TypeVar("S", bound=Statement)


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verified receipt shows."""

    zone: str
    epoch: str
    audience: str
    subject: str
    product: str
    stage: str
    total: str
    percentile: str | None
    line_fen: int
    gated: bool
    ticket_leaf_index: int
    time: int  # of the ticket's leaf, Unix seconds


def verify_receipt(data: bytes, roots: Roots) -> Verified:
    """What the receipt in ``data`` shows, once all of it holds. Raises ReceiptError with the reason of the first thing that does not."""
    return _Verifier(parse_receipt(data), roots).verify()


def parse_receipt(data: bytes) -> Receipt:
    """A receipt from its JSON. Raises ReceiptError RECEIPT_FORMAT."""
    try:
        json.loads(data, object_pairs_hook=unique_names)
        return Receipt.model_validate_json(data)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise ReceiptError("RECEIPT_FORMAT", f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise ReceiptError("RECEIPT_FORMAT", f"it is not JSON with each name once: {error}") from error


@contextmanager
def _reason(code: str, what: str) -> Iterator[None]:
    """Anything that does not hold inside the block is this reason."""
    try:
        yield
    except ReceiptError:
        raise
    except (CryptoError, ScoringError, ValueError, KeyError) as error:
        raise ReceiptError(code, f"{what}: {error}") from error


def _require(holds: bool, code: str, what: str) -> None:
    if not holds:
        raise ReceiptError(code, what)


class _Verifier:
    """One receipt under verification, in the order in which its parts depend on each other."""

    def __init__(self, receipt: Receipt, roots: Roots) -> None:
        self._receipt, self._roots, self._registry = receipt, roots, roots.registry
        self._members = MemberHistory(roots.registry)

    def verify(self) -> Verified:
        receipt = self._receipt
        key = self._check_key()
        model = self._check_model()
        checkpoint = self._check_checkpoint()
        self._check_members(checkpoint)
        ticket, leaf = self._check_ticket(checkpoint)
        rows = [self._check_row(row, ticket, model, key, checkpoint) for row in receipt.rows]
        self._check_stage(ticket, model, checkpoint)
        self._check_authorisation(ticket, leaf, model)
        values = [self._check_opening(place, ticket, model, key, rows) for place in range(len(ticket.openings))]
        return self._check_result(ticket, leaf, model, values, checkpoint)

    # --- key, model, checkpoint ---

    def _check_key(self) -> PublicKey:
        said, key = self._receipt.public_key, self._roots.key
        _require(self._receipt.zone == self._roots.zone, "ZONE_MISMATCH", f"the receipt is of zone {self._receipt.zone}")
        _require((int(said.bits), int(said.n), int(said.h)) == (key.bits, key.n, key.h), "KEY_NOT_PINNED", "the public key is not the pinned one")
        return key

    def _check_model(self) -> Model:
        said = self._receipt.model
        model = self._roots.packs.get(said.sha256)
        if model is None:
            raise ReceiptError("MODEL_NOT_PINNED", f"no pinned pack has the hash {said.sha256}")
        _require((model.id, model.version) == (said.id, said.version), "MODEL_NOT_PINNED", f"the pack with this hash is {model.id}@{model.version}")
        return model

    def _check_checkpoint(self) -> WitnessedCheckpoint:
        note = self._receipt.checkpoint.encode()
        policy = self._registry.genesis.witness_policy
        with _reason("CHECKPOINT_SIGNATURE", "checkpoint"):
            open_checkpoint(note, self._roots.log_vkey)
        with _reason("WITNESS_POLICY", "checkpoint"):
            return check_witnessed(note, self._roots.log_vkey, policy.witnesses, policy.required)

    def _check_members(self, checkpoint: WitnessedCheckpoint) -> None:
        """Changes of the registry that came with the receipt are in the log and were the authority's to make."""
        changes = [(int(item.leaf_index), base64.b64decode(item.envelope)) for item in self._receipt.members]
        for item, (index, raw) in zip(self._receipt.members, changes, strict=True):
            self._check_leaf(item.leaf, index, item.inclusion_proof, sha256(raw).hex(), MemberChange.kind, checkpoint)
        with _reason("MEMBERS_INVALID", "change of members"):
            self._members = member_history(self._registry, changes)

    # --- statements in the log ---

    def _signed(self, envelope_base64: str, cls: type[S], role: str, at: int | None = None, key: SigningKey | None = None) -> tuple[S, str, str]:
        """(statement, signing member, digest) of an envelope that a member with ``role`` signed, or ``key``.

        The member had its key when leaf ``at`` was logged; where that is not known, at some time before the ticket.
        """
        with _reason("SIGNATURE_INVALID", f"{cls.kind} envelope"):
            raw = base64.b64decode(envelope_base64, validate=True)
            envelope = parse_envelope(raw)
            statement = parse_statement(envelope.payload_type, envelope.payload)
            if not isinstance(statement, cls):
                raise ReceiptError("STATEMENT_KIND", f"expected a {cls.kind} statement, found {statement.kind}")
            if key is not None and envelope.key_ids[0] == key.key_id:
                check_signature(envelope, verify_key(key))
                member = ""
            else:
                until, signer = int(self._receipt.ticket_leaf_index), envelope.key_ids[0]
                entry = self._members.key(signer, until) if at is None else self._members.at(at).key(signer)
                check_signature(envelope, verify_key(entry.key))
                member = entry.member.id
                _require(role in entry.member.roles, "SIGNER_NOT_ALLOWED", f"{member} may not sign a {cls.kind} statement")
        _require(statement.zone == self._roots.zone, "ZONE_MISMATCH", f"the {cls.kind} statement is of zone {statement.zone}")
        return statement, member, sha256(raw).hex()

    def _check_leaf(self, leaf_base64: str, index: int, proof: tuple[str, ...], digest: str, kind: str, checkpoint: WitnessedCheckpoint) -> Leaf:
        with _reason("LEAF_INVALID", f"{kind} leaf"):
            raw = base64.b64decode(leaf_base64, validate=True)
            leaf = parse_leaf(raw)
        _require((leaf.digest, leaf.kind) == (digest, kind), "LEAF_DIGEST", f"the {kind} leaf names another envelope")
        with _reason("INCLUSION_PROOF", f"{kind} at leaf {index}"):
            merkle.check_inclusion(merkle.leaf_hash(raw), index, checkpoint.size, [bytes.fromhex(item) for item in proof], checkpoint.root)
        return leaf

    def _check_ticket(self, checkpoint: WitnessedCheckpoint) -> tuple[Ticket, Leaf]:
        receipt = self._receipt
        index = int(receipt.ticket_leaf_index)
        ticket, _, digest = self._signed(receipt.ticket, Ticket, "coordinator", index)
        leaf = self._check_leaf(receipt.ticket_leaf, index, receipt.inclusion_proof, digest, Ticket.kind, checkpoint)
        self._check_tlog_proof(checkpoint)
        said = (receipt.epoch, receipt.model.sha256, receipt.audience, receipt.subject, receipt.purpose, receipt.result.stage)
        found = (ticket.epoch, ticket.model, ticket.audience, ticket.subject, ticket.purpose, ticket.stage)
        _require(said == found, "TICKET_MISMATCH", "epoch, model, audience, subject, purpose or stage is not the ticket's")
        _require(len(receipt.openings) == len(ticket.openings), "TICKET_MISMATCH", "the ticket has another number of openings")
        return ticket, leaf

    def _check_tlog_proof(self, checkpoint: WitnessedCheckpoint) -> None:
        receipt, policy = self._receipt, self._registry.genesis.witness_policy
        with _reason("TLOG_PROOF", "tlog-proof"):
            data, leaf = receipt.tlog_proof.encode(), base64.b64decode(receipt.ticket_leaf, validate=True)
            found = check_tlog_proof(data, leaf, self._roots.log_vkey, policy.witnesses, policy.required)
            proof = parse_tlog_proof(data)
        hashes = tuple(item.hex() for item in proof.hashes)
        agree = (proof.index, hashes, proof.checkpoint.decode()) == (int(receipt.ticket_leaf_index), receipt.inclusion_proof, receipt.checkpoint)
        _require(
            agree and (found.size, found.root) == (checkpoint.size, checkpoint.root),
            "TLOG_PROOF",
            "it disagrees with the proof beside it",
        )

    # --- rows and stage ---

    def _check_row(self, row: ReceiptRow, ticket: Ticket, model: Model, key: PublicKey, checkpoint: WitnessedCheckpoint) -> ContributionHeader:
        index = int(row.leaf_index)
        statement, member, digest = self._signed(row.envelope, Row, "department", index)
        self._check_leaf(row.leaf, index, row.inclusion_proof, digest, Row.kind, checkpoint)
        header = statement.header
        said = (header.sender, header.zone, header.kind, header.key, header.epoch, header.model, header.roster, header.subject, header.audience)
        common = (row.member, self._roots.zone, "row", key.key_hash.hex(), ticket.epoch, ticket.model)
        wanted = (*common, self._receipt.roster_sha256, ticket.subject, ticket.audience)
        _require(
            said == wanted and member == row.member,
            "ROW_MISMATCH",
            f"the row of {row.member} does not fit the ticket",
        )
        department = self._members.at(index).member(member)
        for entry in header.entries:
            owned = entry.indicator in model.indicators and owns(model, department, entry.indicator)
            _require(owned, "NOT_OWNER", f"{member} does not own {entry.indicator}")
        with _reason("ROW_CIPHERTEXTS", f"row of {member}"):
            data = b"".join(to_fixed(int(item), key.ciphertext_size) for item in row.ciphertexts)
            check_contribution(key, header.model_dump(mode="json"), KnowledgeProof.from_json(statement.proof.model_dump(mode="json")), data)
        return header

    def _check_stage(self, ticket: Ticket, model: Model, checkpoint: WitnessedCheckpoint) -> None:
        said = self._receipt.stage_proof
        index = int(said.leaf_index)
        statement, member, digest = self._signed(said.envelope, StagesPublished, "department", index)
        self._check_leaf(said.leaf, index, said.inclusion_proof, digest, StagesPublished.kind, checkpoint)
        owner = self._members.at(index).owner(model.stage_owner.department, model.stage_owner.level).id
        _require(member == owner, "NOT_OWNER", f"{member} does not own the stages")
        agree = (statement.epoch, statement.model, statement.sha256) == (ticket.epoch, ticket.model, self._receipt.roster_sha256)
        _require(agree, "STAGE_MISMATCH", "the stage column is of another epoch, model or roster")
        _require((said.subject, said.stage) == (ticket.subject, ticket.stage), "STAGE_MISMATCH", "the stage proof is of another subject or stage")
        with _reason("STAGE_PROOF", "stage proof"):
            path = tuple(bytes.fromhex(item) for item in said.path)
            proof = StageProof(said.subject, said.stage, int(said.position), int(said.size), path)
            _require(proof.size == statement.count, "STAGE_PROOF", "the stage column has another size")
            check_stage_proof(proof, bytes.fromhex(statement.merkle_root))

    # --- consent and request ---

    def _check_authorisation(self, ticket: Ticket, leaf: Leaf, model: Model) -> None:
        receipt = self._receipt
        enrolment, _, _ = self._signed(receipt.enrolment, Enrolment, "registrar")
        consent, signer, digest = self._signed(receipt.consent, Consent, "enterprise-service", key=enrolment.key)
        _require(digest == ticket.consent, "CONSENT_MISMATCH", "the consent is not the one that the ticket names")
        own = signer == ""
        agree = (consent.subject, enrolment.subject) == (ticket.subject, ticket.subject) and own == (consent.signed_by == "enterprise")
        _require(agree and (own or signer == consent.service == enrolment.service), "CONSENT_MISMATCH", "they are not of this enterprise")
        names = tuple(dict.fromkeys(name for opening in ticket.openings for name in opening.functionals))
        _require(receipt.product in consent.products, "CONSENT_SCOPE", f"the consent does not name the product {receipt.product!r}")
        with _reason("CONSENT_SCOPE", "consent"):
            state = ConsentState(consent, 0, digest)
            check_consent(state, audience=ticket.audience, purpose=ticket.purpose, functionals=names, product=receipt.product, time=leaf.time)
        self._check_request(ticket, leaf, consent)
        product = model.products.get(receipt.product)
        openings = tuple(opening.functionals for opening in ticket.openings)
        wanted = None if product is None else tuple((name,) for name in product.openings)
        _require(openings == wanted, "PRODUCT_MISMATCH", f"the ticket does not open what product {receipt.product!r} needs")

    def _check_request(self, ticket: Ticket, leaf: Leaf, consent: Consent) -> None:
        receipt, genesis = self._receipt, self._registry.genesis
        with _reason("REQUEST_INVALID", "request"):
            document = RequestDocument.from_json(json.loads(receipt.request.model_dump_json()))
            _require(document.digest == ticket.request, "REQUEST_MISMATCH", "the request is not the one that the ticket names")
            endpoint = SCORES_BATCH if document.target_uri.endswith(SCORES_BATCH.path) else SCORES
            keys = {key.key_id: key for key in self._members.at(int(receipt.ticket_leaf_index)).member(ticket.audience).keys}
            request = verify_request(
                document, endpoint, keys, now=leaf.time, tolerance_s=genesis.clock_tolerance_s, max_life_s=genesis.request_max_age_s
            )
            wanted = asked(endpoint.path, request.body, ticket.subject)
        _require(isinstance(wanted, ScoreAsked), "REQUEST_MISMATCH", "the request does not ask for a score")
        assert isinstance(wanted, ScoreAsked)
        agree = (wanted.subject, wanted.product, wanted.purpose, wanted.consent_id) == (ticket.subject, receipt.product, ticket.purpose, consent.id)
        _require(agree and request.nonce == ticket.request_nonce, "REQUEST_MISMATCH", "the request asks for something else than the ticket opens")

    # --- openings and result ---

    def _check_opening(self, place: int, ticket: Ticket, model: Model, key: PublicKey, rows: list[ContributionHeader]) -> int:
        """The opened balanced value of one opening, in hundredths."""
        said, line = self._receipt.openings[place], ticket.openings[place]
        _require((said.name,) == line.functionals and line.batch == COLUMN_POSITION, "TICKET_MISMATCH", f"opening {place} is not the ticket's")
        form = functional(model, said.name, ticket.stage)
        _require((form.hash,) == line.functional_hashes, "FUNCTIONAL_MISMATCH", f"{said.name} is not the model's functional")
        terms = tuple((term.indicator, term.functional, term.weight) for term in form.terms)
        shown = tuple((term.indicator, term.functional, int(term.weight)) for term in said.functional)
        _require((terms, form.constant) == (shown, int(said.constant)), "FUNCTIONAL_MISMATCH", f"{said.name} is not weighted as in the model")
        bases = [self._input(said, term[0], term[1], ticket, rows) for term in terms]
        with _reason("AGGREGATE_MISMATCH", f"opening {said.name}"):
            value = linear_combination(key, tuple(term[2] for term in terms), tuple(bases), form.constant)
        agree = value == int(said.aggregate) and aggregate_hash(key, value) == line.aggregate
        _require(agree, "AGGREGATE_MISMATCH", f"the aggregate of {said.name} is not the one that its inputs give")
        with _reason("OPENING_INVALID", f"opening {said.name}"):
            check_opening(key, value, Opening.from_residue(key.n, int(said.m), int(said.r)))
        return balanced(int(said.m), key.n)

    def _input(self, said: ReceiptOpening, indicator: str, gate_of: str, ticket: Ticket, rows: list[ContributionHeader]) -> int:
        """The one ciphertext that stands for a term: in the row, at the position and at the leaf that the ticket names."""
        found = [item for item in said.inputs if (item.indicator, item.functional) == (indicator, gate_of)]
        _require(len(found) == 1, "INPUT_MISMATCH", f"{indicator} has {len(found)} inputs")
        row, position = int(found[0].row), int(found[0].position)
        _require(0 <= row < len(rows) and 0 <= position < len(rows[row].entries), "INPUT_MISMATCH", f"{indicator} points to no ciphertext")
        entry = rows[row].entries[position]
        _require(
            (entry.indicator, entry.functional) == (indicator, gate_of),
            "INPUT_MISMATCH",
            f"{indicator} points to another entry",
        )
        named = [item for item in ticket.inputs if (item.indicator, item.functional) == (indicator, gate_of)]
        place = [(item.leaf_index, item.position) for item in named]
        _require(place == [(int(self._receipt.rows[row].leaf_index), position)], "INPUT_MISMATCH", f"the ticket names another input for {indicator}")
        return int(self._receipt.rows[row].ciphertexts[position])

    def _check_result(self, ticket: Ticket, leaf: Leaf, model: Model, values: list[int], checkpoint: WitnessedCheckpoint) -> Verified:
        receipt, said = self._receipt, self._receipt.result
        with _reason("VALUE_IMPOSSIBLE", "opened value"):
            readings = [
                model.read(functional(model, opening.functionals[0], ticket.stage), value)
                for opening, value in zip(ticket.openings, values, strict=True)
            ]
        total = readings[0].value_hundredths
        _require((int(said.total.replace(".", "")), said.gated) == (total, readings[0].gated), "RESULT_MISMATCH", "it is not what was opened")
        product = model.products[receipt.product]
        singles = {opening.functionals[0]: reading.value_hundredths for opening, reading in zip(ticket.openings[1:], readings[1:], strict=True)}
        line = line_fen(product, ticket.stage, total, readings[0].gated, singles)
        _require(said.line_fen is not None and int(said.line_fen) == line.line_fen, "LINE_MISMATCH", "it is not what the formula gives")
        percentile = self._percentile(ticket, total, checkpoint)
        _require(said.percentile == percentile, "PERCENTILE_MISMATCH", f"the percentile is {percentile}, the receipt says {said.percentile}")
        return Verified(
            receipt.zone, receipt.epoch, receipt.audience, receipt.subject, receipt.product, ticket.stage, said.total, percentile, line.line_fen,
            readings[0].gated, int(receipt.ticket_leaf_index), leaf.time,
        )  # fmt: skip

    def _percentile(self, ticket: Ticket, total: int, checkpoint: WitnessedCheckpoint) -> str | None:
        said = self._receipt.quantile_table
        if said is None:
            return None
        index = int(said.leaf_index)
        release, _, digest = self._signed(said.envelope, EpochRelease, "authority", index)
        self._check_leaf(said.leaf, index, said.inclusion_proof, digest, EpochRelease.kind, checkpoint)
        _require(release.epoch == ticket.epoch, "PERCENTILE_MISMATCH", "the quantile table is of another epoch")
        opening = ticket.openings[0]
        for table in release.tables:
            if (table.functional, table.functional_hash, table.stage) == (opening.functionals[0], opening.functional_hashes[0], ticket.stage):
                return band_of(table, total)
        return None
