"""From a client's folders to deliveries: each file is read once and left as it is, malformed ones are told and the others go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.customs.declarations import build_declaration
from connectors.customs.records import BATCH_FILES
from connectors.errors import DeliveryError
from connectors.records import Malformed, Outcome, Record
from tests.support.customs import DAY, NOTICED, Site, connector, declaration, enveloped, old_receipt, receipt, taken, zipped


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


def test_what_is_wrong_with_an_enterprise_as_a_whole_is_told_once(tmp_path: Path) -> None:
    site = Site(tmp_path, {"2023": {}})
    site.send(1, "L")
    site.send(2, "L", uscc="91330108MA2AAAAA00")
    assert len([item for item in taken(site.connector) if isinstance(item, Malformed)]) == 2
    for place in (1, 2):
        site.client.put(f"InBox/Receipt_later_{place}.xml", receipt("P", f"I{place}", NOTICED + DAY))
    (record,) = taken(site.connector)
    assert isinstance(record, Record)


def test_many_files_come_in_batches(site: Site) -> None:
    for place in range(BATCH_FILES + 1):
        site.client.put(f"InBox/Receipt_{place:04}.xml", receipt("L", f"I{place}"))
    names = [batch.name for batch in site.connector.deliveries(site.connector.cursor)]
    assert names == [f"InBox/Receipt_0000.xml +{BATCH_FILES - 1}", "InBox/Receipt_0256.xml"]
