"""What is handed to an auditor besides the log: banks' receipts and the authority's epoch records, judged against the replayed log [L7]."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from crypto.checkpoint import open_checkpoint
from crypto.encoding import sha256
from crypto.errors import CryptoError, NoteError, PackingError
from crypto.paillier import Opening
from nodes.evidence.archive import Archive
from nodes.evidence.contents import Contents, Count
from nodes.evidence.receipt import parse_receipt, verify_receipt
from nodes.evidence.roots import Roots
from nodes.evidence.tree import Hashes
from scoring.audit import Finding, OpenedTotal, Scope, judge_batch, opening_place, table_findings
from scoring.errors import AggregateError, RangeError, ReceiptError, ScoringError, TicketInputsError
from scoring.exchange.view import Logged, ZoneView
from scoring.release.receipt import Base64, Number, Receipt
from scoring.statements import Hex16, StageId

RECEIPT = "RECEIPT_"
_RECORD_CODES: tuple[tuple[type[Exception], str], ...] = (
    (TicketInputsError, "EPOCH_RECORD_TICKET"),
    (AggregateError, "AGGREGATE_MISMATCH"),
    (PackingError, "VALUE_IMPOSSIBLE"),
    (RangeError, "VALUE_IMPOSSIBLE"),
)


class RecordOpening(BaseModel):
    """The opening of one batch: (1 + m·n)·r^n ≡ aggregate mod n²."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    name: str
    aggregate: Number
    m: Number
    r: Number


class EpochRecord(BaseModel):
    """What an auditor reads of an epoch record; the rest is in the log and its blobs."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    batch: Number
    subjects: tuple[Hex16, ...]
    slot_bits: Number
    stage: StageId
    openings: tuple[RecordOpening, ...]
    ticket: Base64


class Documents:
    """Receipts and epoch records of one archive."""

    def __init__(self, archive: Archive, roots: Roots, view: ZoneView, hashes: Hashes, contents: Contents, scope: Scope, count: Count) -> None:
        self._archive, self._roots, self._view, self._hashes = archive, roots, view, hashes
        self._contents, self._scope, self._count = contents, scope, count
        self._totals: dict[str, dict[str, dict[str, OpenedTotal]]] = {}  # epoch -> functional -> subject
        self.receipts = self.records = 0

    # --- receipts ---

    def receipt_findings(self) -> Iterator[Finding]:
        """Receipts that do not hold, or that show another log than this one."""
        paths = self._archive.documents("receipts")
        for done, path in enumerate(paths, 1):
            finding = self._receipt(path)
            self._count("receipts verified", done, len(paths))
            if finding is not None:
                yield finding

    def _receipt(self, path: Path) -> Finding | None:
        data = path.read_bytes()
        try:
            receipt = parse_receipt(data)
        except ReceiptError as error:
            return _receipt_finding(path, error.reason, None, str(error))
        index = int(receipt.ticket_leaf_index)
        logged = self._view.statements.get(index)
        if logged is not None and not self._scope.covers(logged.time, logged.actor, receipt.audience):
            return None
        self.receipts += 1
        try:
            verify_receipt(data, self._roots)
            self._check_logged(receipt, logged)
        except ReceiptError as error:
            return _receipt_finding(path, error.reason, index, str(error))
        return None

    def _check_logged(self, receipt: Receipt, logged: Logged | None) -> None:
        """The receipt's tree is a prefix of this one, and its ticket holds here."""
        try:
            checkpoint = open_checkpoint(receipt.checkpoint.encode(), self._roots.log_vkey)
        except NoteError as error:
            raise ReceiptError("CHECKPOINT_SIGNATURE", str(error)) from error
        if checkpoint.size > self._hashes.size:
            raise ReceiptError("BEYOND_LOG", f"its checkpoint has {checkpoint.size} leaves, this log {self._hashes.size}: audit a later copy")
        if self._hashes.root(checkpoint.size) != checkpoint.root:
            raise ReceiptError("FORK", f"its checkpoint of {checkpoint.size} leaves is of another history than this log, under the log's signature")
        if logged is None or logged.digest != sha256(base64.b64decode(receipt.ticket)).hex():
            raise ReceiptError("TICKET_VOID", "its ticket breaks a rule, seen from the whole log")

    # --- epoch records ---

    def record_findings(self) -> Iterator[Finding]:
        """Openings of epochs that do not open what their tickets name, and bands that are not those of the opened totals."""
        paths = self._archive.documents("epochs")
        for done, path in enumerate(paths, 1):
            yield from self._records(path)
            self._count("epoch records verified", done, len(paths))
        for epoch, totals in self._totals.items():
            state = self._view.epoch(epoch)
            yield from table_findings(self._view.model(state.opened.model), state, totals, len(self._contents.orders[epoch].subjects))

    def _records(self, path: Path) -> Iterator[Finding]:
        try:
            records = read_records(path.read_bytes())
        except (ValueError, RecursionError) as error:
            yield Finding("EPOCH_RECORD_FORMAT", None, f"{path.name}: {error}")
            return
        for record in records:
            finding = self._record(path, record)
            if finding is not None:
                yield finding

    def _record(self, path: Path, record: EpochRecord) -> Finding | None:
        logged = self._view.tickets.get(sha256(base64.b64decode(record.ticket)).hex())
        if logged is None:
            return Finding("EPOCH_RECORD_TICKET", None, f"{path.name}: its ticket is not in the log, or breaks a rule")
        if not self._scope.covers(logged.time, logged.actor, logged.statement.audience):
            return None
        self.records += 1
        try:
            for opening in record.openings:
                self._open(record, opening, logged)
        except (CryptoError, ScoringError) as error:
            code = next((code for kind, code in _RECORD_CODES if isinstance(error, kind)), "OPENING_INVALID")
            return Finding(code, logged.index, f"{path.name}: {error}")
        return None

    def _open(self, record: EpochRecord, opening: RecordOpening, logged: Logged) -> None:
        ticket, batch = logged.statement, int(record.batch)
        epoch = ticket.epoch
        if epoch not in self._contents.placements:
            raise TicketInputsError(f"the roster of epoch {epoch} is not at hand")
        place = opening_place(ticket, opening.name, batch)
        key, model = self._roots.key, self._view.model(ticket.model)
        order = tuple(subject for subject, _, _ in self._contents.orders[epoch].subjects)
        found = judge_batch(
            key,
            model,
            self._view.epoch(epoch).opened,
            ticket,
            place,
            self._contents.placements[epoch],
            order,
            int(opening.aggregate),
            Opening.from_residue(key.n, int(opening.m), int(opening.r)),
        )
        said = (int(record.slot_bits), record.stage, record.subjects)
        if said != (model.slot_bits, ticket.stage, tuple(total.subject for total in found)):
            raise TicketInputsError("the record says other slots, another stage or other subjects than the frozen roster")
        self._totals.setdefault(epoch, {}).setdefault(opening.name, {}).update({total.subject: total for total in found})


def read_records(data: bytes) -> list[EpochRecord]:
    """Records of a file: one record, or a document with a list of them under ``records``. Raises ValueError."""
    try:
        document: Any = json.loads(data)
        items = document["records"] if isinstance(document, dict) and "records" in document else [document]
        records = [EpochRecord.model_validate(item) for item in items]
        for record in records:
            base64.b64decode(record.ticket, validate=True)
    except (ValidationError, binascii.Error, TypeError, RecursionError) as error:
        raise ValueError(f"it is not an epoch record: {error}") from error
    return records


def _receipt_finding(path: Path, reason: str, index: int | None, detail: str) -> Finding:
    return Finding(RECEIPT + reason.removeprefix(RECEIPT), index, f"{path.name}: {detail}")
