"""What departments submit: columns and rows of ciphertexts, each with its header and proof."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from scoring.statements.base import Hex32, HexInt, MemberId, Name, Record, Statement


class Entry(Record):
    indicator: Name
    functional: str = "-"  # a gate's functional, else "-"


class KnowledgeProof(Record):
    """Batched proof of knowledge of the plaintexts [P4.6]; hex integers."""

    type: Literal["djn", "root"]
    t: HexInt
    z1: HexInt
    z2: HexInt


class ContributionHeader(Record):
    """What a contribution is. Canonical JSON of this (with merkle_root) enters the proof's challenge [P4.1, P4.6]."""

    sender: MemberId
    zone: Name
    key: Hex32
    kind: Literal["column", "row"]
    epoch: Name
    period: str
    model: Hex32
    roster: Hex32
    entries: tuple[Entry, ...]  # column: exactly one; row: one per ciphertext
    revision: Annotated[int, Field(ge=0, lt=1 << 31)]
    slot_bits: int  # row: 0
    slots: int  # row: 1
    batches: int  # column: number of ciphertexts; row: len(entries)
    proof: Literal["djn", "root"]
    subject: str = ""  # row only: 32 hex digits
    audience: str = ""  # row only
    consent: str = ""  # row only: digest of the consent envelope
    merkle_root: Hex32


class Column(Statement):
    """One indicator over the whole roster, packed [P4.1]. Ciphertext b covers batch b of the ordered roster."""

    kind = "column"
    header: ContributionHeader
    proof: KnowledgeProof


class Row(Statement):
    """All the sender's indicators (and gates) of one consented subject, unpacked [P4.2]. Ciphertext j belongs to entries[j]."""

    kind = "row"
    header: ContributionHeader
    proof: KnowledgeProof
