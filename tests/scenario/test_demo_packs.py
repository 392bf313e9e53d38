"""A zone for each model that scores enterprises: the departments' systems are read through connectors, and totals are exact to the cent."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest

from nodes.packs import shipped_pack
from scoring.indicators.model import load_pack
from scoring.indicators.plain import score_plain
from simulators.demo.options import FIRM_PANEL, GUIDELINES, LENDING_PACKS
from simulators.population.select import population_for
from simulators.zone.layout import plan_for
from tests.oracles import hangzhou
from tests.scenario.conftest import DemoRun, run_demo

ENTERPRISES, SEED = 40, 11
PARTS = [pack for pack in LENDING_PACKS + GUIDELINES if pack != FIRM_PANEL]
pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.xdist_group("packs"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module", params=PARTS)
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, DemoRun]:
    arguments = ("--pack", request.param, "--enterprises", str(ENTERPRISES), "--seed", str(SEED), "--consents", "2", "--key-bits", "2048")
    return request.param, run_demo(tmp_path_factory.mktemp(request.param) / "out", *arguments)


def totals_of(out: Path) -> dict[str, tuple[str, Decimal, bool]]:
    with (out / "totals.csv").open(encoding="utf-8", newline="") as file:
        return {row["uscc"]: (row["stage"], Decimal(row["total"]), row["gated"] == "1") for row in csv.DictReader(file)}


def test_totals_equal_those_of_the_population_in_clear(ran: tuple[str, DemoRun]) -> None:
    pack, run = ran
    assert run.exit_code == 0, run.document
    model = load_pack(shipped_pack(pack))
    firms = population_for(model, plan_for([model]), ENTERPRISES, SEED, None).firms
    expected = {}
    for firm in firms:
        score = score_plain(model, firm.values)
        expected[firm.uscc] = (score.stage, Decimal(score.total) / 100, score.gated)
    assert totals_of(run.out) == expected
    if pack == "hangzhou-binjiang":
        record = {firm.uscc: firm.values for firm in firms}
        assert expected == {
            uscc: (hangzhou.stage(values), Decimal(hangzhou.total(values)) / 100, hangzhou.gated(values)) for uscc, values in record.items()
        }


def test_every_department_was_read_through_a_mapping_and_most_enterprises_get_a_line(ran: tuple[str, DemoRun]) -> None:
    pack, run = ran
    report = json.loads((run.out / "report.json").read_text(encoding="utf-8"))
    kinds = {system["kind"] for system in report["systems"]}
    assert {"sql", "csv", "xlsx", "http"} <= kinds or pack not in {"hangzhou-binjiang", "suzhou-snd"}
    assert "single-window" in kinds or pack != "suzhou-snd"
    for system in report["systems"]:
        assert list((run.out / "records" / system["member"]).glob("*.yaml"))
        assert not (run.out / "records" / system["member"] / "records.csv").exists()
    if pack == "hangzhou-binjiang":
        assert report["coverage"]["share"] >= 0.95  # the zone's published aim


def test_the_lists_of_the_best_follow_from_the_totals(ran: tuple[str, DemoRun]) -> None:
    pack, run = ran
    rankings = load_pack(shipped_pack(pack)).pack.rankings
    totals = {uscc: (stage, Decimal(0) if gated else total, gated) for uscc, (stage, total, gated) in totals_of(run.out).items()}
    expected = set()
    for uscc, (stage, total, gated) in totals.items():
        peers = [other for where, other, _ in totals.values() if where == stage]
        share = 100 * (sum(other > total for other in peers) + Decimal(sum(other == total for other in peers)) / 2) / len(peers)
        expected |= {
            (name, stage, uscc)
            for name, spec in rankings.items()
            if not gated and Decimal(str(spec.from_top)) <= share < Decimal(str(spec.below_top))
        }
    with (run.out / "rankings.csv").open(encoding="utf-8", newline="") as file:
        assert {(row["list"], row["stage"], row["uscc"]) for row in csv.DictReader(file)} == expected
    assert bool(expected) == bool(rankings)


def test_each_bank_has_a_verified_answer_where_banks_lend_at_all(ran: tuple[str, DemoRun]) -> None:
    pack, run = ran
    assert {receipt["bank"] for receipt in run.document["receipts"]} == ({"bank-a", "bank-b"} if pack in LENDING_PACKS else set())
    assert run.document["audit"]["verdict"] == "pass"


def test_an_enterprise_opens_the_total_that_the_authority_has(ran: tuple[str, DemoRun]) -> None:
    _, run = ran
    portrait = json.loads((run.out / "portrait.json").read_text(encoding="utf-8"))
    (total,) = (item for item in portrait["values"] if item["name"] == "total")
    assert Decimal(total["hundredths"]) / 100 == totals_of(run.out)[portrait["uscc"]][1]
