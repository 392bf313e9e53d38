"""Records for libraries and policies beside those of a zone's own model: the fields that their flags are computed from, always invented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scoring.indicators.model import Model
from scoring.indicators.pack import RecordSpec
from scoring.rules.values import Field
from simulators.population.generate import generate
from simulators.population.tables import Population
from simulators.zone.layout import ZonePlan


def with_fields(model: Model, others: Sequence[Model]) -> Model:
    """``model`` with the record fields of ``others`` beside its own, for whoever makes or stores records; its rules are unchanged.

    Raises ValueError when another model means something else by a name, or another owner's.
    """
    fields, records = dict(model.fields), dict(model.pack.records)
    for other in others:
        for name, field in other.fields.items():
            spec = other.pack.records[field.record]
            if name not in fields:
                record = f"{other.id}-{field.record}"
                fields[name], records[record] = replace(field, record=record), spec
            elif not _alike(fields[name], records[fields[name].record], field, spec):
                raise ValueError(f"{other.id} means another field by {name} than {model.id}")
    return replace(model, fields=fields, pack=model.pack.model_copy(update={"records": records}))


def beside(population: Population, models: Sequence[Model], plan: ZonePlan, seed: int) -> Population:
    """``population`` with invented values of every field of ``models`` that it has not, and days of registration where it has none. Its own
    values stay as they are."""
    drawn = generate(with_fields(models[0], models[1:]), plan, len(population.firms), seed, int(population.period))
    have = {name for names in population.owners.values() for name in names}
    owners = {
        member: (*population.owners.get(member, ()), *(name for name in drawn.owners.get(member, ()) if name not in have))
        for member in dict.fromkeys((*population.owners, *drawn.owners))
    }
    firms = [
        replace(
            firm,
            values={**{name: value for name, value in other.values.items() if name not in have}, **firm.values},
            registered=firm.registered or other.registered,
        )
        for firm, other in zip(population.firms, drawn.firms, strict=True)
    ]
    return replace(population, owners=owners, firms=tuple(firms))


def _alike(first: Field, mine: RecordSpec, second: Field, other: RecordSpec) -> bool:
    return (first.spec.type, first.spec.values, mine.owner) == (second.spec.type, second.spec.values, other.owner)
