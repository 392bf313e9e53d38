"""From folders to records: each file once, malformed ones told, the records of an enterprise and year exact and taken back when a receipt says so."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.customs.declarations import build_declaration
from connectors.customs.records import BATCH_FILES, Rates
from connectors.customs.store import CustomsStore
from connectors.errors import DeliveryError
from connectors.records import Malformed, Outcome, Record
from crypto.encoding import sha256
from tests.support.customs import (
    NOTICED,
    OTHER,
    USCC,
    Client,
    connector,
    declaration,
    enveloped,
    failure,
    memory_engine,
    old_receipt,
    receipt,
    response,
    store,
    taken,
    zipped,
)

DAY = timedelta(days=1)


class Site:
    """An import client and the connector over it."""

    def __init__(self, root: Path, rates: Rates | None = None) -> None:
        self.client = Client(root)
        self.connector = connector(root, rates=rates)
        self.store: CustomsStore = self.connector.store

    def records(self) -> dict[tuple[str, str], dict[str, str]]:
        return {(item.uscc, item.period): dict(item.values) for item in taken(self.connector) if isinstance(item, Record)}

    def send(
        self,
        place: int,
        codes: str = "LPR",
        *,
        flow: str = "E",
        total: str = "10.25",
        currency: str = "USD",
        day: str = "2023-03-01",
        uscc: str = USCC,
    ) -> None:
        """A declaration of two lines with its response, and a receipt a day for each of ``codes``."""
        number, seq_no = f"C{place}", f"I{place}"
        sent = build_declaration(declaration(number, flow=flow, lines=2, total=total, currency=currency, uscc=uscc))
        self.client.put(f"SentBox/{number}.zip", zipped({"one.xml": sent}))
        self.client.put(f"InBox/Successed_{number}.xml", response(number, seq_no))
        for step, code in enumerate(codes):
            self.client.put(f"InBox/Receipt_{number}_{step}.xml", receipt(code, seq_no, NOTICED + step * DAY, day=day))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


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


def test_nothing_of_the_clients_is_changed_and_each_file_is_read_once(site: Site, tmp_path: Path) -> None:
    site.send(1)
    site.client.put("OutBox/waiting.zip", zipped({"one.xml": build_declaration(declaration("C9"))}))
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.rglob("*") if path.is_file()}
    assert site.records()
    assert list(site.connector.deliveries(site.connector.cursor)) == []
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_declaration_that_the_client_moves_to_sentbox_is_one(site: Site) -> None:
    data = zipped({"one.xml": build_declaration(declaration())})
    site.client.put("OutBox/a.zip", data).unlink()
    site.client.put("SentBox/a.zip", data)
    site.client.put("SentBox/b.zip", data)
    site.client.put("InBox/envelope.xml", enveloped(build_declaration(declaration())))
    assert taken(site.connector) == []
    (case,) = site.store.declarations()
    assert case["status"] is None


def test_a_crash_before_the_records_are_kept_gives_them_again(site: Site) -> None:
    site.send(1)
    (batch,) = site.connector.deliveries(site.connector.cursor)
    lost = [item for item in batch.items() if isinstance(item, Record)]
    (again,) = site.connector.deliveries(site.connector.cursor)
    assert [item.values for item in again.items() if isinstance(item, Record)] == [item.values for item in lost]
    again.settle(Outcome.TAKEN, ())
    again.settle(Outcome.TAKEN, ())
    assert list(site.connector.deliveries(site.connector.cursor)) == []


def test_the_same_files_are_another_delivery_to_a_store_that_was_lost(site: Site, tmp_path: Path) -> None:
    site.send(1)
    (before,) = site.connector.deliveries(site.connector.cursor)
    assert [batch.digest for batch in site.connector.deliveries(site.connector.cursor)] == [before.digest]
    (after,) = connector(tmp_path).deliveries("")
    assert (after.name, after.digest == before.digest) == (before.name, False)


def test_malformed_files_are_told_with_place_and_reason_and_the_others_go_on(site: Site) -> None:
    site.send(1)
    site.client.put("InBox/Receipt_bad.xml", b"<DEC_RESULT>")
    site.client.put("SentBox/bad.zip", zipped({"ok.xml": receipt("L", "I7"), "bad.xml": b"nonsense", "../x.xml": receipt()}))
    items = taken(site.connector)
    told = {item.origin.place: item for item in items if isinstance(item, Malformed)}
    assert set(told) == {"InBox/Receipt_bad.xml", "SentBox/bad.zip > bad.xml", "SentBox/bad.zip > ../x.xml"}
    assert told["InBox/Receipt_bad.xml"].content == "<DEC_RESULT>"
    assert [item["file"] for item in site.store.refused()] == ["InBox/Receipt_bad.xml", "SentBox/bad.zip"]
    assert len(site.store.waiting()) == 1
    assert len([item for item in items if isinstance(item, Record)]) == 1


def test_a_file_that_is_corrected_in_its_place_is_read_again(site: Site) -> None:
    site.client.put("InBox/Receipt_1.xml", b"<DEC_RESULT>")
    assert len(taken(site.connector)) == 1
    site.client.put("InBox/Receipt_1.xml", receipt("L", "I7"), age_s=30)
    assert taken(site.connector) == []
    assert (site.store.refused(), len(site.store.waiting())) == ([], 1)


def test_a_trader_without_a_valid_code_gets_no_record_but_its_declaration_is_kept(site: Site) -> None:
    site.send(1, uscc="91330108MA2AAAAA00")
    (item,) = taken(site.connector)
    assert isinstance(item, Malformed)
    assert (item.field, "inner check character" in item.reason) == ("TradeCoScc", True)
    assert len(site.store.declarations()) == 1


def test_a_message_that_a_person_corrected_is_taken_in_whatever_encoding_it_came(site: Site) -> None:
    site.send(1, "L")
    wrong = old_receipt("P", "I1").replace(b"20180208T15032200", b"20180208T1503")
    site.client.put("InBox/Receipt_bad.xml", wrong)
    (bad,) = [item for item in taken(site.connector) if isinstance(item, Malformed)]
    assert "接单交单，请递交单证" in bad.content
    (still,) = site.connector.read_again(bad, bad.content)
    assert isinstance(still, Malformed)
    (record,) = site.connector.read_again(bad, bad.content.replace("20180208T1503<", "20180208T15032200<"))
    assert isinstance(record, Record)
    assert [step["code"] for step in site.store.declarations()[0]["history"]] == ["0", "P", "L"]


def test_what_is_no_message_by_itself_is_delivered_again(site: Site) -> None:
    site.client.put("SentBox/bad.zip", zipped({"a.xml": b"x"})[:-9])
    site.send(1, uscc="91330108MA2AAAAA00")
    for bad in taken(site.connector):
        assert isinstance(bad, Malformed)
        with pytest.raises(DeliveryError, match="deliver it again"):
            list(site.connector.read_again(bad, bad.content))


def test_a_value_in_yuan_is_taken_back_when_a_currency_without_a_rate_comes(tmp_path: Path) -> None:
    site = Site(tmp_path, {"2023": {"USD": Decimal(7)}})
    site.send(1)
    assert site.records()[USCC, "2023"]["customs_exports_value_cny"] == "143.5"
    site.send(2, currency="EUR")
    assert site.records()[USCC, "2023"]["customs_exports_value_cny"] == ""


def test_what_is_wrong_with_an_enterprise_as_a_whole_is_told_once(tmp_path: Path) -> None:
    site = Site(tmp_path, {"2023": {}})
    site.send(1, "L")
    site.send(2, "L", uscc="91330108MA2AAAAA00")
    assert len([item for item in taken(site.connector) if isinstance(item, Malformed)]) == 2
    for place in (1, 2):
        site.client.put(f"InBox/Receipt_later_{place}.xml", receipt("P", f"I{place}", NOTICED + DAY))
    (record,) = taken(site.connector)
    assert isinstance(record, Record)


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


def test_many_files_come_in_batches(site: Site) -> None:
    for place in range(BATCH_FILES + 1):
        site.client.put(f"InBox/Receipt_{place:04}.xml", receipt("L", f"I{place}"))
    names = [batch.name for batch in site.connector.deliveries(site.connector.cursor)]
    assert names == [f"InBox/Receipt_0000.xml +{BATCH_FILES - 1}", "InBox/Receipt_0256.xml"]


# --- the store ---


def test_declarations_are_listed_by_enterprise_and_year_with_their_history(site: Site) -> None:
    site.send(1)
    site.send(2, "LH", day="2022-07-01")
    site.send(3, uscc=OTHER)
    taken(site.connector)
    (newest, oldest) = site.store.declarations(USCC)
    assert ([step["code"] for step in newest["history"]], newest["totals"], newest["lines"]) == (["0", "L", "P", "R"], {"USD": "20.50"}, 2)
    assert oldest["status"]["zh"] == "挂起需手工申报"
    assert [case["declared_on"] for case in site.store.declarations(USCC, "2022")] == ["2022-07-01"]
    assert [case["uscc"] for case in site.store.declarations(limit=2, offset=2)] == [USCC]
    assert [case["id"] for case in site.store.exceptions()] == [oldest["id"]]


def test_failures_of_the_client_are_listed_with_their_file(site: Site) -> None:
    site.client.put("FailBox/Failed_C1.xml", failure())
    taken(site.connector)
    assert site.store.failures() == [{"kind": "1", "value": "F", "code": "1001", "info": "报文校验失败", "origin": "FailBox/Failed_C1.xml"}]


def test_every_message_is_kept_byte_by_byte(site: Site) -> None:
    data = enveloped(receipt("L", "I7"))
    site.client.put("InBox/one.xml", data)
    taken(site.connector)
    assert site.store.raw(sha256(receipt("L", "I7")).hex()) == data


def test_the_folders_of_two_clients_are_not_joined(tmp_path: Path) -> None:
    engine = memory_engine()
    one, two = (store(engine, source=name) for name in ("one", "two"))
    first, second = Client(tmp_path / "1"), Client(tmp_path / "2")
    first.put("SentBox/a.zip", zipped({"a.xml": build_declaration(declaration())}))
    second.put("InBox/Receipt.xml", receipt("E", "C0001"))
    second.put("InBox/Successed.xml", response())
    for name, client in (("one", first), ("two", second)):
        taken(connector(client.root, engine, source=name))
    assert [case["status"] for case in one.declarations()] == [None]
    assert (two.declarations(), len(two.waiting())) == ([], 2)
