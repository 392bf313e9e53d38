"""What processes write lies where their unit lets them write: in the guide's examples, in configurations that are made, at their start."""

from __future__ import annotations

import os
import types
import typing
from pathlib import Path

import pytest

from nodes.errors import SettingsError
from nodes.runtime.files import check_writable
from nodes.runtime.process import Process
from nodes.runtime.settings import ROLES, AnyRoleSettings, ConfigPath, NodeSettings, Table, role_of
from simulators.zone.configs import choose_addresses, write_configs
from simulators.zone.layout import demo_plan
from tests.settings_classes import settings_class
from tests.unit.test_operator_guide import EXAMPLES
from tests.unit.test_systemd_units import PEER, UNIT
from tests.unit.test_systemd_units import settings as unit_settings

READ_ONLY = frozenset({
    "keys_dir", "public_dir", "observe.traces_ca", "department.records_dir", "department.connectors", "department.roster_key_file",
    "department.desk.people_dir", "custodian.passphrase_file", "bank.products", "bank.records_dir", "bank.connectors",
    "enterprise.customs.folder", "enterprise.pages.certificate", "enterprise.pages.key", "enterprise.pages.sign_in.client_secret_file",
    "enterprise.pages.sign_in.ca_file", "enterprise.zones.ca_file", "gateway.public_register.connectors",
    "gateway.public_register.roster_key_file", "coordinator.recovery_key",
})  # fmt: skip
"""Keys that name what a process reads and never writes; a mapping's folder is the mapping's word."""


def let_write(instance: str, *, peer: bool) -> list[Path]:
    """Where the unit of an instance lets it write."""
    made = [Path("/var/lib") / each for each in unit_settings(UNIT, "Service")["StateDirectory"][0].split()]
    if peer:
        made += [Path("/var/cache") / each for each in unit_settings(PEER, "Service")["CacheDirectory"]]
    return [Path(str(path).replace("%i", instance)) for path in made]


def below(path: Path, places: list[Path]) -> bool:
    return any(path.is_relative_to(place) for place in places)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.split('"')[1])
def test_an_example_of_the_guide_writes_where_its_unit_lets_it(example: str, tmp_path: Path) -> None:
    path = tmp_path / "example.toml"
    path.write_text(example, encoding="utf-8")
    role = role_of(path)
    settings = settings_class(role).load(path)
    places = let_write(settings.state_dir.name, peer=role == "peering")
    assert {key: str(path) for key, path in settings.written.items() if not below(path, places)} == {}


def test_every_path_of_a_configuration_is_one_that_is_written_or_one_that_is_read() -> None:
    known = READ_ONLY | {"state_dir", "log.pin", "auditor.pin", "peering.pin", "peering.mirror_dir", "gateway.admin_token_file"}
    assert {key for role in ROLES for key in paths_of(settings_class(role))} == known


def paths_of(table: type[NodeSettings] | type[Table], before: str = "") -> set[str]:
    """Dotted names of the keys below ``table`` that name a path."""
    found = set()
    for name, field in table.model_fields.items():
        parts = [typing.Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation]
        while parts:
            part = parts.pop()
            if part in {Path, ConfigPath}:
                found.add(before + name)
            elif isinstance(part, type) and not isinstance(part, types.GenericAlias) and issubclass(part, Table):
                found |= paths_of(part, f"{before}{name}.")
            else:
                parts += [each for each in typing.get_args(part) if each is not Ellipsis and not callable(getattr(each, "func", None))]
    return found


def test_zone_init_writes_configurations_that_write_into_state_and_pins(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    for name, path in write_configs(demo_plan(witnesses=3), tmp_path, choose_addresses(demo_plan(witnesses=3))).items():
        settings = settings_class(role_of(path)).load(path)
        assert all(below(each, [tmp_path / "state" / name, tmp_path / "pins" / name]) for each in settings.written.values()), name
        for key, each in settings.written.items():
            check_writable(key, each)


def test_a_process_that_is_to_write_below_a_file_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "disk").touch()
    said = {"member": "log", "zone": "hill", "state_dir": tmp_path / "state", "keys_dir": tmp_path, "public_dir": tmp_path}
    settings = settings_class("log").model_validate({**said, "log": {"listen": "127.0.0.1:0", "pin": tmp_path / "disk" / "head.pin"}})
    with pytest.raises(SettingsError, match=r"log\.pin: .*head\.pin cannot be there: .*disk is no directory"):
        Process(settings)
    assert not (tmp_path / "state").exists(), "nothing was made"


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to become somebody else")
def test_a_path_that_this_user_may_not_write_is_refused_with_the_key_that_names_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    os.seteuid(65_534)
    try:
        with pytest.raises(SettingsError, match=r"peering\.mirror_dir: .*xinqiao/NAME"):
            check_writable("peering.mirror_dir", tmp_path / "peers" / "mirror")
    finally:
        os.seteuid(0)
    check_writable("peering.mirror_dir", tmp_path / "peers" / "mirror")


def test_what_systemd_made_is_written_though_what_it_lies_in_is_not(tmp_path: Path) -> None:
    """``/var/lib/xinqiao/NAME`` is the process's, ``/var/lib/xinqiao`` is not."""
    settings = AnyRoleSettings(member="log", zone="hill", state_dir=tmp_path, keys_dir=tmp_path, public_dir=tmp_path)
    (key, path), *others = settings.written.items()
    check_writable(key, path)
    assert (key, others) == ("state_dir", [])
