"""The zones with what is between them: links, nodes, mirrors; and what anybody sees of them over the zones' public addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Self

from crypto.checkpoint import open_checkpoint
from nodes.peering.mirrored import MirroredLog
from simulators.demo.people import Desk
from simulators.demo.written.artifacts import Ran, run_command
from simulators.demo.written.metering import Meter
from simulators.federation.cases import Case, until
from simulators.federation.link import Link
from simulators.federation.peers import MIRROR, PEERS, pinned_roots, tell_services, write_nodes
from simulators.federation.zone import FederatedZone

MIRROR_TIMEOUT_S = 120.0


@dataclass
class Federation:
    """``zones`` in the order in which they were named. A context manager: leaving it cuts every link."""

    zones: Sequence[FederatedZone]
    meter: Meter
    links: dict[tuple[str, str], Link] = field(default_factory=dict)
    cases: list[Case] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        for link in self.links.values():
            link.cut()

    def connect(self) -> None:
        """A link from every zone to every other, and the configuration of the node that dials over it. Requires zones that do not run yet."""
        for origin in self.zones:
            ports, ends = origin.planned.link_ports(), origin.endpoints
            upstreams = {name: ends[name] for name in ("coordinator", "log")}
            for home in self.zones:
                if home is not origin:
                    self.links[home.id, origin.id] = Link(upstreams, [next(ports) for _ in upstreams])
        write_nodes(self.zones, {pair: link.addresses for pair, link in self.links.items()})
        tell_services(self.zones)

    def record(self, case: Case) -> None:
        """Keep how a trial came out, and tell."""
        self.cases.append(case)
        self.meter.tell(f"    {'✓' if case.held else '✗'} {case.outcome}: {case.reason}")

    def others(self, zone: FederatedZone) -> list[FederatedZone]:
        """Every zone but this one."""
        return [other for other in self.zones if other is not zone]

    def pairs(self) -> list[tuple[FederatedZone, FederatedZone]]:
        """(home, origin): every zone with every other that it mirrors."""
        return list(permutations(self.zones, 2))

    # --- what can be seen from outside ---

    def size(self, zone: FederatedZone) -> int:
        """Leaves under the checkpoint that a zone publishes."""
        return _published(zone, "/log/checkpoint", zone)

    def mirrored(self, home: FederatedZone, origin: FederatedZone) -> int:
        """Leaves of ``origin``'s log that ``home``'s gateway serves; 0 before the first."""
        return _published(home, f"/{PEERS}/{origin.id}/log/checkpoint", origin)

    def wait_mirrored(self, home: FederatedZone, origin: FederatedZone, size: int) -> None:
        """Return once ``home`` serves ``size`` leaves of ``origin`` or more. Raises NotReadyError."""
        what = f"{home.id} does not serve {size} leaves of {origin.id}"
        until(lambda: self.mirrored(home, origin) >= size, MIRROR_TIMEOUT_S, what)

    def audit_mirror(self, home: FederatedZone, origin: FederatedZone) -> Ran:
        """``xinqiao audit`` of the copy that ``home`` serves, against the keys of ``origin``."""
        keys, ca = str(pinned_roots(home, origin)), str(home.public / "ca.pem")
        return run_command("audit", f"{home.endpoints['gateway']}/{PEERS}/{origin.id}", "--keys", keys, "--ca", ca, "--json")

    def mirror(self, home: FederatedZone, origin: FederatedZone) -> MirroredLog:
        """The files of ``home``'s mirror of ``origin``, for its own people."""
        return MirroredLog(home.public / PEERS / origin.id / MIRROR)

    def split(self, home: FederatedZone, origin: FederatedZone) -> bool:
        """Whether ``home``'s node trusts the log of ``origin`` no longer."""
        return self.mirror(home, origin).status().get("split") is not None


def _published(zone: FederatedZone, path: str, signed_by: FederatedZone) -> int:
    """Size of the checkpoint of ``signed_by``'s log that ``zone``'s gateway has at ``path``; 0 where there is none."""
    desk = Desk(zone.endpoints["gateway"], zone.public / "ca.pem")
    note = desk.fetch(path)
    desk.close()
    return 0 if note is None else open_checkpoint(note, (signed_by.public / "log.vkey").read_text(encoding="utf-8").strip()).size
