"""What every check needs: problems, the pack's fields, the stages that a part speaks of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from scoring.indicators.document import Path
from scoring.indicators.pack import Pack
from scoring.rules.values import FieldSpec

Problem = tuple[Path, str]


def all_fields(pack: Pack) -> dict[str, FieldSpec]:
    """Every field of the pack by name; the first, where a name is (wrongly) given twice."""
    found: dict[str, FieldSpec] = {}
    for record in pack.records.values():
        for name, spec in record.fields.items():
            found.setdefault(name, spec)
    return found


def stages_given(pack: Pack, path: Path, found: Iterable[str], *, complete: bool) -> Iterator[Problem]:
    """Stages of ``found`` that the model lacks and, where it has to be ``complete``, those that are missing."""
    given = set(found)
    for stage in given - set(pack.staging.stages):
        yield (*path, stage), f"no such stage; there are {', '.join(pack.staging.stages)} 没有此阶段"
    if complete and (lacking := [stage for stage in pack.staging.stages if stage not in given]):
        yield path, f"a value for every stage is needed; {', '.join(lacking)} is missing 每个阶段都要填"
