"""Readers of cells: what is read, exactly, and that nothing else is."""

from __future__ import annotations

import doctest
import importlib
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.rows import cells
from connectors.rows.units import shift_between
from scoring.rules.values import Field, FieldSpec
from scoring.statements import Title

WIDE = str.maketrans({code: code + 0xFEE0 for code in range(0x21, 0x7F)})
NUMBERS = st.decimals(min_value=-(10**20), max_value=10**20, allow_nan=False, allow_infinity=False, places=4)
DAYS = st.dates(min_value=date(1900, 1, 1), max_value=date(2199, 12, 31))


def forms_of(day: date) -> list[str]:
    return [day.isoformat(), f"{day:%Y%m%d}", f"{day.year}/{day.month}/{day.day}", f"{day.year}年{day.month}月{day.day}日", f"{day:%Y/%m/%d}"]


@given(NUMBERS, st.booleans(), st.booleans())
def test_a_number_is_read_exactly_in_every_way_of_writing_it(value: Decimal, grouped: bool, wide: bool) -> None:
    text = f"{value:,f}" if grouped else f"{value:f}"
    assert Decimal(cells.number(text.translate(WIDE) if wide else text)) == value


@given(NUMBERS, st.integers(-8, 8))
def test_a_conversion_multiplies_by_a_power_of_ten_and_nothing_is_rounded(value: Decimal, shift: int) -> None:
    assert Decimal(cells.number(f"{value:f}", shift)) == value.scaleb(shift)


@given(NUMBERS)
def test_equal_numbers_have_one_spelling(value: Decimal) -> None:
    text = cells.number(f"{value:f}")
    assert cells.number(f"{value:f}00" if "." in f"{value:f}" else f"{value:f}.00") == text
    assert cells.number(text) == text
    assert text not in {"-0", "+0"}
    assert not text.startswith(("0", "-0")) or text.startswith(("0.", "-0.")) or text == "0"


@given(NUMBERS)
def test_what_is_read_is_a_value_to_the_rules(value: Decimal) -> None:
    field = Field("x", "r", FieldSpec(title=Title(zh="x", en="x"), type="decimal", signed=True))
    assert field.parse(cells.number(f"{value:f}")) is not None


@pytest.mark.parametrize(
    "text",
    ["", "1,23", "1,2345", ",123", "1.", ".5", "1e5", "1E+05", "12万", "￥5", "$5", "5%", "(5)", "--5", "1 000", "NaN", "inf", "一百", "0x1f",
     "1" * 41, "1_000", "٣", "1,234,56", "1.2.3", "−5", "12\n"],
)  # fmt: skip
def test_what_is_not_exactly_a_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="number"):
        cells.number(text)


def test_a_whole_number_may_be_written_with_a_fraction_of_zero_only() -> None:
    assert cells.integer("1,200.00") == "1200"
    with pytest.raises(ValueError, match="whole"):
        cells.integer("1200.5")


@pytest.mark.parametrize(
    ("unit", "to", "shift"), [("10k-yuan", "yuan", 4), ("100m-yuan", "10k-yuan", 4), ("fen", "yuan", -2), ("percent", "ratio", -2)]
)
def test_units_convert_by_powers_of_ten(unit: str, to: str, shift: int) -> None:
    assert shift_between(unit, to) == shift  # type: ignore[arg-type]  # a closed table's keys


@given(DAYS, st.booleans())
def test_a_day_is_read_in_each_of_its_forms(day: date, wide: bool) -> None:
    for text in forms_of(day):
        assert cells.day(text.translate(WIDE) if wide else text) == day.isoformat()


@given(DAYS, st.times())
def test_of_a_point_in_time_the_day_is_kept_as_written(day: date, time: object) -> None:
    for separator in "T ":
        for zone in ("", "Z", "+08:00", "-0530"):
            assert cells.day_of_time(f"{day}{separator}{time}{zone}") == day.isoformat()
    assert cells.day_of_time(day.isoformat()) == day.isoformat()


@pytest.mark.parametrize(
    "text",
    ["", "2024-1-31", "24-01-31", "2024-01-31 00:00", "31/01/2024", "2024.01.31", "2024-02-30", "2023-02-29", "20241301", "2024/13/1", "2024年1月",
     "45322", "1899-12-31", "2200-01-01", "0001-01-01", "2024年1月31号", "2024-01/31", "Jan 31 2024"],
)  # fmt: skip
def test_what_is_not_exactly_a_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"day|date"):
        cells.day(text)


@given(st.lists(st.tuples(st.integers(1900, 2199), st.integers(1, 12)), min_size=1, max_size=12), st.sampled_from("、;, "))
def test_months_are_ascending_and_each_once(found: list[tuple[int, int]], separator: str) -> None:
    forms: list[Callable[[int, int], str]] = [
        lambda y, m: f"{y}-{m:02}",
        lambda y, m: f"{y}{m:02}",
        lambda y, m: f"{y}/{m}",
        lambda y, m: f"{y}年{m}月",
    ]
    text = separator.join(forms[place % 4](y, m) for place, (y, m) in enumerate(found))
    assert cells.months(text, separator) == ";".join(f"{y}-{m:02}" for y, m in sorted(set(found)))


@pytest.mark.parametrize("text", ["2023-13", "2023-1", "202300", "2023年", "2023-01、", "2023-01;2023-02", "1-2023", ""])
def test_what_are_not_exactly_months_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="month"):
        cells.months(text, "、")


def test_years_and_periods() -> None:
    assert [cells.year(text) for text in ("2023", "2023年", "２０２３年度")] == ["2023"] * 3
    assert [cells.period(text) for text in ("2023", "2023-12", "fy23")] == ["2023", "2023-12", "fy23"]
    for text in ("23", "2023-01", "1023", "2023年1月"):
        with pytest.raises(ValueError, match="year"):
            cells.year(text)
    for text in ("", "-1", "2023/1", "年"):
        with pytest.raises(ValueError, match="period"):
            cells.period(text)


def test_what_is_said_of_a_long_list_of_spellings_is_chinese_first_since_a_kept_reason_is_cut() -> None:
    with pytest.raises(ValueError, match=r"^应为其中之一 one of level 0, level 1, "):
        cells.spelled({f"level {number}": str(number) for number in range(200)})("none")


@pytest.mark.parametrize("text", ["a\nb", "a\x00", "\ud800", "#REF!", "#N/A", "#DIV/0!", cells.NOT_CALCULATED, "字" * 201])
def test_text_is_one_line_and_no_error_of_a_spreadsheet(text: str) -> None:
    with pytest.raises(ValueError, match=r"line|no value"):
        cells.words(text)


@given(st.one_of(NUMBERS, st.integers(-(10**25), 10**25), st.floats(-1e15, 1e15, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-10)))
def test_a_typed_number_has_the_text_that_reads_as_itself(value: Decimal | int | float) -> None:
    text = cells.text_of(value)
    assert Decimal(cells.number(text)) == (Decimal(repr(value)) if isinstance(value, float) else Decimal(value))


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2199, 12, 31)))
def test_a_typed_day_has_the_text_of_a_day_and_a_time_has_not(moment: datetime) -> None:
    midnight = datetime.combine(moment.date(), datetime.min.time())
    assert cells.day(cells.text_of(midnight)) == cells.day(cells.text_of(moment.date())) == moment.date().isoformat()
    with pytest.raises(ValueError, match="date"):
        cells.day(cells.text_of(midnight + timedelta(seconds=1)))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("1E+999999"), Decimal("NaN"), b"1", memoryview(b"12")])
def test_what_has_no_exact_text_is_read_by_no_reader(value: object) -> None:
    text = cells.text_of(value)
    assert len(text) < 40
    for read in (cells.number, cells.day, cells.month, cells.year):
        with pytest.raises(ValueError, match="expected"):
            read(text)


@pytest.mark.parametrize(
    "module", ["connectors.rows.cells", "connectors.rows.units", "connectors.api.addresses", "connectors.api.turns", "crypto.subjects"]
)
def test_examples_in_docstrings_hold(module: str) -> None:
    result = doctest.testmod(importlib.import_module(module))
    assert (result.failed, result.attempted > 0) == (0, True)
