"""Each rule of the closed set: its edges, missing data, and rounding."""

from __future__ import annotations

import doctest
import importlib
from decimal import Decimal
from typing import Any

import pytest

from scoring.errors import RuleError
from scoring.indicators.model import Model, load_pack
from scoring.rules.points import points, points_report
from tests.oracles import small_pack

MODULES = (
    "rules.values", "rules.thresholds", "rules.points", "rules.credit", "indicators.document", "indicators.describe", "release.percentiles",
)  # fmt: skip


def model_with(rule: dict[str, Any], bounds: tuple[Any, Any] = (-20, 20)) -> Model:
    """The small pack with one indicator, ``it``, of this rule."""
    pack = small_pack.document()
    pack["indicators"]["it"] = small_pack.indicator(rule, bounds=bounds)
    return load_pack(small_pack.to_bytes(pack))


def score(rule: dict[str, Any], **record: object) -> int:
    return points(model_with(rule), "it", record, "small")


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"scoring.{name}"))
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0.005", 1), ("0.0049999999999999999999", 0), ("0.015", 2), ("0.025", 3), ("0.995", 100), ("1.004999", 100), ("-3", 0), ("1000", 1000)],
)
def test_points_are_rounded_half_up_to_hundredths(value: str, expected: int) -> None:
    assert score({"kind": "linear", "of": "x", "reference": 10, "points": 10}, x=value) == expected


def test_a_third_is_rounded_once_and_exactly() -> None:
    rule = {"kind": "linear", "of": "x / y", "reference": 1, "points": 10}
    assert score(rule, x="1", y="3") == 333
    assert score(rule, x="2", y="3") == 667
    assert score(rule, x="0.1", y="0.3") == 333


def test_tiers_say_which_side_is_closed() -> None:
    down = [{"more_than": 5, "points": 9}, {"at_least": 5, "points": 7}, {"at_least": 1, "points": 2}]
    lower = {"kind": "tiers", "of": "x", "tiers": down, "otherwise": -1}
    assert [score(lower, x=x) for x in ("5.0000000001", "5", "4.9999999999", "1", "0.9999999999")] == [900, 700, 200, 200, -100]
    up = [{"less_than": 0.55, "points": 9}, {"at_most": 0.55, "points": 7}, {"at_most": 0.75, "points": 2}]
    upper = {"kind": "tiers", "of": "x", "tiers": up, "otherwise": 0}
    assert [score(upper, x=x) for x in ("0.5499999999", "0.55", "0.5500000001", "0.75", "0.7500000001")] == [900, 700, 200, 200, 0]


def test_a_ratio_without_a_positive_denominator_has_no_value_and_is_reported() -> None:
    model = model_with({"kind": "tiers", "of": "x / y", "tiers": [{"at_least": 0, "points": 9}], "otherwise": 5})
    for denominator in ("0", "-1"):
        report = points_report(model, "it", {"x": "1", "y": denominator}, "small")
        assert (report.hundredths, report.missing) == (0, ("y",))


@pytest.mark.parametrize("absent", [{}, {"x": None}, {"x": ""}, {"x": "  "}])
def test_missing_data_earns_nothing_and_is_reported(absent: dict[str, object]) -> None:
    model = model_with({"kind": "tiers", "of": "x", "tiers": [{"at_least": 0, "points": 9}], "otherwise": 5})
    report = points_report(model, "it", absent, "small")
    assert (report.hundredths, report.missing) == (0, ("x",))


def test_growth_on_a_base_that_is_not_positive_earns_what_the_pack_states() -> None:
    rule = {"kind": "growth", "of": "x", "base": "x_previous", "tiers": [{"at_least": 0.3, "points": 9}], "otherwise": 1, "when_base_not_positive": 4}
    assert score(rule, x="130", x_previous="100") == 900
    assert score(rule, x="129.999999", x_previous="100") == 100
    assert [score(rule, x="5", x_previous=base) for base in ("0", "-3")] == [400, 400]
    assert points_report(model_with(rule), "it", {"x": "130"}, "small").missing == ("x_previous",)
    assert score(rule, x="130") == 0


def test_a_table_is_no_order_and_its_override_prevails() -> None:
    rule = {"kind": "table", "of": "grade", "points": {"A": 1, "M": 9, "B": 5}, "overrides": [{"flag": "listed", "points": -10}]}
    assert [score(rule, grade=grade, listed=0) for grade in ("A", "M", "B")] == [100, 900, 500]
    assert [score(rule, grade=grade, listed="1") for grade in ("A", "M", None)] == [-1000, -1000, -1000]


def test_a_table_whose_override_is_unknown_earns_nothing_and_is_reported() -> None:
    rule = {"kind": "table", "of": "grade", "points": {"A": 1, "M": 9, "B": 5}, "overrides": [{"flag": "listed", "points": -10}]}
    report = points_report(model_with(rule), "it", {"grade": "M"}, "small")
    assert (report.hundredths, report.missing) == (0, ("listed",))


def test_a_count_is_capped_and_counts_missing_classes_as_none() -> None:
    rule = {"kind": "count", "each": {"items": 0.25, "x": 2}, "cap": 10}
    assert [score(rule, items=items, x=x) for items, x in ((1, 0), (4, 1), (39, 0), (40, 0), (41, 0), (0, 6))] == [25, 300, 975, 1000, 1000, 1000]
    report = points_report(model_with(rule), "it", {"items": 4}, "small")
    assert (report.hundredths, report.missing) == (100, ("x",))


def test_a_percentile_is_read_from_the_largest_line_not_above_the_value() -> None:
    rule = {"kind": "percentile", "of": "x", "points": 10, "table": [{"at_least": 5, "percentile": 33}, {"at_least": 9, "percentile": 100}]}
    assert [score(rule, x=x) for x in ("4.99", "5", "8.99", "9", "100")] == [0, 330, 330, 1000, 1000]


def test_best_of_takes_the_better_one_among_those_that_can_be_read() -> None:
    rule = {"kind": "best_of", "rules": [{"kind": "linear", "of": "x", "reference": 10, "points": 10}, {"kind": "flag", "of": "listed", "points": 6}]}
    assert [score(rule, x="5", listed=1), score(rule, x="7", listed=1), score(rule, listed=1), score(rule)] == [600, 700, 600, 0]


def test_sum_adds_and_caps() -> None:
    parts = [{"kind": "linear", "of": "x", "reference": 10, "points": 10}, {"kind": "flag", "of": "listed", "points": 6}]
    rule = {"kind": "sum", "cap": 9, "rules": parts}
    assert [score(rule, x="2", listed=1), score(rule, x="5", listed=1), score(rule, x="5"), score(rule)] == [800, 900, 500, 0]


@pytest.mark.parametrize(
    ("months", "expected"),
    [
        ("2023-01;2023-02", 0),
        ("2023-01;2023-02;2023-03", 1),
        ("2023-03; 2023-01 ;2023-02;2023-02", 1),
        ("2022-11;2022-12;2023-01", 1),
        ("2023-01;2023-02;2023-04;2023-05", 0),
        ("2023-12;2023-01;2023-02", 0),
        ("", 0),
    ],
)
def test_only_consecutive_months_close_the_gate(small: Model, months: str, expected: int) -> None:
    report = points_report(small, "closed", {"quiet_months": months}, "small")
    assert (report.hundredths, report.missing) == (100 * expected, ())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x", "twelve"), ("x", "1,000"), ("x", 1.5), ("x", "nan"), ("x", Decimal("Infinity")), ("x", True), ("x", "1e999"), ("x", [1]),
        ("items", "1.5"), ("items", "-1"), ("listed", "2"), ("listed", "yes"), ("listed", 1.0), ("grade", "C"), ("grade", 3), ("grade", "grade D"),
        ("quiet_months", "2023-13"), ("quiet_months", "202301"), ("quiet_months", 202301), ("quiet_months", "2023-01,2023-02"),
    ],
)  # fmt: skip
def test_a_malformed_value_is_refused_by_field_and_never_repeated(name: str, value: object) -> None:
    rules: dict[str, dict[str, Any]] = {
        "x": {"kind": "linear", "of": "x", "reference": 1, "points": 1},
        "items": {"kind": "count", "each": {"items": 1}, "cap": 10},
        "listed": {"kind": "flag", "of": "listed", "points": 1},
        "grade": {"kind": "table", "of": "grade", "points": {"A": 1, "M": 1, "B": 1}},
        "quiet_months": {"kind": "tiers", "of": "longest_run(quiet_months)", "tiers": [{"at_least": 1, "points": 1}], "otherwise": 0},
    }
    with pytest.raises(RuleError, match=rf"^{name}: ") as caught:
        points(model_with(rules[name]), "it", {name: value}, "small")
    assert str(value) not in str(caught.value)


@pytest.mark.parametrize("value", ["12.50", "+12.5", "12.5", "1.25e1", "125E-1", Decimal("12.5"), " 12.5 "])
def test_a_number_may_be_written_in_any_exact_way(value: object) -> None:
    assert score({"kind": "linear", "of": "x", "reference": 100, "points": 10}, x=value) == 125


def test_points_are_plain_integers() -> None:
    assert type(score({"kind": "linear", "of": "x", "reference": 100, "points": 10}, x=5)) is int
