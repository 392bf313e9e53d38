"""A connector's mapping: one YAML file that says where a source is and how its columns become record fields [C2]."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from connectors.errors import MappingError
from connectors.rows.units import Unit, shift_between
from connectors.sources import ColumnName, Source
from crypto.encoding import sha256
from scoring.errors import ModelError
from scoring.indicators.document import parse_document
from scoring.rules.values import FieldName, Part
from scoring.statements import Name, Title

MAX_FIELDS = 200
Spelling = Annotated[str, StringConstraints(max_length=200)]
CategoryValue = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x20\x7f;,]{1,64}$")]
KEYS = ("uscc", "period", "valid_from")


class Column(Part):
    """Base of every field. ``optional``: where the source lacks the column, the field is not spoken of."""

    column: ColumnName
    optional: bool = False


class NumberField(Column):
    """A number that needs no unit, or has the record field's."""

    type: Literal["decimal", "integer"]


class AmountField(Column):
    """An amount in ``unit``, converted exactly to the record field's unit ``to``."""

    type: Literal["amount"]
    unit: Unit
    to: Unit

    @model_validator(mode="after")
    def _convertible(self) -> Self:
        shift_between(self.unit, self.to)
        return self


class FlagField(Column):
    """Yes or no by the spellings of each."""

    type: Literal["flag"]
    yes: Annotated[tuple[Spelling, ...], Field(alias="true", min_length=1)]
    no: Annotated[tuple[Spelling, ...], Field(alias="false", min_length=1)]

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if both := set(self.yes) & set(self.no):
            raise ValueError(f"{min(both)!r} stands under true and under false 同时列在是与否两处")
        return self


class CategoryField(Column):
    """One of a closed list: the source's spelling -> the category's value."""

    type: Literal["category"]
    values: Annotated[dict[Spelling, CategoryValue], Field(min_length=1)]


class MonthsField(Column):
    """Months between ``separator``."""

    type: Literal["months"]
    separator: Annotated[str, StringConstraints(pattern=r"^[^0-9年月/-]{1,5}$")]


class TextField(Column):
    """A line of text, as the registrar's ``company`` and ``division``."""

    type: Literal["text"]


RecordField = Annotated[NumberField | AmountField | FlagField | CategoryField | MonthsField | TextField, Field(discriminator="type")]


class Period(Part):
    """The period stands in a column, as a year, a month or the zone's own name for it; or everything that the source gives is of one."""

    column: ColumnName | None = None
    form: Annotated[Literal["year", "month", "text"] | None, Field(alias="as")] = None
    constant: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z][0-9A-Za-z.-]{0,31}$")] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.column is None) == (self.constant is None) or (self.column is None) != (self.form is None):
            raise ValueError("either column and as (year, month or text), or constant 须填列和格式，或只填常量")
        return self


class Keys(Part):
    """Of which enterprise and period a row speaks."""

    uscc: ColumnName
    period: Period


class ValidFrom(Part):
    """Since when a row holds: a date, or the date of a point in time."""

    column: ColumnName
    form: Annotated[Literal["date", "time"], Field(alias="as")]


class ConnectorMapping(Part):
    """A whole mapping. ``missing``: spellings that state that there is nothing. ``ignore``: what marks totals and notes between the rows:
    a row that is no record, and whose first cell that holds something is one of them, is passed over."""

    format: Literal["xinqiao/connector/v1"]
    id: Name
    title: Title
    source: Source
    keys: Keys | None = None
    valid_from: ValidFrom | None = None
    fields: Annotated[dict[FieldName, RecordField], Field(max_length=MAX_FIELDS)] = Field(default_factory=dict)
    missing: tuple[Spelling, ...] = ("",)
    ignore: tuple[Spelling, ...] = ()

    @cached_property
    def reading(self) -> str:
        """SHA-256, hex, of all that the mapping says: how it reads its source."""
        return sha256(self.model_dump_json(by_alias=True).encode()).hex()

    @cached_property
    def columns(self) -> dict[str, bool]:
        """The source's columns that are read, in order -> whether one may be absent."""
        found: dict[str, bool] = {}
        if self.keys is not None:
            found[self.keys.uscc] = False
            if self.keys.period.column is not None:
                found[self.keys.period.column] = False
        if self.valid_from is not None:
            found[self.valid_from.column] = False
        for field in self.fields.values():
            found[field.column] = found.get(field.column, True) and field.optional
        return found


def parse_mapping(data: bytes) -> ConnectorMapping:
    """The mapping in a file's bytes. Raises MappingError naming line, path and what would be right, for up to ten problems at once."""
    try:
        document = parse_document(data, "mapping")
    except ModelError as error:
        raise MappingError(str(error)) from error
    try:
        mapping = ConnectorMapping.model_validate(document.value)
    except ValidationError as error:
        raise MappingError(document.report_invalid(error)) from error
    if found := list(_problems(mapping)):
        raise MappingError(document.report(found))
    return mapping


def load_mapping(path: Path) -> ConnectorMapping:
    """The mapping in the file ``path``. Raises MappingError, with the file's name before each line, also when it cannot be read."""
    try:
        return parse_mapping(path.read_bytes())
    except OSError as error:
        raise MappingError(f"{path}: {error.strerror} 文件无法读取") from error
    except MappingError as error:
        raise MappingError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from error


def _problems(mapping: ConnectorMapping) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if mapping.source.kind == "single-window":
        for part in ("keys", "valid_from", "fields"):
            if getattr(mapping, part):
                yield (part,), "is not for a single-window source: its record fields are those of the customs messages 单一窗口来源不填此项"
        return
    if mapping.keys is None:
        yield ("keys",), "is required 必填"
    if not mapping.fields:
        yield ("fields",), "at least one field is read 至少读取一个字段"
    for name in KEYS:
        if name in mapping.fields:
            yield ("fields", name), "is a key, not a field 是键，不是字段"
    for name, field in mapping.fields.items():
        spellings = (*field.yes, *field.no) if isinstance(field, FlagField) else field.values if isinstance(field, CategoryField) else ()
        if both := [spelling for spelling in spellings if spelling in mapping.missing]:
            yield ("fields", name), f"{both[0]!r} stands under missing too: it has one meaning 又列为缺失值，只能有一种含义"
