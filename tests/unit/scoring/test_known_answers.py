"""Known answers: whole records and what the published rules give for them, worked out by hand. No oracle of ours stands between."""

from __future__ import annotations

import pytest

from scoring.indicators.model import Model
from scoring.indicators.plain import score_plain
from scoring.rules.credit import LineResult, line_fen
from scoring.rules.points import points

# --- 科技型中小企业评价: staff (20) + R&D over sales or over cost (50) + intellectual property (30) ---

SME = ("staff", "rd_staff", "sales", "rd_expense", "cost", "ip_class1", "ip_class2")
BY_HAND: list[tuple[tuple[int, ...], int, bool]] = [
    # staff, R&D staff, sales, R&D expense, cost, class I, class II -> points, passes
    ((10, 3, 1_000_000, 60_000, 900_000, 1, 0), 20 + 50 + 30, True),  # exactly 30 %, exactly 6 %, one class I
    ((1000, 299, 1_000_000, 59_999, 10_000_000, 0, 4), 16 + 40 + 24, True),  # 29.9 %, 5.9999 %, four class II
    ((100, 25, 1_000_000, 50_000, 10_000_000, 0, 3), 16 + 40 + 18, True),  # exactly 25 %, exactly 5 %
    ((1000, 249, 1_000_000, 49_999, 10_000_000, 0, 2), 12 + 30 + 12, False),  # 24.9 %, 4.9999 %: 54
    ((100, 20, 1_000_000, 40_000, 10_000_000, 0, 2), 12 + 30 + 12, False),  # exactly 20 %, exactly 4 %
    ((1000, 199, 1_000_000, 39_999, 10_000_000, 0, 1), 8 + 20 + 6, False),  # 19.9 %, 3.9999 %
    ((100, 15, 1_000_000, 30_000, 10_000_000, 0, 1), 8 + 20 + 6, False),  # exactly 15 %, exactly 3 %
    ((1000, 149, 1_000_000, 29_999, 10_000_000, 0, 0), 4 + 10 + 0, False),  # 14.9 %, 2.9999 %
    ((100, 10, 1_000_000, 20_000, 10_000_000, 0, 0), 4 + 10 + 0, False),  # exactly 10 %, exactly 2 %
    ((1000, 99, 1_000_000, 19_999, 10_000_000, 0, 0), 0, False),  # 9.9 %, 1.9999 %
    # over cost instead of sales: 30, 25, 20, 15, 10 %
    ((10, 3, 100_000_000, 300_000, 1_000_000, 0, 0), 20 + 50, True),  # exactly 30 % of cost, 0.3 % of sales
    ((10, 3, 100_000_000, 299_999, 1_000_000, 0, 0), 20 + 40, True),  # exactly sixty points
    ((10, 3, 100_000_000, 250_000, 1_000_000, 0, 0), 20 + 40, True),  # exactly 25 %
    ((10, 3, 100_000_000, 249_999, 1_000_000, 0, 0), 20 + 30, False),
    ((10, 3, 100_000_000, 200_000, 1_000_000, 0, 0), 20 + 30, False),  # exactly 20 %
    ((10, 3, 100_000_000, 199_999, 1_000_000, 0, 0), 20 + 20, False),
    ((10, 3, 100_000_000, 150_000, 1_000_000, 0, 0), 20 + 20, False),  # exactly 15 %
    ((10, 3, 100_000_000, 149_999, 1_000_000, 0, 0), 20 + 10, False),
    ((10, 3, 100_000_000, 100_000, 1_000_000, 0, 0), 20 + 10, False),  # exactly 10 %
    ((10, 3, 100_000_000, 99_999, 1_000_000, 0, 0), 20 + 0, False),
    # the better of the two counts, and only once
    ((10, 3, 1_000_000, 50_000, 200_000, 0, 0), 20 + 40, True),  # 5 % of sales: 40; 25 % of cost: 40; not 80
    ((10, 3, 1_000_000, 60_000, 600_000, 0, 0), 20 + 50, True),  # 6 % of sales: 50; 10 % of cost: 10
    ((10, 3, 1_000_000, 20_000, 100_000, 0, 0), 20 + 30, False),  # 2 % of sales: 10; 20 % of cost: 30
    # class I prevails over any number of class II; five class II are worth as much as four
    ((10, 3, 1_000_000, 30_000, 10_000_000, 1, 4), 20 + 20 + 30, True),
    ((10, 3, 1_000_000, 30_000, 10_000_000, 0, 5), 20 + 20 + 24, True),
    ((10, 3, 1_000_000, 30_000, 10_000_000, 0, 3), 20 + 20 + 18, False),  # 58
    # nobody in research: the points stand, the enterprise does not pass
    ((10, 0, 1_000_000, 60_000, 900_000, 1, 0), 0 + 50 + 30, False),
    ((1, 1, 1_000_000, 60_000, 900_000, 0, 0), 20 + 50, True),
    # nothing sold yet, or nothing spent: what cannot be divided earns nothing
    ((10, 3, 0, 60_000, 100_000, 0, 0), 20 + 50, True),  # 60 % of cost
    ((10, 3, 0, 60_000, 0, 0, 4), 20 + 0 + 24, False),
    ((0, 0, 1_000_000, 60_000, 100_000, 1, 0), 0 + 50 + 30, False),
]


@pytest.mark.parametrize(("record", "expected", "passes"), BY_HAND)
def test_the_official_rule_for_small_technology_enterprises_by_hand(sme_tech: Model, record: tuple[int, ...], expected: int, passes: bool) -> None:
    score = score_plain(sme_tech, dict(zip(SME, record, strict=True)))
    assert (score.total, score.qualified) == (100 * expected, passes)


# --- Hangzhou: credit table, court's list, refusal of grade D, zero filing ---


@pytest.mark.parametrize(
    ("grade", "enforced", "expected"),
    [
        ("AAA", "0", 10), ("AA", "0", 10), ("A", "0", 10), ("M", "0", 8), ("B", "0", 5), ("C", "0", 0), ("D", "0", -10),
        ("AAA", "1", -10), ("A", "1", -10), ("M", "1", -10), ("B", "1", -10), ("C", "1", -10), ("D", "1", -10),
        ("", "1", -10),  # the court's list is enough
        ("A", "", 0), ("", "0", 0), ("", "", 0),  # not known to be off the list, or not graded: no points
    ],
)  # fmt: skip
def test_the_credit_item_by_hand(hangzhou: Model, grade: str, enforced: str, expected: int) -> None:
    """M is above B, which no order of the grades gives; the court's list prevails over every grade."""
    assert points(hangzhou, "credit", {"credit_grade": grade, "court_enforced": enforced}, "thriving") == 100 * expected


@pytest.mark.parametrize(
    ("months", "gated"),
    [
        ("", False),
        ("2023-05", False),
        ("2023-05;2023-06", False),
        ("2023-05;2023-06;2023-07", True),
        ("2023-07;2023-05;2023-06", True),  # in any order
        ("2023-05;2023-06;2023-08", False),  # three, not consecutive
        ("2023-01;2023-03;2023-05;2023-07;2023-09;2023-11", False),
        ("2023-01;2023-02;2023-04;2023-05;2023-07;2023-08", False),  # six, never three in a row
        ("2023-01;2023-02;2023-04;2023-05;2023-06", True),
        ("2022-11;2022-12;2023-01", True),  # over the turn of the year
        ("2022-12;2023-01", False),
        ("2022-05;2023-06;2024-07", False),
        ("2023-01;2023-02;2023-03;2023-04;2023-05;2023-06;2023-07;2023-08;2023-09;2023-10;2023-11;2023-12", True),
    ],
)
def test_three_consecutive_months_of_zero_filing_by_hand(hangzhou: Model, months: str, gated: bool) -> None:
    record = {"revenue": "150000000", "credit_grade": "A", "court_enforced": "0", "zero_filing_months": months}
    score = score_plain(hangzhou, record)
    assert (score.total, score.gated) == ((0, True) if gated else (1160, False))  # A: 10 points; 150 million of revenue: 0.4 points four times


@pytest.mark.parametrize("product", ["base-line", "zheke-loan"])
@pytest.mark.parametrize(
    ("grade", "months", "expected"),
    [
        ("C", "", "OFFERED"),
        ("D", "", "VETOED"),
        ("C", "2023-01;2023-02;2023-03", "NOT_ELIGIBLE"),
        ("D", "2023-01;2023-02;2023-03", "NOT_ELIGIBLE"),
    ],
)
def test_no_floor_for_the_gated_or_the_vetoed(hangzhou: Model, product: str, grade: str, months: str, expected: str) -> None:
    """Half a million is the least line of who gets one, not of who gets none."""
    record = {"revenue": "5000000", "credit_grade": grade, "court_enforced": "0", "zero_filing_months": months}
    score = score_plain(hangzhou, record)
    shown = {name: 100 if name in score.vetoes else 0 for name in hangzhou.products[product].vetoes}
    line = line_fen(hangzhou.products[product], score.stage, score.total, score.gated, shown)
    assert line.reason == expected
    assert (line.line_fen >= 50_000_000) == (expected == "OFFERED")
    assert expected == "OFFERED" or line == LineResult(0, line.reason)


def test_the_courts_list_costs_points_and_no_loan(hangzhou: Model) -> None:
    record = {"revenue": "150000000", "credit_grade": "M", "court_enforced": "1", "zero_filing_months": ""}
    score = score_plain(hangzhou, record)
    assert (score.points["credit"], score.vetoes) == (-1000, ())
    assert line_fen(hangzhou.products["base-line"], score.stage, score.total, score.gated, {"credit-veto": 0}) == LineResult(50_000_000, "OFFERED")
