"""Two whole zones beside each other: their own keys, models, members and logs; what they do together, and what goes wrong between them."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from scoring.indicators.plain import score_plain
from simulators.federation.plan import FederationOptions
from tests.scenario.conftest import DemoRun, run_command, run_demo

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.xdist_group("federation"), pytest.mark.timeout(1800)]
SCHEMA = Path(__file__).parents[2] / "docs" / "specs" / "schemas" / "federation.json"
ZONES, ENTERPRISES, SEED = ("hangzhou-binjiang", "zhengzhou"), 12, 5


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    arguments = ("--zones", ",".join(ZONES), "--enterprises", str(ENTERPRISES), "--seed", str(SEED))
    return run_demo(tmp_path_factory.mktemp("federation") / "out", *arguments)


@pytest.fixture(scope="module")
def cases(ran: DemoRun) -> dict[str, list[dict[str, Any]]]:
    """Rows of federation.json by case."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in json.loads((ran.out / "federation.json").read_text(encoding="utf-8")):
        found.setdefault(row["case"], []).append(row)
    return found


def test_the_run_succeeds_and_says_what_it_left(ran: DemoRun) -> None:
    assert ran.exit_code == 0, ran.document
    report = json.loads((ran.out / "report.json").read_text(encoding="utf-8"))
    assert [zone["zone"] for zone in report["zones"]] == list(ZONES)
    assert ran.document["zones"] == report["zones"]
    federation = json.loads((ran.out / "federation.json").read_text(encoding="utf-8"))
    assert ran.document["federation"] == federation
    Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8"))).validate(federation)
    for zone in report["zones"]:
        assert zone["audit"]["verdict"] == "pass"
        assert json.loads((ran.out / zone["zone"] / "report.json").read_text(encoding="utf-8")) == zone


def test_zones_share_no_key_no_log_and_no_member(ran: DemoRun) -> None:
    for name in ("public/key.json", "public/log.vkey", "public/ca.pem", "public/registry.dsse.json", "ca/ca-key.pem", "members/authority/roster.key"):
        one, other = ((ran.out / zone / name).read_bytes() for zone in ZONES)
        assert one != other, name


def test_totals_of_each_zone_are_those_of_its_own_model_in_clear(ran: DemoRun) -> None:
    options = FederationOptions(ran.out, ZONES, ENTERPRISES, SEED)
    for zone in options.zones:
        expected = {}
        for firm in zone.population.firms:
            score = score_plain(zone.model, firm.values)
            expected[firm.uscc] = (score.stage, Decimal(score.total) / 100, score.gated)
        assert totals_of(ran.out / zone.id) == expected
        assert options.mover in expected


def test_every_zone_mirrors_the_other(ran: DemoRun, cases: dict[str, list[dict[str, Any]]]) -> None:
    assert [row["outcome"] for row in cases["replicated"]] == ["mirrored"] * len(ZONES)
    for home, origin in (ZONES, ZONES[::-1]):
        mirror = ran.out / home / "public" / "peers" / origin / "mirror" / "log"
        code, document = run_command("audit", str(mirror), "--keys", str(ran.out / origin / "public"), "--tree-only")
        assert (code, document["verdict"]) == (0, "pass"), document


def test_a_cut_link_goes_on_where_it_was(cases: dict[str, list[dict[str, Any]]]) -> None:
    assert [row["outcome"] for row in cases["link_cut"]] == ["resumed"]


def test_a_score_of_one_zone_is_shown_in_the_other_and_counts_for_nothing_there(ran: DemoRun, cases: dict[str, list[dict[str, Any]]]) -> None:
    assert [cases[name][0]["outcome"] for name in ("credential", "credential_no_score", "new_consent")] == ["recognised", "refused", "scored"]
    assert cases["credential_no_score"][0]["reason"] == "CONSENT_MISSING"
    receipts = [json.loads(path.read_bytes()) for path in (ran.out / ZONES[1] / "receipts").glob("*.json")]
    assert {receipt["zone"] for receipt in receipts} == {ZONES[1]}


def test_a_zone_is_read_at_its_peer_while_it_is_down_and_restored_from_it(ran: DemoRun, cases: dict[str, list[dict[str, Any]]]) -> None:
    assert [row["outcome"] for row in cases["zone_killed"]] == ["served"]
    assert [row["outcome"] for row in cases["backup"]] == ["done"] * 3
    assert [row["outcome"] for row in cases["zone_restored"]] == ["going on"]
    before = int(cases["zone_killed"][0]["reason"].split("audit of ")[1].split()[0])
    assert ran.document["zones"][0]["audit"]["tree_size"] > before, "one history, from before the loss to after it"


def test_a_log_of_two_histories_stops_releases_and_is_refused_by_the_peer_with_the_notes_kept(
    ran: DemoRun, cases: dict[str, list[dict[str, Any]]]
) -> None:
    assert [row["outcome"] for row in cases["log_rewritten"]] == ["caught"]
    assert cases["releases_stopped"][0]["reason"] == "LOG_SPLIT"
    assert [row["outcome"] for row in cases["peer_refuses"]] == ["refused"]
    status = json.loads((ran.out / ZONES[0] / "public" / "peers" / ZONES[1] / "mirror" / "status.json").read_bytes())
    assert status["state"] == "split"
    assert [path for path in Path(status["split"]["evidence"]).rglob("*") if path.is_file()]


def totals_of(out: Path) -> dict[str, tuple[str, Decimal, bool]]:
    with (out / "totals.csv").open(encoding="utf-8", newline="") as file:
        return {row["uscc"]: (row["stage"], Decimal(row["total"]), row["gated"] == "1") for row in csv.DictReader(file)}
