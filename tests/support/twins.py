"""A zone of real processes with two coordinators and two gateways, each pair behind one PostgreSQL database."""

from __future__ import annotations

import json
import signal
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy import text

from nodes.runtime.database import connect, reading
from nodes.runtime.files import make_private_directory
from nodes.runtime.web.tokens import token_file
from simulators.zone.configs import free_ports
from simulators.zone.layout import ZONE
from tests.support.faults.zone import FaultyZone, faulty_zone, make_faulty_zone, redirect
from tests.support.postgresql import Server
from tests.support.waiting import until

PAIRS = ("coordinator", "gateway")
STANDBY_AFTER_S = 4.0
LOOK_S = 0.05


class Either(httpx.BaseTransport):
    """Carries every request to the gateway that acts, whichever port of this machine it listens on."""

    def __init__(self, ca_file: Path, ports: list[int]) -> None:
        self._inner = httpx.HTTPTransport(verify=ssl.create_default_context(cafile=str(ca_file)))
        self._ports, self._place = ports, 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for tried in range(len(self._ports)):
            request.url = request.url.copy_with(port=self._ports[self._place])
            last = tried == len(self._ports) - 1
            try:
                response = self._inner.handle_request(request)
                response.read()
            except httpx.TransportError:
                self._place = (self._place + 1) % len(self._ports)
                if last or request.method != "GET":
                    raise
                continue
            if last or response.status_code != 503 or json.loads(response.content).get("reason") not in {"STANDBY", "LEASE_LOST"}:
                return response
            self._place = (self._place + 1) % len(self._ports)
        raise AssertionError("unreachable: the last try returns or raises")

    def close(self) -> None:
        self._inner.close()


@dataclass
class Twins:
    """The zone, and what is special about its pairs."""

    zone: FaultyZone
    server: Server
    ports: list[int]  # of the two gateways

    def leader(self, pair: str) -> str:
        """The process of the pair that holds the lease, by the database; empty when it is not one that runs."""
        engine = connect(Path(), self.zone.urls[pair], "lease")
        with reading(engine) as connection:
            holder = str(connection.execute(text("SELECT holder FROM leases WHERE name = :name"), {"name": f"{ZONE}/{pair}"}).scalar_one())
        engine.dispose()
        for name in (pair, f"{pair}-2"):
            if self.zone.processes.alive(name) and holder.split(" ")[1] == str(self.zone.processes.pid(name)):
                return name
        return ""

    def other(self, name: str) -> str:
        """The other one of the pair."""
        return name.removesuffix("-2") if name.endswith("-2") else f"{name}-2"

    def kill_leader(self, pair: str) -> str:
        """kill -9; the process that was killed."""
        name = self.wait_for_leader(pair)
        self.zone.processes.send_signal(name, signal.SIGKILL)
        return name

    @contextmanager
    def stopped_leader(self, pair: str) -> Iterator[str]:
        """The leading process, stopped for the block; it goes on afterwards."""
        name = self.wait_for_leader(pair)
        self.zone.processes.send_signal(name, signal.SIGSTOP)
        try:
            yield name
        finally:
            self.zone.processes.send_signal(name, signal.SIGCONT)

    def wait_for_leader(self, pair: str, other_than: str = "") -> str:
        """The process that leads now, once it is another one."""
        until(lambda: self.leader(pair) not in {"", other_than}, "another one leads", 120)
        return self.leader(pair)


@contextmanager
def twin_zone(out: Path, server: Server) -> Iterator[Twins]:
    """The zone, its processes all started."""
    with ExitStack() as databases:
        urls = {pair: databases.enter_context(server.database()) for pair in PAIRS}
        with _zone(out, urls) as (zone, ports):
            yield Twins(zone, server, ports)


@contextmanager
def _zone(out: Path, urls: dict[str, str]) -> Iterator[tuple[FaultyZone, list[int]]]:
    population = make_faulty_zone(out)
    ports = [_port(out, "gateway"), *free_ports(1)]
    _make_twin(out, "coordinator", urls["coordinator"], free_ports(1)[0])
    _make_twin(out, "gateway", urls["gateway"], ports[1])
    first, second = _port(out, "coordinator"), _port(out, "coordinator-2")
    redirect(out, {f"127.0.0.1:{first}": f"127.0.0.1:{first},127.0.0.1:{second}"})
    for path in (out / "config").glob("*.toml"):
        gateway = f'gateway = "https://127.0.0.1:{ports[0]}"\n'
        addresses = f'gateway_addresses = "127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}"\n'
        path.write_text(path.read_text().replace(gateway, gateway + addresses))
    token_file(make_private_directory(out / "state" / "gateway") / "admin.token")
    with faulty_zone(out, population) as zone:
        zone.urls = urls
        for desk in (zone.authority, zone.gateway):
            headers = desk._client.headers
            desk._client = httpx.Client(base_url=desk.base, headers=headers, timeout=60, transport=Either(out / "public" / "ca.pem", ports))
        yield zone, ports


def _make_twin(out: Path, name: str, url: str, port: int) -> None:
    """Two configurations of one process, which differ by state directory and port."""
    config = out / "config" / f"{name}.toml"
    said = f'database_url = "{url}"\nstandby_after_s = {STANDBY_AFTER_S}\n' + config.read_text()
    config.write_text(said)
    twin = said.replace(f'state_dir = "../state/{name}"', f'state_dir = "../state/{name}-2"')
    twin = twin.replace(f'listen = "127.0.0.1:{_port(out, name)}"', f'listen = "127.0.0.1:{port}"')
    other = out / "config" / f"{name}-2.toml"
    other.write_text(twin)
    other.chmod(0o600)


def _port(out: Path, name: str) -> int:
    lines = (out / "config" / f"{name}.toml").read_text().splitlines()
    return next(int(line.rpartition(":")[2].strip('"')) for line in lines if line.startswith("listen"))
