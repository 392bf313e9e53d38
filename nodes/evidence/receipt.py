"""Verifies a receipt offline [P5.5]: recomputes everything that it claims, against pinned roots, and trusts nothing else in it.

Each failure has its own reason; the first one found is raised. What a receipt cannot show offline: later changes of the registry,
a revocation logged after the ticket, and whether newer revisions of its rows exist (the auditor's replay shows those).
"""

from __future__ import annotations

import json

from pydantic import ValidationError

from crypto.encoding import canonical_json
from crypto.errors import EncodingError
from crypto.paillier import PublicKey
from nodes.evidence.receipts.authorisation import check_authorisation
from nodes.evidence.receipts.case import Case
from nodes.evidence.receipts.inputs import check_row, check_stage
from nodes.evidence.receipts.proven import Proven
from nodes.evidence.receipts.reasons import require
from nodes.evidence.receipts.result import Verified, check_result, opened_value
from nodes.evidence.roots import Roots
from scoring.errors import ReceiptError
from scoring.indicators.model import Model
from scoring.release.receipt import Receipt
from scoring.statements import Leaf, Ticket, unique_names

__all__ = ["Verified", "parse_receipt", "verify_receipt"]


def verify_receipt(data: bytes, roots: Roots) -> Verified:
    """What the receipt in ``data`` shows, once all of it holds. Raises ReceiptError with the reason of the first thing that does not."""
    receipt = parse_receipt(data)
    key, model = _pinned_key(receipt, roots), _pinned_model(receipt, roots)
    proven = Proven.of(receipt, roots)
    ticket, leaf = _logged_ticket(proven)
    case = Case(proven, model, key, ticket, leaf)
    rows = [check_row(case, row) for row in receipt.rows]
    check_stage(case)
    check_authorisation(case)
    return check_result(case, [opened_value(case, place, rows) for place in range(len(ticket.openings))])


def parse_receipt(data: bytes) -> Receipt:
    """A receipt from its JSON, which leaves nothing out. Raises ReceiptError RECEIPT_FORMAT."""
    try:
        document = json.loads(data, object_pairs_hook=unique_names)
        receipt = Receipt.model_validate_json(data)
        whole = canonical_json(receipt.model_dump(mode="json")) == canonical_json(document)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        raise ReceiptError("RECEIPT_FORMAT", f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error
    except (ValueError, RecursionError, EncodingError) as error:
        raise ReceiptError("RECEIPT_FORMAT", f"it is not JSON with each name once: {error}") from error
    require(whole, "RECEIPT_FORMAT", "a field is left out, or `members` is there and empty")
    return receipt


def _pinned_key(receipt: Receipt, roots: Roots) -> PublicKey:
    said, key = receipt.public_key, roots.key
    require(receipt.zone == roots.zone, "ZONE_MISMATCH", f"the receipt is of zone {receipt.zone}")
    require((int(said.bits), int(said.n), int(said.h)) == (key.bits, key.n, key.h), "KEY_NOT_PINNED", "the public key is not the pinned one")
    return key


def _pinned_model(receipt: Receipt, roots: Roots) -> Model:
    said = receipt.model
    model = roots.packs.get(said.sha256)
    if model is None:
        raise ReceiptError("MODEL_NOT_PINNED", f"no pinned pack has the hash {said.sha256}")
    require((model.id, model.version) == (said.id, said.version), "MODEL_NOT_PINNED", f"the pack with this hash is {model.id}@{model.version}")
    return model


def _logged_ticket(proven: Proven) -> tuple[Ticket, Leaf]:
    receipt = proven.receipt
    index = int(receipt.ticket_leaf_index)
    ticket, _, digest = proven.signed(receipt.ticket, Ticket, "coordinator", index)
    leaf = proven.check_leaf(receipt.ticket_leaf, index, receipt.inclusion_proof, digest, Ticket.kind)
    proven.check_tlog_proof()
    said = (receipt.epoch, receipt.model.sha256, receipt.audience, receipt.subject, receipt.purpose, receipt.result.stage)
    found = (ticket.epoch, ticket.model, ticket.audience, ticket.subject, ticket.purpose, ticket.stage)
    require(said == found, "TICKET_MISMATCH", "epoch, model, audience, subject, purpose or stage is not the ticket's")
    require(len(receipt.openings) == len(ticket.openings), "TICKET_MISMATCH", "the ticket has another number of openings")
    return ticket, leaf
