"""The simulated population of hangzhou-binjiang: the same for a seed, valid, skewed and correlated, with the rare cases that rules turn on."""

from __future__ import annotations

import csv
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from crypto.subjects import OuterCheckCharacterWarning, check_uscc
from scoring.indicators.model import Model, load_pack
from simulators.population import binjiang, firm_panel
from simulators.population.generate import owners_of
from simulators.population.records import write_records
from simulators.population.tables import REGISTER_FIELDS, REGISTRAR, Population
from simulators.zone.layout import demo_plan

PACKS = Path(__file__).resolve().parents[2] / "scoring" / "packs"


@pytest.fixture(scope="module")
def population() -> Population:
    return binjiang.generate(4000, seed=5)


def model(pack: str) -> Model:
    return load_pack((PACKS / pack / f"{pack}@1.yaml").read_bytes())


def numbers(population: Population, *names: str) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Values of the firms that have all of ``names``, one row a name."""
    rows = [[float(firm.values[name]) for name in names] for firm in population.firms if all(name in firm.values for name in names)]
    return np.array(rows).T


def test_a_seed_gives_one_population_and_another_seed_another() -> None:
    assert binjiang.generate(50, seed=1) == binjiang.generate(50, seed=1)
    first, second = ({firm.uscc for firm in binjiang.generate(50, seed=seed).firms} for seed in (1, 2))
    assert not first & second


def test_codes_are_valid_and_different_and_so_are_names(population: Population) -> None:
    assert len({firm.uscc for firm in population.firms}) == len({firm.company for firm in population.firms}) == 4000
    with warnings.catch_warnings():
        warnings.simplefilter("error", OuterCheckCharacterWarning)
        for firm in population.firms:
            check_uscc(firm.uscc)
            assert firm.uscc[2:8] == firm.division


def test_each_owner_of_the_real_firms_has_exactly_the_fields_that_the_model_gives_it() -> None:
    fields = owners_of(model("firm-panel"), demo_plan())
    assert {member: set(names) for member, names in firm_panel.OWNERS.items()} == {member: set(names) for member, names in fields.items()}


@pytest.mark.parametrize("pack", ["hangzhou-binjiang", "firm-panel"])
def test_every_value_is_one_that_the_model_can_read(pack: str, population: Population) -> None:
    declared = model(pack).fields
    for firm in (population if pack == "hangzhou-binjiang" else firm_panel.load()).firms:
        for name, text in firm.values.items():
            declared[name].parse(text)


def test_all_stages_occur_and_most_firms_are_small(population: Population) -> None:
    rules = model("hangzhou-binjiang")
    staged = Counter(rules.stage_of(firm.values) for firm in population.firms)
    assert set(staged) == {"seed", "sapling", "growing", "thriving", "mature"}
    assert staged["sapling"] > staged["growing"] > staged["thriving"] > staged["mature"] > 0
    assert staged["seed"] + staged["sapling"] > 2000


def test_both_counties_have_firms_and_the_first_has_more(population: Population) -> None:
    counted = Counter(firm.division for firm in population.firms)
    assert set(counted) == {"330108", "330109"}
    assert 0.57 < counted["330108"] / 4000 < 0.67


def test_revenue_is_skewed_as_real_revenue_is(population: Population) -> None:
    (revenue,) = numbers(population, "revenue")
    assert revenue.mean() > 4 * np.median(revenue)
    logs = np.log(revenue[revenue > 0])
    assert abs(float(np.mean(((logs - logs.mean()) / logs.std()) ** 3))) < 0.3  # lognormal: no skew is left in the logarithm


@pytest.mark.parametrize(
    ("one", "other", "least"),
    [
        ("revenue", "insured_staff", 0.8),
        ("revenue", "rd_expense", 0.6),
        ("rd_expense", "invention_applications", 0.5),
        ("invention_applications", "inventions_granted", 0.6),
        ("insured_staff", "survey_staff", 0.8),
        ("revenue", "net_assets", 0.6),
    ],
)
def test_fields_go_together_as_they_do_in_firms(population: Population, one: str, other: str, least: float) -> None:
    pair = numbers(population, one, other)
    assert np.corrcoef(np.log(pair[:, (pair > 0).all(axis=0)]))[0, 1] > least


def test_small_firms_spend_a_larger_share_on_research(population: Population) -> None:
    revenue, expense = numbers(population, "revenue", "rd_expense")
    kept = (revenue > 1e5) & (expense > 0)
    assert np.corrcoef(np.log(revenue[kept]), np.log(expense[kept] / revenue[kept]))[0, 1] < -0.3


def test_two_departments_never_hold_one_figure(population: Population) -> None:
    ours, theirs = numbers(population, "insured_staff", "survey_staff")
    assert 0.05 < float(np.mean(ours == theirs)) < 0.5


@pytest.mark.parametrize("count", [12, 300])
def test_the_rare_cases_occur_in_small_populations_too(count: int) -> None:
    firms = binjiang.generate(count, seed=2).firms
    grades = Counter(firm.values.get("credit_grade", "") for firm in firms)
    assert grades["D"] >= 1
    assert grades["M"] >= 1
    enforced = [firm for firm in firms if firm.values["court_enforced"] == "1"]
    assert enforced
    assert any(firm.values.get("credit_grade") != "D" for firm in enforced)
    assert all(firm.values["court_enforced"] == "1" for firm in firms if firm.values["dishonest"] == "1")
    runs = [longest_run(firm.values["zero_filing_months"]) for firm in firms]
    assert max(runs) >= 3
    assert any(run < 3 and firm.values["zero_filing_months"].count(";") >= 1 for run, firm in zip(runs, firms, strict=True))


def test_scattered_zero_months_include_more_than_three_without_three_in_a_row(population: Population) -> None:
    scattered = [firm.values["zero_filing_months"] for firm in population.firms if longest_run(firm.values["zero_filing_months"]) in {1, 2}]
    assert len(scattered) == 120
    assert any(months.count(";") >= 3 for months in scattered)


def longest_run(months: str) -> int:
    """Most consecutive months, counted apart from the program."""
    numbered = sorted(int(month[:4]) * 12 + int(month[5:]) for month in months.split(";")) if months else []
    best = run = 0
    for place, month in enumerate(numbered):
        run = run + 1 if place and month == numbered[place - 1] + 1 else 1
        best = max(best, run)
    return best


def test_data_is_missing_here_and_there(population: Population) -> None:
    tables = {table.member: table for table in population.tables()}
    assert len(tables[REGISTRAR].rows) == 4000
    assert len(tables["tax-hangzhou"].rows) == 3940
    blank = sum("revenue" not in firm.values for firm in population.firms)
    assert 60 < blank <= 100


def test_each_department_is_handed_its_own_fields_only(tmp_path: Path) -> None:
    small = binjiang.generate(40, seed=9)
    for path, (member, fields) in zip(write_records(small, tmp_path), small.owners.items(), strict=True):
        text = path.read_text(encoding="utf-8")
        register = list(REGISTER_FIELDS) if member == REGISTRAR else []
        header, *rows = csv.reader(text.splitlines())
        assert header == ["uscc", "period", *register, *fields]
        assert {row[1] for row in rows} == {"2023"}
        assert any(firm.company in text for firm in small.firms) == (member == REGISTRAR)
        amounts = {firm.values[name] for firm in small.firms for name in firm.values if name not in fields and "." in firm.values[name]}
        cells = {cell for row in rows for cell in row}
        assert not cells & (amounts - {"0.00"})


@pytest.mark.parametrize("count", [0, 110_593])
def test_a_population_without_firms_or_beyond_its_names_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="1 to"):
        binjiang.generate(count)
