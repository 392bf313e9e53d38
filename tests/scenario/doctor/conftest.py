"""A real log over mutual TLS, and a bank's process that is well but that it has no coordinator to call."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nodes.runtime.peers.log_client import LogClient
from tests.scenario.doctor.patient import Patient, admitted
from tests.scenario.log_witness import WitnessDouble
from tests.scenario.log_zone import LogProcess, Zone, make_zone, running_log


@pytest.fixture(scope="session")
def zone(tmp_path_factory: pytest.TempPathFactory) -> Zone:
    return make_zone(tmp_path_factory.mktemp("zone") / "z")


@pytest.fixture(scope="session")
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


@pytest.fixture
def patient(zone: Zone, log: LogProcess, tmp_path: Path) -> Patient:
    return admitted(zone, log, tmp_path, "bank-a")
