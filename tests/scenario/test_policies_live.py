"""Zhengzhou's five policies and a library in a zone of real processes: numbers of flags met are those of the records, and one enterprise confirms."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crypto.subjects import subject_id
from nodes.packs import shipped_pack
from nodes.runtime.files import make_private_directory, read_private
from scoring.indicators.model import Model, load_pack
from scoring.indicators.plain import score_plain
from simulators.demo.applications.policies import anywhere
from simulators.population.beside import beside, with_fields
from simulators.population.generate import generate
from simulators.population.records import write_records
from simulators.population.register import publish_register
from simulators.population.tables import Population
from simulators.zone.build import build_zone, processes_of
from simulators.zone.layout import plan_for
from tests.support.live_zone import LiveZone, connect

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.timeout(1500)]
POLICIES = {
    "patent-grants": "policy-patent-grants", "listing": "policy-listing", "neeq": "policy-neeq", "refinancing": "policy-refinancing",
    "high-growth": "policy-high-growth",
}  # fmt: skip
LIBRARY, FIRMS = "gazelle", 50
MODELS = (*POLICIES.values(), LIBRARY)
PERIODS = {name: str(2023 + place) for place, name in enumerate(MODELS)}  # each of its own: together over one period they do not pass the lint


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    return {name: load_pack(shipped_pack(name)) for name in MODELS}


@pytest.fixture(scope="module")
def live(models: dict[str, Model], tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveZone]:
    out = make_private_directory(tmp_path_factory.mktemp("policies") / "zone")
    first, *rest = (anywhere(model) for model in models.values())
    plan = plan_for([first, *rest])
    population = beside(generate(with_fields(first, rest), plan, FIRMS, 3), rest, plan, 3)
    for period in PERIODS.values():
        write_records(replace(population, period=period), out, f"records-{period}.csv")
    publish_register(population, plan, out)
    build_zone(plan, out, [shipped_pack(name) for name in MODELS], key_bits=2048, progress=lambda _text: None)
    roster_key = bytes.fromhex(read_private(out / "members" / "authority" / "roster.key").decode().strip())
    with processes_of(out) as processes:
        processes.start()
        processes.wait_ready(180)
        yield connect(out, processes, population, {subject_id(roster_key, firm.uscc): firm.uscc for firm in population.firms})


@pytest.mark.parametrize("name", MODELS)
def test_flags_opened_are_those_of_the_records(live: LiveZone, models: dict[str, Model], name: str) -> None:
    done = command(live, "evaluate", name, "--period", PERIODS[name], "--wait", "300")
    assert done["state"] == "RELEASED"
    found = {total["subject"]: total["hundredths"] for total in live.authority.totals(f"{name}-{PERIODS[name]}")}
    assert found == expected(models[name], live.population, live.subjects)
    assert sum(found.values()) > 0


def test_texts_are_entered_and_enterprises_are_told_how_they_stand(live: LiveZone) -> None:
    for policy in POLICIES:
        assert command(live, "add", policy)["undecided"] > 0
    assert {item["id"] for item in command(live, "list")["policies"]} == set(POLICIES)
    uscc = next(iter(live.subjects.values()))
    live.service.enrol(uscc)
    told = live.service.call("GET", f"/policies/{uscc}")
    assert told["policies"] == [], "none is in force before its tags are decided"
    (library,) = [item for item in told["libraries"] if item["id"] == LIBRARY]
    assert library["flags"]["needed"] == 7
    missing = live.service.call("POST", f"/policies/{uscc}/missing", {"model": LIBRARY})["missing"]
    assert len(missing) == 7 - library["flags"]["met"], "the enterprise alone is told which"


def command(live: LiveZone, *arguments: str) -> dict[str, Any]:
    """The JSON answer of ``xinqiao policy``."""
    config = live.out / "config" / "gateway.toml"
    line = [sys.executable, "-m", "xinqiao", "policy", *arguments, "--config", str(config), "--json"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=900, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def expected(model: Model, population: Population, subjects: dict[str, str]) -> dict[str, int]:
    """Criteria met by subject, in hundredths, from the records in the clear."""
    codes = {uscc: subject for subject, uscc in subjects.items()}
    own = {firm.uscc: {name: value for name, value in firm.values.items() if name in model.fields} for firm in population.firms}
    return {codes[uscc]: score_plain(model, record).total for uscc, record in own.items()}
