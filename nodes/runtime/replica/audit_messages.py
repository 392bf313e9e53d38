"""What an auditor asks of a department, and what it is shown: sealed and signed messages, never logged [P6, P2.4]."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from nodes.runtime.replica.evidence import LogEvidence
from scoring.statements import Hex32, HexBytes, HexInt, Index, Record

Position = Annotated[int, Field(ge=-1, lt=1 << 31)]


class AskedItem(Record):
    """One ciphertext of a contribution (by its envelope's digest and leaf); position -1 is a row with everything in it."""

    contribution: Hex32
    leaf_index: Index
    position: Position


class OpeningRequest(Record):
    """An auditor asks for ``items``: on the strength of a draw, or of a failed ticket, that ``evidence`` shows to be in the log.

    ``cause``: digest of the commitment, or of the failure. ``opened``: envelope of the epoch's opening.
    """

    cause: Hex32
    evidence: LogEvidence
    opened: HexBytes
    items: tuple[AskedItem, ...]


class ShownCiphertext(Record):
    """One ciphertext opened: m mod n, with the exponent a or the root r, and the record of each subject that it carries, in order."""

    contribution: Hex32
    position: Position
    m: HexInt
    exponent: HexInt | Literal[""] = ""
    root: HexInt | Literal[""] = ""
    records: tuple[dict[str, str], ...]


class OpeningAnswer(Record):
    """A department's answer about one asked item: what it shows, or why it does not (``reason``, of the catalogue).

    A row shows its own ciphertexts, then of each of the sender's columns the batch that carries its subject [P4.5].
    """

    cause: Hex32
    contribution: Hex32
    position: Position
    shown: tuple[ShownCiphertext, ...] = ()
    reason: str = ""
