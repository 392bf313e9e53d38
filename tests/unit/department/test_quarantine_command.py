"""``xinqiao connector run`` and ``quarantine`` on a department with a folder of its own and a mapped CSV source: from file to record and back."""

from __future__ import annotations

import csv
import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from nodes.commands.output import run
from nodes.department.role import open_records
from nodes.records.store import RecordStore
from tests.support.connecting import CODES, MAPPING, row, table
from xinqiao import app

CONFIG = """
member = "tax"
zone = "test-zone"
state_dir = "state"
keys_dir = "keys"
public_dir = "public"

[department]
records_dir = "plain"
connectors = ["tax.yaml"]
roster_key_file = "roster.key"
"""


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    for name in ("inbox", "plain"):
        (tmp_path / name).mkdir()
    (tmp_path / "tax.yaml").write_text(MAPPING, encoding="utf-8")
    path = tmp_path / "tax.toml"
    path.write_text(CONFIG, encoding="utf-8")
    yield path
    structlog.reset_defaults()


def connector(capfd: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    """``xinqiao connector ARGUMENTS --json``: exit code and document."""
    code = run(app, ["connector", *map(str, arguments), "--json"])
    return code, json.loads(capfd.readouterr().out)


def revenue(config: Path) -> dict[str, str]:
    engine = open_records(config.parent / "state" / "department", "")
    try:
        return {uscc: values["revenue"] for uscc, values in RecordStore(engine).period("2023").items()}
    finally:
        engine.dispose()


def test_files_are_taken_from_every_source_and_end_where_they_belong(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    inbox = config.parent / "inbox"
    (inbox / "good.csv").write_text(table(row(0)), encoding="utf-8")
    (inbox / "torn.csv").write_bytes(b"\xff\xfe")
    (config.parent / "plain" / "a.csv").write_text(f"uscc,period,revenue\n{CODES[1]},2023,5\n", encoding="utf-8")
    code, document = connector(capfd, "run", config, "--once")
    assert (code, document["deliveries"]) == (1, 3)
    assert {item["connector"]: (item["new_deliveries"], item["waiting"]) for item in document["connectors"]} == {
        "records": (1, 0), "tax-returns": (2, 1),
    }  # fmt: skip
    assert revenue(config) == {CODES[0]: "12345000", CODES[1]: "5"}
    assert sorted(str(path.relative_to(inbox)) for path in inbox.rglob("*.csv") if "quarantine" not in path.parts) == [
        "done/good.csv",
        "failed/torn.csv",
    ]
    assert connector(capfd, "run", config, "--once")[1]["deliveries"] == 0
    assert stat.S_IMODE((config.parent / "state").stat().st_mode) == 0o700, "the node, which starts later, asks for it"


def test_the_same_file_delivered_again_changes_nothing(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        (config.parent / "inbox" / "good.csv").write_text(table(row(0), row(1)), encoding="utf-8")
        assert connector(capfd, "run", config, "--once")[0] == 0
    engine = open_records(config.parent / "state" / "department", "")
    assert len(RecordStore(engine).history(CODES[0], "2023")) == 1
    engine.dispose()
    assert not list((config.parent / "inbox").glob("*.csv"))


def test_what_waits_is_exported_corrected_and_taken(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (config.parent / "inbox" / "a.csv").write_text(table(row(0), row(1, revenue="=12x"), row(2, staff="many")), encoding="utf-8")
    assert connector(capfd, "run", config, "--once")[0] == 1
    code, listed = connector(capfd, "quarantine", "list", config)
    assert code == 1
    assert [(item["connector"], item["delivery"], item["place"], item["field"]) for item in listed["waiting"]] == [
        ("tax-returns", "a.csv", "line 3", "revenue"),
        ("tax-returns", "a.csv", "line 4", "staff"),
    ]
    out = config.parent / "waiting.csv"
    assert connector(capfd, "quarantine", "export", config, "-o", out) == (0, {"parts": 2, "file": str(out)})
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert connector(capfd, "quarantine", "export", config, "-o", out)[0] == 2  # nothing is overwritten
    with out.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    rows[0]["content"] = rows[0]["content"].replace("=12x", "12")
    with out.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    code, document = connector(capfd, "quarantine", "retry", config, out)
    assert (code, document["taken"], [item["id"] for item in document["waiting"]]) == (1, 1, [int(rows[1]["id"])])
    assert revenue(config)[CODES[1]] == "120000"
    assert CODES[2] not in revenue(config)


def test_a_correction_of_what_does_not_wait_and_one_in_another_encoding_are_told(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    corrected = config.parent / "corrected.csv"
    corrected.write_text("id,content\n7,x\n", encoding="utf-8-sig")
    told = [{"id": 7, "reason": "does not wait in quarantine 不在待处理之列"}]
    assert connector(capfd, "quarantine", "retry", config, corrected) == (1, {"taken": 0, "waiting": told})
    corrected.write_text("id,content\n7,甲级\n", encoding="gb18030")
    code, document = connector(capfd, "quarantine", "retry", config, corrected)
    assert (code, "save it as “CSV UTF-8”" in document["detail"]) == (2, True)


def test_a_corrected_mapping_takes_what_waits_as_it_stands(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (config.parent / "inbox" / "a.csv").write_text(table(row(0, grade="甲级")), encoding="utf-8")
    connector(capfd, "run", config, "--once")
    assert connector(capfd, "quarantine", "retry", config)[0] == 1
    mapping = config.parent / "tax.yaml"
    mapping.write_text(mapping.read_text(encoding="utf-8").replace("A级: A", "A级: A, 甲级: A"), encoding="utf-8")
    assert connector(capfd, "quarantine", "retry", config) == (0, {"taken": 1, "waiting": []})
    assert revenue(config) == {CODES[0]: "12345000"}
    assert connector(capfd, "quarantine", "list", config) == (0, {"waiting": []})


def test_a_file_that_was_refused_cannot_be_corrected_by_itself_and_is_dismissed(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (config.parent / "inbox" / "torn.csv").write_bytes(b"\xff\xfe")
    connector(capfd, "run", config, "--once")
    code, document = connector(capfd, "quarantine", "retry", config)
    assert (code, document["taken"]) == (1, 0)
    assert "deliver it again" in document["waiting"][0]["reason"]
    number = str(document["waiting"][0]["id"])
    assert connector(capfd, "quarantine", "dismiss", config, number) == (0, {"dismissed": 1})
    assert connector(capfd, "quarantine", "dismiss", config, number)[0] == 2


def test_a_source_that_is_away_is_told_and_the_others_are_read(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (config.parent / "inbox").rmdir()
    (config.parent / "plain" / "a.csv").write_text(f"uscc,period,revenue\n{CODES[1]},2023,5\n", encoding="utf-8")
    code, document = connector(capfd, "run", config, "--once")
    assert (code, document["deliveries"]) == (4, 1)
    assert ["SourceUnavailableError" in item["failure"] for item in document["connectors"]] == [False, True]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('connectors = ["tax.yaml", "tax.yaml"]', "MAPPING_INVALID"),
        ('connectors = ["nowhere.yaml"]', "MAPPING_INVALID"),
        ("scan_s = 0", "SETTINGS_INVALID"),
    ],
)
def test_a_wrong_configuration_is_told(config: Path, capfd: pytest.CaptureFixture[str], text: str, reason: str) -> None:
    config.write_text(CONFIG.replace('connectors = ["tax.yaml"]', text), encoding="utf-8")
    code, document = connector(capfd, "run", config, "--once")
    assert (code, document["error"]) == (2, reason)


def test_a_file_that_is_no_export_is_refused(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    other = config.parent / "other.csv"
    for text in ("a,b\n1,2\n", "id,content\nx,y\n"):
        other.write_text(text, encoding="utf-8")
        code, document = connector(capfd, "quarantine", "retry", config, other)
        assert (code, document["error"]) == (2, "RECORD_FILE_INVALID")


def test_what_a_deliverer_wrote_does_nothing_to_the_terminal_or_the_spreadsheet(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    name = "\x1b]0;owned\x07.csv"
    (config.parent / "inbox" / name).write_text(table(f"＝1+1\x9b2J\u202e{row(0)[18:]}"), encoding="utf-8")
    assert run(app, ["connector", "run", str(config), "--once"]) == 1
    assert run(app, ["connector", "quarantine", "list", str(config)]) == 1
    capfd_out = capfd.readouterr().out
    assert "\\x1b]0;owned\\x07.csv" in capfd_out
    assert "\\x9b2J\\u202e" in capfd_out
    assert run(app, ["connector", "quarantine", "list", str(config), "--json"]) == 1
    document = capfd.readouterr().out
    assert all(sign == "\n" or sign.isprintable() for sign in capfd_out + document)
    (part,) = json.loads(document)["waiting"]
    assert "\x9b2J\u202e" in part["content"]
    assert run(app, ["connector", "quarantine", "export", str(config), "-o", str(config.parent / "waiting.csv")]) == 0
    with (config.parent / "waiting.csv").open(encoding="utf-8-sig", newline="") as stream:
        (exported,) = csv.DictReader(stream)
    assert exported["content"].startswith("'＝1+1")
