"""One evaluation round: roster, stages, opening, closing, release."""

from __future__ import annotations

from typing import Literal

from scoring.statements.base import Hex32, Index, MemberId, Name, Record, StageId, Statement


class RosterCompiled(Statement):
    """The set of subject ids with division, sorted by id; the document is a blob [P3.1]. Signed by market supervision."""

    kind = "roster"
    epoch: Name
    period: str
    count: int
    sha256: Hex32


class StagesPublished(Statement):
    """Stage of every subject [P3.2]. The document lists subjects in final order (stage, then id); merkle_root is over its rows."""

    kind = "stages"
    epoch: Name
    period: str
    model: Hex32
    roster: Hex32  # sha256 of the compiled roster document
    count: int
    sha256: Hex32
    merkle_root: Hex32


class EpochOpen(Statement):
    """Freezes model, key, roster order, stages and contributors [P3.3]. ``roster`` is the sha256 of the stages document (the ordered
    roster), ``order`` that of the order alone, which banks contribute over; empty where the model sums nothing over banks [M7]."""

    kind = "epoch-open"
    epoch: Name
    period: str
    model: Hex32
    key: Hex32  # key hash
    roster: Hex32
    stages_leaf: Index
    slot_bits: int
    slots: int
    batches: int
    contributors: dict[Name, tuple[MemberId, ...]]  # indicator -> its owners (one; several for `sum`)
    order: Hex32 | Literal[""] = ""


class EpochClose(Statement):
    """No column counts from here. ``absent`` names expected columns that are missing: [indicator, functional or –, member]."""

    kind = "epoch-close"
    epoch: Name
    absent: tuple[tuple[str, str, MemberId], ...] = ()


class Band(Record):
    """One percentile band: totals in [low, high) hundredths, edges rounded outward to 0.5 point; percentile [from, to]."""

    low: int
    high: int
    percentile_from: int
    percentile_to: int


class QuantileTable(Record):
    """Frozen bands of one functional in one stage [P7.3]; ``bands`` empty for cohorts under 20."""

    functional: Name
    functional_hash: Hex32
    stage: StageId
    cohort: int
    bands: tuple[Band, ...]


class EpochRelease(Statement):
    """The epoch's published result: quantile tables and counts; totals stay with the authority. Signed by the authority."""

    kind = "epoch-release"
    epoch: Name
    tables: tuple[QuantileTable, ...]
    tickets: tuple[Hex32, ...]
