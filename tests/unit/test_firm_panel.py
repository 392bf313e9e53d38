"""The real firms of pack firm-panel, with their generated codes, and the records that each department is handed."""

from __future__ import annotations

import csv
import stat
import warnings
from pathlib import Path

import pytest

from crypto.subjects import OuterCheckCharacterWarning, check_uscc
from simulators.population import firm_panel
from simulators.population.records import write_records
from simulators.population.tables import REGISTER_FIELDS, REGISTRAR


def test_1995_has_715_firms_of_which_702_have_the_year_before() -> None:
    population = firm_panel.load()
    assert len(population.firms) == 715
    assert sum("sales_musd_previous" in firm.values for firm in population.firms) == 702
    assert sum("market_value_musd" not in firm.values for firm in population.firms) == 2


def test_codes_are_valid_and_different() -> None:
    usccs = [firm.uscc for firm in firm_panel.load(seed=3).firms]
    assert len(set(usccs)) == 715
    with warnings.catch_warnings():
        warnings.simplefilter("error", OuterCheckCharacterWarning)
        for uscc in usccs:
            check_uscc(uscc)


def test_a_firm_keeps_its_code_over_the_years_of_a_seed_and_another_seed_gives_others() -> None:
    first, later, other = ({firm.company: firm.uscc for firm in firm_panel.load(*key).firms} for key in ((1995, 1), (1996, 1), (1995, 2)))
    both = first.keys() & later.keys()
    assert len(both) > 600
    assert all(first[company] == later[company] for company in both)
    assert not any(first[company] == other[company] for company in first)


def test_the_same_seed_gives_the_same_population_and_the_mapping_names_every_firm() -> None:
    assert firm_panel.load(1993, 7) == firm_panel.load(1993, 7)
    mapping = firm_panel.load().mapping()
    assert len(mapping) == 715
    assert "3COM CORP" in mapping.values()


def test_figures_are_the_exact_text_of_the_source() -> None:
    values = {firm.company: firm.values for firm in firm_panel.load(1994).firms}["3COM CORP"]
    assert values["sales_musd"] == "1295.311247"
    assert values["sales_musd_previous"] == "826.99505"
    assert (values["patents"], values["citations"]) == ("19", "414")


def test_both_counties_have_firms_in_numbers() -> None:
    divisions = [firm.division for firm in firm_panel.load().firms]
    assert {divisions.count(division) for division in firm_panel.DIVISIONS} <= set(range(250, 466))
    assert set(divisions) == set(firm_panel.DIVISIONS)


@pytest.mark.parametrize("year", [1990, 2000])
def test_a_year_outside_the_panel_is_refused(year: int) -> None:
    with pytest.raises(ValueError, match="1991 to 1999"):
        firm_panel.load(year)


def test_each_department_is_handed_its_own_fields_only(tmp_path: Path) -> None:
    population = firm_panel.load()
    files = write_records(population, tmp_path)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()) == sorted(
        f"records/{member}/records.csv" for member in firm_panel.OWNERS
    )
    named = population.mapping()
    for path, (member, fields) in zip(files, firm_panel.OWNERS.items(), strict=True):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        text = path.read_text(encoding="utf-8")
        header, *rows = csv.reader(text.splitlines())
        register = list(REGISTER_FIELDS) if member == REGISTRAR else []
        assert header == ["uscc", "period", *register, *fields]
        assert len(rows) == 715
        assert {row[1] for row in rows} == {"1995"}
        assert any(company in text for company in named.values()) == (member == REGISTRAR)
