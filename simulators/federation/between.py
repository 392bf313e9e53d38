"""The zones with what is between them: links, nodes, mirrors; and what anybody sees of them over the zones' public addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Self

from crypto.checkpoint import Checkpoint, open_checkpoint
from nodes.errors import NotFoundError
from nodes.peering.mirrored import MirroredLog
from simulators.demo.artifacts import Ran, run_command
from simulators.demo.metering import Meter
from simulators.demo.people import Desk
from simulators.federation.cases import Case, until
from simulators.federation.link import Link
from simulators.federation.peers import MIRRORS, tell_services, write_nodes
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
        note = Desk(zone.endpoints["gateway"], zone.public / "ca.pem").fetch("/log/checkpoint")
        return 0 if note is None else _opened(note, zone).size

    def mirrored(self, home: FederatedZone, origin: FederatedZone) -> int:
        """Leaves of ``origin``'s log under the checkpoint that ``home``'s mirror shows; 0 before the first."""
        try:
            note = self.mirror(home, origin).read_path("checkpoint")
        except NotFoundError:
            return 0
        return _opened(note, origin).size

    def wait_mirrored(self, home: FederatedZone, origin: FederatedZone, size: int) -> None:
        """Return once ``home`` serves ``size`` leaves of ``origin`` or more. Raises NotReadyError."""
        what = f"{home.id} does not serve {size} leaves of {origin.id}"
        until(lambda: self.mirrored(home, origin) >= size, MIRROR_TIMEOUT_S, what)

    def audit_mirror(self, home: FederatedZone, origin: FederatedZone) -> Ran:
        """``xinqiao audit`` of the tree that ``home`` keeps of ``origin``, against the keys of ``origin``."""
        tree = home.out / MIRRORS / origin.id / "log"
        return run_command("audit", str(tree), "--keys", str(origin.public), "--tree-only", "--json")

    def mirror(self, home: FederatedZone, origin: FederatedZone) -> MirroredLog:
        """The files of ``home``'s mirror of ``origin``, for its own people."""
        return MirroredLog(home.out / MIRRORS / origin.id)

    def split(self, home: FederatedZone, origin: FederatedZone) -> bool:
        """Whether ``home``'s node trusts the log of ``origin`` no longer."""
        return self.mirror(home, origin).status().get("split") is not None


def _opened(note: bytes, zone: FederatedZone) -> Checkpoint:
    return open_checkpoint(note, (zone.public / "log.vkey").read_text(encoding="utf-8").strip())
