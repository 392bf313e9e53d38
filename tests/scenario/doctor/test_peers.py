"""``xinqiao doctor`` on peers and gateways over mutual TLS: every check is made to fail for real, and says what to do."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from nodes.commands.doctor.findings import Finding
from nodes.errors import NotReadyError
from simulators.zone.authority import CertificateAuthority
from tests.scenario.doctor.patient import Patient, admitted, assert_wrong, free_port, gateway, of
from tests.scenario.log_zone import LogProcess, Zone
from tests.support.waiting import until

pytestmark = pytest.mark.slow


def test_a_peer_that_nobody_answers_for_is_found(patient: Patient, log: LogProcess) -> None:
    patient.write(lambda text: text.replace(log.peer.address, f"127.0.0.1:{free_port()}"))
    assert_wrong(patient, "peer", "nobody answers: Connection refused")


def test_a_peer_that_is_another_member_or_of_another_zone_is_found(patient: Patient) -> None:
    patient.write(lambda text: text.replace('member = "log"', 'member = "coordinator"'))
    assert_wrong(patient, "peer", "it is log.test-zone.xinqiao, localhost, not coordinator.test-zone.xinqiao")
    foreign = CertificateAuthority.create("foreign").certificate.public_bytes(Encoding.PEM)
    (patient.public / "ca.pem").write_bytes(foreign)
    patient.write(lambda text: text.replace('member = "coordinator"', 'member = "log"'))
    assert_wrong(patient, "peer", "its certificate is not one of this zone's CA in force")


def test_a_peer_that_speaks_no_tls_is_found(patient: Patient, log: LogProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        patient.write(lambda text: text.replace(log.peer.address, f"127.0.0.1:{server.getsockname()[1]}"))
        server.settimeout(0)
        assert_wrong(patient, "peer", "it does not speak TLS")


def test_a_peer_that_refuses_this_member_is_found(zone: Zone, log: LogProcess, tmp_path: Path) -> None:
    assert_wrong(admitted(zone, log, tmp_path, "outsider"), "peer", "it refuses this member")


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


def test_a_gateway_that_is_away_not_ready_or_has_another_time_is_found(patient: Patient) -> None:
    assert_wrong(patient, "peer", "Connection refused")
    missing: list[str] = []

    def ready() -> None:
        if missing:
            raise NotReadyError(missing[0])

    with gateway(patient.zone, ready) as base:
        patient.write(lambda text: text.replace("https://127.0.0.1:1", base))
        findings = patient.findings()
        assert {finding.level for finding in findings} == {"ok"}, [finding for finding in findings if finding.level != "ok"]
        assert_wrong(patient, "clock", "s ahead of it", 100)
        assert_wrong(patient, "clock", "s behind it", -100)
        missing.append("no usable key yet")
        (found,) = [finding for finding in of(patient.findings(only="peer"), "peer") if finding.about == base.replace("https://", "gateway at ")]
        assert (found.level, "no usable key yet" in found.says) == ("warning", True)
        (patient.public / "ca.pem").write_bytes(CertificateAuthority.create("foreign").certificate.public_bytes(Encoding.PEM))
        assert_wrong(patient, "peer", "its certificate is not of this zone's CA")


def test_of_two_instances_the_one_that_does_not_act_stands_by(patient: Patient) -> None:
    def stands_by() -> None:
        raise NotReadyError("lead: this instance stands by: ask the other one")

    with gateway(patient.zone, lambda: None) as acting, gateway(patient.zone, stands_by) as other:
        places = ",".join(base.removeprefix("https://") for base in (other, acting))
        patient.write(lambda text: text.replace('"https://127.0.0.1:1"', f'"https://127.0.0.1:1"\ngateway_addresses = "{places}"'))
        found = [finding for finding in of(patient.findings(only="peer"), "peer") if finding.about.startswith("gateway")]
        assert [(finding.level, finding.says) for finding in found] == [("ok", "stands by"), ("ok", "serves")]
    assert_wrong(patient, "peer", "Connection refused")
