"""``xinqiao doctor`` at a real log over mutual TLS: every check is made to fail for real, and says what to do."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from nodes.commands.doctor import own
from nodes.commands.doctor.command import CHECKS, examine
from nodes.commands.doctor.findings import Finding
from nodes.custodian.shares.holding import Holding, write_holding
from nodes.errors import NotReadyError
from nodes.runtime.database import open_database
from nodes.runtime.files import write_private
from nodes.runtime.observing import gauges
from nodes.runtime.observing.http import health_app
from nodes.runtime.peers.identity import load_private_key, member_uri
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.peers.revoked import LIST_NAME
from nodes.runtime.process import READY_FILE
from nodes.runtime.web.server import WebServer
from simulators.zone.authority import CertificateAuthority
from tests.scenario.log_witness import WitnessDouble
from tests.scenario.log_zone import ZONE, LogProcess, Zone, make_zone, running_log
from tests.support.waiting import until

CHECKS_OF = {
    "files": ("private files",),
    "certificate": ("certificate",),
    "keys": ("keys",),
    "share": ("share",),
    "disk": ("disk",),
    "database": ("databases",),
    "schema": ("versions of the databases",),
    "pins": ("pins",),
    "process": ("process",),
    "peer": ("peers", "gateway"),
    "clock": ("gateway", "log and witnesses"),
    "log": ("log and witnesses",),
    "witnesses": ("log and witnesses",),
}
pytestmark = pytest.mark.slow
DAY = datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def zone(tmp_path_factory: pytest.TempPathFactory) -> Zone:
    return make_zone(tmp_path_factory.mktemp("zone") / "z")


@pytest.fixture(scope="module")
def log(zone: Zone) -> Iterator[LogProcess]:
    """A running log whose one witness has signed its first leaf."""
    with running_log(zone) as running:
        double = WitnessDouble(zone.identities["auditor"], zone.witness_signer("auditor"), zone.registry.log_vkey)
        double.start(running.peer)
        client = LogClient(zone.identities["bank-a"], running.peer)
        client.checkpoint(1, 30)
        client.close()
        yield running
        double.stop()


@dataclass
class Patient:
    """A bank's process, as its operator has it: a configuration, keys, state, the zone's public files, all of them its own copies."""

    zone: Zone
    root: Path
    config: Path

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def public(self) -> Path:
        return self.root / "public"

    def findings(self, off_s: float = 0.0, only: str = "") -> list[Finding]:
        """What all checks find, by a clock that is so far ahead, or those that make findings of the kind ``only``."""
        checks = [item for item in CHECKS if not only or item[0] in CHECKS_OF.get(only, ())]
        return list(examine(self.config, lambda: time.time() + off_s, lambda _text: None, checks))

    def write(self, text: Callable[[str], str]) -> None:
        self.config.write_text(text(self.config.read_text(encoding="utf-8")), encoding="utf-8")

    def certificate(
        self, uris: list[str], begins: datetime.timedelta = -DAY, lasts: datetime.timedelta = 90 * DAY, ca: CertificateAuthority | None = None
    ) -> x509.Certificate:
        """Put a certificate of the zone's CA, or of another, for this member's TLS key in place."""
        key = load_private_key(self.keys / "tls-key.pem")
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        authority = ca or authority_of(self.zone)
        begin = datetime.datetime.now(datetime.UTC) + begins
        builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(authority.certificate.subject).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(begin + lasts)
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in uris])
        made = builder.add_extension(names, critical=True).sign(authority.key, hashes.SHA256())
        (self.keys / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
        return made


def authority_of(zone: Zone) -> CertificateAuthority:
    certificate = x509.load_pem_x509_certificate((zone.root / "public" / "ca.pem").read_bytes())
    key = load_private_key(zone.root / "ca" / "ca-key.pem")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return CertificateAuthority(certificate, key)


@pytest.fixture
def patient(zone: Zone, log: LogProcess, tmp_path: Path) -> Patient:
    return admitted(zone, log, tmp_path, "bank-a")


def admitted(zone: Zone, log: LogProcess, root: Path, member: str) -> Patient:
    """A member's process, well in every respect but that it has no coordinator to call."""
    shutil.copytree(zone.root / "members" / member, root / "keys")
    shutil.copytree(zone.root / "public", root / "public")
    (root / "state").mkdir(mode=0o700)
    config = root / "bank.toml"
    config.write_text(
        f'member = "{member}"\nzone = "{ZONE}"\nstate_dir = "state"\nkeys_dir = "keys"\npublic_dir = "public"\n\n'
        f'[peers.log]\nmember = "log"\naddress = "{log.peer.address}"\n\n'
        '[bank]\nlisten = "127.0.0.1:0"\ngateway = "https://127.0.0.1:1"\n',
        encoding="utf-8",
    )
    open_database(root / "state", "bank").dispose()
    write_private(root / "state" / READY_FILE, json.dumps({"pid": os.getpid()}).encode())
    return Patient(zone, root, config)


def of(findings: list[Finding], check: str) -> list[Finding]:
    return [finding for finding in findings if finding.check == check]


def wrong(patient: Patient, check: str, says: str, off_s: float = 0.0) -> None:
    """The check finds an error that says ``says`` and what to do."""
    found = [finding for finding in of(patient.findings(off_s, check), check) if finding.level == "error"]
    assert any(says in finding.says for finding in found), (check, found)
    assert all(finding.action for finding in found)


# --- the process's own machine ---


def test_what_is_well_is_said_to_be_well(patient: Patient) -> None:
    findings = patient.findings()
    for check in ("settings", "files", "certificate", "keys", "disk", "database", "schema"):
        assert {finding.level for finding in of(findings, check)} == {"ok"}, of(findings, check)
    (log,) = [finding for finding in of(findings, "peer") if finding.about.startswith("log ")]
    assert (log.level, log.says) == ("ok", "serves, over mutual TLS, under its own name")
    assert [finding.level for finding in of(findings, "log")] == ["ok"]
    assert [finding.level for finding in of(findings, "witnesses")] == ["ok"]


def test_a_configuration_with_an_unknown_key_is_said_and_the_rest_is_looked_at(patient: Patient) -> None:
    patient.write(lambda text: text + "spelt_wrongly = 1\n")
    wrong(patient, "settings", "bank.spelt_wrongly: unknown key")
    assert of(patient.findings(only="certificate"), "certificate")[0].level == "ok"


def test_a_key_that_others_can_read_is_found(patient: Patient) -> None:
    (patient.keys / "sign.pem").chmod(0o640)
    wrong(patient, "files", "others than its owner may use it")
    (patient.keys / "sign.pem").chmod(0o600)
    patient.state.chmod(0o755)
    wrong(patient, "files", "0755")


def test_a_certificate_that_ends_ended_or_begins_later_is_found(patient: Patient) -> None:
    uri = [member_uri(ZONE, "bank-a")]
    patient.certificate(uri, lasts=10 * DAY)
    (found,) = of(patient.findings(only="certificate"), "certificate")
    assert (found.level, found.says) == ("warning", "it ends in 9 days")
    assert found.action
    patient.certificate(uri, begins=-2 * DAY, lasts=DAY)
    wrong(patient, "certificate", "it ended on")
    patient.certificate(uri, begins=DAY)
    wrong(patient, "certificate", "it begins only on")


def test_a_certificate_of_another_member_ca_or_key_is_found(patient: Patient) -> None:
    patient.certificate([member_uri(ZONE, "bank-b")])
    wrong(patient, "certificate", "it must name exactly xinqiao://test-zone/bank-a")
    patient.certificate([member_uri(ZONE, "bank-a")], ca=CertificateAuthority.create("foreign"))
    wrong(patient, "certificate", "did not issue it")
    shutil.copy(patient.zone.root / "members" / "auditor" / "tls-key.pem", patient.keys / "tls-key.pem")
    wrong(patient, "certificate", "it is not the certificate of tls-key.pem")
    (patient.keys / "cert.pem").unlink()
    wrong(patient, "certificate", "cannot be read")


def test_a_revoked_certificate_is_found(patient: Patient) -> None:
    made, authority = patient.certificate([member_uri(ZONE, "bank-a")]), authority_of(patient.zone)
    now = datetime.datetime.now(datetime.UTC)
    entry = x509.RevokedCertificateBuilder().serial_number(made.serial_number).revocation_date(now).build()
    builder = x509.CertificateRevocationListBuilder().issuer_name(authority.certificate.subject).last_update(now).next_update(now + DAY)
    (patient.public / LIST_NAME).write_bytes(builder.add_revoked_certificate(entry).sign(authority.key, hashes.SHA256()).public_bytes(Encoding.PEM))
    wrong(patient, "certificate", "list of revoked certificates names it")


def test_a_key_that_is_missing_or_not_the_registered_one_is_found(patient: Patient) -> None:
    shutil.copy(patient.zone.root / "members" / "auditor" / "sign.pem", patient.keys / "sign.pem")
    found = [finding for finding in of(patient.findings(only="keys"), "keys") if finding.about == "sign.pem"]
    assert [finding.level for finding in found] == ["warning"]
    assert "is not the key that the pinned registry names" in found[0].says
    (patient.keys / "sign.pem").unlink()
    wrong(patient, "keys", "sign.pem")


def test_a_damaged_or_foreign_registry_is_found(patient: Patient) -> None:
    registry = patient.public / "registry.dsse.json"
    registry.write_bytes(registry.read_bytes()[:-20])
    wrong(patient, "registry", "")
    registry.unlink()
    wrong(patient, "registry", "is missing")


def test_a_share_that_does_not_open_is_found(patient: Patient) -> None:
    passphrase = patient.root / "passphrase"
    patient.write(lambda text: text.partition("[bank]")[0] + f'[custodian]\npassphrase_file = "{passphrase}"\n')
    wrong(patient, "share", "passphrase")
    write_private(passphrase, b"of another custodian")
    assert [finding.level for finding in of(patient.findings(only="share"), "share")] == ["warning"], "none yet"
    (patient.state / "custodian").mkdir(mode=0o700)
    write_holding(patient.state / "custodian" / "share.json", Holding(), b"its own")
    wrong(patient, "share", "the passphrase is another one")
    write_private(passphrase, b"its own\n")
    assert [finding.level for finding in of(patient.findings(only="share"), "share")] == ["ok"]


def test_a_disk_that_is_full_nearly_so_or_not_there_is_found(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    free = shutil.disk_usage(patient.state).free
    monkeypatch.setattr(own, "LOW_BYTES", free * 2)  # limits beside what this machine has
    assert [finding.level for finding in of(patient.findings(only="disk"), "disk")] == ["warning"]
    monkeypatch.setattr(own, "LEAST_BYTES", free * 2)
    wrong(patient, "disk", "GiB free")
    shutil.rmtree(patient.state)
    wrong(patient, "disk", "No such file")


def test_a_database_that_is_locked_damaged_or_not_there_is_found(patient: Patient) -> None:
    file = patient.state / "bank.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        wrong(patient, "database", "another program holds its lock")
        other.execute("ROLLBACK")
    file.write_bytes(b"no database " * 400)
    wrong(patient, "database", "not a database")
    file.unlink()
    assert [finding.level for finding in of(patient.findings(only="database"), "database")] == ["warning"]


def test_a_database_of_an_older_or_newer_program_is_found(patient: Patient) -> None:
    with closing(sqlite3.connect(patient.state / "bank.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = 'bank_9999'")
        database.commit()
        wrong(patient, "schema", "a newer program wrote it: it is at bank_9999")
        database.execute("DELETE FROM alembic_version")
        database.commit()
        (found,) = of(patient.findings(only="schema"), "schema")
        assert (found.level, found.about) == ("warning", "bank.db")
        database.execute("INSERT INTO alembic_version VALUES ('elsewhere_0001')")
        database.commit()
    wrong(patient, "schema", "no database that this program knows")


def test_a_database_server_that_is_away_is_found_and_its_password_is_not_told(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINQIAO_DATABASE_URL", f"postgresql+psycopg://xinqiao:hunter2@127.0.0.1:{_free_port()}/bank")
    wrong(patient, "database", "onnection")
    assert "hunter2" not in repr(patient.findings())


# --- the others ---


def test_a_peer_that_nobody_answers_for_is_found(patient: Patient, log: LogProcess) -> None:
    patient.write(lambda text: text.replace(log.peer.address, f"127.0.0.1:{_free_port()}"))
    wrong(patient, "peer", "nobody answers: Connection refused")


def test_a_peer_that_is_another_member_or_of_another_zone_is_found(patient: Patient) -> None:
    patient.write(lambda text: text.replace('member = "log"', 'member = "coordinator"'))
    wrong(patient, "peer", "it is log.test-zone.xinqiao, localhost, not coordinator.test-zone.xinqiao")
    foreign = CertificateAuthority.create("foreign").certificate.public_bytes(Encoding.PEM)
    (patient.public / "ca.pem").write_bytes(foreign)
    patient.write(lambda text: text.replace('member = "coordinator"', 'member = "log"'))
    wrong(patient, "peer", "its certificate is not one of this zone's CA in force")


def test_a_peer_that_speaks_no_tls_is_found(patient: Patient, log: LogProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        patient.write(lambda text: text.replace(log.peer.address, f"127.0.0.1:{server.getsockname()[1]}"))
        server.settimeout(0)
        wrong(patient, "peer", "it does not speak TLS")


def test_a_peer_that_refuses_this_member_is_found(zone: Zone, log: LogProcess, tmp_path: Path) -> None:
    wrong(admitted(zone, log, tmp_path, "outsider"), "peer", "it refuses this member")


def test_a_peer_that_cannot_serve_is_found(patient: Patient, zone: Zone) -> None:
    state = zone.root / "state" / "log"
    away = state.rename(state.with_name("away"))
    try:
        heard = told_of_the_log(patient, "warning")
    finally:
        away.rename(state)
    assert heard.says == "it answers, and cannot serve now"
    told_of_the_log(patient, "ok")


def told_of_the_log(patient: Patient, level: str) -> Finding:
    """What is found about the log as a peer, once it is of this level: of its storage it says for two seconds what it found last."""

    def found() -> Finding | None:
        (peer,) = [finding for finding in of(patient.findings(only="peer"), "peer") if finding.about.startswith("log ")]
        return peer if peer.level == level else None

    peer = until(found, f"the log as a peer is {level}", 20)
    assert peer is not None
    return peer


@contextmanager
def gateway(zone: Zone, ready: Callable[[], None]) -> Iterator[str]:
    """The health of a gateway over TLS with the authority's certificate."""
    keys = zone.root / "members" / "log"  # a listening member's: it names this host
    server = WebServer(health_app(ready), "127.0.0.1:0", keys / "cert.pem", keys / "tls-key.pem")
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.port}"
    finally:
        server.stop()
        thread.join()


def test_a_gateway_that_is_away_not_ready_or_has_another_time_is_found(patient: Patient) -> None:
    wrong(patient, "peer", "Connection refused")
    missing: list[str] = []

    def ready() -> None:
        if missing:
            raise NotReadyError(missing[0])

    with gateway(patient.zone, ready) as base:
        patient.write(lambda text: text.replace("https://127.0.0.1:1", base))
        findings = patient.findings()
        assert {finding.level for finding in findings} == {"ok"}, [finding for finding in findings if finding.level != "ok"]
        wrong(patient, "clock", "s ahead of it", 100)
        wrong(patient, "clock", "s behind it", -100)
        missing.append("no usable key yet")
        (found,) = [finding for finding in of(patient.findings(only="peer"), "peer") if finding.about == base.replace("https://", "gateway at ")]
        assert (found.level, "no usable key yet" in found.says) == ("warning", True)
        (patient.public / "ca.pem").write_bytes(CertificateAuthority.create("foreign").certificate.public_bytes(Encoding.PEM))
        wrong(patient, "peer", "its certificate is not of this zone's CA")


def test_whether_the_process_runs_is_told(patient: Patient) -> None:
    def said() -> tuple[str, str]:
        (finding,) = of(patient.findings(only="process"), "process")
        return finding.level, finding.says

    (patient.state / READY_FILE).unlink()
    assert said() == ("warning", "it does not run, or is not ready yet")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for pid, found in ((os.getpid(), ("ok", f"it runs, as process {os.getpid()}")), (ended.pid, ("warning", "it does not run: "))):
        write_private(patient.state / READY_FILE, json.dumps({"pid": pid}).encode())
        assert said()[0] == found[0]
        assert said()[1].startswith(found[1])


def test_what_the_process_says_of_itself_is_told(patient: Patient) -> None:
    missing = ["storage: database is locked"]

    def ready() -> None:
        if missing:
            raise NotReadyError(missing[0])

    server = WebServer(health_app(ready), "127.0.0.1:0")
    patient.write(lambda text: text + f'\n[observe]\nlisten = "127.0.0.1:{server.port}"\n')
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wrong(patient, "process", "database is locked")
        missing.clear()
        assert [finding.level for finding in of(patient.findings(only="process"), "process")] == ["ok"]
        for left_s, level in ((400 * 86_400, "ok"), (10 * 86_400, "warning"), (-86_400, "error")):
            gauges.gauge("xinqiao_registry_seconds_left", "of a registry", partial(float, left_s))
            assert [finding.level for finding in of(patient.findings(only="process"), "registry")] == [level]
    finally:
        server.stop()
        thread.join()
    assert [finding.level for finding in of(patient.findings(only="process"), "process")] == ["warning"], "it does not run"


def test_of_two_instances_the_one_that_does_not_act_stands_by(patient: Patient) -> None:
    def stands_by() -> None:
        raise NotReadyError("lead: this instance stands by: ask the other one")

    with gateway(patient.zone, lambda: None) as acting, gateway(patient.zone, stands_by) as other:
        places = ",".join(base.removeprefix("https://") for base in (other, acting))
        patient.write(lambda text: text.replace('"https://127.0.0.1:1"', f'"https://127.0.0.1:1"\ngateway_addresses = "{places}"'))
        found = [finding for finding in of(patient.findings(only="peer"), "peer") if finding.about.startswith("gateway")]
        assert [(finding.level, finding.says) for finding in found] == [("ok", "stands by"), ("ok", "serves")]
    wrong(patient, "peer", "Connection refused")


# --- the log ---


def test_a_clock_behind_the_newest_cosignature_is_found(patient: Patient) -> None:
    wrong(patient, "clock", "in this machine's future", -10_000)


def test_a_log_that_shows_less_than_was_verified_is_found(patient: Patient) -> None:
    replica = patient.state / "replica"
    replica.mkdir(mode=0o700)
    (replica / "log-head.json").write_text(json.dumps({"size": 4711, "root": "00" * 32}), encoding="utf-8")
    (replica / "log-head.json").chmod(0o600)
    wrong(patient, "log", "4711 leaves were verified here")


def test_a_checkpoint_of_another_log_and_missing_witnesses_are_found(zone: Zone, tmp_path: Path) -> None:
    other = make_zone(tmp_path / "other")
    with running_log(other) as unwitnessed:
        patient = admitted(other, unwitnessed, tmp_path, "bank-a")
        levels = [(finding.level, finding.about) for later in (0, 200, 400) for finding in of(patient.findings(later, "witnesses"), "witnesses")]
        assert levels == [("ok", "waiting"), ("warning", "waiting"), ("error", "waiting")], "leaf 0 waits, and the policy allows 300 s"
        double = WitnessDouble(other.identities["auditor"], other.witness_signer("auditor"), other.registry.log_vkey)
        double.start(unwitnessed.peer)
        log = LogClient(other.identities["bank-a"], unwitnessed.peer)
        log.checkpoint(1, 30)
        double.stop()
        log.append(other.refusal("bank-a"))
        log.close()
        wrong(patient, "witnesses", "leaf 1 has waited", 400)
        shutil.copy(zone.root / "public" / "registry.dsse.json", patient.public / "registry.dsse.json")
        wrong(patient, "log", "it is not the log's that the pinned registry names")


def test_a_lost_pin_is_found(zone: Zone, log: LogProcess) -> None:
    config = zone.root / "log.toml"
    pin = zone.root / "state" / "log" / "head.pin"
    assert [finding.level for finding in examine(config, time.time, lambda _text: None) if finding.check == "pins"] == ["ok"]
    away = pin.rename(pin.with_name("away.pin"))
    try:
        found = [finding for finding in examine(config, time.time, lambda _text: None) if finding.check == "pins"]
    finally:
        away.rename(pin)
    assert [finding.level for finding in found] == ["error"]


# --- the command ---


def test_the_command_prints_one_document_and_exits_with_1_for_what_is_wrong(patient: Patient) -> None:
    ended = _command(patient.config)
    document = json.loads(ended.stdout)
    assert (ended.returncode, document["verdict"]) == (1, "error"), "its gateway is away"
    assert document["counts"]["ok"] > 5
    assert all(finding["action"] for finding in document["findings"] if finding["level"] != "ok")
    with gateway(patient.zone, lambda: None) as base:
        patient.write(lambda text: text.replace("https://127.0.0.1:1", base))
        ended = _command(patient.config)
    assert (ended.returncode, json.loads(ended.stdout)["verdict"]) == (0, "ok")


def _command(config: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "xinqiao", "doctor", "--config", str(config), "--json"]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
