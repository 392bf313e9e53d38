"""Listings: what is searched is found, order is right with missing values last, files hold all of it and run nothing [W6]."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from nodes.runtime.pages.charts import Chart, Series, histogram
from nodes.runtime.pages.listing import PAGE_SIZE, Column, Listing, csv_bytes, xlsx_bytes

Row = tuple[str, int | None]
NAMES: Listing[Row] = Listing(
    "firms", [Column("name", "企业", lambda row: row[0], searched=True), Column("total", "总分", lambda row: row[1], number=True)], "-total"
)


def test_the_largest_come_first_and_missing_values_last_either_way() -> None:
    rows: list[Row] = [("a", 1), ("b", None), ("c", 30), ("d", 4)]
    assert [row[0] for row in NAMES.show(rows, {}).rows] == ["c", "d", "a", "b"]
    assert [row[0] for row in NAMES.show(rows, {"sort": "total"}).rows] == ["a", "d", "c", "b"]


@given(
    st.lists(st.tuples(st.text(max_size=5), st.none() | st.integers()), max_size=150), st.text(max_size=3), st.text(max_size=12), st.text(max_size=6)
)
def test_whatever_is_asked_every_row_found_is_on_exactly_one_page(rows: list[Row], query: str, sort: str, page: str) -> None:
    first = NAMES.show(rows, {"q": query, "sort": sort, "page": page})
    pages = [NAMES.show(rows, {"q": query, "sort": sort, "page": str(number)}).rows for number in range(1, first.pages + 1)]
    found = [row for each in pages for row in each]
    wanted = query.strip().casefold()
    assert sorted(map(repr, found)) == sorted(repr(row) for row in rows if wanted in row[0].casefold())
    assert all(len(each) <= PAGE_SIZE for each in pages)


def test_files_hold_every_row_that_was_found() -> None:
    rows: list[Row] = [(f"firm {number}", number) for number in range(120)]
    answer = NAMES.file(rows, {"format": "csv", "q": "firm 1", "sort": "total"}, lambda text: text.upper())
    assert answer is not None
    read = list(csv.reader(io.StringIO(bytes(answer.body).decode("utf-8-sig"))))
    assert read[0] == ["企业", "总分"]
    assert [row[0] for row in read[1:]] == [row[0] for row in rows if "firm 1" in row[0]]
    assert NAMES.file(rows, {}, str) is None


def test_no_cell_of_a_file_is_a_formula() -> None:
    hostile = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"]
    for line in list(csv.reader(io.StringIO(csv_bytes(["h"], [[cell] for cell in hostile]).decode("utf-8-sig"), newline="")))[1:]:
        assert line[0].startswith("'")
    sheet = load_workbook(io.BytesIO(xlsx_bytes(["h"], [[cell] for cell in hostile]))).worksheets[0]
    assert all(cell.data_type == "s" for column in sheet.iter_cols(min_row=2) for cell in column)


def test_a_chart_is_a_picture_without_scripts_or_requests() -> None:
    for kind in ("bar", "line", "radar", "stacked", "horizontal"):
        svg = Chart(kind, "标题", ("甲", "乙<b>"), (Series("分", (1.0, None)), Series("位", (2.0, 3.0)))).svg().decode()
        assert "<script" not in svg
        assert "乙<b>" not in svg
        assert "href=" not in svg


def test_a_histogram_counts_every_value_once() -> None:
    drawn = histogram("分布", "企业", [0, 999, 1000, 5000, 10000], [0, 1000, 5000, 10000], unit=100)
    assert drawn.series[0].values == (2, 1, 2)
    assert drawn.labels == ("0–10", "10–50", "50–100")
