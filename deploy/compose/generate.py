"""Writes the compose file of each zone from the zone's plan: ``python deploy/compose/generate.py``.

What all processes have in common is in base.yml, written by hand. tests/unit/test_compose.py fails when a file is not what this makes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from nodes.packs import shipped_pack
from scoring.indicators.model import load_pack
from simulators.zone.layout import ProcessPlan, ZonePlan, plan_for

FOLDER = Path(__file__).parent
HOME = "hangzhou-binjiang"
PORTS = {HOME: 8443, "suzhou-snd": 8543, "zhengzhou": 8643}
"""Zones, by the id of their model, and the first port of each: its gateway's, which is reached from outside."""

DATABASES = ("log", "coordinator", "gateway")
"""Processes that have a database of their own in the zone's PostgreSQL."""

HEAD = """\
# {zone}: every process in a container of its own, each with its own directories of the zone's volume and nothing else. Made by generate.py.
services:
"""


def plan_of(zone: str) -> ZonePlan:
    """The plan by which ``xinqiao zone init --pack ZONE`` makes the zone."""
    return plan_for([load_pack(shipped_pack(zone))])


def compose_file(zone: str) -> str:
    """The text of the zone's file."""
    plan = plan_of(zone)
    parts = [_init(zone), *(_process(zone, plan, process) for process in plan.processes)]
    parts += [_peer(zone, other) for other in PORTS if other != zone] + [_postgresql(zone)]
    return HEAD.format(zone=zone) + "\n".join(parts) + _networks(zone)


def _init(zone: str) -> str:
    others = " ".join(other for other in PORTS if other != zone)
    return _service(
        zone,
        "init",
        extends="init",
        environment={"PACK": zone, "BASE_PORT": str(PORTS[zone]), "OTHER_ZONES": others},
        volumes=[f"{{type: volume, source: {zone}, target: /zone}}"],
        profiles=_profiles(zone),
    )


def _process(zone: str, plan: ZonePlan, process: ProcessPlan) -> str:
    name = process.name
    volumes = [*_shared(zone, f"members/{process.member}"), _volume(zone, f"state/{name}")]
    if {"log", "auditor"} & set(process.tables):
        volumes.append(_volume(zone, f"pins/{name}"))
    if "gateway" in process.tables:
        volumes.append(_volume(zone, f"records/{process.member}"))  # the public register: files are put away when they were read
        volumes.append(_volume(zone, "mirrors", read_only=True))  # of peers' logs: public/peers/ZONE/mirror leads there
    if "department" in process.tables:
        place = f"source: ../../records/{zone}/{name}, target: /zone/records/{name}"
        volumes.append(f"{{type: bind, {place}, read_only: true, bind: {{create_host_path: true}}}}")
    listens = bool({"log", "coordinator", "gateway"} & set(process.tables))
    return _service(
        zone,
        name,
        command=f"[node, run, /zone/config/{name}.toml]",
        environment=dict(_environment(zone, plan, process)),
        networks=_networks_of(zone, plan, process, listens),
        ports=f'["{PORTS[zone]}:{PORTS[zone]}"]' if name == "gateway" else "",
        depends_on=_after(zone, database=listens),
        volumes=volumes,
        profiles=_profiles(zone),
    )


def _peer(zone: str, other: str) -> str:
    """The zone's node in another one: a member there, that dials out. It starts once the zones have exchanged their roots."""
    name = f"peer-{other}"
    places = {"LOG": f"{other}-log:{PORTS[other] + 2}", "COORDINATOR": f"{other}-coordinator:{PORTS[other] + 1}"}
    environment = {f"XINQIAO_PEERS__{role}__ADDRESS": address for role, address in places.items()}
    environment["XINQIAO_PEERING__PIN"] = f"/zone/pins/{name}/witness.pin"
    environment["XINQIAO_PEERING__MIRROR_DIR"] = f"/zone/mirrors/{other}"
    writable = [_volume(zone, path) for path in (f"state/{name}", f"pins/{name}", f"mirrors/{other}")]
    return _service(
        zone,
        name,
        command=f"[node, run, /zone/config/{name}.toml]",
        environment=environment,
        networks="[zones]",
        depends_on=_after(zone),
        volumes=[*_shared(zone, f"peers/{other}"), *writable],
        profiles=f"[peering-{zone}, peering]",
    )


def _postgresql(zone: str) -> str:
    return _service(
        zone,
        "postgresql",
        extends="postgresql",
        environment={"POSTGRES_PASSWORD": f"${{{_password(zone, 'postgres')}:-}}"}
        | {f"{name.upper()}_PASSWORD": f"${{{_password(zone, name)}:-}}" for name in DATABASES},
        networks=f"[{zone}]",
        volumes=[f"{{type: volume, source: {zone}-postgresql, target: /var/lib/postgresql/data}}"],
        profiles="[postgresql]",
    )


def _environment(zone: str, plan: ZonePlan, process: ProcessPlan) -> Iterator[tuple[str, str]]:
    ports = {"gateway": PORTS[zone], "coordinator": PORTS[zone] + 1, "log": PORTS[zone] + 2}
    for role in ("log", "coordinator"):
        if role not in process.tables:
            yield f"XINQIAO_PEERS__{role.upper()}__ADDRESS", f"{zone}-{role}:{ports[role]}"
    base = f"https://{_gateway_name(plan)}:{ports['gateway']}"
    for table in process.tables:
        if table in ports:
            yield f"XINQIAO_{table.upper()}__LISTEN", f"0.0.0.0:{ports[table]}"
            user, host = f"xinqiao_{process.name}", f"{zone}-postgresql"
            password = _password(zone, process.name)
            yield "XINQIAO_DATABASE_URL", f"${{{password}:+postgresql+psycopg://{user}:${{{password}}}@{host}/{user}}}"
        if table == "gateway":
            yield "XINQIAO_GATEWAY__PUBLIC_BASE", base
        if table in {"bank", "enterprise"}:
            yield f"XINQIAO_{table.upper()}__GATEWAY", base
        if table in {"log", "auditor"}:
            yield f"XINQIAO_{table.upper()}__PIN", f"/zone/pins/{process.name}/{'head' if table == 'log' else 'witness'}.pin"


def _networks_of(zone: str, plan: ZonePlan, process: ProcessPlan, listens: bool) -> str:
    if process.name == "gateway":
        return f"{{{zone}: {{aliases: [{_gateway_name(plan)}]}}, zones: {{}}, outside: {{}}}}"
    return f"[{zone}, zones]" if listens else f"[{zone}]"


def _gateway_name(plan: ZonePlan) -> str:
    return f"{plan.with_role('gateway')[0].id}.{plan.zone}.xinqiao"


def _password(zone: str, role: str) -> str:
    """The variable with the password of one role of the zone's PostgreSQL: no process is told another's, nor the superuser's."""
    return f"{zone.upper().replace('-', '_')}_{role.upper()}_PASSWORD"


def _profiles(zone: str) -> str:
    return "" if zone == HOME else f"[{zone}, zones]"


def _after(zone: str, *, database: bool = False) -> str:
    also = f", {zone}-postgresql: {{condition: service_healthy, required: false}}" if database else ""
    return f"{{{zone}-init: {{condition: service_completed_successfully}}{also}}}"


def _shared(zone: str, keys: str) -> Iterator[str]:
    return (_volume(zone, path, read_only=True) for path in ("config", "public", keys))


def _volume(zone: str, path: str, *, read_only: bool = False) -> str:
    mode = ", read_only: true" if read_only else ""
    return f"{{type: volume, source: {zone}, target: /zone/{path}{mode}, volume: {{subpath: {path}}}}}"


def _service(
    zone: str,
    name: str,
    *,
    extends: str = "process",
    environment: Mapping[str, str],
    volumes: Sequence[str],
    command: str = "",
    networks: str = "",
    ports: str = "",
    depends_on: str = "",
    profiles: str = "",
) -> str:
    lines = [f"  {zone}-{name}:", f"    extends: {{file: base.yml, service: {extends}}}"]
    for key, value in (("profiles", profiles), ("command", command), ("networks", networks), ("ports", ports), ("depends_on", depends_on)):
        lines += [f"    {key}: {value}"] if value else []
    lines += ["    environment:", *(f'      {key}: "{value}"' for key, value in environment.items())]
    lines += ["    volumes:", *(f"      - {volume}" for volume in volumes)]
    return "\n".join(lines) + "\n"


def _networks(zone: str) -> str:
    return f"""
networks:
  {zone}: {{internal: true}}
  zones: {{internal: true}}
  outside: {{}}

volumes:
  {zone}: {{}}
  {zone}-postgresql: {{}}
"""


def main() -> None:
    """Write every zone's file."""
    for zone in PORTS:
        (FOLDER / f"{zone}.yml").write_text(compose_file(zone), encoding="utf-8")


if __name__ == "__main__":
    main()
