"""What persons are shown of a contribution before they let it go: numbers of subjects, never one subject's points [A4].

Pure but for ``Summaries``, which keeps them under the source of the contribution that they are of.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, Text, insert, select

from nodes.contributing.contributions import Records, Scored
from nodes.contributing.trust import OpenEpoch
from nodes.runtime.database import reading, writing
from scoring.statements import Title
from scoring.statements.base import Record

METADATA = MetaData()
_summaries = Table(
    "contribution_summaries",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("source", String(64), nullable=False, unique=True),
    Column("indicator", String(64), nullable=False, index=True),
    Column("summary", Text, nullable=False),
)
BANDS = (Title(zh="负分", en="below 0"), Title(zh="0 分", en="0"), Title(zh="至 25%", en="to 25 %"), Title(zh="至 50%", en="to 50 %"),
         Title(zh="至 75%", en="to 75 %"), Title(zh="不足满分", en="below full"), Title(zh="满分", en="full"))  # fmt: skip
GATE_BANDS = (Title(zh="未触发", en="not triggered"), Title(zh="触发", en="triggered"))
MORE_MISSING, MEAN_MOVED, SUBJECTS_MOVED = 0.05, 0.10, 0.10  # shares that a person is told of; chosen, not from a standard


class StageCount(Record):
    """Subjects of one stage, and how many of them lack data."""

    title: Title
    subjects: int
    incomplete: int


class FieldCount(Record):
    """How many subjects of each stage have something in one record field."""

    title: Title
    present: dict[str, int]


class Summary(Record):
    """One column in numbers. ``bands`` goes with BANDS, or GATE_BANDS; ``sum`` and ``bounds`` are hundredths, bounds empty for a gate."""

    epoch: str
    period: str
    indicator: str
    title: Title
    bounds: tuple[int, int] | None
    sum: int
    bands: tuple[int, ...]
    stages: dict[str, StageCount]
    fields: dict[str, FieldCount]

    @property
    def subjects(self) -> int:
        return sum(stage.subjects for stage in self.stages.values())

    @property
    def incomplete(self) -> int:
        return sum(stage.incomplete for stage in self.stages.values())

    @property
    def mean(self) -> float:
        """Mean points of a subject."""
        return self.sum / 100 / self.subjects if self.subjects else 0.0

    @property
    def shares(self) -> list[tuple[Title, int]]:
        """Each band with its number of subjects."""
        return list(zip(BANDS if self.bounds else GATE_BANDS, self.bands, strict=True))


def summarise(epoch: OpenEpoch, scored: Scored, records: Records) -> Summary:
    """The numbers of one indicator's points over the roster of ``epoch``, and of the ``records`` (by subject id) behind them."""
    indicator, incomplete = epoch.model.indicators[scored.indicator], set(scored.incomplete)
    of_stage = Counter(stage for _, stage in epoch.subjects)
    lacking = Counter(epoch.subjects[position][1] for position in incomplete)
    bounds = None if indicator.gate else indicator.bounds
    return Summary(
        epoch=epoch.opened.epoch,
        period=epoch.opened.period,
        indicator=scored.indicator,
        title=indicator.title,
        bounds=bounds,
        sum=sum(scored.points),
        bands=_bands(scored.points, bounds),
        stages={
            stage.id: StageCount(title=stage.title, subjects=of_stage[stage.id], incomplete=lacking[stage.id])
            for stage in epoch.model.stages
            if of_stage[stage.id]
        },
        fields={
            field.name: FieldCount(
                title=field.spec.title, present=Counter(stage for subject, stage in epoch.subjects if records.get(subject, {}).get(field.name))
            )
            for field in indicator.fields
        },
    )


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that a person should look at before approving."""

    zh: str
    en: str


def remarks(now: Summary, before: Summary | None) -> Iterator[Remark]:
    """What is unusual in a column, by itself and against the one of the last epoch."""
    if now.subjects and now.incomplete == now.subjects:
        yield Remark("所有企业均缺数据", "every enterprise lacks data")
    elif now.subjects and not now.sum and now.bounds is not None:
        yield Remark("所有企业均为 0 分", "every enterprise has 0 points")
    if now.bounds is not None and now.subjects > 1 and max(now.bands) == now.subjects and not now.bands[1]:
        yield Remark("所有企业落在同一分段", "all enterprises lie in one band")
    if before is None or not before.subjects or not now.subjects:
        return
    if abs(now.subjects - before.subjects) > SUBJECTS_MOVED * before.subjects:
        yield Remark(f"企业数由 {before.subjects} 变为 {now.subjects}", f"subjects were {before.subjects}, now {now.subjects}")
    was, is_now = before.incomplete / before.subjects, now.incomplete / now.subjects
    if is_now - was > MORE_MISSING:
        yield Remark(f"缺数据比例由 {was:.0%} 升至 {is_now:.0%}", f"the share without data rose from {was:.0%} to {is_now:.0%}")
    if now.bounds is not None and abs(now.mean - before.mean) * 100 > MEAN_MOVED * (now.bounds[1] - now.bounds[0]):
        yield Remark(f"平均分由 {before.mean:.2f} 变为 {now.mean:.2f}", f"the mean was {before.mean:.2f}, now {now.mean:.2f}")


class Summaries:
    """Summaries by the source of their contribution. ``engine`` was opened with METADATA."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, source: str, summary: Summary) -> None:
        """Keep the summary of what was made from ``source``; the same again is kept once."""
        with writing(self._engine) as connection:
            if connection.execute(select(_summaries.c.id).where(_summaries.c.source == source)).first() is None:
                values = {"source": source, "indicator": summary.indicator, "summary": summary.model_dump_json()}
                connection.execute(insert(_summaries).values(**values))

    def of(self, sources: Sequence[str]) -> Mapping[str, Summary]:
        """The summaries of these sources, by source; one that was made before summaries were kept has none."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(_summaries.c.source, _summaries.c.summary).where(_summaries.c.source.in_(sources)))
            return {source: Summary.model_validate_json(text) for source, text in rows}

    def before(self, summary: Summary) -> Summary | None:
        """The newest summary of the same indicator in the epoch before that of ``summary``, as this node made them."""
        with reading(self._engine) as connection:
            of_indicator = select(_summaries.c.summary).where(_summaries.c.indicator == summary.indicator).order_by(_summaries.c.id.desc())
            found = [Summary.model_validate_json(text) for (text,) in connection.execute(of_indicator)]
        begun = [place for place, item in enumerate(found) if item.epoch == summary.epoch]
        older = found[max(begun) + 1 :] if begun else found
        return next((item for item in older if item.epoch != summary.epoch), None)


def _bands(points: Sequence[int], bounds: tuple[int, int] | None) -> tuple[int, ...]:
    if bounds is None:
        triggered = sum(value > 0 for value in points)
        return len(points) - triggered, triggered
    high = bounds[1]
    edges = (-1, 0, high // 4, high // 2, high * 3 // 4, max(high - 1, 0))  # the greatest of each band but the last
    counted = Counter(bisect_left(edges, value) for value in points)
    return tuple(counted[band] for band in range(len(BANDS)))
