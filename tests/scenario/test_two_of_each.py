"""Two coordinators and two gateways behind one PostgreSQL: whichever is killed, or stopped and woken again, nothing is lost or counted twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nodes.runtime.entry import EXIT_AGAIN, EXIT_FATAL
from nodes.runtime.peers.identity import load_signing_key
from simulators.demo.people import score_request
from tests.support.faults.invariants import check_answer, check_invariants
from tests.support.faults.population import product
from tests.support.faults.zone import FOUNDING, PACK, PATIENCE_S, Supervisor
from tests.support.postgresql import Server
from tests.support.twins import PAIRS, Twins, twin_zone
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.xdist_group("twins"), pytest.mark.timeout(900)]
EPOCH, YEAR = "e1995", "1995"


@pytest.fixture(scope="module")
def twins(postgresql: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    """The zone whose one epoch was opened, contributed to, opened in bulk and released while leading processes were killed."""
    with twin_zone(tmp_path_factory.mktemp("twins") / "zone", postgresql) as twins:
        twins.zone.wait_ready(300)
        yield twins


@pytest.fixture(scope="module")
def supervisor(twins: Twins) -> Iterator[Supervisor]:
    with Supervisor(twins.zone.processes) as supervisor:
        yield supervisor


@pytest.fixture(scope="module")
def released(twins: Twins, supervisor: Supervisor) -> Twins:
    """The epoch released, with a coordinator and a gateway killed in the middle of contributions and again in the middle of the opening."""
    zone = twins.zone
    zone.patiently(lambda: zone.authority.open_epoch(EPOCH, YEAR, PACK), FOUNDING)
    until(lambda: 0 < columns(twins) < len(status(twins)["columns"]) or columns(twins) == len(status(twins)["columns"]), timeout_s=120)
    for pair in PAIRS:
        twins.kill_leader(pair)
    zone.patiently(lambda: zone.authority.wait_for_columns(EPOCH, PATIENCE_S, lambda _done, _total: None))
    zone.patiently(lambda: zone.authority.call("POST", f"/v1/epochs/{EPOCH}:close", {"allow_absent": False}))
    for pair in PAIRS:
        twins.kill_leader(pair)
    zone.patiently(lambda: zone.authority.release(EPOCH, PATIENCE_S, lambda _done, _total: None))
    return twins


def status(twins: Twins) -> dict:  # type: ignore[type-arg]  # as the interface gives it
    return twins.zone.patiently(lambda: twins.zone.authority.call("GET", f"/v1/epochs/{EPOCH}"))


def columns(twins: Twins) -> int:
    return sum(column["received"] for column in status(twins)["columns"])


def test_killed_in_contributions_and_openings_an_epoch_is_exact(released: Twins, tmp_path: Path) -> None:
    check_invariants(on_its_public_address(released).zone, tmp_path / "copy")


@pytest.mark.parametrize("pair", PAIRS)
def test_a_bank_gets_its_receipt_when_the_one_that_serves_it_is_killed(released: Twins, pair: str) -> None:
    zone = released.zone
    subject = zone.grant(PAIRS.index(pair))
    with ThreadPoolExecutor(1) as pool:
        for _ in range(3):
            asked = pool.submit(zone.query, subject)
            killed = released.kill_leader(pair)
            answer = asked.result()
            check_answer(zone, subject, answer["total"])
            assert zone.banks["bank-a"].receipt(answer["receipt_id"])
            assert released.wait_for_leader(pair, killed) != killed or zone.processes.alive(killed)


def test_a_stopped_coordinator_that_wakes_writes_nothing_and_stands_by(released: Twins, supervisor: Supervisor) -> None:
    zone = released.zone
    with released.stopped_leader("coordinator") as stopped:
        subject = zone.grant(2)  # rows are contributed and a consent is logged meanwhile
        check_answer(zone, subject, zone.query(subject)["total"])
        assert released.leader("coordinator") == released.other(stopped)
    until(lambda: (stopped, EXIT_AGAIN) in supervisor.ends, timeout_s=120)
    check_answer(zone, subject, zone.query(subject)["total"])
    zone.wait_ready()
    assert released.leader("coordinator") == released.other(stopped)


def test_a_stopped_gateway_that_wakes_stands_by(released: Twins, supervisor: Supervisor) -> None:
    zone = released.zone
    subject = zone.grant(3)
    with released.stopped_leader("gateway") as stopped:
        check_answer(zone, subject, zone.query(subject)["total"])
        assert released.leader("gateway") == released.other(stopped)
    until(lambda: (stopped, EXIT_AGAIN) in supervisor.ends, timeout_s=120)


def test_a_request_replayed_at_the_other_gateway_is_refused(released: Twins) -> None:
    zone = released.zone
    subject = zone.grant(4)
    (consent,) = [item["id"] for item in zone.banks["bank-a"].call("GET", "/consents")["consents"] if item["subject"] == subject]
    signer = load_signing_key("bank-a", zone.out / "members" / "bank-a" / "sign.pem")
    request = score_request(signer, zone.gateway.base, subject, product(), consent)
    first = zone.gateway.send(request)
    assert first.status_code in {200, 202}, first.text
    killed = released.kill_leader("gateway")
    released.wait_for_leader("gateway", killed)
    again = zone.patiently(lambda: zone.gateway.send(request))
    while again.status_code == 503:  # the other one has the lease and does not act yet
        threading.Event().wait(0.2)
        again = zone.patiently(lambda: zone.gateway.send(request))
    assert (again.status_code, json.loads(again.content)["reason"]) == (409, "REQUEST_REPLAYED")


def test_when_the_database_was_away_one_of_each_leads_again_and_nothing_is_lost(released: Twins, supervisor: Supervisor, tmp_path: Path) -> None:
    zone = released.zone
    released.server.stop()
    threading.Event().wait(1.0)
    released.server.start()
    zone.wait_ready()
    subject = zone.grant(5)
    check_answer(zone, subject, zone.query(subject)["total"])
    assert {code for _, code in supervisor.unexpected()} <= {EXIT_AGAIN, EXIT_FATAL}
    check_invariants(on_its_public_address(released).zone, tmp_path / "copy")


def on_its_public_address(twins: Twins) -> Twins:
    """With the gateway acting that listens where the public base leads: an auditor reads there."""
    while twins.wait_for_leader("gateway") != "gateway":
        twins.kill_leader("gateway")
        twins.wait_for_leader("gateway", "gateway-2")
    twins.zone.wait_ready()
    return twins
