"""A zone of Hangzhou's size: 8,100 enterprises under 24 indicators, through encryption, opening and release, against arithmetic of our own."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest

from simulators.population import binjiang
from tests.oracles import hangzhou as oracle
from tests.scenario.conftest import DemoRun, run_command, run_demo

ENTERPRISES, SEED, KEY_BITS = 8100, 7, 2048
pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.xdist_group("large"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    """One run under the shorter key: the default length changes no total, and `make bench` runs it."""
    arguments = ("--pack", "hangzhou-binjiang", "--enterprises", str(ENTERPRISES), "--seed", str(SEED), "--key-bits", str(KEY_BITS))
    return run_demo(tmp_path_factory.mktemp("large") / "out", *arguments)


def read_totals(out: Path) -> list[dict[str, str]]:
    with (out / "totals.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_total_equals_plain_arithmetic_to_the_cent(large: DemoRun) -> None:
    assert large.exit_code == 0, large.document
    expected = {firm.uscc: firm.values for firm in binjiang.generate(ENTERPRISES, SEED).firms}
    rows = read_totals(large.out)
    assert {row["uscc"] for row in rows} == set(expected)
    assert len(rows) == ENTERPRISES
    for row in rows:
        record = expected[row["uscc"]]
        shown = (row["stage"], Decimal(row["total"]), row["gated"])
        assert shown == (oracle.stage(record), Decimal(oracle.total(record)) / 100, str(int(oracle.gated(record)))), row["uscc"]
    assert {row["gated"] for row in rows} == {"0", "1"}
    assert {row["stage"] for row in rows} == set(oracle.STAGES)


def test_the_auditor_passes_it_and_no_process_is_large(large: DemoRun) -> None:
    code, document = run_command("audit", str(large.out), "--keys", large.public())
    assert (code, document["verdict"], document["findings"]) == (0, "pass", [])
    report = json.loads((large.out / "report.json").read_text(encoding="utf-8"))
    assert (report["enterprises"], report["key_bits"]) == (ENTERPRISES, KEY_BITS)
    assert report["coverage"]["share"] >= 0.95  # of scored, not gated enterprises: the zone's published aim
    assert max(process["peak_rss_mb"] for process in report["processes"]) <= 400  # P8
    assert sum(process["pss_mb"] for process in report["processes"]) <= 3000
