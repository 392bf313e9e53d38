"""A receipt whose ticket was found in the log: what the rest of it is held against."""

from __future__ import annotations

from dataclasses import dataclass

from crypto.paillier import PublicKey
from nodes.evidence.receipts.proven import Proven
from scoring.indicators.model import Model
from scoring.release.receipt import Receipt
from scoring.statements import Leaf, Ticket


@dataclass(frozen=True, slots=True)
class Case:
    """The pinned model and key, and the ticket with its leaf."""

    proven: Proven
    model: Model
    key: PublicKey
    ticket: Ticket
    leaf: Leaf

    @property
    def receipt(self) -> Receipt:
        return self.proven.receipt
