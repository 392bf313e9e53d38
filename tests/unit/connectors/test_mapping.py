"""Mappings: what is taken, and how a mistake is told by line, path and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.errors import MappingError
from connectors.mapping import load_mapping, parse_mapping
from connectors.sources import HttpSource
from tests.support.connecting import MAPPING


def test_a_mapping_names_the_columns_that_it_reads_and_which_may_be_absent() -> None:
    mapping = parse_mapping(MAPPING.encode())
    assert [name for name, optional in mapping.columns.items() if optional] == ["企业名称"]
    assert list(mapping.columns)[:3] == ["统一社会信用代码", "所属年度", "申报日期"]
    assert len(mapping.columns) == 9


MISTAKES = {
    "an amount without a unit": ("unit: 10k-yuan, ", "", "line 10, fields.revenue.unit: is required"),
    "a unit that is none": ("unit: 10k-yuan", "unit: 万元", "line 10, fields.revenue.unit: one of 'fen', 'yuan'"),
    "a conversion that needs a rate": ("to: yuan", "to: usd", "line 10, fields.revenue: 10k-yuan cannot be converted into usd"),
    "a type that is none": ("type: integer", "type: int", "line 11, fields.staff: "),
    "an unknown name": ("as: year}", "as: year, from: 2023}", "line 7, keys.period.from: is not a name of the format at this place"),
    "a period that is neither column nor constant": ("column: 所属年度, as: year", "as: year", "line 7, keys.period: either column and as"),
    "a period in a column without its form": (", as: year", "", "line 7, keys.period: either column and as"),
    "a constant without quotes": (
        "column: 所属年度, as: year",
        "constant: 2023",
        "line 7, keys.period.constant: text is expected; what looks like a number",
    ),
    "a spelling of both": ('[否, "0"]', '[否, "1"]', "line 13, fields.enforced: '1' stands under true and under false"),
    "a spelling that is missing too": ('[否, "0"]', "[否, 无]", "line 13, fields.enforced: '无' stands under missing too"),
    "a key as a field": ("  staff:", "  uscc:", "line 11, fields.uscc: is a key, not a field"),
    "a field that no record can have": ("  staff:", "  Staff:", "line 11, fields.Staff"),
    "an encoding that is not offered": (
        "encoding: utf-8,",
        "encoding: gbk,",
        "line 4, source.encoding: one of 'utf-8', 'utf-8-sig', 'gb18030' is expected 应为其中之一",
    ),
    "a kind that is none": ("kind: csv", "kind: ftp", "line 4, source: "),
    "a field given twice": ("  staff:", "  revenue:", "line 11, fields.revenue: given twice"),
    "an alias": ("[是,", "[*yes,", "line 13: aliases are not used"),
    "no keys": ("keys:\n  uscc: 统一社会信用代码\n  period: {column: 所属年度, as: year}\n", "", "line 1, keys: is required"),
    "another format": ("connector/v1", "model/v1", "line 1, format: 'xinqiao/connector/v1' is expected"),
    "a separator inside a month": ('separator: "、"', 'separator: "-"', "line 14, fields.zero_months.separator"),
    "a column without a name": ("column: 参保人数", 'column: " "', "line 11, fields.staff.column"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_by_file_line_path_and_what_would_be_right(mistake: str, tmp_path: Path) -> None:
    right, wrong, told = MISTAKES[mistake]
    assert MAPPING.count(right) == 1
    path = tmp_path / "tax.yaml"
    path.write_text(MAPPING.replace(right, wrong), encoding="utf-8")
    with pytest.raises(MappingError) as error:
        load_mapping(path)
    assert f"{path}: {told}" in str(error.value)


def test_a_mapping_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"nowhere.yaml: No such file"):
        load_mapping(tmp_path / "nowhere.yaml")


HTTP = """\
format: xinqiao/connector/v1
id: api
title: {zh: 接口, en: API}
source: {kind: http, url: "https://api.example/v1/returns"}
keys: {uscc: uscc, period: {constant: "2023"}}
fields: {staff: {column: staff, type: integer}}
"""


@pytest.mark.parametrize(
    "url",
    ["http://api.example/", "https://user:secret@api.example/", "ftp://api.example/", "https://", "https://api.example/#part", "https://[::1", "x"],
)
def test_an_address_that_is_not_safe_is_refused(url: str) -> None:
    parse_mapping(HTTP.encode())
    with pytest.raises(MappingError, match="line 4, source: url"):
        parse_mapping(HTTP.replace("https://api.example/v1/returns", url).encode())


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]:1/x"])
def test_this_machine_itself_may_be_asked_without_tls(url: str) -> None:
    source = parse_mapping(HTTP.replace("https://api.example/v1/returns", url).encode()).source
    assert isinstance(source, HttpSource)
    assert source.url == url
