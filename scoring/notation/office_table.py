"""The table in which an office keeps its model: a row for each indicator with its full marks in each stage and a full-score reference.

It says no more than that. Records, owners, stages and the form of each rule come from a base pack whose indicators it names; the marks become
the most points that a rule gives, with nothing rounded but points, to 0.01. Products, vetoes, figures, exposures and the qualification
of the base are not taken over: they go by the base's points, or were accepted for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from pydantic import TypeAdapter

from scoring.errors import ModelError
from scoring.indicators.document import MAX_SHOWN, Path
from scoring.notation.numbers import exact
from scoring.notation.office_rows import GROUP, NAME, REFERENCE, OfficeTable, Row, linear, scored
from scoring.notation.workbook.builder import CellDocument
from scoring.notation.workbook.cells import Cell, Sheet
from scoring.rules.points import Rule

TABLE = "指标表"
_KEPT = ("records", "dimensions", "staging", "staging_provenance", "indicators", "functionals", "rankings")
_POINTS = {"points", "otherwise", "cap", "when_base_not_positive"}  # names of a rule under which points stand
_CENT = Decimal("0.01")
_RULE: TypeAdapter[Any] = TypeAdapter(Rule)


@dataclass(frozen=True, slots=True)
class Identity:
    """What the new pack is called, and where its numbers come from: ``source`` names what published them, empty where they are illustrative."""

    id: str
    version: str
    title: Mapping[str, str]
    source: str = ""


def office_table(value: Mapping[str, Any]) -> Sheet:
    """The table of a pack's indicators. A reference stands where all stages have the same one."""
    stages = value["staging"]["stages"]
    rows: list[tuple[Cell, ...]] = [(GROUP[0], NAME[0], *(stage["title"]["zh"] for stage in stages.values()), REFERENCE[0])]
    for spec in scored(value).values():
        weights = spec["weights"]
        marks = [
            _cents(_most(rule) * (weights.get(stage, 0) if isinstance(weights, Mapping) else weights)) for stage, rule in _rules(spec, stages).items()
        ]
        references = {rule.get("reference") for rule in _rules(spec, stages).values()} if linear(spec) else set()
        group = value["dimensions"][spec["dimension"]]["zh"]
        rows.append((group, spec["title"]["zh"], *marks, references.pop() if len(references) == 1 else None))
    return Sheet(TABLE, tuple(rows))


def read_office_table(sheet: Sheet, base: Mapping[str, Any], own: Identity) -> tuple[CellDocument, list[str]]:
    """The pack that ``sheet`` makes of ``base``, and remarks on what was left out.

    Raises ModelError, whose lines name sheet and cell and say what would be right, for up to ten mistakes at once.
    """
    table = OfficeTable(sheet, base)
    rows = list(table.rows())
    if table.mistakes or not rows:
        raise ModelError("\n".join(table.mistakes[:MAX_SHOWN]) or f"sheet {sheet.name}: it has no indicator 没有指标")
    value = _pack(rows, base, own)
    cells: dict[Path, str] = {("indicators", row.indicator): f"sheet {sheet.name}, row {row.number}" for row in rows}
    cells[()] = f"sheet {sheet.name}"
    return CellDocument(value, dict.fromkeys(_paths(value, ()), 0), cells=cells), [*table.remarks, *_left_out(rows, base)]


def _pack(rows: Sequence[Row], base: Mapping[str, Any], own: Identity) -> dict[str, Any]:
    by_id = {row.indicator: row for row in rows}
    value = {"format": base["format"], "id": own.id, "version": own.version, "title": dict(own.title), "zone": base["zone"]}
    value |= {name: base[name] for name in ("valid_from", "valid_until", *_KEPT) if name in base}
    value["indicators"] = {
        id_: spec if spec.get("role") == "gate" else _indicator(spec, by_id[id_], base, own)
        for id_, spec in base["indicators"].items()
        if spec.get("role") == "gate" or id_ in by_id
    }
    return value


def _indicator(spec: Mapping[str, Any], row: Row, base: Mapping[str, Any], own: Identity) -> dict[str, Any]:
    """The indicator with these marks: by its weights where the base's points are a divisor of each, else by rules of its own."""
    stages = base["staging"]["stages"]
    rules = _rules(spec, stages)
    share = {stage: Fraction(mark) / _most(rules[stage]) for stage, mark in row.marks.items()}
    whole = all(by.denominator == 1 for by in share.values())
    if not whole:
        rules = {stage: _scaled(rule, abs(share[stage])) if share[stage] else rule for stage, rule in rules.items()}
    if row.reference is not None:
        rules = {stage: {**rule, "reference": row.reference} for stage, rule in rules.items()}
    first = rules[next(stage for stage, by in share.items() if by)]
    used = [bound for stage, rule in rules.items() for bound in _span(rule if share[stage] else first)]
    marks = "、".join(f"{stages[stage]['title']['zh']}{mark}" for stage, mark in row.marks.items())
    illustrative = {"status": "illustrative", "note": f"full marks of an office's table, row {row.number}"}
    status = {"status": "published", "source": own.source} if own.source else illustrative
    return {
        **{name: part for name, part in spec.items() if name != "rule_by_stage"},
        "definition": {
            "zh": f"满分：{marks}；计分方式同 {base['id']}",
            "en": f"full marks as stated for each stage; scored in the manner of {base['id']}",
        },
        "rule": first,
        "rule_by_stage": {stage: rule for stage, rule in rules.items() if share[stage] and rule != first},
        "weights": {stage: int(by) if whole else (by > 0) - (by < 0) for stage, by in share.items()},
        "bounds": (min(0, *map(_cents, used)), max(0, *map(_cents, used))),
        "provenance": (*({**note, "of": ("name",)} for note in spec["provenance"] if "name" in note["of"]), {"of": ("rule", "weights"), **status}),
    }


def _scaled(part: Any, by: Fraction, *, points: bool = False) -> Any:
    """A rule whose points are all multiplied, half-up to 0.01."""
    if isinstance(part, Mapping):
        inside = {name: points or name in _POINTS or name == "each" for name in part}
        return {name: _scaled(item, by, points=inside[name]) for name, item in part.items()}
    if isinstance(part, tuple):
        return tuple(_scaled(item, by) for item in part)
    return _cents(Fraction(part) * by) if points and isinstance(part, (int, Decimal)) else part


def _cents(value: Fraction) -> int | Decimal:
    return exact((Decimal(value.numerator) / Decimal(value.denominator)).quantize(_CENT, ROUND_HALF_UP))


def _span(rule: Mapping[str, Any]) -> tuple[Fraction, Fraction]:
    """The least and the most points that a rule gives."""
    low, high = _RULE.validate_python(rule).span()
    return Fraction(int(low.numerator), int(low.denominator)), Fraction(int(high.numerator), int(high.denominator))


def _most(rule: Mapping[str, Any]) -> Fraction:
    """The most that a rule gives; of one that only takes away, the most that it takes."""
    low, high = _span(rule)
    return high if high > 0 else low


def _rules(spec: Mapping[str, Any], stages: Mapping[str, Any]) -> dict[str, Any]:
    return {stage: spec.get("rule_by_stage", {}).get(stage, spec["rule"]) for stage in stages}


def _left_out(rows: Sequence[Row], base: Mapping[str, Any]) -> Iterator[str]:
    named = {row.indicator for row in rows}
    if others := [spec["title"]["zh"] for id_, spec in scored(base).items() if id_ not in named]:
        yield f"indicators of {base['id']} that the table does not have 表中没有的指标: {'、'.join(others)}"
    parts = [name for name in ("products", "exposures", "qualification") if base.get(name)]
    parts += sorted({str(spec["role"]) for spec in base["indicators"].values() if spec.get("role") in {"veto", "figure"}})
    if parts:
        yield f"not taken over from {base['id']}, since they go by its points 未沿用: {', '.join(parts)}"


def _paths(value: Any, path: Path) -> Iterator[Path]:
    yield path
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, tuple) else ()
    for name, item in items:
        yield from _paths(item, (*path, name))
