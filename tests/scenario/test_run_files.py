"""A run's directory is literally what docs/specs/artifacts.md says: every file of its list, no other, each in its form."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.scenario.conftest import DemoRun

pytestmark = [pytest.mark.xdist_group("demo"), pytest.mark.timeout(400)]
ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "specs" / "artifacts.md").read_text(encoding="utf-8")
LISTED = [line.split(" ")[0] for line in TEXT.partition("## Files")[2].split("```")[1].strip().splitlines()]
ONLY_KEPT_RUNNING = "gateway.url"
PLACES = {
    "<id>@<version>": r"[a-z][a-z0-9_-]*@[0-9A-Za-z.]+", "<digest>": "[0-9a-f]{64}", "<L>": "[0-9]{1,2}", "<N>": "(x[0-9]{3}/)*[0-9]{3}",
    "[.p/<W>]": r"(\.p/[0-9]{1,3})?", "<process>": "[a-z][a-z0-9-]*", "<epoch>": "[a-z][a-z0-9_-]*", "<member>": "[a-z][a-z0-9-]*",
    "<id>": "[a-z][a-z0-9-]*", "*": "[a-z0-9-]+",
}  # fmt: skip


def pattern(listed: str) -> str:
    """The regular expression of a line of the list. A directory stands for everything below it."""
    found = re.escape(listed).replace(r"\.yaml", r"\.(yaml|dsse\.json)") if listed.startswith("public/packs") else re.escape(listed)
    for name, form in PLACES.items():
        found = found.replace(re.escape(name), form)
    return found.removesuffix("/").removesuffix("…") + (".+" if listed.endswith(("/", "…")) else "")


def files(run: DemoRun) -> list[str]:
    return [path.relative_to(run.out).as_posix() for path in sorted(run.out.rglob("*")) if path.is_file()]


def load(run: DemoRun, name: str) -> Any:
    return json.loads((run.out / name).read_text(encoding="utf-8"))


def payload(envelope: bytes) -> Any:
    return json.loads(base64.b64decode(json.loads(envelope)["payload"], validate=True))


@pytest.mark.parametrize("listed", LISTED)
def test_every_file_of_the_list_is_there(listed: str, demo: DemoRun) -> None:
    found = [name for name in files(demo) if re.fullmatch(pattern(listed), name)]
    assert bool(found) == (listed != ONLY_KEPT_RUNNING)


def test_nothing_else_is_there(demo: DemoRun) -> None:
    assert [name for name in files(demo) if not any(re.fullmatch(pattern(listed), name) for listed in LISTED)] == []


def test_key_and_verifier_keys_have_their_form(demo: DemoRun) -> None:
    key = load(demo, "public/key.json")
    assert set(key) == {"format", "bits", "n", "h"}
    assert all(re.fullmatch("[1-9a-f][0-9a-f]*", key[name]) for name in ("n", "h"))
    policy, registry = load(demo, "public/witness-policy.json"), payload((demo.out / "public" / "registry.dsse.json").read_bytes())
    for name, kind in (("log.vkey", 1), ("witnesses.vkey", 4)):
        lines = (demo.out / "public" / name).read_text(encoding="utf-8")
        assert lines.endswith("\n")
        for line in lines.splitlines():
            label, hashed, encoded = line.split("+", 2)
            material = base64.b64decode(encoded, validate=True)
            assert (material[0], len(material)) == (kind, 33)
            assert hashlib.sha256(label.encode() + b"\n" + material).hexdigest()[:8] == hashed
    assert (demo.out / "public" / "witnesses.vkey").read_text(encoding="utf-8").splitlines() == policy["witnesses"]
    assert (policy, (demo.out / "public" / "log.vkey").read_text(encoding="utf-8").strip()) == (registry["witness_policy"], registry["log_vkey"])


def test_statements_and_documents_lie_under_their_hashes(demo: DemoRun) -> None:
    envelopes, blobs = demo.out / "log" / "envelopes", demo.out / "log" / "blobs"
    roots, documents = set(), set()
    for path in envelopes.iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
        said = payload(path.read_bytes())
        roots |= {said["header"]["merkle_root"]} if "header" in said else set()
        documents |= {said["sha256"]} if "count" in said and "sha256" in said else set()
    for path in blobs.iterdir():
        assert path.name in (documents if hashlib.sha256(path.read_bytes()).hexdigest() == path.name else roots)
    assert {path.name for path in blobs.iterdir()} == roots | documents
    for name in ("registry", "ceremony"):
        data = (demo.out / "public" / f"{name}.dsse.json").read_bytes()
        assert (envelopes / hashlib.sha256(data).hexdigest()).read_bytes() == data
    for path in (demo.out / "public" / "packs").glob("*.yaml"):
        said = payload(path.with_name(path.name.removesuffix(".yaml") + ".dsse.json").read_bytes())
        assert (said["sha256"], f"{said['id']}@{said['version']}") == (hashlib.sha256(path.read_bytes()).hexdigest(), path.stem)


def test_totals_have_their_columns_and_decimals(demo: DemoRun) -> None:
    text = (demo.out / "totals.csv").read_bytes().decode("utf-8")
    assert "\r" not in text
    assert text.endswith("\n")
    rows = list(csv.DictReader(io.StringIO(text)))
    forms = {
        "subject_id": "[0-9a-f]{32}", "uscc": "[0-9A-HJ-NPQRTUWXY]{18}", "company": ".+", "stage": "[A-Za-z][A-Za-z0-9_-]*",
        "total": r"-?[0-9]+\.[0-9]{2}", "gated": "[01]", "percentile": r"[0-9]{1,3}\.[0-9]",
    }  # fmt: skip
    assert rows
    for row in rows:
        assert list(row) == list(forms)
        assert all(re.fullmatch(form, row[name]) for name, form in forms.items()), row


@pytest.mark.parametrize(
    "pattern_of_files", ["records/*/mapping.yaml", "epochs/*/*.json", "receipts/*.json", "*.json", "*.csv", "public/*", "config/*.toml"]
)
def test_text_is_utf8_with_lf(pattern_of_files: str, demo: DemoRun) -> None:
    for path in demo.out.glob(pattern_of_files):
        if path.is_file():
            assert "\r" not in path.read_bytes().decode("utf-8"), path


def test_receipts_and_epoch_records_write_numbers_as_decimal_text(demo: DemoRun) -> None:
    for path in [*demo.out.glob("receipts/*.json"), *demo.out.glob("epochs/*/*.json")]:
        document = json.loads(path.read_text(encoding="utf-8"))
        n = int(document["public_key"]["n"])
        for opening in document["openings"]:
            assert opening["scale"] == 100
            numbers = [opening[name] for name in ("constant", "aggregate", "m", "r")] + [term["weight"] for term in opening["functional"]]
            assert all(isinstance(item, str) and re.fullmatch("-?(0|[1-9][0-9]*)", item) for item in numbers), path
            assert 0 <= int(opening["m"]) < n
            assert 1 <= int(opening["r"]) < n
            assert int(opening["aggregate"]) == (1 + int(opening["m"]) * n) * pow(int(opening["r"]), n, n * n) % (n * n)


def test_epoch_records_have_the_fields_of_a_batch(demo: DemoRun) -> None:
    subjects = [row["subject_id"] for row in csv.DictReader(io.StringIO((demo.out / "totals.csv").read_text(encoding="utf-8")))]
    opened: list[str] = []
    for path in demo.out.glob("epochs/*/*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        assert set(record) == {
            "format", "zone", "epoch", "model", "audience", "purpose", "public_key", "stage", "slot_bits", "batch", "subjects", "openings",
            "ticket", "ticket_leaf", "ticket_leaf_index",
        }  # fmt: skip
        bits, value, n = int(record["slot_bits"]), int(record["openings"][0]["m"]), int(record["public_key"]["n"])
        assert abs(value - (n if value > n // 2 else 0)).bit_length() <= bits * len(record["subjects"])
        opened += record["subjects"]
    assert sorted(opened) == sorted(subjects)


def test_refusals_tampering_endpoints_and_report_have_exactly_their_names(demo: DemoRun) -> None:
    refusals, tampering = load(demo, "refusals.json"), load(demo, "tampering.json")
    assert all(list(item) == ["case", "status", "reason", "leaf_index"] for item in refusals)
    assert all(list(item) == ["case", "command", "exit_code", "reason"] and item["command"].startswith("xinqiao ") for item in tampering)
    endpoints = load(demo, "endpoints.json")
    assert {"gateway", "log", "coordinator", "enterprise", "bank"} <= set(endpoints)
    assert endpoints["gateway"].startswith("https://")
    assert set(endpoints["bank"]) == {path.name for path in (demo.out / "members").iterdir() if path.name.startswith("bank-")}
    report = load(demo, "report.json")
    assert {"zone", "pack", "enterprises", "indicators", "key_bits", "steps", "processes"} <= set(report)
    assert {item["name"] for item in report["processes"]} == {path.name for path in (demo.out / "state").iterdir()}
    assert {path.stem for path in (demo.out / "config").glob("*.toml")} == {path.name for path in (demo.out / "state").iterdir()}


def test_what_is_not_public_is_private(demo: DemoRun) -> None:
    """Files that others may read lie below a directory that they may not enter, or are the public ones."""
    assert demo.out.stat().st_mode & 0o777 == 0o700
    for name in files(demo):
        path = demo.out / name
        if name.startswith(("members/", "ca/", "state/", "receipts/", "epochs/", "records/")) or name == "totals.csv":
            assert path.stat().st_mode & 0o077 == 0 or any(parent.stat().st_mode & 0o077 == 0 for parent in path.parents if parent != demo.out), name
    for member in (demo.out / "members").iterdir():
        assert member.stat().st_mode & 0o777 == 0o700
        assert {"cert.pem", "sign.pem", "hpke.pem"} <= {path.name for path in member.iterdir()}
        assert all(path.stat().st_mode & 0o777 == 0o600 for path in member.iterdir())
    departments = {name.split("/")[1] for name in files(demo) if name.startswith("records/")}
    assert departments
    assert departments <= {path.name for path in (demo.out / "members").iterdir()}
