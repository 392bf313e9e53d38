"""The configuration of every process of a zone on one machine: one TOML each, in DIR/config, with paths relative to it."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crypto.encoding import canonical_json
from nodes.errors import SettingsError
from nodes.runtime.files import make_private_directory, write_private, write_public
from scoring.statements import Role
from simulators.zone.layout import ProcessPlan, ZonePlan
from simulators.zone.products import products_file, write_products
from simulators.zone.register import prepare_register, register_table

HOST = "127.0.0.1"
LAST_PORT = 65_535
PINS = "pins"
ORDER = ("gateway", "coordinator", "log")


@dataclass(frozen=True, slots=True)
class Addresses:
    """host:port of every process that listens, by process name."""

    of: Mapping[str, str]

    def document(self, plan: ZonePlan) -> dict[str, Any]:
        """The ``endpoints.json`` of a run: URLs for people and programs outside, addresses of the members' services."""
        banks = {process.name: f"http://{self.of[process.name]}" for process in plan.processes if "bank" in process.tables}
        services = [f"http://{self.of[process.name]}" for process in plan.processes if "enterprise" in process.tables]
        return {
            "gateway": f"https://{self.of['gateway']}",
            "log": self.of["log"],
            "coordinator": self.of["coordinator"],
            "enterprise": services[0] if services else "",
            "bank": banks,
        }


def choose_addresses(plan: ZonePlan, base_port: int | None = None) -> Addresses:
    """Addresses on this machine: from ``base_port`` upwards (gateway, coordinator, log, then the others), or free ones.

    Raises SettingsError when there are not so many ports from there on.
    """
    names = sorted((process.name for process in plan.processes if process.listens), key=_rank)
    if base_port is not None and not 0 < base_port <= LAST_PORT + 1 - len(names):
        raise SettingsError(f"--base-port is 1 to {LAST_PORT + 1 - len(names)}: {len(names)} processes listen, each on a port of its own")
    ports = range(base_port, base_port + len(names)) if base_port is not None else free_ports(len(names))
    return Addresses({name: f"{HOST}:{port}" for name, port in zip(names, ports, strict=True)})


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now. Another program may take one before we do; then the process says so and ends."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for item in sockets:
            item.bind((HOST, 0))
        return [item.getsockname()[1] for item in sockets]
    finally:
        for item in sockets:
            item.close()


def write_configs(
    plan: ZonePlan, directory: Path, addresses: Addresses, mapped: Mapping[str, Sequence[str]] | None = None, formulas: Sequence[str] = ()
) -> dict[str, Path]:
    """Write DIR/config/<process>.toml for every process, the institutions' products on ``formulas`` beside them, DIR/endpoints.json and the
    register's mapping; the files by process name.

    ``mapped``: member -> the mappings in DIR/records/<member> by which its node reads; the others have the folder itself.
    """
    config_dir = make_private_directory(directory / "config")
    make_private_directory(directory / "state")
    prepare_register(plan, directory)
    write_products(plan, config_dir, formulas)
    files = {}
    for process in plan.processes:
        if "auditor" in process.tables:
            make_private_directory(make_private_directory(directory / PINS) / process.name)
        document = process_settings(plan, process, addresses)
        if names := (mapped or {}).get(process.member):
            document["department"].pop("records_dir")
            document["department"] = {"connectors": [f"../records/{process.member}/{name}" for name in names], **document["department"]}
        files[process.name] = config_dir / f"{process.name}.toml"
        write_private(files[process.name], to_toml(document).encode())
    write_public(directory / "endpoints.json", canonical_json(addresses.document(plan)))
    return files


def read_endpoints(directory: Path) -> dict[str, Any]:
    """The endpoints.json of a zone's directory, as ``Addresses.document`` made it."""
    document: dict[str, Any] = json.loads((directory / "endpoints.json").read_text(encoding="utf-8"))
    return document


def process_settings(plan: ZonePlan, process: ProcessPlan, addresses: Addresses) -> dict[str, Any]:
    """The settings of one process as tables, as its ``NodeSettings`` subclass reads them."""
    roles: tuple[Role, ...] = ("coordinator", "log")
    called: list[Role] = [role for role in roles if role not in process.tables]
    document: dict[str, Any] = {
        "member": process.member,
        "zone": plan.zone,
        "state_dir": f"../state/{process.name}",
        "keys_dir": f"../members/{process.member}",
        "public_dir": "../public",
        "peers": {role: {"member": plan.with_role(role)[0].id, "address": addresses.of[role]} for role in called},
    }
    for table in process.tables:
        document[table] = _role_table(table, process, addresses)
    if "bank" in process.tables:
        document["bank"] |= {"kind": plan.member(process.member).kind, "products": products_file(process.member)}
    if "gateway" in process.tables:
        document["gateway"]["register"] = register_table(plan, f"../members/{process.member}/roster.key")
    if "auditor" in process.tables and "auditor" not in plan.member(process.member).roles:
        document["auditor"]["witness_only"] = True
    return document


def _role_table(table: str, process: ProcessPlan, addresses: Addresses) -> dict[str, Any]:
    keys, state = f"../members/{process.member}", f"../state/{process.name}"
    here, gateway = addresses.of.get(process.name, ""), f"https://{addresses.of['gateway']}"
    tables: dict[str, dict[str, Any]] = {
        "department": {"records_dir": f"../records/{process.member}", "roster_key_file": f"{keys}/roster.key"},
        "custodian": {"passphrase_file": f"{keys}/passphrase"},
        "coordinator": {"listen": here},
        "log": {"listen": here},
        "gateway": {"listen": here, "public_base": gateway, "admin_token_file": f"{state}/admin.token"},
        "bank": {"listen": here, "gateway": gateway, "records_dir": f"../records/{process.member}"},
        "enterprise": {"listen": here, "gateway": gateway},
        "auditor": {"pin": f"../{PINS}/{process.name}/witness.pin"},
    }
    return tables[table]


def to_toml(document: Mapping[str, Any], path: tuple[str, ...] = ()) -> str:
    """TOML text of nested tables, and lists of them, of strings, integers, booleans, floats and lists of these."""
    return _table(document, path, f"[{'.'.join(path)}]" if path else "")


def _table(document: Mapping[str, Any], path: tuple[str, ...], heading: str) -> str:
    lines = [heading] if heading else []
    lines += [f"{key} = {_value(value)}" for key, value in document.items() if not isinstance(value, Mapping) and not _is_list_of_tables(value)]
    parts = ["\n".join(lines) + "\n"]
    for key, value in document.items():
        inner = (*path, key)
        if isinstance(value, Mapping):
            parts.append(to_toml(value, inner))
        elif _is_list_of_tables(value):
            parts += [_table(item, inner, f"[[{'.'.join(inner)}]]") for item in value]
    return "\n".join(parts)


def _is_list_of_tables(value: object) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    raise TypeError(f"{type(value).__name__} has no place in a configuration")


def _rank(name: str) -> tuple[int, str]:
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)
