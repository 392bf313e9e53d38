"""The records of an enterprise and year: exact, in yuan at stated rates, and taken back when a receipt says so."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from connectors.customs.declarations import build_declaration
from connectors.records import Malformed, Record
from tests.support.customs import DAY, NOTICED, OTHER, USCC, Site, connector, declaration, memory_engine, receipt, response, taken, zipped


def test_a_years_records_by_hand(site: Site) -> None:
    site.send(1)
    site.send(2, "LCPR", total="0.75", currency="EUR")
    site.send(3, "LP", flow="I", total="100")
    site.send(4, "LE", total="999999.99")
    site.send(5, "LPRD", total="5")
    assert site.records() == {
        (USCC, "2023"): {
            "customs_declarations": "3",
            "customs_inspections": "1",
            "customs_rejections": "1",
            "customs_cleared": "2",
            "customs_clearance_days_total": "5",
            "customs_clearance_days": "2.5",
            "customs_exports_usd": "20.5",
            "customs_exports_eur": "1.5",
            "customs_imports_usd": "200",
            "customs_exports_value_cny": "",
            "customs_imports_value_cny": "",
        }
    }


@pytest.mark.parametrize(("days", "mean"), [([1], "1"), ([1, 1, 2], "1.3333"), ([1, 2, 2], "1.6667"), ([0], "0")])
def test_the_mean_is_rounded_once_from_exact_sums(site: Site, days: list[int], mean: str) -> None:
    for place, length in enumerate(days):
        site.send(place, "L")
        site.client.put(f"InBox/Receipt_{place}.xml", receipt("R", f"I{place}", NOTICED + length * DAY, day="2023-03-01"))
    (values,) = site.records().values()
    assert (values["customs_clearance_days"], values["customs_clearance_days_total"]) == (mean, str(sum(days)))


def test_an_enterprise_without_a_clearance_has_no_mean(site: Site) -> None:
    site.send(1, "LP")
    (values,) = site.records().values()
    assert (values["customs_cleared"], values["customs_clearance_days"]) == ("0", "")


def test_a_value_that_was_said_is_taken_back_when_the_declaration_is_deleted(site: Site) -> None:
    site.send(1)
    assert site.records()[USCC, "2023"]["customs_exports_usd"] == "20.5"
    site.client.put("InBox/Receipt_late.xml", receipt("D", "I1", NOTICED + 9 * DAY))
    later = site.records()[USCC, "2023"]
    assert (later["customs_exports_usd"], later["customs_declarations"]) == ("0", "0")


def test_a_late_day_of_declaration_moves_it_to_its_year_and_takes_it_back_from_the_other(site: Site) -> None:
    site.send(1, "LP", day="")
    assert set(site.records()) == {(USCC, "2023")}
    site.client.put("InBox/Receipt_late.xml", receipt("R", "I1", NOTICED + 9 * DAY, day="2022-12-30"))
    later = site.records()
    assert later[USCC, "2022"]["customs_exports_usd"] == "20.5"
    assert later[USCC, "2023"]["customs_exports_usd"] == "0"


def test_an_amendment_to_another_enterprise_takes_the_value_from_the_first(site: Site) -> None:
    site.send(1)
    assert site.records()[USCC, "2023"]["customs_declarations"] == "1"
    amended = build_declaration(declaration("C1", lines=2, uscc=OTHER)).replace(b"<SignDate></SignDate>", b"<SignDate>2023030200000000</SignDate>")
    site.client.put("SentBox/again.zip", zipped({"one.xml": amended}))
    later = site.records()
    assert (later[USCC, "2023"]["customs_declarations"], later[OTHER, "2023"]["customs_declarations"]) == ("0", "1")
    assert later[USCC, "2023"]["customs_exports_usd"] == "0"


def test_yuan_are_given_only_at_rates_that_the_mapping_states(tmp_path: Path) -> None:
    for name, rates, value, reasons in (
        ("none", None, "", []),
        ("all", {"2023": {"USD": Decimal("7.05"), "EUR": Decimal("7.6")}}, "155.925", []),
        ("some", {"2023": {"USD": Decimal("7.05")}}, "", ["the mapping states no rate for EUR in 2023 映射未列此币种当年汇率"]),
        (
            "another year",
            {"2022": {"USD": Decimal("6.7"), "EUR": Decimal("7")}},
            "",
            [f"the mapping states no rate for {c} in 2023 映射未列此币种当年汇率" for c in ("EUR", "USD")],
        ),
    ):
        site = Site(tmp_path / name, rates)
        site.send(1)
        site.send(2, total="0.75", currency="EUR")
        items = taken(site.connector)
        (record,) = [item for item in items if isinstance(item, Record)]
        assert record.values.get("customs_exports_value_cny") == value, name
        assert [item.reason for item in items if isinstance(item, Malformed)] == reasons


def test_a_value_in_yuan_is_taken_back_when_a_currency_without_a_rate_comes(tmp_path: Path) -> None:
    site = Site(tmp_path, {"2023": {"USD": Decimal(7)}})
    site.send(1)
    assert site.records()[USCC, "2023"]["customs_exports_value_cny"] == "143.5"
    site.send(2, currency="EUR")
    assert site.records()[USCC, "2023"]["customs_exports_value_cny"] == ""


def test_other_rates_give_all_records_anew_and_the_same_ones_nothing(site: Site, tmp_path: Path) -> None:
    engine = memory_engine()
    site.send(1)
    before = connector(tmp_path, engine)
    assert [item.values["customs_exports_value_cny"] for item in taken(before, "") if isinstance(item, Record)] == [""]
    after = connector(tmp_path, engine, {"2023": {"USD": Decimal(7)}})
    assert [item.values["customs_exports_value_cny"] for item in taken(after, before.cursor) if isinstance(item, Record)] == ["143.5"]
    assert taken(after) == []
    assert taken(connector(tmp_path, engine, {"2023": {"USD": Decimal(7)}}), after.cursor) == []


def test_growth_has_the_year_before_where_it_is_known(tmp_path: Path) -> None:
    rates = {year: {"USD": Decimal(7)} for year in ("2021", "2022", "2023")}
    site = Site(tmp_path, rates)
    for place, day in enumerate(("2021-05-01", "2023-05-01")):
        site.send(place, day=day, total=str(place + 1))
    assert "customs_exports_value_cny_previous" not in site.records()[USCC, "2023"]
    site.send(2, day="2022-05-01", total="10")
    records = site.records()
    before = {year: values.get("customs_exports_value_cny_previous") for (_, year), values in records.items()}
    assert before == {
        "2021": None,
        "2022": "14",
        "2023": "140",
    }


def test_sums_of_the_largest_amounts_are_exact(site: Site) -> None:
    for place in range(3):
        site.send(place, total="999999999999999.99")
        long = build_declaration(declaration(f"L{place}", lines=2)).replace(b">1000.50<", b">9999999999999999999.0000000001<")
        site.client.put(f"SentBox/L{place}.xml", long)
        site.client.put(f"InBox/Receipt_L{place}.xml", response(f"L{place}", f"J{place}"))
        site.client.put(f"InBox/Receipt_M{place}.xml", receipt("L", f"J{place}"))
    assert site.records()[USCC, "2023"]["customs_exports_usd"] == "60005999999999999993.9400000006"
