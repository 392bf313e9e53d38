"""A mapping against the models that will read its records: names nobody asks for, other types, other units. A mapping alone cannot tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from connectors.mapping import AmountField, CategoryField, ConnectorMapping, FlagField, MonthsField, NumberField, RecordField
from scoring.indicators.model import Model
from scoring.rules.values import Field

UNITS = {
    "yuan": "yuan", "10k yuan": "10k-yuan", "million yuan": "m-yuan", "million USD": "musd", "m-usd": "musd", "persons": "persons",
    "thousand persons": "k-persons", "ratio": "ratio",
}  # fmt: skip
"""Units as models write them -> as mappings do. Others are counts, which have no conversion."""
TYPES: dict[type[RecordField], tuple[str, ...]] = {
    NumberField: ("decimal", "integer"),
    AmountField: ("decimal", "integer"),
    FlagField: ("flag",),
    CategoryField: ("category",),
    MonthsField: ("months",),
}


def disagreements(mapping: ConnectorMapping, models: Iterable[Model]) -> list[str]:
    """What in ``mapping`` does not fit the record fields of ``models``, each with what would be right."""
    asked: dict[str, list[tuple[Model, Field]]] = {}
    for model in models:
        for name, field in model.fields.items():
            asked.setdefault(name, []).append((model, field))
    found: list[str] = []
    for name, mapped in mapping.fields.items():
        if name not in asked:
            near = get_close_matches(name, asked, 1)
            found.append(f"fields.{name}: no model asks for it{f'; the nearest is {near[0]}' if near else ''} 指标体系不用此字段")
        for model, field in asked.get(name, ()):
            found += [f"fields.{name}: {fault}" for fault in _faults(mapped, model, field)]
    return found


def _faults(mapped: RecordField, model: Model, field: Field) -> Iterator[str]:
    if type(mapped) in TYPES and field.spec.type not in TYPES[type(mapped)]:
        yield f"is {field.spec.type} in {model.id}, the mapping gives {mapped.type} 类型不符"
        return
    unit = UNITS.get(field.spec.unit or "")
    if isinstance(mapped, AmountField) and unit is not None and mapped.to != unit:
        yield f"is in {field.spec.unit} in {model.id}: write to: {unit}, not {mapped.to} 单位不符"
    if isinstance(mapped, NumberField) and unit not in {None, "persons"}:
        yield (
            f"is in {field.spec.unit} in {model.id}: a number without unit may be meant otherwise; "
            f"write type: amount with unit and to: {unit} 请写明单位"
        )
    if isinstance(mapped, CategoryField) and (strange := sorted(set(mapped.values.values()) - set(field.spec.values))):
        yield f"{model.id} has no value {strange[0]!r}; there are {', '.join(field.spec.values)} 没有此类别"
