"""The shipped packs say what is published, and give what plain arithmetic gives."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from scoring.indicators.model import Model
from scoring.indicators.plain import dimension_totals, score_plain
from scoring.rules.credit import line_fen
from scoring.rules.points import points
from simulators.population import binjiang
from tests.oracles import firm_panel as panel
from tests.oracles import hangzhou as binjiang_rule
from tests.oracles import sme_tech as official

ROOT = Path(__file__).parents[3]
OWNERS = {"tax/city", "market/province", "science/county", "insurance/city", "ip/province", "credit/county"}


@pytest.mark.parametrize("year", range(1991, 2000))
def test_every_real_firm_scores_as_plain_arithmetic_says(firm_panel: Model, panel_rows: list[dict[str, str]], year: int) -> None:
    for company, record in panel.records(panel_rows, year).items():
        score = score_plain(firm_panel, record)
        assert (score.stage, tuple(score.points.values()), score.total) == (panel.stage(record), panel.points(record), panel.total(record)), company
        assert not score.gated


def test_firm_panel_of_1995_is_the_one_described(firm_panel: Model, panel_rows: list[dict[str, str]]) -> None:
    records = panel.records(panel_rows, 1995)
    scores = [score_plain(firm_panel, record) for record in records.values()]
    assert len(scores) == 715
    assert Counter(name for score in scores for name in score.missing) == {"sales_musd_previous": 13, "market_value_musd": 2}
    assert score_plain(firm_panel, records["3COM CORP"]).points == {
        "rd": 2164, "patents": 875, "citations": 1500, "staff": 260, "growth": 1000, "value": 1000,
    }  # fmt: skip
    assert score_plain(firm_panel, records["3COM CORP"]).total == 12838


@pytest.mark.parametrize(("sales", "stage"), [("99.999999", "S1"), ("100", "S2"), ("500", "S3"), ("1999.999999", "S3"), ("2000", "S4"), ("", "S1")])
def test_stages_of_firm_panel_are_closed_below(firm_panel: Model, sales: str, stage: str) -> None:
    assert firm_panel.stage_of({"sales_musd": sales}) == stage


@pytest.mark.parametrize(("now", "expected"), [("130", 1000), ("129.9999", 600), ("110", 600), ("109.9999", 300), ("100", 300), ("99.9999", 0)])
def test_growth_of_firm_panel_at_its_edges(firm_panel: Model, now: str, expected: int) -> None:
    assert points(firm_panel, "growth", {"sales_musd": now, "sales_musd_previous": "100"}, "S1") == expected


@pytest.mark.parametrize("count", [1500, pytest.param(8100, marks=[pytest.mark.slow, pytest.mark.nightly])])
def test_every_simulated_enterprise_of_hangzhou_scores_as_plain_arithmetic_says(hangzhou: Model, count: int) -> None:
    firms = binjiang.generate(count, seed=11).firms
    seen: Counter[str] = Counter()
    for firm in firms:
        score = score_plain(hangzhou, firm.values)
        assert score.points == binjiang_rule.points(firm.values), firm.uscc
        assert (score.stage, score.gated, score.total) == (
            binjiang_rule.stage(firm.values), binjiang_rule.gated(firm.values), binjiang_rule.total(firm.values),
        )  # fmt: skip
        seen[score.stage] += 1
        seen["gated"] += score.gated
        if not score.gated:
            assert sum(dimension_totals(hangzhou, score.stage, score.points).values()) == score.total
    assert set(seen) == {*binjiang_rule.STAGES, "gated"}, "every stage and the gate occur"


@pytest.mark.parametrize(
    ("grade", "expected"), [("AAA", 1000), ("AA", 1000), ("A", 1000), ("M", 800), ("B", 500), ("C", 0), ("D", -1000)]
)  # fmt: skip
def test_the_published_credit_table_of_hangzhou(hangzhou: Model, grade: str, expected: int) -> None:
    record = {"credit_grade": grade, "court_enforced": "0"}
    assert points(hangzhou, "credit", record, "thriving") == expected
    assert points(hangzhou, "credit", record | {"court_enforced": "1"}, "thriving") == -1000


def test_hangzhou_has_the_published_shape(hangzhou: Model) -> None:
    scored = [indicator for indicator in hangzhou.indicators.values() if indicator.role == "points"]
    assert len(scored) == 24
    assert [title.zh for title in hangzhou.pack.dimensions.values()] == ["创新投入", "创新产出", "成长性", "辅助指标"]
    assert [stage.title.zh for stage in hangzhou.stages] == ["种子期", "苗木期", "成长期", "壮大期", "成熟期"]
    assert {indicator.dimension for indicator in scored} == set(hangzhou.pack.dimensions)
    for stage in hangzhou.stages:
        base = [indicator for indicator in scored if indicator.dimension != "auxiliary"]
        assert sum(indicator.weight(stage.id) * indicator.bounds[1] for indicator in base) == 10_000, "a base of 100 points"


def test_three_consecutive_months_of_zero_filing_zero_the_score(hangzhou: Model) -> None:
    record = {"credit_grade": "A", "court_enforced": "0", "revenue": "150000000", "zero_filing_months": "2023-02;2023-03"}
    assert (score_plain(hangzhou, record).total, score_plain(hangzhou, record).gated) == (1160, False)
    record["zero_filing_months"] += ";2023-04"
    assert (score_plain(hangzhou, record).total, score_plain(hangzhou, record).gated) == (0, True)


def test_grade_d_is_a_veto_that_banks_may_see_and_the_authority_does_not(hangzhou: Model) -> None:
    assert hangzhou.disclosures("bank") == ("total", "credit-veto")
    assert hangzhou.disclosures("authority") == ("total",)
    assert score_plain(hangzhou, {"credit_grade": "D", "court_enforced": "0"}).vetoes == ("credit-veto",)
    assert score_plain(hangzhou, {"credit_grade": "C", "court_enforced": "1"}).vetoes == ()


def test_nearly_every_enterprise_of_hangzhou_gets_half_a_million_and_zheke_loan_keeps_its_promise(hangzhou: Model) -> None:
    base, more = hangzhou.products["base-line"], hangzhou.products["zheke-loan"]
    scored = offered = 0
    for firm in binjiang.generate(3000, seed=3).firms:
        score = score_plain(hangzhou, firm.values)
        if score.gated:
            continue
        shown = {"credit-veto": 100 * ("credit-veto" in score.vetoes)}
        line, larger = (line_fen(product, score.stage, score.total, False, shown).line_fen for product in (base, more))
        scored, offered = scored + 1, offered + (line >= 500_000 * 100)
        assert 10 * larger >= 13 * line
        assert (line > 0) == (larger > 0) == (not score.vetoes)
    print(f"{offered} of {scored} enterprises, {offered / scored:.1%}, get a line of at least 500,000 yuan")
    assert offered >= 0.95 * scored
    assert more.term_months - base.term_months >= 12


SME = {"staff": 100, "rd_staff": 0, "sales": 10_000, "rd_expense": 0, "cost": 10_000, "ip_class1": 0, "ip_class2": 0}


@pytest.mark.parametrize(
    ("rd_staff", "expected"), [(30, 20), (29, 16), (25, 16), (24, 12), (20, 12), (19, 8), (15, 8), (14, 4), (10, 4), (9, 0), (0, 0)]
)
def test_sme_tech_share_of_staff(sme_tech: Model, rd_staff: int, expected: int) -> None:
    assert score_plain(sme_tech, SME | {"rd_staff": rd_staff}).total == 100 * expected


@pytest.mark.parametrize(
    ("expense", "expected"), [(600, 50), (599, 40), (500, 40), (499, 30), (400, 30), (399, 20), (300, 20), (299, 10), (200, 10), (199, 0)]
)
def test_sme_tech_expense_over_sales(sme_tech: Model, expense: int, expected: int) -> None:
    assert score_plain(sme_tech, SME | {"rd_expense": expense, "cost": 10**9}).total == 100 * expected


@pytest.mark.parametrize(
    ("expense", "expected"), [(3000, 50), (2999, 40), (2500, 40), (2499, 30), (2000, 30), (1999, 20), (1500, 20), (1499, 10), (1000, 10), (999, 0)]
)  # fmt: skip
def test_sme_tech_expense_over_cost(sme_tech: Model, expense: int, expected: int) -> None:
    assert score_plain(sme_tech, SME | {"rd_expense": expense, "sales": 10**9}).total == 100 * expected


@pytest.mark.parametrize(
    ("first", "second", "expected"), [(1, 0, 30), (2, 9, 30), (0, 4, 24), (0, 9, 24), (0, 3, 18), (0, 2, 12), (0, 1, 6), (0, 0, 0)]
)
def test_sme_tech_intellectual_property(sme_tech: Model, first: int, second: int, expected: int) -> None:
    assert score_plain(sme_tech, SME | {"ip_class1": first, "ip_class2": second}).total == 100 * expected


def test_sme_tech_compares_exactly_at_thresholds_that_floats_miss(sme_tech: Model) -> None:
    for part, whole in ((3, 10), (0.3, 1), (90071992547409.93, 300239975158033.1)):
        assert points(sme_tech, "rd-staff", {"rd_staff": str(part), "staff": str(whole)}, "all") == 2000
    assert points(sme_tech, "rd-staff", {"rd_staff": "2.9999999999999999999", "staff": "10"}, "all") == 1600


def test_sme_tech_passes_at_sixty_with_research_staff(sme_tech: Model) -> None:
    sixty = SME | {"rd_staff": 10, "rd_expense": 600, "ip_class2": 1}
    assert (score_plain(sme_tech, sixty).total, score_plain(sme_tech, sixty).qualified) == (6000, True)
    below = sixty | {"rd_staff": 9}
    assert (score_plain(sme_tech, below).total, score_plain(sme_tech, below).qualified) == (5600, False)
    nobody = SME | {"rd_expense": 600, "ip_class1": 1}
    assert (score_plain(sme_tech, nobody).total, score_plain(sme_tech, nobody).qualified) == (8000, False)


def test_sme_tech_agrees_with_the_official_rule_over_a_grid(sme_tech: Model) -> None:
    for seed in range(1500):
        numbers = {name: (seed * factor) % modulus for name, factor, modulus in (
            ("staff", 7, 41), ("rd_staff", 5, 13), ("sales", 911, 5003), ("rd_expense", 389, 701), ("cost", 577, 3001),
            ("ip_class1", 3, 2), ("ip_class2", 11, 6),
        )}  # fmt: skip
        expected = official.total(**numbers)
        score = score_plain(sme_tech, numbers)
        assert (score.total, score.qualified) == (100 * expected, official.passes(expected, numbers["rd_staff"])), numbers


def test_every_indicator_has_an_owner_among_the_six_departments(firm_panel: Model, sme_tech: Model, hangzhou: Model) -> None:
    for model, owners in ((firm_panel, OWNERS), (hangzhou, OWNERS), (sme_tech, {"science/county", "tax/city", "ip/province"})):
        assert {indicator.owner.name for indicator in model.indicators.values()} == owners


def test_what_is_not_published_is_marked_illustrative(firm_panel: Model, sme_tech: Model, hangzhou: Model) -> None:
    def statuses(model: Model) -> set[tuple[str, str]]:
        return {(aspect, note.status) for item in model.indicators.values() for note in item.spec.provenance for aspect in note.of}

    assert {status for _, status in statuses(firm_panel)} == {"illustrative"}
    assert {status for _, status in statuses(sme_tech)} == {"published"}
    published = [
        (name, note.stages)
        for name, item in hangzhou.indicators.items()
        for note in item.spec.provenance
        if note.status == "published" and "rule" in note.of
    ]
    assert published == [("credit", ("thriving",)), ("zero-filing", ()), ("credit-veto", ())]
