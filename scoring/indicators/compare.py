"""What changes between two models: in the text of the packs, and for whom, on records that one party holds anyway (`model diff`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import SequenceMatcher

from gmpy2 import mpq
from pydantic import BaseModel

from scoring.indicators.describe import expression, number
from scoring.indicators.document import Path, dotted
from scoring.indicators.model import Model
from scoring.indicators.plain import PlainScore, score_plain
from scoring.rules.values import Expression


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
    """Every value of the packs that differs, in the order of the first pack, then what only the second has.

    Where a list (tiers, notes) has become longer or shorter, its parts are compared in order: one that came or went is told whole, once, at its
    place in the list that has it.
    """
    return tuple(_differences(before.pack, after.pack, ()))


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


_ABSENT = object()


def _differences(before: object, after: object, path: Path) -> Iterator[Difference]:
    first, second = _parts(before), _parts(after)
    if isinstance(before, tuple) and isinstance(after, tuple) and len(before) != len(after):
        yield from _moved(before, after, path)
    elif first is None and second is None:
        if before is not after and (before is _ABSENT or after is _ABSENT or _text(before) != _text(after)):
            yield Difference(dotted(path), *(None if side is _ABSENT else _text(side) for side in (before, after)))
    else:  # one of them may be a single value, or not there
        for side in (side for side, parts in ((before, first), (after, second)) if parts is None and side is not _ABSENT):
            yield Difference(dotted(path), *((_text(side), None) if side is before else (None, _text(side))))
        for name in dict.fromkeys((*(first or ()), *(second or ()))):
            yield from _differences((first or {}).get(name, _ABSENT), (second or {}).get(name, _ABSENT), (*path, name))


def _moved(before: tuple[object, ...], after: tuple[object, ...], path: Path) -> Iterator[Difference]:
    """Differences of two lists of different lengths: parts that both have, in the same order, are passed over."""
    first, second = [_whole(part) for part in before], [_whole(part) for part in after]
    for _, i, i_end, j, j_end in (found for found in SequenceMatcher(None, first, second, False).get_opcodes() if found[0] != "equal"):
        both = min(i_end - i, j_end - j)
        for step in range(both):
            yield from _differences(before[i + step], after[j + step], (*path, j + step))
        yield from (Difference(dotted((*path, place)), first[place], None) for place in range(i + both, i_end))
        yield from (Difference(dotted((*path, place)), None, second[place]) for place in range(j + both, j_end))


def _parts(value: object) -> dict[str | int, object] | None:
    """What a value consists of, by name or place; None for a single one. A name that the pack leaves out is no part, whatever its default."""
    if isinstance(value, BaseModel):
        return {name.removesuffix("_"): getattr(value, name) for name in type(value).model_fields if name in value.model_fields_set}
    if isinstance(value, (dict, tuple)):
        return dict(value) if isinstance(value, dict) else dict(enumerate(value))
    return None


def _whole(value: object) -> str:
    """All of a value on one line."""
    parts = _parts(value)
    if parts is None:
        return _text(value)
    return ", ".join(_whole(part) if isinstance(name, int) else f"{name}: {_whole(part)}" for name, part in parts.items())


def _text(value: object) -> str:
    if isinstance(value, Expression):
        return expression(value)
    if isinstance(value, bool) or not isinstance(value, (mpq, Decimal, int)):
        return value if isinstance(value, str) else str(value)
    return number(value)
