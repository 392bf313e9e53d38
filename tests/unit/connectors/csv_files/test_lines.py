"""Lines of CSV become records: what is read, what is refused and why, and that one bad line costs nothing but itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.errors import DeliveryError
from connectors.files.folder import DONE, FAILED, QUARANTINE
from connectors.records import Malformed, Outcome, Record
from nodes.runtime.clock import Timer
from tests.support.connecting import CODES, HEADER, MAPPING, broken_files, row, table
from tests.support.drop_folder import deliveries, read


def test_a_line_becomes_a_record_that_says_where_it_was_read(inbox: Path) -> None:
    (record,), bad = read(inbox, table(row(0)).encode())
    assert bad == []
    assert (record.uscc, record.period, record.valid_from) == (CODES[0], "2023", "2024-01-31")
    assert record.values == {
        "revenue": "12345000",
        "staff": "12",
        "grade": "A",
        "enforced": "0",
        "zero_months": "2023-01;2023-02",
        "company": "甲公司",
    }
    assert (record.origin.connector, record.origin.delivery, record.origin.place) == ("tax-returns", "a.csv", "line 2")


def test_an_empty_cell_and_a_spelling_of_nothing_state_that_there_is_nothing(inbox: Path) -> None:
    (record,), _ = read(inbox, table(row(0, revenue="-", staff="", zero_months="无", since="")).encode())
    assert (record.values["revenue"], record.values["staff"], record.values["zero_months"], record.valid_from) == ("", "", "", "")


def test_a_field_whose_column_may_be_absent_is_then_not_spoken_of(inbox: Path) -> None:
    lines = [",".join(line.split(",")[:-1]) for line in table(row(0, revenue="1")).splitlines()]
    (record,), _ = read(inbox, "\n".join(lines).encode())
    assert "company" not in record.values


def test_titles_above_and_totals_below_are_passed_over(inbox: Path) -> None:
    text = f"纳税申报导出\n\n单位：万元,,,,,,,,\n{table(row(0))}合计,,,,99,,,,\n,,,,,,,,\n"
    records, bad = read(inbox, text.encode())
    assert ([record.origin.place for record in records], bad) == (["line 5"], [])


def test_names_may_be_set_with_line_breaks_and_in_any_order(inbox: Path) -> None:
    shuffled = '"营业\n收入(万元)",' + ",".join(name for name in HEADER if name != "营业收入(万元)")
    cells = row(0, revenue="1234.5").split(",")
    at = HEADER.index("营业收入(万元)")
    (record,), _ = read(inbox, f"{shuffled}\n{','.join([cells[at], *cells[:at], *cells[at + 1 :]])}\n".encode())
    assert record.values["revenue"] == "12345000"
    assert record.origin.place == "line 3"


def test_early_codes_whose_outer_check_character_alone_is_wrong_are_taken(inbox: Path) -> None:
    for code in ("91350100M0001TGQXM", "91350211M0000XUF46"):
        records, bad = read(inbox, table(row(0, uscc=code)).encode())
        assert ([record.uscc for record in records], bad) == ([code], [])


@pytest.mark.parametrize("code", ["9.13301E+17", "913301087654321000"])
def test_a_code_that_a_spreadsheet_rounded_is_told_as_that(inbox: Path, code: str) -> None:
    _, (bad,) = read(inbox, table(row(0, uscc=code)).encode())
    assert (bad.field, bad.reason) == (
        "uscc",
        "a spreadsheet made a number of it: format the column as text and type it anew 已被表格软件转为数字，请设为文本格式后重新录入",
    )


def test_a_file_without_the_columns_is_told_with_those_that_it_has(inbox: Path) -> None:
    with pytest.raises(DeliveryError, match=r"lacking at best: 营业收入\(万元\) in a row of '统一社会信用代码', .*'营业收入'"):
        read(inbox, table(row(0)).replace("营业收入(万元)", "营业收入").encode())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_each_encoding_is_read_as_the_mapping_says(inbox: Path, encoding: str) -> None:
    mapping = inbox.parent / "tax.yaml"
    mapping.write_text(MAPPING.replace("encoding: utf-8", f"encoding: {encoding}"), encoding="utf-8")
    (record,), _ = read(inbox, table(row(0, company="镕基㐂𠮷")).encode(encoding))
    assert record.values["company"] == "镕基㐂𠮷"


BROKEN = broken_files()


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_or_its_bad_lines_are_and_the_rest_goes_on(inbox: Path, name: str) -> None:
    data, good, reasons = BROKEN[name]
    path = inbox / "a.csv"
    path.write_bytes(data)
    (delivery,) = deliveries(inbox)
    items: list[Record | Malformed] = []
    whole = ""
    try:
        items += delivery.items()
    except DeliveryError as error:
        whole = str(error)
    if isinstance(reasons, str):
        assert reasons in whole
        refused: tuple[Malformed, ...] = ()
        outcome = Outcome.REFUSED
    else:
        assert whole == ""
        assert [item.uscc for item in items if isinstance(item, Record)] == [CODES[place] for place in good]
        refused = tuple(item for item in items if isinstance(item, Malformed))
        assert [(item.field, item.origin.place) for item in refused] == [(field, place) for field, place, _ in reasons]
        for item, (_, _, reason) in zip(refused, reasons, strict=True):
            assert reason in item.reason
            item.content.encode()
        outcome = Outcome.PARTLY
    delivery.settle(outcome, refused)
    kept = inbox / (FAILED if outcome is Outcome.REFUSED else DONE) / "a.csv"
    assert kept.read_bytes() == data, "nothing is lost"
    assert (inbox / QUARANTINE).exists() == bool(refused)


def test_there_are_twenty_broken_forms() -> None:
    assert len(BROKEN) >= 20


def test_a_row_that_a_stray_mark_makes_endless_is_bounded_and_costs_what_it_holds(inbox: Path) -> None:
    data = table(row(0)).encode() + b'a,"""\n' * 3000
    timer = Timer(10)
    good, bad = read(inbox, data)
    assert timer.left_s() > 0
    assert (len(good), len(bad)) == (1, 3000)
    assert "not closed" in bad[0].reason
    wide = read(inbox, table(row(0)).encode() + b"," * 5000 + b"\n" + table(row(1)).split("\n", 1)[1].encode())
    assert ([record.uscc for record in wide[0]], [one.reason for one in wide[1]]) == (CODES[:2], ["more than 1000 cells 单元格过多"])
