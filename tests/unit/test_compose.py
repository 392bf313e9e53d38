"""The compose files run exactly the processes of three zones, each confined to its own directories, on the networks that it needs."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import string
import subprocess
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
import yaml

from nodes.runtime.settings import role_of
from simulators.zone.configs import choose_addresses, write_configs
from simulators.zone.layout import ProcessPlan, ZonePlan, demo_plan
from tests.settings_classes import settings_class
from xinqiao import application

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "compose"
TOP: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
BASE: dict[str, Any] = yaml.safe_load((FOLDER / "base.yml").read_text(encoding="utf-8"))["services"]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compose_generator", FOLDER / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = generator()
ZONES: tuple[str, ...] = tuple(GENERATOR.PORTS)
FILES: dict[str, dict[str, Any]] = {zone: yaml.safe_load((FOLDER / f"{zone}.yml").read_text(encoding="utf-8")) for zone in ZONES}
SERVICES = {name: service for document in FILES.values() for name, service in document["services"].items()}


@cache
def plan_of(zone: str) -> ZonePlan:
    plan: ZonePlan = GENERATOR.plan_of(zone)
    return plan


PROCESSES = [(zone, process) for zone in ZONES for process in plan_of(zone).processes]
PEERS = [(zone, other) for zone in ZONES for other in ZONES if other != zone]


def whole(name: str) -> dict[str, Any]:
    """A service with what it extends."""
    return _extended(SERVICES[name])


def _extended(service: dict[str, Any]) -> dict[str, Any]:
    if "extends" not in service:
        return service
    below = _extended(BASE[service["extends"]["service"]])
    environment = {**below.get("environment", {}), **service.get("environment", {})}
    volumes = [*below.get("volumes", []), *service.get("volumes", [])]
    return {**below, **service, "environment": environment, "volumes": volumes}


@pytest.mark.parametrize("zone", ZONES)
def test_the_file_of_a_zone_is_what_its_plan_makes(zone: str) -> None:
    assert (FOLDER / f"{zone}.yml").read_text(encoding="utf-8") == GENERATOR.compose_file(zone), "run python deploy/compose/generate.py"
    assert f"deploy/compose/{zone}.yml" in TOP["include"]


@pytest.mark.parametrize("zone", ZONES)
def test_every_process_of_a_zone_has_a_service_and_its_node_in_each_other_zone_too(zone: str) -> None:
    peers = {f"{zone}-peer-{other}" for other in ZONES if other != zone}
    assert set(FILES[zone]["services"]) == {f"{zone}-{process.name}" for process in plan_of(zone).processes} | peers | {
        f"{zone}-init",
        f"{zone}-postgresql",
    }


def test_the_home_zone_is_the_one_of_the_demonstration() -> None:
    assert {process.name for process in demo_plan().processes} == {process.name for process in plan_of(GENERATOR.HOME).processes}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_service_is_confined(name: str) -> None:
    service = whole(name)
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"] > 0
    assert not {"privileged", "cap_add", "pid"} & set(service)
    assert service.get("network_mode", "none") == "none"
    assert service.get("user", "10001") != "0", "the image's own user is none of root"


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {f"{zone}-init" for zone in ZONES}))
def test_a_service_is_healthy_when_it_can_serve(name: str) -> None:
    service = whole(name)
    test = service["healthcheck"]["test"]
    if name.endswith("-postgresql"):
        assert test[:2] == ["CMD", "pg_isready"]
        return
    assert test == ["CMD", "python", "-m", "nodes.runtime.observing.probe", service["environment"]["XINQIAO_OBSERVE__LISTEN"]]
    assert service["environment"]["XINQIAO_OBSERVE__LISTEN"].startswith("127.0.0.1:")


@pytest.mark.parametrize(("zone", "process"), PROCESSES, ids=lambda part: part if isinstance(part, str) else part.name)
def test_service_sees_only_its_own_directories(zone: str, process: ProcessPlan) -> None:
    volumes = SERVICES[f"{zone}-{process.name}"]["volumes"]
    writable = {volume["target"] for volume in volumes if not volume.get("read_only")}
    readable = {volume["target"] for volume in volumes if volume.get("read_only")}
    pins = {f"/zone/pins/{process.name}"} if {"log", "auditor"} & set(process.tables) else set()
    register = {f"/zone/records/{process.member}"} if "gateway" in process.tables else set()  # files are put away when they were read
    assert writable == {f"/zone/state/{process.name}"} | pins | register
    shared = {"/zone/config", "/zone/public", f"/zone/members/{process.member}"}
    own = {"department": {f"/zone/records/{process.member}"}, "gateway": {"/zone/mirrors"}}  # the gateway serves peers' logs as they were mirrored
    assert readable == shared.union(*(own[table] for table in own.keys() & set(process.tables)))
    assert all(volume["volume"]["subpath"] for volume in volumes if volume["type"] == "volume"), "never the whole volume"
    assert {volume["source"] for volume in volumes if volume["type"] == "volume"} == {zone}, "never another zone's"


@pytest.mark.parametrize(("zone", "other"), PEERS)
def test_a_peers_node_holds_its_own_zones_files_alone_and_dials_the_other(zone: str, other: str) -> None:
    service = SERVICES[f"{zone}-peer-{other}"]
    assert {volume["source"] for volume in service["volumes"]} == {zone}
    writable = {volume["target"] for volume in service["volumes"] if not volume.get("read_only")}
    assert writable == {f"/zone/state/peer-{other}", f"/zone/pins/peer-{other}", f"/zone/mirrors/{other}"}
    addresses = {service["environment"][f"XINQIAO_PEERS__{role}__ADDRESS"] for role in ("LOG", "COORDINATOR")}
    listening = {
        f"{other}-{role}:{SERVICES[f'{other}-{role}']['environment'][f'XINQIAO_{role.upper()}__LISTEN'].rpartition(':')[2]}"
        for role in ("log", "coordinator")
    }
    assert addresses == listening
    assert service["networks"] == ["zones"]
    assert service["environment"]["XINQIAO_PEERING__MIRROR_DIR"] == f"/zone/mirrors/{other}"


@pytest.mark.parametrize("zone", ZONES)
def test_the_beginning_makes_every_directory_that_processes_are_given(zone: str, tmp_path: Path) -> None:
    """The script of ``init`` as a shell runs it, with a zone that is there already, in a volume of this test's own."""
    root = tmp_path / "zone"
    for path in ("config", "public", "members", "records"):
        (root / path).mkdir(parents=True)
    (root / "public" / "ceremony.dsse.json").touch()
    for process in plan_of(zone).processes:
        (root / "config" / f"{process.name}.toml").touch()
        for path in (f"members/{process.member}", f"records/{process.member}"):  # which `zone init` makes
            (root / path).mkdir(exist_ok=True)
    service = whole(f"{zone}-init")
    script = service["command"][0].replace("$$", "$").replace("/zone/", f"{root}/")
    for _ in range(2):  # a start again changes nothing
        subprocess.run([*service["entrypoint"], script], check=True, env={"PATH": os.environ["PATH"], **service["environment"]})
    given = [volume["volume"]["subpath"] for each in FILES[zone]["services"].values() for volume in each["volumes"] if "volume" in volume]
    assert [path for path in given if not (root / path).is_dir()] == []
    for other in service["environment"]["OTHER_ZONES"].split():
        (root / "mirrors" / other / "status.json").write_text("{}")
        assert (root / "public" / "peers" / other / "mirror" / "status.json").read_text() == "{}", "where the gateway looks"


@pytest.mark.parametrize("line", sorted({" ".join(service["command"][:2]) for service in SERVICES.values() if "command" in service}))
def test_a_command_is_one_of_the_program(line: str) -> None:
    """The image's entry point is ``xinqiao``; a service's command is what follows it."""
    (entry,) = re.findall(r"^ENTRYPOINT (.*)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert json.loads(entry) == ["xinqiao"]
    check_line([*line.split(), "/zone/config/log.toml"])


def test_the_beginning_and_the_health_check_call_what_is_there() -> None:
    script = BASE["init"]["command"][0].replace("$$", "$")
    lines = [found.split() for found in re.findall(r"xinqiao ([^|&;\n]+)", script)]
    assert [line[:2] for line in lines] == [["zone", "init"]]
    for zone in ZONES:
        environment = SERVICES[f"{zone}-init"]["environment"]
        check_line([string.Template(word.strip('"')).substitute(environment) for word in lines[0]])
    test = BASE["process"]["healthcheck"]["test"]
    assert test[:3] == ["CMD", "python", "-m"]
    assert importlib.util.find_spec(test[3]) is not None


def check_line(line: list[str]) -> None:
    """Raises UsageError where the command, an option or an argument is none of the program's."""
    command: Any = typer.main.get_command(application(line[0]))
    while hasattr(command, "commands"):
        command, line = command.commands[line[0]], line[1:]
    command.make_context("xinqiao", line)


@pytest.mark.parametrize(("zone", "process"), PROCESSES, ids=lambda part: part if isinstance(part, str) else part.name)
def test_configuration_with_the_services_environment_is_accepted_by_its_program(
    zone: str, process: ProcessPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, plan = whole(f"{zone}-{process.name}"), plan_of(zone)
    assert service["command"] == ["node", "run", f"/zone/config/{process.name}.toml"]
    tmp_path.chmod(0o700)
    config = write_configs(plan, tmp_path, choose_addresses(plan, GENERATOR.PORTS[zone]))[process.name]
    for variable, value in service["environment"].items():
        monkeypatch.setenv(variable, "" if value.startswith("${") else value)  # without a password there is no PostgreSQL
    settings = settings_class(role_of(config)).load(config)
    peers = {peer.address for peer in (settings.peers.log, settings.peers.coordinator) if peer is not None}
    assert not any(address.startswith("127.0.0.1") for address in peers), "a container's loopback is its own"
    assert {address.rpartition(":")[0] for address in peers} <= {f"{zone}-log", f"{zone}-coordinator"}, "of its own zone"
    assert (settings.database_url, settings.observe.listen) == ("", "127.0.0.1:9464")
    given = [volume["target"] for volume in service["volumes"] if not volume.get("read_only")]
    written = [Path(str(path).replace(str(tmp_path), "/zone")) for path in settings.written.values()]
    assert all(any(path.is_relative_to(place) for place in given) for path in written), "what it writes is given to it"
    for table in {"bank", "enterprise"} & set(process.tables):
        gateway = SERVICES[f"{zone}-gateway"]
        assert getattr(settings, table).gateway == gateway["environment"]["XINQIAO_GATEWAY__PUBLIC_BASE"]
        assert gateway["networks"][zone]["aliases"] == [settings_host(getattr(settings, table).gateway)]


def settings_host(base: str) -> str:
    return base.removeprefix("https://").rpartition(":")[0]


def test_only_gateways_are_reachable_from_outside_and_only_listeners_from_other_zones() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == [f"{zone}-gateway" for zone in ZONES]
    for zone, document in FILES.items():
        assert document["networks"] == {zone: {"internal": True}, "zones": {"internal": True}, "outside": {}}
        between = {name for name, service in document["services"].items() if "zones" in service.get("networks", ())}
        peers = {f"{zone}-peer-{other}" for other in ZONES if other != zone}
        assert between == {f"{zone}-{role}" for role in ("log", "coordinator", "gateway")} | peers
        outside = {name for name, service in document["services"].items() if "outside" in service.get("networks", ())}
        assert outside == {f"{zone}-gateway"}


def test_no_password_stands_in_a_file() -> None:
    for path in (*FOLDER.glob("*"), ROOT / "docker-compose.yml"):
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        assert "_PASSWORD: " not in text.replace('_PASSWORD: "${', ""), path.name


@pytest.mark.parametrize("zone", ZONES)
def test_a_process_is_told_the_password_of_its_own_database_and_of_no_other(zone: str) -> None:
    given = SERVICES[f"{zone}-postgresql"]["environment"]
    assert set(given) == {"POSTGRES_PASSWORD", *(f"{name.upper()}_PASSWORD" for name in GENERATOR.DATABASES)}
    assert len(set(given.values())) == len(given)
    secrets = {value.removeprefix("${").removesuffix(":-}") for value in given.values()}
    for name, service in FILES[zone]["services"].items():
        if name != f"{zone}-postgresql":
            own = name.removeprefix(f"{zone}-")
            known = {secret for secret in secrets if secret in str(service)}
            assert known == ({f"{zone.upper().replace('-', '_')}_{own.upper()}_PASSWORD"} if own in GENERATOR.DATABASES else set()), name
