"""``xinqiao connector check``: what would be read and what refused, with nothing stored, moved or kept."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from nodes.commands.output import run
from tests.support.connecting import MAPPING, row, table
from xinqiao import app


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    path = tmp_path / "tax.yaml"
    path.write_text(MAPPING, encoding="utf-8")
    return path


def check(mapping: Path, capfd: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, the JSON document, and what a person reads."""
    code = run(app, ["connector", "check", str(mapping), *more])
    text = capfd.readouterr().out
    assert run(app, ["connector", "check", str(mapping), "--json", *more]) == code
    return code, json.loads(capfd.readouterr().out), text


def test_a_table_that_can_be_read_is_shown_by_a_sample(mapping: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = mapping.parent / "inbox" / "a.csv"
    file.write_text(table(row(0), row(1, uscc="91350100M0001TGQXM", revenue="-")))
    code, document, text = check(mapping, capfd)
    assert (code, document["records"], document["malformed"], document["complete"]) == (0, 2, 0, True)
    assert document["deliveries"] == [{"name": "a.csv", "outcome": "taken", "reason": "", "records": 2, "malformed": 0}]
    assert document["enterprises"] == {"2023": 2}
    assert "period 2023: 2 户 enterprises" in text
    assert document["fields"]["revenue"] == {"given": 1, "empty": 1}
    assert list(document["remarks"].values()) == [1]
    assert document["sample"][0]["values"]["revenue"] == "12345000"
    assert "revenue=12345000" in text
    assert file.exists(), "nothing was moved"
    assert list(mapping.parent.glob("inbox/*/")) == []


def test_what_would_be_refused_is_told_with_its_place_and_reason(mapping: Path, capfd: pytest.CaptureFixture[str]) -> None:
    inbox = mapping.parent / "inbox"
    (inbox / "a.csv").write_text(table(row(0), row(1, staff="x"), row(2)))
    (inbox / "b.csv").write_bytes(table(row(0)).encode("gb18030"))
    code, document, text = check(mapping, capfd)
    assert (code, document["records"], document["malformed"]) == (1, 2, 1)
    assert {item["name"]: item["outcome"] for item in document["deliveries"]} == {"a.csv": "partly", "b.csv": "refused"}
    (refused,) = document["refused"]
    assert (refused["delivery"], refused["place"], refused["field"]) == ("a.csv", "line 3", "staff")
    assert "line 3: staff: an exact decimal number" in text
    assert "not utf-8 text" in text


def test_a_limit_looks_at_the_first_rows_and_says_so(mapping: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (mapping.parent / "inbox" / "a.csv").write_text(table(row(0), row(1), row(2)))
    code, document, text = check(mapping, capfd, "--limit", "2")
    assert (code, document["records"], document["complete"]) == (0, 2, False)
    assert "only the first rows" in text
    assert check(mapping, capfd, "--limit", "3")[1]["complete"] is True


def test_nothing_to_read_is_a_finding(mapping: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, document, text = check(mapping, capfd)
    assert (code, document["records"]) == (1, 0)
    assert "nothing to read" in text


def test_a_folder_that_is_not_there_is_unavailable(mapping: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (mapping.parent / "inbox").rmdir()
    code, document, _ = check(mapping, capfd)
    assert (code, document["error"]) == (4, "SOURCE_UNAVAILABLE")
    assert "does not exist" in document["detail"]


def test_a_mistake_in_the_mapping_is_bad_input(mapping: Path, capfd: pytest.CaptureFixture[str]) -> None:
    mapping.write_text(MAPPING.replace("unit: 10k-yuan, ", ""), encoding="utf-8")
    code, document, _ = check(mapping, capfd)
    assert (code, document["error"]) == (2, "MAPPING_INVALID")
    assert "line 10, fields.revenue.unit: is required" in document["detail"]


def test_fields_are_compared_with_what_models_ask_for(mapping: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (mapping.parent / "inbox" / "a.csv").write_text(table(row(0)))
    text = mapping.read_text(encoding="utf-8")
    wrong = mapping.parent / "wrong.yaml"
    wrong.write_text(text.replace("  revenue:", "  revenu:").replace("to: yuan", "to: 10k-yuan"), encoding="utf-8")
    code, document, shown = check(wrong, capfd, "--pack", "hangzhou-binjiang")
    assert code == 1
    assert "fields.revenu: no model asks for it; the nearest is revenue 指标体系不用此字段" in document["disagreements"]
    assert "does not fit a model" in shown
    amounts = mapping.parent / "amounts.yaml"
    amounts.write_text(text.replace("to: yuan", "to: 10k-yuan"), encoding="utf-8")
    _, document, _ = check(amounts, capfd, "--pack", "hangzhou-binjiang")
    assert any("is in yuan in hangzhou-binjiang: write to: yuan, not 10k-yuan" in fault for fault in document["disagreements"])
    _, document, _ = check(mapping, capfd)
    assert document["disagreements"] == []


def test_an_api_where_nobody_listens_is_told_at_once_whatever_a_node_would_wait(mapping: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    source = f"source: {{kind: http, url: 'https://127.0.0.1:{port}/api', items: data, retries: 12}}\n"
    head, _, rest = MAPPING.partition("source:")
    mapping.write_text(head + source + rest[rest.index("\nkeys:") + 1 :], encoding="utf-8")
    began = time.monotonic()
    assert run(app, ["connector", "check", str(mapping)]) == 4
    assert time.monotonic() - began < 5
    assert f"nobody answers at 127.0.0.1:{port}: Connection refused" in capfd.readouterr().err
