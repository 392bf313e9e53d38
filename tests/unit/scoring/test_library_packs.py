"""Libraries and policies as flag models: the number of criteria met at each published edge, public facts in clear, what the lint accepts."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from nodes import packs
from scoring.disclosure.lint import lint
from scoring.indicators.model import Model
from scoring.indicators.plain import score_plain

read_pack = cache(packs.read_pack)
LIBRARIES = tuple(sorted(path.parent.name for path in (packs.PACKS / "libraries").glob("*/*.yaml")))
POLICIES = tuple(sorted(path.parent.name for path in (packs.PACKS / "policies").glob("*/*.yaml")))
FLAGS = tuple(name for name in (*LIBRARIES, *POLICIES) if name != "innovative-sme")  # that one is a scored rule, as sme-tech is

MEETS: dict[str, dict[str, Any]] = {
    "national-htc": {
        "revenue": 60_000_000, "hightech_revenue": 36_000_000, "rd_expense_three_years": 4_000_000, "revenue_three_years": 100_000_000,
        "domestic_rd_expense_three_years": 2_400_000, "survey_staff": 50, "rd_staff": 5, "national_technology_field": 1,
        "htc_evaluation_score": "70.01", "inventions_held": 0, "utility_models_granted": 0, "software_copyrights": 1, "ic_layouts": 0,
        "registered_years": 1, "major_accident": 0,
    },
    "gazelle": {
        "revenue": 20_736_001, "revenue_previous": 20_000_000, "revenue_four_years_ago": 10_000_000, "survey_staff": 50, "rd_staff": 5,
        "insured_staff": 50, "insured_staff_previous": 50, "inventions_held": 1, "dishonest": 0,
    },
    "unicorn": {"equity_financing": 1, "valuation_musd": "1000.01", "ic_layouts": 1, "dishonest": 0, "registered_years": 10, "listed_board": "none"},
    "city-htc": {
        "revenue": 30_000_000, "rd_expense": 1_500_000, "survey_staff": 50, "rd_staff": 5, "inventions_held": 1, "registered_years": 1,
        "dishonest": 0,
    },
    "city-rd-centre": {"revenue": 100, "rd_expense": 3, "rd_staff": 15, "hightech_certificate": 1, "inventions_held": 0, "designs_granted": 4},
    "province-rd-centre": {
        "revenue": 300_000_000, "rd_expense": 10_000_000, "rd_staff": 15, "rd_degree_staff": 9, "hightech_certificate": 1, "city_rd_centre": 1,
        "dishonest": 0,
    },
    "fledgling": {
        "revenue": 1_150, "revenue_previous": 1_000, "rd_expense": 58, "sme_technology": 1, "utility_models_granted": 1, "registered_years": 8,
        "dishonest": 0,
    },
    "policy-patent-grants": {"designs_granted": 1, "tax_arrears": 0, "insurance_arrears": 0, "dishonest": 0},
    "policy-listing": {"rd_staff": 1, "listed_board": "growth", "tax_arrears": 0, "insurance_arrears": 0, "dishonest": 0},
    "policy-neeq": {"rd_staff": 1, "listed_board": "neeq", "tax_arrears": 0, "insurance_arrears": 0, "dishonest": 0},
    "policy-refinancing": {"refinancing": 1, "listed_board": "main", "tax_arrears": 0, "insurance_arrears": 0, "dishonest": 0},
    "policy-high-growth": {"revenue": 130, "revenue_previous": 100, "tax_arrears": 0, "insurance_arrears": 0, "dishonest": 0},
}  # fmt: skip
"""One enterprise for each flag model that meets everything, each value at its edge."""

MISSES: dict[str, list[dict[str, Any]]] = {  # one criterion fewer
    "national-htc": [
        {"hightech_revenue": 35_999_999}, {"rd_expense_three_years": 3_999_999}, {"domestic_rd_expense_three_years": 2_399_999}, {"rd_staff": 4},
        {"national_technology_field": 0}, {"htc_evaluation_score": 70}, {"software_copyrights": 0}, {"major_accident": 1}, {"major_accident": None},
        {"revenue": 50_000_000}, {"htc_evaluation_score": None},
    ],
    "gazelle": [
        {"revenue": 20_736_000}, {"revenue_previous": 20_736_001}, {"rd_staff": 4}, {"insured_staff": 49}, {"inventions_held": 0}, {"dishonest": 1},
        {"dishonest": None},
    ],
    "unicorn": [{"valuation_musd": 1000}, {"equity_financing": 0}, {"ic_layouts": 0}, {"dishonest": 1}],
    "city-htc": [{"rd_expense": 1_499_999}, {"rd_staff": 4}, {"inventions_held": 0}, {"dishonest": 1}],
    "city-rd-centre": [{"rd_expense": 2}, {"rd_staff": 14}, {"hightech_certificate": 0}, {"designs_granted": 3}],
    "province-rd-centre": [{"rd_expense": 8_999_999}, {"rd_staff": 14, "rd_degree_staff": 9}, {"rd_degree_staff": 8}, {"city_rd_centre": 0}],
    "fledgling": [{"revenue": 1_149}, {"rd_expense": 57}, {"sme_technology": None}, {"utility_models_granted": 0}, {"dishonest": 1}],
    "policy-patent-grants": [{"designs_granted": 0}, {"tax_arrears": 1}, {"insurance_arrears": None}, {"dishonest": 1}],
    "policy-listing": [{"rd_staff": 0}, {"tax_arrears": None}],
    "policy-neeq": [{"rd_staff": 0}, {"dishonest": 1}],
    "policy-refinancing": [{"refinancing": 0}, {"refinancing": None}],
    "policy-high-growth": [{"revenue": 129}, {"tax_arrears": 1}],
}  # fmt: skip

PUBLIC: dict[str, list[dict[str, Any]]] = {  # all criteria are met, and a public fact says no
    "national-htc": [{"registered_years": "0.99"}, {"registered_years": None}],
    "unicorn": [{"registered_years": "10.01"}, {"listed_board": "main"}, {"listed_board": None}],
    "city-htc": [{"registered_years": "0.5"}],
    "fledgling": [{"registered_years": 9}],
    "policy-listing": [{"listed_board": "neeq"}, {"listed_board": "none"}],
    "policy-neeq": [{"listed_board": "main"}],
    "policy-refinancing": [{"listed_board": "regional"}],
}


def without(record: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {name: value for name, value in (record | changed).items() if value is not None}


def criteria(model: Model) -> list[str]:
    return [item.id for item in model.indicators.values() if item.role == "points"]


@pytest.mark.parametrize("name", FLAGS)
def test_every_criterion_is_one_flag_and_the_total_is_their_number(name: str) -> None:
    model = read_pack(name)
    assert list(model.indicators) == criteria(model)
    assert {item.bounds for item in model.indicators.values()} == {(0, 100)}
    assert {(form.plain_lo, form.plain_hi) for (of, _), form in model.forms.items() if of == "total"} == {(0, 100 * len(model.indicators))}
    assert (model.disclosures("bank"), model.disclosures("authority")) == ((), ("total",))
    assert len({item.owner for item in model.indicators.values()}) >= 3, "a number of one department's criteria would be that department's record"


@pytest.mark.parametrize("name", FLAGS)
def test_whoever_meets_everything_at_its_edge_is_in(name: str) -> None:
    model = read_pack(name)
    score = score_plain(model, MEETS[name])
    assert (score.total, score.qualified) == (100 * len(model.indicators), True), score.points


@pytest.mark.parametrize(("name", "changed"), [(name, changed) for name, all_ in MISSES.items() for changed in all_])
def test_a_value_below_its_edge_is_one_criterion_fewer_and_one_step_away(name: str, changed: dict[str, Any]) -> None:
    model = read_pack(name)
    score = score_plain(model, without(MEETS[name], **changed))
    assert (score.total, score.qualified) == (100 * (len(model.indicators) - 1), False), score.points


@pytest.mark.parametrize(("name", "changed"), [(name, changed) for name, all_ in PUBLIC.items() for changed in all_])
def test_public_facts_are_judged_in_clear_and_change_no_number(name: str, changed: dict[str, Any]) -> None:
    model = read_pack(name)
    score = score_plain(model, without(MEETS[name], **changed))
    assert (score.total, score.qualified) == (100 * len(model.indicators), False)


@pytest.mark.parametrize(("revenue", "expense", "met"), [
    (49_999_999, 3_000_000, True), (49_999_999, 2_999_999, False), (50_000_000, 2_000_000, True), (50_000_000, 1_999_999, False),
    (200_000_000, 8_000_000, True), (200_000_000, 7_999_999, False), (200_000_001, 6_000_001, True), (200_000_001, 6_000_000, False),
    (900_000_000, 10_000_000, True), (900_000_000, 9_999_999, False),
])  # fmt: skip
def test_the_ratio_of_a_provincial_centre_goes_by_revenue(revenue: int, expense: int, met: bool) -> None:
    score = score_plain(read_pack("province-rd-centre"), {"revenue": revenue, "rd_expense": expense})
    assert score.points["rd-ratio"] == 100 * met


@pytest.mark.parametrize(("revenue", "share", "met"), [
    (50_000_000, "5", True), (50_000_000, "4.99", False), (50_000_001, "4", True), (200_000_000, "3.99", False), (200_000_001, "3", True),
    (200_000_001, "2.99", False),
])  # fmt: skip
def test_the_ratio_of_a_national_high_tech_enterprise_goes_by_sales(revenue: int, share: str, met: bool) -> None:
    record = {"revenue": revenue, "rd_expense_three_years": share, "revenue_three_years": 100}
    assert score_plain(read_pack("national-htc"), record).points["rd-ratio"] == 100 * met


@pytest.mark.parametrize(("record", "total"), [
    ({"rd_expense": 5, "revenue": 100}, 2000), ({"rd_expense": "4.99", "revenue": 100}, 1500), ({"rd_expense": 1, "revenue": 100}, 500),
    ({"main_revenue": 115, "main_revenue_previous": 100}, 2000), ({"main_revenue": 100, "main_revenue_previous": 100}, 500),
    ({"main_revenue": 99, "main_revenue_previous": 100}, 0), ({"liabilities": 55, "total_assets": 100}, 1000),
    ({"liabilities": 75, "total_assets": 100}, 500), ({"liabilities": "75.01", "total_assets": 100}, 0),
])  # fmt: skip
def test_the_published_scales_of_an_innovative_enterprise(record: dict[str, Any], total: int) -> None:
    assert score_plain(read_pack("innovative-sme"), record).total == total


@pytest.mark.parametrize("name", [*LIBRARIES, *POLICIES])
def test_every_library_and_policy_passes_the_lint_and_its_owners_accept_what_few_criteria_tell(name: str) -> None:
    model = read_pack(name)
    report = lint(model)
    assert report.admissible
    accepted = {finding.indicators[0] for finding in report.findings if finding.outcome == "accepted"}
    assert accepted == {exposure.indicator for exposure in model.pack.exposures}, "no exposure is named that is not needed"


def test_there_are_the_libraries_and_policies_that_zones_name() -> None:
    assert LIBRARIES == (
        "city-htc", "city-rd-centre", "fledgling", "gazelle", "innovative-sme", "national-htc", "province-rd-centre", "unicorn",
    )  # fmt: skip
    assert [read_pack(name).title.zh.partition("：")[2] for name in POLICIES] == ["高成长", "上市", "新三板挂牌", "国内专利授权", "上市后再融资"]
    assert set(FLAGS) == set(MEETS) == set(MISSES)
