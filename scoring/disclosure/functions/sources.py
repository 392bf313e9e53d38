"""What rules look at, and the values at which they can change: a source is one number, flag, category or quotient of a record [D3].

Two rules that read the same source are functions of the same unknown. A source is cut at every bound of every rule that reads it; one
sample stands for all values between two cuts, since no rule tells them apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from gmpy2 import mpq

from scoring.rules.stages import Interval
from scoring.rules.values import Expression, FieldSpec

Kind = Literal["field", "quotient", "mean", "run"]
Cut = tuple[mpq, int]
"""A place on the line of values: before the value (0), which then belongs to what is above, or behind it (1)."""
Sample = mpq | str | None
"""A number or a category; None where the data is missing."""
NOT_POSITIVE = "not positive"  # a quotient's sample where the denominator is zero or less
_KINDS: dict[str, Kind] = {"field": "field", "ratio": "quotient", "mean": "mean", "longest_run": "run"}


@dataclass(frozen=True, slots=True)
class Source:
    """One thing that rules look at. Growth looks at the quotient of the two years, as a ratio of them does."""

    kind: Kind
    fields: tuple[str, ...]


def source_of(value: Expression) -> Source:
    """The source of an expression; a mean is the same in any order."""
    kind = _KINDS[value.kind]
    return Source(kind, tuple(sorted(value.fields)) if kind == "mean" else value.fields)


def samples(source: Source, cuts: Iterable[Cut], fields: Mapping[str, FieldSpec]) -> list[Sample]:
    """One value of the source for each part of its domain that the cuts make, and None; of a quotient NOT_POSITIVE too.

    >>> title = {"zh": "项", "en": "items"}
    >>> fields = {"n": FieldSpec(title=title, type="integer"), "x": FieldSpec(title=title, type="decimal", signed=True)}
    >>> [str(part) for part in samples(Source("field", ("n",)), {(mpq(1, 2), 0), (mpq(1), 0), (mpq(3), 1)}, fields)]
    ['None', '0', '1', '4']
    >>> [str(part) for part in samples(Source("field", ("x",)), {(mpq(2), 0), (mpq(2), 1)}, fields)]
    ['None', '1', '2', '3']
    """
    spec = fields[source.fields[0]]
    if source.kind == "field" and spec.type == "category":
        return [None, *spec.values]
    if source.kind == "field" and spec.type == "flag":
        return [None, mpq(0), mpq(1)]
    extra: list[Sample] = [None, NOT_POSITIVE] if source.kind == "quotient" else [None]
    return [*extra, *_numbers(source, sorted(set(cuts)), fields)]


def inside(sample: Sample, bands: Iterable[tuple[Interval | None, bool]]) -> bool:
    """Whether a firm with this sample can be in the stages that have these bands (None: no bound), each the default stage or not: missing
    data is in the default stage alone."""
    for band, default in bands:
        if not isinstance(sample, mpq):
            if not default:
                return False
        elif band is not None and not band.holds(sample):
            return False
    return True


def cuts_of(band: Interval | None) -> set[Cut]:
    """Where a stage's band begins and ends."""
    return set() if band is None else {(bound, 0) for bound in (band.from_, band.below) if bound is not None}


def _numbers(source: Source, cuts: list[Cut], fields: Mapping[str, FieldSpec]) -> Iterator[mpq]:
    signed = any(fields[name].signed for name in (source.fields if source.kind == "mean" else source.fields[:1]))
    whole = source.kind == "run" or (source.kind == "field" and fields[source.fields[0]].type == "integer")
    least = (_floor(cuts[0][0]) - 1 if cuts else mpq(0), 0) if signed else (mpq(0), 0)
    edges = [least, *(cut for cut in cuts if cut > least)]
    for (low, behind), high in pairwise([*edges, (edges[-1][0] + 2, 1)]):
        number = _next_whole(low, behind) if whole else (low + high[0]) / 2 if behind else low
        if (number, 1) <= high:
            yield number


def _floor(number: mpq) -> mpq:
    return mpq(number // 1)


def _next_whole(low: mpq, behind: int) -> mpq:
    return low if _floor(low) == low and not behind else _floor(low) + 1
