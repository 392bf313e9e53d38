"""kill -9 before and after each durable write of every process of a zone; what must hold holds afterwards, and every total is right."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from nodes.contributing.four_eyes.people import add_person
from nodes.coordinator.keeping.outbox import Outbox
from nodes.errors import NodeError
from nodes.evidence.archive import Archive
from nodes.evidence.roots import Roots
from nodes.recovery.keys import make_recovery_key, read_recovery_key
from nodes.recovery.sealing import BACKUP
from nodes.recovery.unsealing import open_backup
from nodes.runtime.database import open_database
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import load_identity
from nodes.runtime.settings import Peer
from nodes.runtime.web.gateway_client import GatewayClient
from simulators.zone.configs import read_endpoints
from simulators.zone.layout import ZONE
from tests.support.faults.invariants import check_answer, check_invariants
from tests.support.faults.orders import Orders, durable_writes
from tests.support.faults.population import PERIOD
from tests.support.faults.zone import FaultyZone, Supervisor, faulty_zone, make_faulty_zone
from tests.support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.xdist_group("crashes"), pytest.mark.timeout(1800)]
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))  # nightly runs set more
RECOVERY_KEY = "recovery.key"
OFFICE, TAX, DISPUTED, FILED = "ip-zhejiang", "tax-hangzhou", "sales_musd", "sales_musd_previous"
PASSWORDS = {"li-wei": "password of li-wei", "wang-fang": "password of wang-fang"}
CHANCE = 0.005  # at each of the two moments of a durable write
SET_ASIDE = "nodes/contributing/outbox:Outbox.set_aside commit"
PASSED_OVER = ("nodes/bank/consents:Consents.skip commit", "nodes/enterprise/store:Store.skip commit")
NEVER_REACHED = {  # why a process of an honest zone never takes a step -> prefixes of such steps
    "a command, not a process": (
        "nodes/evidence/archive", "nodes/auditor/report", "nodes/commands/", "nodes/coordinator/keeping/outbox:Outbox.restore",
        "nodes/coordinator/keeping/store:Store.begin_work", "nodes/recovery/handing", "nodes/recovery/keys", "nodes/recovery/receipts",
        "nodes/runtime/backups/",
    ),
    "no peer zone is here: its node is killed at each of its writes in test_peering": (
        "gateway/recognition/", "nodes/coordinator/keeping/outbox:Outbox.withdraw", "nodes/enterprise/credentials/", "nodes/peering/",
    ),
    "what an older program kept, or did not keep": (
        "nodes/runtime/migrations/upgrading:_copy", "nodes/runtime/replica/store:LogReplica.complete",
    ),
    "not waited for here: an auditor's draws, the end of an epoch's secret": (
        "nodes/auditor/draws/", "nodes/contributing/epoch_secrets:EpochSecrets.end",
    ),
    "made before any process starts": ("nodes/ceremony/",),
    "a log that forked, or lost what it had published": (
        "gateway/explorer/index:LeafIndex._forget",
        "nodes/auditor/witness_state:WitnessState.keep_evidence", "nodes/runtime/replica/store:LogReplica._keep_evidence",
        "nodes/runtime/notices/heads:HeadComparison._keep_split",
    ),
    "no opening fails where all are honest": ("nodes/runtime/failures", "nodes/runtime/replica/disputes"),
    "two persons were asked for only after something had been put out unsigned": ("nodes/contributing/four_eyes/book:FourEyes.admits",),
    "a person's word on what is in quarantine": ("nodes/records/deliveries:Intake.correct", "nodes/records/quarantine:"),
    "a command that works beside the node": ("nodes/contributing/four_eyes/people", "nodes/department/values/book:ValueBook.examined"),
    "what people do on an application's pages": (
        "gateway/cockpit/", "gateway/policies/", "gateway/pool/", "gateway/publications/", "nodes/bank/loans/",
        "nodes/department/values/book:ValueBook.keep_word", "nodes/enterprise/entrance/", "nodes/lending/", "nodes/runtime/pages/",
    ),
    "no model here sums over banks": ("nodes/bank/borrowers",),
    "the folder of records is always there": (
        "nodes/records/deliveries:Intake.failing", "nodes/records/deliveries:Intake.works",
    ),
    "kept in PostgreSQL alone": (
        "nodes/coordinator/keeping/blobs:BlobRows", "nodes/runtime/replica/store:open_copy", "nodes/runtime/shared:",
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
    with_people(tmp_path / "zone")
    sealing_for_peers(tmp_path / "zone")
    records = tmp_path / "zone" / "records" / OFFICE / "1995.csv"
    late = threading.Thread(target=bring, args=(records.rename(tmp_path / "1995.csv"), records, orders))
    storm = ExitStack()
    storm.enter_context(orders.killing())
    with storm, faulty_zone(tmp_path / "zone", population) as zone, Supervisor(zone.processes) as supervisor:
        zone.wait_ready(600)
        late.start()
        with signing(zone):
            zone.evaluate()
        late.join()
        subject = zone.grant(0)
        check_answer(zone, subject, zone.query(subject)["total"])
        assert zone.grant(0) == subject  # a second consent: the row that is there is said again
        check_answer(zone, subject, zone.query(subject)["total"])
        zone.portrait(1)
        speak_of_values(zone, 1)
        for member in ("bank-b", "enterprise-binjiang"):
            greet(zone, member)
        until(lambda: {(step, "after") for step in PASSED_OVER} <= orders.killed(), "every step was killed", 600)
        storm.close()
        supervisor.cut_power()
        zone.wait_ready()
        check_invariants(zone, tmp_path / "copy")
        check_sealed(zone, tmp_path / "copy", tmp_path / "opened")
        assert supervisor.unexpected() == []
        missed = {(step, moment) for step in reachable() for moment in ("before", "after")} - orders.killed()
        assert sorted(missed) == []


def bring(kept: Path, records: Path, orders: Orders) -> None:
    """A department gets its records only after it had to set its work aside for want of them."""
    until(lambda: (SET_ASIDE, "after") in orders.killed(), "what is set aside was killed", 600)
    kept.rename(records)


def with_people(out: Path) -> None:
    """An office under four eyes with two people, and a tax bureau that enterprises may file with."""
    settings = out / "config" / f"{OFFICE}.toml"
    people = ", ".join(f'"{name}"' for name in PASSWORDS)
    desk = f'\n[department.desk]\nlisten = "127.0.0.1:0"\npeople_dir = "../people"\npeople = [{people}]\napproval = "two-persons"\n'
    settings.write_text(settings.read_text(encoding="utf-8") + desk, encoding="utf-8")
    for name, password in PASSWORDS.items():
        add_person(out / "people", name, "", password)
    tax = out / "config" / f"{TAX}.toml"
    tax.write_text(tax.read_text(encoding="utf-8").replace("[department]\n", f'[department]\nself_filed = ["{FILED}"]\n'), encoding="utf-8")


def sealing_for_peers(out: Path) -> None:
    """The coordinator seals the log, with all that it names, for peers to keep."""
    make_recovery_key(ZONE, out / RECOVERY_KEY, out / "public" / "recovery.pub")
    settings = out / "config" / "coordinator.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("[coordinator]\n", '[coordinator]\nrecovery_key = "../public/recovery.pub"\n'), encoding="utf-8")


def check_sealed(zone: FaultyZone, copy: Path, opened: Path) -> None:
    """What was sealed, with a kill at each of its steps, is every chunk once, opens, and lacks nothing that the auditor's ``copy`` has."""
    size = int((Archive.find(copy).checkpoint() or b"").splitlines()[1])
    engine = open_database(zone.out / "state" / "coordinator", "coordinator")
    outbox, stream = Outbox(engine), "coordinator/"
    until(lambda: int((outbox.newest(BACKUP, stream) or ("0",))[0].rpartition("/")[2]) >= size, f"{size} leaves are sealed")
    chunks = [item.content or b"" for item in outbox.after(BACKUP, 0, most_bytes=1 << 30, most_items=1 << 20)]
    engine.dispose()
    found = open_backup(chunks, read_recovery_key(zone.out / RECOVERY_KEY, ZONE), Roots.load(zone.out / "public"), Archive(opened / "log", opened))
    assert found.size >= size
    assert found.missing == []


@contextmanager
def signing(zone: FaultyZone) -> Iterator[None]:
    """While the block runs, both people of the office look again and again at what is held, and sign it."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.5):
            for name in PASSWORDS:
                with suppress(OSError, NodeError):  # the office is not there, or has this person's word already: both look again
                    sign(zone, name)

    people = threading.Thread(target=work)
    people.start()
    try:
        yield
    finally:
        over.set()
        people.join()


def sign(zone: FaultyZone, name: str) -> None:
    """One person signs all that is held, by the office's interface for commands."""
    with GatewayClient(f"http://127.0.0.1:{zone.processes.ready(OFFICE)['port']}", login=(name, PASSWORDS[name])) as desk:
        for epoch in desk.get("/api/outgoing")["epochs"]:
            for item in epoch["contributions"]:
                if item["state"] == "held":
                    desk.post("/api/decisions", {"contributions": [item["contribution"]], "verdict": "approve"})


def speak_of_values(zone: FaultyZone, number: int) -> None:
    """An enterprise is shown its values, disputes one of them and files another."""
    about = {"uscc": zone.population.firms[number].uscc, "department": TAX, "period": PERIOD}

    def said() -> bool:
        shown = {item["field"]: item for item in zone.service.call("POST", "/values", about)["values"]}
        answers = [{"field": DISPUTED, "version": shown[DISPUTED]["version"], "confirmed": False, "note": "our return says otherwise"}]
        filings = [{"field": FILED, "value": "12.5"}]
        told = zone.service.call("POST", "/values/answers", {**about, "answers": answers, "filings": filings})
        states = {item["field"]: item["state"] for item in told["values"]}
        return (states[DISPUTED], [item["field"] for item in told["filings"]]) == ("disputed", [FILED])

    assert zone.patiently(said)


def greet(zone: FaultyZone, member: str) -> None:
    """A member is sent a message about something that is none of its business: it passes it over."""
    identity = load_identity(ZONE, "bank-a", zone.out / "members" / "bank-a", zone.out / "public" / "ca.pem")
    client = ExchangeClient(identity, Peer(member="coordinator", address=read_endpoints(zone.out)["coordinator"]))
    zone.patiently(lambda: client.relay(member, "greeting", b"sealed"))
    client.close()


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
