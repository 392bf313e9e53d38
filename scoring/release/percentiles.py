"""Ranks within a stage: the authority's exact percentile, and the published bands that banks are given [M3, P7.3].

Totals are hundredths; a gated firm counts as 0 (the caller puts 0 for it). Bands are a frozen table: which firm stands where is not
recoverable from it beyond half a point.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from gmpy2 import mpq

from scoring.errors import ModelError
from scoring.indicators.functional import Functional, functional
from scoring.statements import Band, QuantileTable

if TYPE_CHECKING:
    from scoring.indicators.model import Model

S = TypeVar("S")  # a subject, by whatever name the caller has for it
EDGE_STEP = 50  # half a point
FINE_COHORT, COARSE_COHORT = 50, 20
FINE_BANDS, COARSE_BANDS = 20, 4


def percentile(total: int, cohort: Sequence[int]) -> Decimal:
    """100·(number below + ½·number equal)/number, half-up to 0.1. ``total`` is one of the non-empty ``cohort``.

    >>> [str(percentile(total, [0, 0, 500, 900])) for total in (0, 500, 900)]
    ['25.0', '62.5', '87.5']
    """
    below = sum(other < total for other in cohort)
    return _percentile(below, sum(other == total for other in cohort), len(cohort))


def percentiles(cohort: Iterable[int]) -> dict[int, Decimal]:
    """Percentile of each total that occurs in ``cohort``: the same numbers as ``percentile``, for a whole stage at once."""
    ordered = sorted(cohort)
    found: dict[int, Decimal] = {}
    for total in ordered:
        if total not in found:
            low, high = bisect_left(ordered, total), bisect_right(ordered, total)
            found[total] = _percentile(low, high - low, len(ordered))
    return found


def _percentile(below: int, equal: int, count: int) -> Decimal:
    tenths = (1000 * (2 * below + equal) + count) // (2 * count)  # half-up of 1000·(below + equal/2)/count
    return Decimal(tenths).scaleb(-1)


def listed(model: Model, ranking: str, totals: Mapping[S, tuple[str, int, bool]]) -> dict[str, tuple[S, ...]]:
    """Who stands on the list ``ranking`` of the model, by stage in the model's order: best first, then in the order given [M1].

    ``totals`` gives stage, total in hundredths and whether it reads gated. A subject's share from the top is 100·(number above +
    ½·number equal)/number of its stage, exactly: those of equal totals stand on the same list or on none. Gated subjects are counted, as
    totals of 0, and stand on no list. Raises ModelError when the model has no such list.

    >>> from types import SimpleNamespace as Stub
    >>> model = Stub(id="m", version="1", stages=(Stub(id="S1"),), pack=Stub(rankings={"first": Stub(from_top=0, below_top=20)}))
    >>> listed(model, "first", {"a": ("S1", 900, False), "b": ("S1", 700, False), "c": ("S1", 0, True), "d": ("S1", 500, False)})
    {'S1': ('a',)}
    """
    try:
        spec = model.pack.rankings[ranking]
    except KeyError as error:
        raise ModelError(f"{model.id}@{model.version} has no list {ranking!r}") from error
    found: dict[str, tuple[S, ...]] = {}
    for stage in model.stages:
        members = [(subject, 0 if gated else total, gated) for subject, (where, total, gated) in totals.items() if where == stage.id]
        ordered = sorted(total for _, total, _ in members)
        shares = {total: _from_top(total, ordered) for total in ordered}
        best = sorted(members, key=lambda member: -member[1])
        found[stage.id] = tuple(subject for subject, total, gated in best if not gated and spec.from_top <= shares[total] < spec.below_top)
    return found


def _from_top(total: int, ordered: Sequence[int]) -> mpq:
    low, high = bisect_left(ordered, total), bisect_right(ordered, total)
    return mpq(100 * (2 * (len(ordered) - high) + high - low), 2 * len(ordered))


def quantile_tables(model: Model, name: str, totals: Mapping[str, Sequence[int]]) -> tuple[QuantileTable, ...]:
    """Tables of functional ``name`` for every stage of the model, in order; ``totals`` by stage, an absent stage being empty [P7.3].

    Raises ModelError when the model has no such functional.
    """
    return tuple(_table(functional(model, name, stage.id), sorted(totals.get(stage.id, ()))) for stage in model.stages)


def _table(form: Functional, ordered: Sequence[int]) -> QuantileTable:
    count = len(ordered)
    number = FINE_BANDS if count >= FINE_COHORT else COARSE_BANDS if count >= COARSE_COHORT else 0
    return QuantileTable(
        functional=form.name, functional_hash=form.hash, stage=form.stage, cohort=count, bands=_bands(form, ordered, number) if number else ()
    )


def _bands(form: Functional, ordered: Sequence[int], number: int) -> tuple[Band, ...]:
    """At most ``number`` bands of equal share, each from its first firm's total rounded down to above its last one's, in half points.

    Shares whose border falls among tied firms are one band: no total stands in two shares. A gap goes to the band below it, and the
    outer edges are the model's own bounds, so every possible total is in a band; neighbours overlap by half a point at most.
    """
    starts = [_first_rank(step, number, len(ordered)) for step in range(number)]
    cuts = [step for step in range(number) if step == 0 or ordered[starts[step]] != ordered[starts[step] - 1]]
    ends = [*cuts[1:], number]
    lows = [_down(min(0, form.plain_lo)), *(_down(ordered[starts[step]]) for step in cuts[1:])]
    highs = [_down(ordered[starts[step] - 1]) + EDGE_STEP for step in cuts[1:]]
    highs = [*(max(high, low) for high, low in zip(highs, lows[1:], strict=True)), _down(max(0, form.plain_hi)) + EDGE_STEP]
    share = 100 // number
    return tuple(
        Band(low=low, high=high, percentile_from=first * share, percentile_to=last * share)
        for low, high, first, last in zip(lows, highs, cuts, ends, strict=True)
    )


def _first_rank(step: int, number: int, count: int) -> int:
    """Least rank r, from 0, with (r + ½)/count >= step/number: the first firm, were there no ties, whose percentile is in the share."""
    return max(0, -((number - 2 * step * count) // (2 * number)))


def _down(total: int) -> int:
    return total // EDGE_STEP * EDGE_STEP


def band_of(table: QuantileTable, total: int) -> str | None:
    """The band of a total (low <= total < high), as ``85-90``; None when the table has no bands.

    Within the half points where neighbours overlap, the middle one of the bands that hold the total is given, of two the lower: an edge
    never flatters.

    >>> bands = [Band(low=0, high=200, percentile_from=0, percentile_to=50), Band(low=200, high=550, percentile_from=50, percentile_to=75)]
    >>> bands += [Band(low=500, high=2050, percentile_from=75, percentile_to=100)]
    >>> table = QuantileTable(functional="total", functional_hash="0" * 64, stage="S1", cohort=30, bands=tuple(bands))
    >>> [band_of(table, total) for total in (0, 199, 200, 520, 550, 2000)]
    ['0-50', '0-50', '50-75', '50-75', '75-100', '75-100']
    """
    holding = [band for band in table.bands if band.low <= total < band.high]
    if not holding:
        return None
    band = holding[(len(holding) - 1) // 2]
    return f"{band.percentile_from}-{band.percentile_to}"
