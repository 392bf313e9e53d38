"""``xinqiao doctor`` on a process's own machine: every check is made to fail for real, and says what to do."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from functools import partial

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from nodes.commands.doctor import own
from nodes.custodian.shares.holding import Holding, write_holding
from nodes.errors import NotReadyError
from nodes.runtime.files import write_private
from nodes.runtime.observing import gauges
from nodes.runtime.observing.http import health_app
from nodes.runtime.peers.identity import member_uri
from nodes.runtime.peers.revoked import LIST_NAME
from nodes.runtime.process import READY_FILE
from nodes.runtime.web.server import WebServer
from simulators.zone.authority import CertificateAuthority
from tests.scenario.doctor.patient import DAY, Patient, assert_wrong, authority_of, free_port, of
from tests.scenario.log_zone import ZONE

pytestmark = pytest.mark.slow


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
    assert_wrong(patient, "settings", "bank.spelt_wrongly: unknown key")
    assert of(patient.findings(only="certificate"), "certificate")[0].level == "ok"


def test_a_key_that_others_can_read_is_found(patient: Patient) -> None:
    (patient.keys / "sign.pem").chmod(0o640)
    assert_wrong(patient, "files", "others than its owner may use it")
    (patient.keys / "sign.pem").chmod(0o600)
    patient.state.chmod(0o755)
    assert_wrong(patient, "files", "0755")


def test_a_certificate_that_ends_ended_or_begins_later_is_found(patient: Patient) -> None:
    uri = [member_uri(ZONE, "bank-a")]
    patient.certificate(uri, lasts=10 * DAY)
    (found,) = of(patient.findings(only="certificate"), "certificate")
    assert (found.level, found.says) == ("warning", "it ends in 9 days")
    assert found.action
    patient.certificate(uri, begins=-2 * DAY, lasts=DAY)
    assert_wrong(patient, "certificate", "it ended on")
    patient.certificate(uri, begins=DAY)
    assert_wrong(patient, "certificate", "it begins only on")


def test_a_certificate_of_another_member_ca_or_key_is_found(patient: Patient) -> None:
    patient.certificate([member_uri(ZONE, "bank-b")])
    assert_wrong(patient, "certificate", "it must name exactly xinqiao://test-zone/bank-a")
    patient.certificate([member_uri(ZONE, "bank-a")], ca=CertificateAuthority.create("foreign"))
    assert_wrong(patient, "certificate", "did not issue it")
    shutil.copy(patient.zone.root / "members" / "auditor" / "tls-key.pem", patient.keys / "tls-key.pem")
    assert_wrong(patient, "certificate", "it is not the certificate of tls-key.pem")
    (patient.keys / "cert.pem").unlink()
    assert_wrong(patient, "certificate", "cannot be read")


def test_a_revoked_certificate_is_found(patient: Patient) -> None:
    made, authority = patient.certificate([member_uri(ZONE, "bank-a")]), authority_of(patient.zone)
    now = datetime.datetime.now(datetime.UTC)
    entry = x509.RevokedCertificateBuilder().serial_number(made.serial_number).revocation_date(now).build()
    builder = x509.CertificateRevocationListBuilder().issuer_name(authority.certificate.subject).last_update(now).next_update(now + DAY)
    (patient.public / LIST_NAME).write_bytes(builder.add_revoked_certificate(entry).sign(authority.key, hashes.SHA256()).public_bytes(Encoding.PEM))
    assert_wrong(patient, "certificate", "list of revoked certificates names it")


def test_a_key_that_is_missing_or_not_the_registered_one_is_found(patient: Patient) -> None:
    shutil.copy(patient.zone.root / "members" / "auditor" / "sign.pem", patient.keys / "sign.pem")
    found = [finding for finding in of(patient.findings(only="keys"), "keys") if finding.about == "sign.pem"]
    assert [finding.level for finding in found] == ["warning"]
    assert "is not the key that the pinned registry names" in found[0].says
    (patient.keys / "sign.pem").unlink()
    assert_wrong(patient, "keys", "sign.pem")


def test_a_damaged_or_foreign_registry_is_found(patient: Patient) -> None:
    registry = patient.public / "registry.dsse.json"
    registry.write_bytes(registry.read_bytes()[:-20])
    assert_wrong(patient, "registry", "")
    registry.unlink()
    assert_wrong(patient, "registry", "is missing")


def test_a_share_that_does_not_open_is_found(patient: Patient) -> None:
    passphrase = patient.root / "passphrase"
    patient.write(lambda text: text.partition("[bank]")[0] + f'[custodian]\npassphrase_file = "{passphrase}"\n')
    assert_wrong(patient, "share", "passphrase")
    write_private(passphrase, b"of another custodian")
    assert [finding.level for finding in of(patient.findings(only="share"), "share")] == ["warning"], "none yet"
    (patient.state / "custodian").mkdir(mode=0o700)
    write_holding(patient.state / "custodian" / "share.json", Holding(), b"its own")
    assert_wrong(patient, "share", "the passphrase is another one")
    write_private(passphrase, b"its own\n")
    assert [finding.level for finding in of(patient.findings(only="share"), "share")] == ["ok"]


def test_a_disk_that_is_full_nearly_so_or_not_there_is_found(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    free = shutil.disk_usage(patient.state).free
    monkeypatch.setattr(own, "LOW_BYTES", free * 2)  # limits beside what this machine has
    assert [finding.level for finding in of(patient.findings(only="disk"), "disk")] == ["warning"]
    monkeypatch.setattr(own, "LEAST_BYTES", free * 2)
    assert_wrong(patient, "disk", "GiB free")
    shutil.rmtree(patient.state)
    assert_wrong(patient, "disk", "No such file")


def test_a_database_that_is_locked_damaged_or_not_there_is_found(patient: Patient) -> None:
    file = patient.state / "bank.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert_wrong(patient, "database", "another program holds its lock")
        other.execute("ROLLBACK")
    file.write_bytes(b"no database " * 400)
    assert_wrong(patient, "database", "not a database")
    file.unlink()
    assert [finding.level for finding in of(patient.findings(only="database"), "database")] == ["warning"]


def test_a_database_of_an_older_or_newer_program_is_found(patient: Patient) -> None:
    with closing(sqlite3.connect(patient.state / "bank.db")) as database:
        database.execute("UPDATE alembic_version SET version_num = 'bank_9999'")
        database.commit()
        assert_wrong(patient, "schema", "a newer program wrote it: it is at bank_9999")
        database.execute("DELETE FROM alembic_version")
        database.commit()
        (found,) = of(patient.findings(only="schema"), "schema")
        assert (found.level, found.about) == ("warning", "bank.db")
        database.execute("INSERT INTO alembic_version VALUES ('elsewhere_0001')")
        database.commit()
    assert_wrong(patient, "schema", "no database that this program knows")


def test_a_database_server_that_is_away_is_found_and_its_password_is_not_told(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XINQIAO_DATABASE_URL", f"postgresql+psycopg://xinqiao:hunter2@127.0.0.1:{free_port()}/bank")
    assert_wrong(patient, "database", "onnection")
    assert "hunter2" not in repr(patient.findings())


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
        assert_wrong(patient, "process", "database is locked")
        missing.clear()
        assert [finding.level for finding in of(patient.findings(only="process"), "process")] == ["ok"]
        for left_s, level in ((400 * 86_400, "ok"), (10 * 86_400, "warning"), (-86_400, "error")):
            gauges.gauge("xinqiao_registry_seconds_left", "of a registry", partial(float, left_s))
            assert [finding.level for finding in of(patient.findings(only="process"), "registry")] == [level]
    finally:
        server.stop()
        thread.join()
    assert [finding.level for finding in of(patient.findings(only="process"), "process")] == ["warning"], "it does not run"
