"""kill -9 before and after each durable write of every process of a zone; what must hold holds afterwards, and every total is right."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from nodes.runtime.clock import Timer
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import load_identity
from nodes.runtime.settings import Peer
from simulators.zone.configs import read_endpoints
from simulators.zone.layout import ZONE
from tests.support.faults.invariants import check_answer, check_invariants
from tests.support.faults.orders import Orders, durable_writes
from tests.support.faults.zone import FaultyZone, Supervisor, faulty_zone, make_faulty_zone

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.xdist_group("crashes"), pytest.mark.timeout(1800)]
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))  # nightly runs set more
CHANCE = 0.005  # at each of the two moments of a durable write
SET_ASIDE = "nodes/contributing/outbox:Outbox.set_aside commit"
PASSED_OVER = ("nodes/bank/consents:Consents.skip commit", "nodes/enterprise/store:Store.skip commit")
NEVER_REACHED = {  # why a process of an honest zone never takes a step -> prefixes of such steps
    "a command, not a process": ("nodes/auditor/evidence/archive", "nodes/auditor/report", "nodes/commands/"),
    "not waited for here: an auditor's draws, the end of an epoch's secret": (
        "nodes/auditor/draws/", "nodes/contributing/epoch_secrets:EpochSecrets.end",
    ),
    "made before any process starts": ("nodes/ceremony/",),
    "evidence against a log that forked": (
        "nodes/auditor/witness_state:WitnessState.keep_evidence", "nodes/runtime/replica/store:LogReplica._keep_evidence",
        "nodes/runtime/notices/heads:HeadComparison._keep_split",
    ),
    "no opening fails where all are honest": ("nodes/runtime/failures", "nodes/runtime/replica/disputes"),
    "a person's word on what is in quarantine": ("nodes/department/records/deliveries:Intake.correct", "nodes/department/records/quarantine:"),
    "no department here has people of its own": (
        "nodes/contributing/four_eyes/book:FourEyes.admits", "nodes/contributing/four_eyes/book:FourEyes.decide",
        "nodes/contributing/four_eyes/people",
    ),
    "no model here sums over banks": ("nodes/bank/borrowers",),
    "the folder of records is always there": (
        "nodes/department/records/deliveries:Intake.failing", "nodes/department/records/deliveries:Intake.works",
    ),
    "the coordinator refuses nothing honest": ("nodes/contributing/outbox:Outbox.refused",),
    "an operator's word in a re-sharing": ("nodes/custodian/shares/approvals",),
    "kept only where it comes before the log shows it": ("nodes/custodian/revocations",),
}  # fmt: skip


def reachable() -> set[str]:
    """Steps at which a process of an honest zone can die."""
    never = tuple(prefix for prefixes in NEVER_REACHED.values() for prefix in prefixes)
    return {step for step in durable_writes() if not step.startswith(never)}


@pytest.fixture
def orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Orders:
    return Orders(tmp_path / "faults").install(monkeypatch)


def test_killed_before_and_after_each_durable_write_a_zone_loses_nothing_and_counts_nothing_twice(tmp_path: Path, orders: Orders) -> None:
    population = make_faulty_zone(tmp_path / "zone")
    records = tmp_path / "zone" / "records" / "ip-zhejiang" / "1995.csv"
    late = threading.Thread(target=bring, args=(records.rename(tmp_path / "1995.csv"), records, orders))
    storm = ExitStack()
    storm.enter_context(orders.killing())
    with storm, faulty_zone(tmp_path / "zone", population) as zone, Supervisor(zone.processes) as supervisor:
        zone.wait_ready(600)
        late.start()
        zone.evaluate()
        late.join()
        subject = zone.grant(0)
        check_answer(zone, subject, zone.query(subject)["total"])
        assert zone.grant(0) == subject  # a second consent: the row that is there is said again
        check_answer(zone, subject, zone.query(subject)["total"])
        zone.portrait(1)
        for member in ("bank-b", "enterprise-binjiang"):
            greet(zone, member)
        wait_for(lambda: {(step, "after") for step in PASSED_OVER} <= orders.killed())
        storm.close()
        supervisor.cut_power()
        zone.wait_ready()
        check_invariants(zone, tmp_path / "copy")
        assert supervisor.unexpected() == []
        missed = {(step, moment) for step in reachable() for moment in ("before", "after")} - orders.killed()
        assert sorted(missed) == []


def bring(kept: Path, records: Path, orders: Orders) -> None:
    """A department gets its records only after it had to set its work aside for want of them."""
    wait_for(lambda: (SET_ASIDE, "after") in orders.killed())
    kept.rename(records)


def greet(zone: FaultyZone, member: str) -> None:
    """A member is sent a message about something that is none of its business: it passes it over."""
    identity = load_identity(ZONE, "bank-a", zone.out / "members" / "bank-a", zone.out / "public" / "ca.pem")
    client = ExchangeClient(identity, Peer(member="coordinator", address=read_endpoints(zone.out)["coordinator"]))
    zone.patiently(lambda: client.relay(member, "greeting", b"sealed"))
    client.close()


def wait_for(holds: Callable[[], bool]) -> None:
    """Return when it holds."""
    timer = Timer(600)
    while not holds():
        assert timer.left_s() > 0
        threading.Event().wait(0.2)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_killed_again_and_again_by_chance_a_zone_loses_nothing_and_counts_nothing_twice(tmp_path: Path, orders: Orders, seed: int) -> None:
    population = make_faulty_zone(tmp_path / "zone")
    with faulty_zone(tmp_path / "zone", population) as zone:
        zone.wait_ready()
        check_invariants(zone, tmp_path / "copy")
        with orders.killing_by_chance(seed, CHANCE):
            kill_all(zone)
            with Supervisor(zone.processes) as supervisor:
                zone.evaluate()
                subject = zone.grant(seed % 20)
                check_answer(zone, subject, zone.query(subject)["total"])
        kill_all(zone)
        zone.wait_ready()
        check_invariants(zone, tmp_path / "copy")
        assert supervisor.unexpected() == []
        assert orders.killed_by_chance() >= 3


def kill_all(zone: FaultyZone) -> None:
    """Every process dies, and all are started anew."""
    for name in zone.processes.names():
        zone.processes.kill(name)
    zone.processes.start()
