"""What changes between two models: in the text of the packs, and for whom, on records that one party holds anyway (`model diff`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from gmpy2 import mpq

from scoring.indicators.describe import expression, number
from scoring.indicators.document import Path, dotted
from scoring.indicators.model import Model
from scoring.indicators.plain import PlainScore, score_plain
from scoring.rules.values import Expression, Part


@dataclass(frozen=True, slots=True)
class Difference:
    """A place in the packs whose value differs; None where one of them lacks it."""

    path: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """One subject's scores under two models."""

    subject: str
    before: PlainScore
    after: PlainScore

    @property
    def delta(self) -> int:
        """Difference of the totals, hundredths."""
        return self.after.total - self.before.total


@dataclass(frozen=True, slots=True)
class Summary:
    """Changes of one stage (of the first model): how many subjects, who rises, who falls, who moves, sum of the differences (hundredths)."""

    stage: str
    subjects: int
    rises: int
    falls: int
    moves: int
    newly_gated: int
    no_longer_gated: int
    sum_of_differences: int


def differences(before: Model, after: Model) -> tuple[Difference, ...]:
    """Every value of the packs that differs, in the order of the first pack, then what only the second has."""
    first, second = dict(_leaves(before.pack, ())), dict(_leaves(after.pack, ()))
    places = dict.fromkeys((*first, *second))
    return tuple(Difference(dotted(place), first.get(place), second.get(place)) for place in places if first.get(place) != second.get(place))


def changes(before: Model, after: Model, records: Mapping[str, Mapping[str, object]]) -> tuple[Change, ...]:
    """Scores of every subject under both models, largest difference first, then by subject. Raises RuleError for a malformed value."""
    found = [Change(subject, score_plain(before, record), score_plain(after, record)) for subject, record in records.items()]
    return tuple(sorted(found, key=lambda change: (-abs(change.delta), change.subject)))


def summaries(before: Model, found: tuple[Change, ...]) -> tuple[Summary, ...]:
    """One line for each stage of the first model in which there is a subject, in the model's order."""
    by_stage = {stage.id: [change for change in found if change.before.stage == stage.id] for stage in before.stages}
    return tuple(_summary(stage, changed) for stage, changed in by_stage.items() if changed)


def _summary(stage: str, changed: list[Change]) -> Summary:
    return Summary(
        stage=stage,
        subjects=len(changed),
        rises=sum(change.delta > 0 for change in changed),
        falls=sum(change.delta < 0 for change in changed),
        moves=sum(change.before.stage != change.after.stage for change in changed),
        newly_gated=sum(change.after.gated and not change.before.gated for change in changed),
        no_longer_gated=sum(change.before.gated and not change.after.gated for change in changed),
        sum_of_differences=sum(change.delta for change in changed),
    )


def _leaves(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    """Every value that the pack states, as text. A name that the pack leaves out is not listed, whatever its default."""
    if isinstance(value, Part):
        for name in type(value).model_fields:
            if name in value.model_fields_set:
                yield from _leaves(getattr(value, name), (*path, name.removesuffix("_")))
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, (*path, name))
    elif isinstance(value, tuple):
        for position, item in enumerate(value):
            yield from _leaves(item, (*path, position))
    else:
        yield path, _text(value)


def _text(value: object) -> str:
    if isinstance(value, Expression):
        return expression(value)
    if isinstance(value, bool) or not isinstance(value, (mpq, Decimal, int)):
        return value if isinstance(value, str) else str(value)
    return number(value)
