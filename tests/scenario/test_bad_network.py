"""A whole zone over a network that loses, delays, doubles and reorders calls: totals exact, nothing lost, nothing counted twice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simulators.zone.configs import read_endpoints
from tests.support.faults.invariants import check_answer, check_invariants
from tests.support.faults.network import ANSWER_LOST, CALL_FAULTS, CUT, REQUEST_LOST, CallProxy, ConnectionProxy
from tests.support.faults.zone import Supervisor, faulty_zone, make_faulty_zone, redirect

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.xdist_group("network"), pytest.mark.timeout(1800)]
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))  # nightly runs set more


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_over_a_bad_network_an_epoch_and_its_releases_are_exact(tmp_path: Path, seed: int) -> None:
    out = tmp_path / "zone"
    population, ends = make_faulty_zone(out), read_endpoints(out)
    gateway = ends["gateway"].removeprefix("https://")
    with (
        CallProxy(out, "coordinator", ends["coordinator"], seed) as coordinator,
        CallProxy(out, "log", ends["log"], seed) as log,
        ConnectionProxy(gateway, seed) as front,
    ):
        redirect(out, {ends["coordinator"]: coordinator.address, ends["log"]: log.address, gateway: front.address})
        with faulty_zone(out, population, f"https://{front.address}") as zone, Supervisor(zone.processes) as supervisor:
            zone.wait_ready()
            zone.evaluate()
            subject = zone.grant(seed % 20)
            for _ in range(3):
                check_answer(zone, subject, zone.query(subject)["total"])
            zone.portrait(seed % 20)
            for proxy in (coordinator, log, front):
                proxy.calm()
            check_invariants(zone, tmp_path / "copy")
            assert supervisor.ends == []
    assert coordinator.faults() | log.faults() == {*CALL_FAULTS, CUT}
    assert {REQUEST_LOST, ANSWER_LOST} <= set(front.met)
    assert zone.asked, "people noticed, and asked again"
