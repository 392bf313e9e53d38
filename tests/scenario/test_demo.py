"""What one run of the demonstration shows: right totals, verified receipts, refusals, a verdict, tampering found, everything in its place."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from simulators.population import firm_panel as panel
from tests.oracles import firm_panel as oracle
from tests.scenario.conftest import DemoRun, run_command

pytestmark = [pytest.mark.xdist_group("demo"), pytest.mark.timeout(400)]


def read_totals(run: DemoRun) -> list[dict[str, str]]:
    with (run.out / "totals.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def expected_totals() -> dict[str, tuple[str, int]]:
    """Company -> (stage, hundredths), by plain arithmetic on the published figures."""
    with panel.SOURCE.open(encoding="utf-8", newline="") as file:
        records = oracle.records(list(csv.DictReader(file)), 1995)
    return {company: (oracle.stage(record), oracle.total(record)) for company, record in records.items()}


def test_the_run_succeeds(demo: DemoRun) -> None:
    assert demo.exit_code == 0, demo.document


def test_totals_of_all_real_firms_equal_plain_arithmetic_to_the_cent(demo: DemoRun) -> None:
    rows, expected = read_totals(demo), expected_totals()
    assert len(rows) == len(expected) == 715
    for row in rows:
        stage, hundredths = expected[row["company"]]
        assert (row["stage"], Decimal(row["total"]), row["gated"]) == (stage, Decimal(hundredths) / 100, "0"), row["company"]


def test_percentiles_are_those_of_the_stage(demo: DemoRun) -> None:
    rows = read_totals(demo)
    for row in rows:
        cohort = [Decimal(other["total"]) for other in rows if other["stage"] == row["stage"]]
        below, equal = sum(value < Decimal(row["total"]) for value in cohort), sum(value == Decimal(row["total"]) for value in cohort)
        exact = Fraction(100 * (2 * below + equal), 2 * len(cohort))
        rounded = (Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(Decimal("0.1"), ROUND_HALF_UP)
        assert Decimal(row["percentile"]) == rounded, row["company"]


def test_each_receipt_verifies_and_shows_the_total_of_its_enterprise(demo: DemoRun) -> None:
    totals = {row["subject_id"]: row for row in read_totals(demo)}
    receipts = sorted((demo.out / "receipts").glob("*.json"))
    assert len(receipts) == 4
    for path in receipts:
        code, document = run_command("verify", str(path), "--keys", demo.public())
        assert (code, document["verdict"]) == (0, "pass"), document
        receipt = json.loads(path.read_text(encoding="utf-8"))
        assert receipt["result"]["total"] == totals[receipt["subject"]]["total"]
        low, high = map(int, receipt["result"]["percentile"].split("-"))
        assert low - 5 <= Decimal(totals[receipt["subject"]]["percentile"]) <= high + 5


def test_a_receipt_opens_by_arithmetic_alone(demo: DemoRun) -> None:
    """The formulas of the interface, with nothing of ours: aggregate, opening, value, row roots."""
    for path in (demo.out / "receipts").glob("*.json"):
        receipt = json.loads(path.read_text(encoding="utf-8"))
        n = int(receipt["public_key"]["n"])
        for opening in receipt["openings"]:
            weights = {(term["indicator"], term["functional"]): int(term["weight"]) for term in opening["functional"]}
            aggregate = (1 + int(opening["constant"]) * n) % n**2
            for item in opening["inputs"]:
                ciphertext = int(receipt["rows"][int(item["row"])]["ciphertexts"][int(item["position"])])
                aggregate = aggregate * pow(ciphertext, weights.pop((item["indicator"], item["functional"])), n**2) % n**2
            assert not weights
            assert aggregate == int(opening["aggregate"])
            m, r = int(opening["m"]), int(opening["r"])
            assert (1 + m * n) * pow(r, n, n**2) % n**2 == aggregate
            value = m if m <= n // 2 else m - n
            assert Decimal(value) / opening["scale"] == Decimal(receipt["result"]["total"])
        for row in receipt["rows"]:
            header = json.loads(_payload(row["envelope"]))["header"]
            assert _root([int(item).to_bytes(-(-2 * n.bit_length() // 8), "big") for item in row["ciphertexts"]]).hex() == header["merkle_root"]


def test_the_four_refusals_have_their_reasons_and_are_in_the_log(demo: DemoRun) -> None:
    refusals = json.loads((demo.out / "refusals.json").read_text(encoding="utf-8"))
    reasons = {item["case"]: item["reason"] for item in refusals}
    assert reasons == {"no_consent": "CONSENT_MISSING", "replay": "REQUEST_REPLAYED", "unknown_key": "SIGNER_UNKNOWN", "revoked": "CONSENT_REVOKED"}
    leaves = _leaves(demo.out / "log")
    for item in refusals:
        leaf = json.loads(leaves[item["leaf_index"]])
        envelope = json.loads((demo.out / "log" / "envelopes" / leaf["digest"]).read_bytes())
        assert (leaf["kind"], json.loads(_decode(envelope["payload"]))["reason"]) == ("refusal", item["reason"])


def test_the_auditor_passes_the_run_and_tampering_has_three_distinct_reasons(demo: DemoRun) -> None:
    code, document = run_command("audit", str(demo.out), "--keys", demo.public())
    assert (code, document["verdict"], document["findings"]) == (0, "pass", [])
    assert document["tree_size"] == len(_leaves(demo.out / "log"))
    tampering = json.loads((demo.out / "tampering.json").read_text(encoding="utf-8"))
    assert [item["case"] for item in tampering] == ["tile_bit", "ciphertext", "opening"]
    assert all(item["exit_code"] == 1 for item in tampering)
    assert len({item["reason"] for item in tampering}) == 3


def test_everything_that_a_run_leaves_is_in_its_place(demo: DemoRun) -> None:
    out = demo.out
    for name in (
        "public/key.json", "public/log.vkey", "public/witnesses.vkey", "public/registry.dsse.json", "public/ceremony.dsse.json",
        "public/witness-policy.json", "public/packs/firm-panel@1.yaml", "public/packs/firm-panel@1.dsse.json", "log/checkpoint",
        "totals.csv", "refusals.json", "tampering.json", "report.json", "endpoints.json",
    ):  # fmt: skip
        assert (out / name).is_file(), name
    key = json.loads((out / "public" / "key.json").read_text(encoding="utf-8"))
    assert (key["format"], key["bits"], int(key["n"], 16).bit_length()) == ("xinqiao/public-key/v1", 2048, 2048)
    for member in ("tax-hangzhou", "bank-a", "authority"):
        for name in ("cert.pem", "sign.pem", "hpke.pem"):
            assert (out / "members" / member / name).stat().st_mode & 0o777 == 0o600
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert {"zone", "pack", "enterprises", "indicators", "key_bits", "steps", "processes"} <= report.keys()
    assert all({"name", "seconds", "cpu_seconds", "bytes"} <= step.keys() for step in report["steps"])
    assert len(report["processes"]) == len(list((out / "state").iterdir())) == 16
    endpoints = json.loads((out / "endpoints.json").read_text(encoding="utf-8"))
    assert {"gateway", "log", "coordinator", "enterprise", "bank"} <= endpoints.keys()
    assert all((path.stat().st_mode & 0o777) == 0o700 for path in (out / "state").iterdir())


def _decode(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _payload(envelope: str) -> bytes:
    return _decode(json.loads(_decode(envelope))["payload"])


def _root(leaves: list[bytes]) -> bytes:
    """RFC 6962 Merkle tree hash, written after the recursive definition."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + _root(leaves[:split]) + _root(leaves[split:])).digest()


def _leaves(log: Path) -> list[bytes]:
    """Every entry of a static tlog-tiles tree; its root must be that of the checkpoint."""
    size = int((log / "checkpoint").read_text(encoding="utf-8").split("\n")[1])
    entries: list[bytes] = []
    for number in range(-(-size // 256)):
        width = min(256, size - 256 * number)
        name = _tile_name(number) + ("" if width == 256 else f".p/{width}")
        data = (log / "tile" / "entries" / name).read_bytes()
        while data:
            length = int.from_bytes(data[:2], "big")
            entries.append(data[2 : 2 + length])
            data = data[2 + length :]
    assert len(entries) == size
    assert _root(entries) == _decode((log / "checkpoint").read_text(encoding="utf-8").split("\n")[2])
    return entries


def _tile_name(number: int) -> str:
    parts = [f"{number % 1000:03d}"]
    while number >= 1000:
        number //= 1000
        parts.append(f"x{number % 1000:03d}")
    return "/".join(reversed(parts))
