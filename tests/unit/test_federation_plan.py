"""Several zones on one machine: directories and ports apart, nothing shared but one enterprise; a link that can be cut."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

from nodes.errors import SettingsError
from scoring.indicators.plain import score_plain
from scoring.rules.stages import Owner
from simulators.federation.link import Link, Relay
from simulators.federation.plan import PORTS_A_ZONE, FederationOptions
from simulators.zone.configs import choose_addresses
from tests.scenario.conftest import run_command

PACKS = ("hangzhou-binjiang", "suzhou-snd", "kunshan", "zhengzhou")
FIRST_PORT, PATIENCE_S = 20_000, 10.0


@pytest.fixture(scope="module")
def options() -> FederationOptions:
    return FederationOptions(Path("/run/of/zones"), PACKS, enterprises=8, base_port=FIRST_PORT)


def test_each_zone_has_a_directory_and_ports_of_its_own(options: FederationOptions) -> None:
    options.check()
    assert [zone.directory for zone in options.zones] == [options.out / name for name in PACKS]
    ports = []
    for zone in options.zones:
        own = {int(address.rpartition(":")[2]) for address in choose_addresses(zone.plan, zone.first_port).of.values()}
        links = set(zone.link_ports())
        assert own.isdisjoint(links)
        assert len(links) >= 3 * len(PACKS), "a zone is reached by every other on a port for each listener"
        ports.append(own | links)
    assert all(one.isdisjoint(other) for one, other in combinations(ports, 2))
    assert max(max(found) for found in ports) < FIRST_PORT + PORTS_A_ZONE * len(PACKS)


def test_a_zone_of_the_federation_is_small_and_whole(options: FederationOptions) -> None:
    for zone in options.zones:
        custodians = zone.plan.with_role("custodian")
        assert len(custodians) == 3
        assert sum("department" in member.roles for member in custodians) == 2, "two of them in their departments' own processes"
        assert zone.plan.threshold == 2
        assert len(zone.plan.with_role("bank")) == 1
        owners = [record.owner for record in zone.model.pack.records.values()]
        asked = {owner.department for owner in owners if isinstance(owner, Owner)}
        assert asked <= {member.department for member in zone.plan.with_role("department")}


def test_one_enterprise_is_in_every_zone_and_scored_there_and_no_other_is_in_two(options: FederationOptions) -> None:
    codes = [{firm.uscc for firm in zone.population.firms} for zone in options.zones]
    assert all(one & other == {options.mover} for one, other in combinations(codes, 2))
    for zone in options.zones:
        mover = next(firm for firm in zone.population.firms if firm.uscc == options.mover)
        assert not score_plain(zone.model, mover.values).gated
        assert len(zone.population.firms) == options.enterprises


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"packs": ("hangzhou-binjiang",)}, "2 to 6 zones"),
        ({"packs": ("hangzhou-binjiang", "atlantis")}, "'atlantis'"),
        ({"packs": ("hangzhou-binjiang", "firm-panel")}, "each zone once"),
        ({"enterprises": 4}, "--enterprises"),
        ({"key_bits": 1024}, "--key-bits"),
        ({"base_port": 65_400}, "--base-port is 1 to 65336"),
    ],
)
def test_what_cannot_be_is_said_before_anything_starts(options: FederationOptions, changes: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        replace(options, **changes).check()  # type: ignore[arg-type]  # fields by name


def test_the_command_says_which_options_go_with_one_zone_only() -> None:
    code, document = run_command("demo", "--zones", "hangzhou-binjiang,suzhou-snd", "--policies", "--consents", "2")
    assert (code, document["error"]) == (2, "SETTINGS_INVALID")
    assert "--consents, --policies" in document["detail"]


@pytest.fixture
def upstream() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.settimeout(PATIENCE_S)
        yield listener


def _call(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), PATIENCE_S)


def test_a_link_carries_both_ways_breaks_when_cut_and_carries_again_when_mended(upstream: socket.socket) -> None:
    host, port = upstream.getsockname()
    with Link({"log": f"{host}:{port}"}, [0]) as link, closing(_call(link.addresses["log"])) as near:
        far, _ = upstream.accept()
        with closing(far):
            near.sendall(b"question")
            assert far.recv(64) == b"question"
            far.sendall(b"answer")
            assert near.recv(64) == b"answer"
            link.cut()
            far.settimeout(PATIENCE_S)
            assert _ended(near), "the caller sees the line break"
            assert _ended(far), "so does who was called"
        with pytest.raises(OSError, match="refused"):
            _call(link.addresses["log"])
        link.mend()
        with closing(_call(link.addresses["log"])) as again, closing(upstream.accept()[0]) as far:
            again.sendall(b"once more")
            assert far.recv(64) == b"once more"
        assert link.carried >= len(b"questionanswer")


def test_a_relay_to_nobody_breaks_the_connection_and_goes_on() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    relay = Relay(f"127.0.0.1:{port}")
    for _ in range(2):
        with closing(_call(relay.address)) as near:
            assert _ended(near)
    relay.cut()


def _ended(end: socket.socket) -> bool:
    try:
        return end.recv(64) == b""
    except ConnectionError:
        return True
