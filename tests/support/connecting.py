"""A department's table in every form that connectors read, right and broken: rows are of three companies whose codes hold."""

from __future__ import annotations

from crypto.subjects import make_uscc

CODES = [make_uscc("9", "1", "330108", f"MA2AAA0{place}") for place in range(9)]
HEADER = ("统一社会信用代码", "所属年度", "申报日期", "营业收入(万元)", "参保人数", "信用等级", "被执行人", "零申报月份", "企业名称")
MAPPING = """\
format: xinqiao/connector/v1
id: tax-returns
title: {zh: 纳税申报表, en: tax returns}
source: {kind: csv, folder: inbox, pattern: "*.csv", encoding: utf-8, quiet_s: 0}
keys:
  uscc: 统一社会信用代码
  period: {column: 所属年度, as: year}
valid_from: {column: 申报日期, as: date}
fields:
  revenue: {column: 营业收入(万元), type: amount, unit: 10k-yuan, to: yuan}
  staff: {column: 参保人数, type: integer}
  grade: {column: 信用等级, type: category, values: {A级: A, B级: B}}
  enforced: {column: 被执行人, type: flag, "true": [是, "1"], "false": [否, "0"]}
  zero_months: {column: 零申报月份, type: months, separator: "、"}
  company: {column: 企业名称, type: text, optional: true}
missing: ["", "-", 无]
ignore: [合计]
"""
_RIGHT = {
    "year": "2023年",
    "since": "2024年1月31日",
    "revenue": "1,234.5",
    "staff": "１２",
    "grade": "A级",
    "enforced": "否",
    "zero_months": "2023年2月、202301",
    "company": "甲公司",
}
Broken = tuple[bytes, tuple[int, ...], str | list[tuple[str, str, str]]]


def cells(place: int, **other: str) -> list[str]:
    """A row of the table for the company at ``place``, with ``other`` cells in the place of the right ones."""
    return list({"uscc": CODES[place], **_RIGHT, **other}.values())


def row(place: int, **other: str) -> str:
    """``cells`` as a line of CSV, but for quotation marks: whoever gives a cell with a comma gives them."""
    return ",".join(f'"{cell}"' if cell == _RIGHT["revenue"] else cell for cell in cells(place, **other))


def table(*lines: str) -> str:
    """The table with its row of names."""
    return "".join(f"{line}\n" for line in (",".join(HEADER), *lines))


BROKEN_ROWS: dict[str, tuple[str, str, dict[str, str]]] = {
    "a code cut short": ("uscc", "length: 17", {"uscc": CODES[1][:17]}),
    "a code with a letter that none has": ("uscc", "charset", {"uscc": CODES[1][:8] + "O" + CODES[1][9:]}),
    "a code whose inner check fails": ("uscc", "inner check character", {"uscc": CODES[1][:16] + "10"[CODES[1][16] == "1"] + CODES[1][17]}),
    "no code": ("uscc", "length: 0", {"uscc": ""}),
    "a period that is none": ("period", "a year is expected", {"year": "去年"}),
    "a day that is none": ("valid_from", "there is no such day", {"since": "2024-02-30"}),
    "an amount with its unit in the cell": ("revenue", "an exact decimal number", {"revenue": "12万"}),
    "an amount in scientific notation": ("revenue", "an exact decimal number", {"revenue": "1.2E+05"}),
    "a number that is not whole": ("staff", "a whole number", {"staff": "12.5"}),
    "a category that is none": ("grade", "one of A级, B级", {"grade": "C级"}),
    "a flag that is none": ("enforced", "one of 是, 1, 否, 0", {"enforced": "也许"}),
    "a month that is none": ("zero_months", "a month is expected", {"zero_months": "2023-13"}),
    "an error of the spreadsheet": ("company", "has no value", {"company": "#REF!"}),
    "a control character": ("company", "one line", {"company": "甲\0乙"}),
    "a cell too long": ("", "a cell of more than 4000", {"company": "字" * 4001}),
}  # fmt: skip
"""Name -> the field at fault, what is said of it, and the cells in the place of the right ones."""


def broken_files() -> dict[str, Broken]:
    """Name -> content, the places of the rows that are taken all the same, and either why the whole is refused, or each refused
    row's field, place and reason."""

    def lines(*made: str) -> bytes:
        return table(*made).encode()

    def second(field: str, reason: str, cells: dict[str, str]) -> Broken:
        return lines(row(0), row(1, **cells), row(2)), (0, 2), [(field, "line 3", reason)]

    return {
        "nothing at all": (b"", (), "no row names every column"),
        "only a title": ("导出\n".encode(), (), "no row names every column"),
        "a column of the mapping is not there": (table(row(0)).replace("参保人数", "人数").encode(), (), "lacking at best: 参保人数"),
        "a column is there twice": (table(row(0)).replace("企业名称", "参保人数").encode(), (), "two columns are named 参保人数"),
        "another encoding": (table(row(0)).encode("gb18030"), (), "not utf-8 text"),
        "UTF-16": (table(row(0)).encode("utf-16"), (), "not utf-8 text"),
        "bytes of no text": (bytes(range(256)) * 8, (), "not utf-8 text"),
        "a line without an end": (lines(row(0)) + b"x" * (1 << 21), (0,), "line 3: more than"),
        "another delimiter": (table(row(0, revenue="1")).replace(",", ";").encode(), (), "no row names every column"),
        "one bad byte": (lines(row(0), row(1, company="甲\xff"), row(2)).replace(b"\xc3\xbf", b"\xff"), (0, 2), [("", "line 3", "not utf-8")]),
        "a quotation mark that is never closed": (
            lines(row(0), row(1, company='"甲公司'), row(2)), (0, 2), [("", "line 3", "not CSV")],
        ),
        "a quotation mark that the next one closes": (
            lines(row(0), row(1, company='"甲'), row(2, company='"乙"'), row(3)), (0, 2, 3), [("", "line 3", "not CSV")],
        ),
        "a line cut short": (lines(row(0), row(1)[:25], row(2)), (0, 2), [("", "line 3", "3 cells where the row of the names has 9")]),
        "a cell too many": (lines(row(0), row(1) + ",x", row(2)), (0, 2), [("", "line 3", "10 cells where the row of the names has 9")]),
        **{name: second(*broken) for name, broken in BROKEN_ROWS.items()},
        "a second row for one enterprise": (lines(row(0), row(0, staff="13"), row(2)), (0, 2), [("", "line 3", "a second row")]),
        "several faults in one row": second("staff", "grade: 应为其中之一 one of", {"staff": "x", "grade": "y"}),
    }  # fmt: skip
