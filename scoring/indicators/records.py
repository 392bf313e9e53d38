"""docs/records.md: which record fields each department owns, for each pack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from scoring.indicators.describe import owner_text
from scoring.indicators.model import Model
from scoring.rules.values import Field

_TYPES = {
    "decimal": "decimal number",
    "integer": "whole number",
    "flag": "0 or 1",
    "category": "one of the values",
    "months": "months as 2023-01;2023-02, empty for none",
}


def records_markdown(models: Iterable[Model]) -> str:
    """docs/records.md: for each model, which record fields each department owns, with type and unit. Ends with a newline."""
    lines = [
        "# Records of each department",
        "",
        "Which record fields a department, or each bank, holds for each pack, by the names that its records and `model score` use. An empty",
        "field is missing data: it earns 0 points and is reported to the owner and the enterprise. This file is made by",
        "`xinqiao model records`; a test compares it with the packs.",
    ]
    for model in models:
        lines += ["", f"## `{model.id}` version {model.version}", "", f"{model.title.zh} ({model.title.en})"]
        for name, record in model.pack.records.items():
            lines += ["", f"### {record.owner.name}: {record.title.zh} ({record.title.en})", ""]
            lines += list(_field_table(model, name)) or ["No fields: this department contributes zeros."]
        lines += ["", f"Stages are published by {owner_text(model.stage_owner.department, model.stage_owner.level)}, {_axes(model)}."]
    return "\n".join(lines) + "\n"


def _field_table(model: Model, record: str) -> Iterator[str]:
    fields = [field for field in model.fields.values() if field.record == record]
    if fields:
        yield "| field | what it is | type | unit | used by |"
        yield "|---|---|---|---|---|"
    for field in fields:
        users = [indicator.id for indicator in model.indicators.values() if field in indicator.fields]
        facts = {} if model.pack.qualification is None else model.pack.qualification.public
        users += [name for name, fact in facts.items() if field.name in (read for read, _ in fact.rule.uses())]
        used = [*users, *(["stages"] if field.name in model.pack.staging.axes else [])]
        title = field.spec.title
        yield f"| `{field.name}` | {title.zh} ({title.en}) | {_type(field)} | {field.spec.unit or '–'} | {', '.join(used) or '–'} |"


def _type(field: Field) -> str:
    if field.spec.type == "category":
        return ", ".join(field.spec.values)
    sign = "" if field.spec.signed or field.spec.type not in {"decimal", "integer"} else " >= 0"
    return _TYPES[field.spec.type] + sign


def _axes(model: Model) -> str:
    axes = model.pack.staging.axes
    return f"from {', '.join(f'`{axis}`' for axis in axes)}" if axes else "the same for all"
