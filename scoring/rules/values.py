"""Record fields and the numbers formed from them: the exact values to which point rules are applied.

A field is declared with its type and unit; a record gives it as text, int, Decimal or bool, never as a binary float.
Missing (absent, None, empty text) is not a value: everything here answers None for it and names the field. Numbers are
exact rationals (gmpy2.mpq), so a comparison with a threshold is exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Literal

from gmpy2 import mpq
from pydantic import BaseModel, ConfigDict, PlainValidator, StringConstraints

from scoring.errors import RuleError
from scoring.statements import Name, Title

FieldType = Literal["decimal", "integer", "flag", "category", "months"]
FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
_NUMBER = re.compile(r"\+?(-?[0-9]{1,30}(?:\.[0-9]{1,30})?)([eE][-+]?[0-9]{1,2})?")
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_FLAGS: dict[int | str, int] = {0: 0, 1: 1, "0": 0, "1": 1}


class Part(BaseModel):
    """Base of every part of a pack: frozen, strict, closed to unknown names."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", populate_by_name=True)


def _exact(value: object) -> mpq:
    if isinstance(value, bool) or not isinstance(value, (int, Decimal, mpq)):
        raise ValueError("a number is written as an integer or a decimal, without quotes 应为数字，不加引号")  # noqa: TRY004  pydantic reports ValueErrors
    return mpq(value)


def _points(value: object) -> mpq:
    number = _exact(value)
    if (number * 100).denominator != 1:
        raise ValueError("points have at most two fraction digits 分值至多两位小数")
    return number


Number = Annotated[mpq, PlainValidator(_exact)]
Points = Annotated[mpq, PlainValidator(_points)]


class FieldSpec(Part):
    """How a pack declares one field of a record. ``values`` lists a category's values; ``signed`` allows negative numbers."""

    title: Title
    type: FieldType
    unit: str = ""
    values: tuple[str, ...] = ()
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """A declared field under its name, in the record that holds it."""

    name: str
    record: Name
    spec: FieldSpec

    def parse(self, value: object) -> mpq | str | tuple[int, ...] | None:
        """``value`` as the field's type: a number, a category's value, or months counted from year 0; None when it is missing.

        Raises RuleError, naming the field and what would be right, when it is not of that type.
        """
        if self.spec.type == "months":
            return _months(self.name, value)
        if isinstance(value, str):
            value = value.strip()
        if value is None or value == "":
            return None
        if self.spec.type == "category":
            return self._category(value)
        if self.spec.type == "flag":
            if not isinstance(value, (int, str)) or value not in _FLAGS:
                raise RuleError(f"{self.name}: a flag is 0 or 1 应为 0 或 1")
            return mpq(_FLAGS[value])
        return self._number(value)

    def _category(self, value: object) -> str:
        if value not in self.spec.values or not isinstance(value, str):
            raise RuleError(f"{self.name}: one of {', '.join(self.spec.values)} is expected 应为其中之一")
        return value

    def _number(self, value: object) -> mpq:
        number = _number_of(value)
        if number is None:
            raise RuleError(
                f"{self.name}: a finite decimal number is expected, as text, int or Decimal; missing data is left empty 应为数字，缺数据则留空"
            )
        if number < 0 and not self.spec.signed:
            raise RuleError(f"{self.name}: a number >= 0 is expected 不得为负")
        if self.spec.type == "integer" and number.denominator != 1:
            raise RuleError(f"{self.name}: a whole number is expected 应为整数")
        return number


def _number_of(value: object) -> mpq | None:
    if isinstance(value, str):
        match = _NUMBER.fullmatch(value)
        if match is None:
            return None
        return mpq(match[1]) if match[2] is None else mpq(Decimal(value))
    if isinstance(value, (bool, float)) or (isinstance(value, Decimal) and not value.is_finite()):
        return None
    return mpq(value) if isinstance(value, (int, Decimal)) else None


def _months(name: str, value: object) -> tuple[int, ...] | None:
    if value is None:
        return None
    if not isinstance(value, (str, list, tuple)):
        raise RuleError(f"{name}: months are written as 2023-01;2023-02 月份的写法")
    parts: Iterable[object] = value.split(";") if isinstance(value, str) else value
    found = set()
    for part in parts:
        text = part.strip() if isinstance(part, str) else None
        if text == "":
            continue
        match = None if text is None else _MONTH.fullmatch(text)
        if match is None:
            raise RuleError(f"{name}: months are written as 2023-01;2023-02 月份的写法")
        found.add(int(match[1]) * 12 + int(match[2]) - 1)
    return tuple(sorted(found))


@dataclass(slots=True)
class Reader:
    """Reads one record through its declared fields and remembers, in ``missing``, the names that gave no usable value."""

    fields: Mapping[str, Field]
    record: Mapping[str, object]
    missing: dict[str, None] = field(default_factory=dict)

    def get(self, name: str) -> mpq | str | tuple[int, ...] | None:
        """Parsed value of a declared field; None, remembered, when it is missing. Raises RuleError for a malformed value."""
        value = self.fields[name].parse(self.record.get(name))
        if value is None:
            self.missing[name] = None
        return value

    def number(self, name: str) -> mpq | None:
        """``get`` for a field that the loader has found to be a number or a flag."""
        value = self.get(name)
        return value if isinstance(value, mpq) else None


@dataclass(frozen=True, slots=True)
class Expression:
    """What a rule looks at: ``field``, ``field / field``, ``longest_run(field)`` (most consecutive months) or ``mean(field, field …)``."""

    kind: Literal["field", "ratio", "longest_run", "mean"]
    fields: tuple[str, ...]

    @classmethod
    def parse(cls, text: object) -> Expression:
        """Expression from a pack's text; raises ValueError for anything else.

        >>> Expression.parse("rd_staff / staff")
        Expression(kind='ratio', fields=('rd_staff', 'staff'))
        >>> Expression.parse("mean(revenue, revenue_previous)")
        Expression(kind='mean', fields=('revenue', 'revenue_previous'))
        """
        field = "[a-z][a-z0-9_]*"
        name = f"({field})"
        if isinstance(text, str):
            if match := re.fullmatch(name, text):
                return cls("field", match.groups())
            if match := re.fullmatch(rf"{name} / {name}", text):
                return cls("ratio", match.groups())
            if match := re.fullmatch(rf"longest_run\({name}\)", text):
                return cls("longest_run", match.groups())
            if match := re.fullmatch(rf"mean\(({field}(?:, {field})+)\)", text):
                return cls("mean", tuple(match[1].split(", ")))
        raise ValueError("a value is FIELD, FIELD / FIELD, longest_run(FIELD) or mean(FIELD, FIELD) 取值写法不对")

    def number(self, reader: Reader) -> mpq | None:
        """Exact value; None when a field is missing. A ratio over a denominator <= 0 has no value, and the denominator counts as missing.

        A mean is that of the fields which have a value (an enterprise in its second year has one year's revenue); None when none has.
        """
        if self.kind == "longest_run":
            months = reader.get(self.fields[0])
            return mpq(longest_run(months)) if isinstance(months, tuple) else None
        if self.kind == "mean":
            known = [number for name in self.fields if (number := reader.number(name)) is not None]
            return sum(known, mpq(0)) / len(known) if known else None
        first = reader.number(self.fields[0])
        if self.kind == "field":
            return first
        second = reader.number(self.fields[1])
        if first is None or second is None:
            return None
        if second <= 0:
            reader.missing[self.fields[1]] = None
            return None
        return first / second


Value = Annotated[Expression, PlainValidator(Expression.parse)]


def longest_run(months: tuple[int, ...]) -> int:
    """Most consecutive months in an ascending tuple without repetitions.

    >>> longest_run((24275, 24276, 24278, 24279, 24280))
    3
    """
    longest = run = 0
    previous: int | None = None
    for month in months:
        run = run + 1 if previous is not None and month == previous + 1 else 1
        longest, previous = max(longest, run), month
    return longest


def half_up(value: mpq, scale: int = 1) -> int:
    """``value``·``scale`` to the nearest integer, ties away from zero: ROUND_HALF_UP of decimal arithmetic, exactly [P2.1].

    >>> from gmpy2 import mpq
    >>> half_up(mpq("0.125"), 100), half_up(mpq("-0.125"), 100), half_up(mpq("0.1249"), 100)
    (13, -13, 12)
    """
    numerator, denominator = int(value.numerator) * scale, int(value.denominator)
    size = (2 * abs(numerator) + denominator) // (2 * denominator)
    return size if numerator >= 0 else -size
