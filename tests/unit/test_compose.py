"""The compose file runs exactly the processes of the demonstration's zone, each confined to its own directories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from nodes.runtime.settings import role_of
from simulators.zone.configs import choose_addresses, write_configs
from simulators.zone.layout import ProcessPlan, demo_plan
from tests.settings_classes import settings_class

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
PLAN = demo_plan()
PROCESSES = {process.name: process for process in PLAN.processes}


def test_every_process_of_the_zone_has_a_service() -> None:
    assert set(COMPOSE["services"]) == {"init", *PROCESSES}


@pytest.mark.parametrize("name", sorted({"init", *PROCESSES}))
def test_service_is_confined(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "user"} & set(service)


@pytest.mark.parametrize("process", PLAN.processes, ids=lambda process: process.name)
def test_service_sees_only_its_own_directories(process: ProcessPlan) -> None:
    volumes = COMPOSE["services"][process.name]["volumes"]
    writable = {volume["target"] for volume in volumes if not volume.get("read_only")}
    readable = {volume["target"] for volume in volumes if volume.get("read_only")}
    pins = {f"/zone/pins/{process.name}"} if {"log", "auditor"} & set(process.tables) else set()
    register = {f"/zone/records/{process.member}"} if "gateway" in process.tables else set()  # files are put away when they were read
    assert writable == {f"/zone/state/{process.name}"} | pins | register
    shared = {"/zone/config", "/zone/public", f"/zone/members/{process.member}"}
    assert readable == (shared | {f"/zone/records/{process.member}"} if "department" in process.tables else shared)
    assert all(volume.get("volume", {}).get("subpath") for volume in volumes if volume["type"] == "volume"), "never the whole volume"


@pytest.mark.parametrize("process", PLAN.processes, ids=lambda process: process.name)
def test_configuration_with_the_services_environment_is_accepted_by_its_program(
    process: ProcessPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = COMPOSE["services"][process.name]
    assert service["command"] == ["node", "run", f"/zone/config/{process.name}.toml"]
    tmp_path.chmod(0o700)
    config = write_configs(PLAN, tmp_path, choose_addresses(PLAN, 8443))[process.name]
    for variable, value in service["environment"].items():
        monkeypatch.setenv(variable, value)
    settings = settings_class(role_of(config)).load(config)
    peers = {peer.address for peer in (settings.peers.log, settings.peers.coordinator) if peer is not None}
    assert not any(address.startswith("127.0.0.1") for address in peers), "a container's loopback is its own"
    for table in ("bank", "enterprise"):
        if table in process.tables:
            gateway = COMPOSE["services"]["gateway"]
            assert getattr(settings, table).gateway == gateway["environment"]["XINQIAO_GATEWAY__PUBLIC_BASE"]


def test_only_the_gateway_is_reachable_from_outside() -> None:
    assert [name for name, service in COMPOSE["services"].items() if "ports" in service] == ["gateway"]
    assert COMPOSE["networks"]["members"] == {"internal": True}
