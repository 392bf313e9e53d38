"""Takes contributions and documents: checks everything, keeps the bytes, logs the header, and only then answers [P4.1]."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from crypto.contribution import check_contribution
from crypto.encoding import canonical_json, sha256
from crypto.proofs import KnowledgeProof
from crypto.statements import parse_envelope
from nodes.coordinator.journal import Journal
from nodes.coordinator.keeping.blobs import Blobs
from nodes.coordinator.keeping.store import Store
from nodes.errors import RoleMissingError
from nodes.runtime.clock import Clock
from nodes.runtime.replica.zone import Zone
from protos.errors import WireFormatError
from protos.v1.exchange_pb2 import ContributionPart, DocumentPart
from scoring.errors import LayoutError, RevisionError, RosterError, StatementFormatError
from scoring.exchange.documents.axes import check_stated
from scoring.exchange.documents.form import MAX_DOCUMENT_BYTES
from scoring.exchange.roster import check_compiled, check_published, parse_roster, parse_stages
from scoring.exchange.view import Logged
from scoring.statements import Column, ContributionHeader, RosterCompiled, Row, StagesPublished, Statement, parse_statement
from scoring.statements import KnowledgeProof as ProofRecord

MAX_CIPHERTEXTS = 1 << 16


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the contributor gets: its header's leaf."""

    leaf: bytes
    leaf_index: int
    digest: str


class Intake:
    """The coordinator's front for what members send to be kept."""

    def __init__(self, zone: Zone, store: Store, blobs: Blobs, journal: Journal, now: Clock) -> None:
        self._zone, self._store, self._blobs, self._journal, self._now = zone, store, blobs, journal, now

    def contribute(self, caller: str, parts: Iterator[ContributionPart]) -> Receipt:
        """Take one column or row from ``caller``. The same bytes again get the same receipt.

        Raises WireFormatError, the rules' errors (scoring.exchange.judgement), CiphertextError, MerkleError, ProofError, and RevisionError
        when other bytes came before under the same identity.
        """
        first = next(parts, None)
        if first is None or first.WhichOneof("part") != "envelope":
            raise WireFormatError("a contribution begins with its envelope")
        statement = _statement(first.envelope)
        if not isinstance(statement, Column | Row):
            raise StatementFormatError(f"a {statement.kind} is not a contribution")
        header, digest = statement.header, sha256(first.envelope).hex()
        if header.sender != caller:
            raise RoleMissingError(f"{caller} may not contribute for {header.sender}")
        identity = contribution_identity(header)
        known = self._store.contribution(identity)
        if known is not None and known.digest == digest and known.leaf is not None and known.leaf_index is not None:
            return Receipt(known.leaf, known.leaf_index, digest)
        with self._zone.reading() as view:
            logged = view.by_envelope(first.envelope)  # logged before a crash kept its receipt from us
            if logged is None:
                view.judge(first.envelope, self._now())
        ciphertexts = self._checked(header, statement.proof, parts)
        if self._store.begin_contribution(identity, digest).digest != digest:
            raise RevisionError(f"other bytes came before as revision {header.revision} of this contribution")
        self._blobs.put(header.merkle_root, ciphertexts)
        logged = logged or self._journal.submit(first.envelope)
        self._store.finish_contribution(identity, logged.leaf, logged.index)
        return Receipt(logged.leaf, logged.index, digest)

    def publish(self, caller: str, parts: Iterator[DocumentPart]) -> Logged:
        """Take a roster or stages document with its statement. Raises as ``contribute``, and RosterError."""
        first = next(parts, None)
        if first is None or first.WhichOneof("part") != "envelope":
            raise WireFormatError("a document begins with its envelope")
        statement = _statement(first.envelope)
        if not isinstance(statement, RosterCompiled | StagesPublished):
            raise StatementFormatError(f"a {statement.kind} names no document")
        content = _gather((part.content for part in parts), MAX_DOCUMENT_BYTES)
        if sha256(content).hex() != statement.sha256:
            raise RosterError("the document is not the one that its statement names")
        with self._zone.reading() as view:
            known = view.by_envelope(first.envelope)
            if known is None and view.judge(first.envelope, self._now()).actor != caller:
                raise RoleMissingError(f"{caller} may not publish this document")
        self._check_document(statement, content)
        self._blobs.put(statement.sha256, content)
        return known or self._journal.submit(first.envelope)

    def _checked(self, header: ContributionHeader, proof: ProofRecord, parts: Iterator[ContributionPart]) -> bytes:
        """The ciphertexts, once they are those of the header and proven."""
        with self._zone.reading() as view:
            key = view.public_key
        assert key is not None  # judge has found the epoch, which needs the key
        if not 1 <= header.batches <= MAX_CIPHERTEXTS:
            raise LayoutError(f"a contribution has 1 to {MAX_CIPHERTEXTS} ciphertexts")
        data = _gather((part.ciphertexts for part in parts), header.batches * key.ciphertext_size)
        check_contribution(key, header.model_dump(mode="json"), KnowledgeProof.from_json(proof.model_dump(mode="json")), data)
        return data

    def _check_document(self, statement: RosterCompiled | StagesPublished, content: bytes) -> None:
        if isinstance(statement, RosterCompiled):
            check_compiled(parse_roster(content), statement)
            return
        with self._zone.reading() as view:
            model, compiled = view.model(statement.model), view.rosters[statement.epoch].statement
        stages, roster = parse_stages(content, [stage.id for stage in model.stages]), parse_roster(self._blobs.get(compiled.sha256))
        check_published(stages, roster, statement)
        check_stated(stages, roster, model)


def contribution_identity(header: ContributionHeader) -> str:
    """What makes two contributions the same one [P4.1], as canonical JSON."""
    common = [header.zone, header.epoch, header.kind, header.sender, header.revision]
    if header.kind == "row":
        return canonical_json([*common, header.subject, header.audience]).decode()
    entry = header.entries[0] if header.entries else None
    return canonical_json([*common, entry.indicator if entry else "", entry.functional if entry else ""]).decode()


def _statement(envelope: bytes) -> Statement:
    parsed = parse_envelope(envelope)
    return parse_statement(parsed.payload_type, parsed.payload)


def _gather(parts: Iterable[bytes], limit: int) -> bytes:
    content = bytearray()
    for part in parts:
        if not part or len(content) + len(part) > limit:
            raise WireFormatError(f"parts are not empty and make at most {limit} bytes")
        content += part
    return bytes(content)
