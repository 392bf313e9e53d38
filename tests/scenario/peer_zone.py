"""A zone's log and coordinator as real processes, and the node of a peer zone that dials them over links that can be cut."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crypto.checkpoint import open_checkpoint
from crypto.encoding import sha256
from nodes.ceremony.countersigning import approve_change
from nodes.coordinator.keeping.outbox import Outbox
from nodes.peering.mirrored import MirroredLog
from nodes.runtime.database import open_database
from nodes.runtime.peers import rpc
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.settings import Peer
from protos.v1 import federation_pb2, log_pb2, log_pb2_grpc
from protos.v1.federation_pb2_grpc import FederationStub
from scoring.disclosure.countersigning import embed
from scoring.statements import Grant, MemberChange, PeerZone, SigningKey
from tests.scenario.log_witness import WitnessDouble
from tests.scenario.log_zone import ZONE, LogProcess, Zone, connect, make_zone, start_log
from tests.support.link import Link
from tests.support.peers import ALL, OTHER, OTHER_LOG
from tests.support.waiting import until

NODE, HOME = "peer-zone", OTHER
ROOT = Path(__file__).parents[2]
START_S, SHORT_S, LONG_S = 120.0, 30.0, 60.0


@dataclass
class PeerProcess:
    """The node: its subprocess, state and files."""

    zone: Zone
    process: subprocess.Popen[bytes]
    errors: Path
    mirror: MirroredLog

    def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    @property
    def size(self) -> int:
        """Leaves that the mirror shows."""
        try:
            return open_checkpoint((self.mirror.directory / "log" / "checkpoint").read_bytes(), self.zone.registry.log_vkey).size
        except FileNotFoundError:
            return 0

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Lines of its log of this kind."""
        return [line for text in self.errors.read_text().splitlines() if (line := json.loads(text)).get("event") == event]


@dataclass
class PeeredZone:
    """The zone that is read. ``links``: what the node dials, by role."""

    zone: Zone
    log: LogProcess
    coordinator: Peer
    links: dict[str, Link]
    witness: WitnessDouble
    stubs: dict[str, log_pb2_grpc.LogStub] = field(default_factory=dict)
    size: int = 1

    def append(self, envelope: bytes, member: str = "coordinator") -> int:
        """Log a statement; its index."""
        if member not in self.stubs:
            self.stubs[member] = log_pb2_grpc.LogStub(connect(self.zone.identities[member], self.log.peer))
        request = log_pb2.AppendRequest(envelope=envelope, idempotency_key=sha256(envelope).hex())
        index: int = rpc.call(self.stubs[member].Append, request, timeout_s=SHORT_S).leaf_index
        self.size = max(self.size, index + 1)
        return index

    def refuse(self, count: int = 1) -> int:
        """Log so many small statements; the tree's size after them."""
        return max(self.append(self.zone.refusal("bank-a")) for _ in range(count)) + 1

    def admit(self, grants: Sequence[Grant] = ALL, keys: Sequence[SigningKey] = (), **changes: Any) -> None:
        """Have the custodian approve, and the authority log, the node's entry; with these signing keys, where there are any."""
        vkey = self.zone.witness_signer(NODE).key.to_vkey()
        said = {"zone": HOME, "registry": "ab" * 32, "log_vkey": OTHER_LOG.key.to_vkey(), "witness_vkey": vkey, "grants": tuple(grants)}
        member = next(item for item in self.zone.registry.members if item.id == NODE)
        member = member.model_copy(update={"roles": ("peer", "witness"), "peer": PeerZone.model_validate({**said, **changes})})
        member = member.model_copy(update={"keys": tuple(keys) or member.keys})
        change = MemberChange(zone=ZONE, nonce=fresh_nonce(), action="rekey", member=member)
        approval = approve_change(change, "custodian-a", self.zone.identities["custodian-a"].signer)
        self.append(self.zone.sign("authority", change.model_copy(update={"approvals": embed([approval])})), "authority")

    def offer(self, kind: str, name: str, content: bytes) -> int:
        """Put an item into the coordinator's outbox, as the authority's front."""
        with connect(self.zone.identities["authority"], self.coordinator) as channel:
            request = federation_pb2.OfferRequest(kind=kind, name=name, content=content)
            return rpc.call(FederationStub(channel).Offer, request, timeout_s=SHORT_S).sequence

    def back_up(self, name: str, content: bytes) -> int:
        """Put a chunk of a backup into the coordinator's outbox, as the coordinator does that seals it."""
        engine = open_database(self.zone.root / "state" / "coordinator", "coordinator")
        try:
            return Outbox(engine).put("backup", name, content)
        finally:
            engine.dispose()

    def leaves(self) -> list[bytes]:
        """Every leaf that was logged, as the log has it."""
        found: list[bytes] = []
        for update in rpc.stream(self.stubs["coordinator"].Follow, log_pb2.FollowRequest(), timeout_s=SHORT_S):
            found += [entry.leaf for entry in update.entries]
            if len(found) >= self.size:
                return found
        raise AssertionError("the log ended its stream")

    @contextmanager
    def node(self, name: str = "node") -> Iterator[PeerProcess]:
        """The node's process over state directory ``name``; killed at the end if it still runs."""
        running = self.start(name)
        try:
            yield running
        finally:
            if running.process.poll() is None:
                running.kill()

    def start(self, name: str = "node") -> PeerProcess:
        """Start the node and wait until it is ready."""
        started = self.begin(name)
        ready = self.zone.root / "state" / name / "ready"
        until(lambda: ready.exists() or started.process.poll() is not None, "the node starts", START_S)
        assert started.process.poll() is None, started.errors.read_text()[-2000:]
        return started

    def begin(self, name: str = "node") -> PeerProcess:
        """Start the node, which may end before it is ready."""
        root, config = self.zone.root, self.zone.root / f"{name}.toml"
        lines = [f'member = "{NODE}"', f'zone = "{ZONE}"', f'state_dir = "state/{name}"', f'keys_dir = "members/{NODE}"', 'public_dir = "public"']
        for role, link in self.links.items():
            lines += [f"[peers.{role}]", f'member = "{role}"', f'address = "{link.address}"']
        lines += ["[peering]", f'home = "{HOME}"', f'mirror_dir = "mirror/{name}"', "publish_s = 0.05", "notices_s = 0.2"]
        config.write_text("\n".join(lines) + "\n")
        ready, errors = root / "state" / name / "ready", root / f"{name}.err"
        ready.unlink(missing_ok=True)
        with errors.open("ab") as stream:
            process = subprocess.Popen([sys.executable, "-m", "nodes.peering", str(config)], stderr=stream, cwd=ROOT)
        return PeerProcess(self.zone, process, errors, MirroredLog(root / "mirror" / name))


@contextmanager
def peered_zone(root: Path) -> Iterator[PeeredZone]:
    """Log and coordinator with a witness double beside the node, whose cosignature is needed too: w = W = 2."""
    zone = make_zone(root, ("auditor", NODE), 2)
    with ExitStack() as stack:
        log = start_log(zone)
        stack.callback(log.kill)
        coordinator, process = _start_coordinator(zone, log)
        stack.callback(process.kill)
        links = {"log": stack.enter_context(Link(log.peer.address)), "coordinator": stack.enter_context(Link(coordinator.address))}
        witness = WitnessDouble(zone.identities["auditor"], zone.witness_signer("auditor"), zone.registry.log_vkey).start(log.peer)
        stack.callback(witness.stop)
        yield PeeredZone(zone, log, coordinator, links, witness)


def _start_coordinator(zone: Zone, log: LogProcess) -> tuple[Peer, subprocess.Popen[bytes]]:
    config = zone.root / "coordinator.toml"
    lines = ['member = "coordinator"', f'zone = "{ZONE}"', 'state_dir = "state/coordinator"', 'keys_dir = "members/coordinator"']
    lines += ['public_dir = "public"', "[peers.log]", 'member = "log"', f'address = "{log.peer.address}"', "[coordinator]", 'listen = "127.0.0.1:0"']
    config.write_text("\n".join(lines) + "\n")
    ready, errors = zone.root / "state" / "coordinator" / "ready", zone.root / "coordinator.err"
    with errors.open("ab") as stream:
        process = subprocess.Popen([sys.executable, "-m", "nodes.coordinator", str(config)], stderr=stream, cwd=ROOT)
    until(lambda: ready.exists() or process.poll() is not None, "the coordinator starts", START_S)
    assert process.poll() is None, errors.read_text()[-2000:]
    return Peer(member="coordinator", address=f"127.0.0.1:{json.loads(ready.read_bytes())['port']}"), process
