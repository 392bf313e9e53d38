"""The connector as an operator has it: a mapping in YAML, tried by ``xinqiao connector check``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connectors.connect import open_connector
from connectors.customs.declarations import build_declaration
from connectors.customs.records import SingleWindow
from connectors.errors import MappingError
from connectors.records import Record
from nodes.commands.output import run
from tests.support.customs import USCC, Client, declaration, receipt, response, taken, zipped
from xinqiao import app

MAPPING = """
format: xinqiao/connector/v1
id: single-window
title: {zh: 国际贸易单一窗口, en: customs single window}
source: {kind: single-window, folder: ImpPath, dialect: a, quiet_s: 0, rates: {"2023": {USD: 7.0467}}}
"""


@pytest.fixture
def client(tmp_path: Path) -> Client:
    client = Client(tmp_path / "ImpPath", "DecCus001")
    client.put("SentBox/a.zip", zipped({"a.xml": build_declaration(declaration(lines=1))}))
    client.put("InBox/Successed_a.xml", response())
    client.put("InBox/Receipt_a.xml", receipt("R"))
    return client


def written(directory: Path, text: str = MAPPING) -> Path:
    path = directory / "customs.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_mapping_gives_records_with_values_in_yuan_at_its_rates(tmp_path: Path, client: Client) -> None:
    connector = open_connector(written(tmp_path))
    assert isinstance(connector, SingleWindow)
    (record,) = taken(connector)
    assert isinstance(record, Record)
    assert (record.uscc, record.period) == (USCC, "2023")
    assert (record.values["customs_exports_usd"], record.values["customs_exports_value_cny"]) == ("1000.5", "7050.22335")


def test_a_dry_run_shows_what_would_be_read_and_keeps_nothing(tmp_path: Path, client: Client, capfd: pytest.CaptureFixture[str]) -> None:
    client.put("InBox/Receipt_bad.xml", b"<DEC_RESULT/>")
    before = sorted(path for path in tmp_path.rglob("*"))
    mapping = written(tmp_path)
    for _ in range(2):
        assert run(app, ["connector", "check", str(mapping), "--json"]) == 1
        document: dict[str, Any] = json.loads(capfd.readouterr().out)
        assert (document["records"], document["malformed"]) == (1, 1)
        assert document["fields"]["customs_declarations"] == {"given": 1, "empty": 0}
        assert document["refused"][0]["place"] == "InBox/Receipt_bad.xml"
    assert sorted(path for path in tmp_path.rglob("*") if path != mapping) == before


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("dialect: a", "dialect: A", "source.dialect"),
        ("dialect: a, ", "", "source.dialect"),
        ("USD: 7.0467", "USD: 0", "above 0"),
        ("USD: 7.0467", "usd: 7.0467", "rates"),
        ('"2023"', '"23"', "rates"),
        ("source:", "fields: {a: {column: a, type: integer}}\nsource:", "fields: is not for a single-window source"),
        ("source:", "keys: {uscc: a, period: {constant: '2023'}}\nsource:", "keys: is not for a single-window source"),
    ],
)
def test_a_mapping_that_is_wrong_is_told_by_its_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(MappingError) as caught:
        open_connector(written(tmp_path, MAPPING.replace(old, new)))
    assert said in str(caught.value)
