"""A log mirrored by a peer zone's node, both processes of their own on this machine over mutual TLS: F9 of docs/specs/federation.md.

The log is filled first; then the node starts from nothing, verifies, stores, cosigns and writes everything as files.
"""

from __future__ import annotations

import json
import resource
import tempfile
import threading
import time
from pathlib import Path

from crypto.encoding import sha256
from crypto.notes import COSIGNATURE_V1, ED25519
from nodes.ceremony.countersigning import approve_change
from nodes.log.publication import FilePin, Publication
from nodes.log.sequencer import Sequencer, Submission, genesis_submission
from nodes.log.storage import LogStore
from nodes.runtime.clock import now
from nodes.runtime.database import open_database
from nodes.runtime.peers.identity import load_note_signer, load_signing_key, log_name, witness_name
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from scoring.disclosure.countersigning import embed
from scoring.statements import MemberChange, PeerZone, Registry, Role, Title
from simulators.benchmarks.log import submissions
from simulators.benchmarks.processes import measured_process, wait_until
from simulators.benchmarks.rows import Figure
from simulators.zone.authority import make_zone
from simulators.zone.configs import free_ports
from simulators.zone.layout import MemberPlan, ZonePlan

ZONE, NODE, HOME = "bench", "node", "home"
LEAVES, QUICK_LEAVES, BATCH = 100_000, 5_000, 1000
TIMEOUT_S = 600.0
_ROLES: dict[str, tuple[Role, ...]] = {
    "authority": ("authority",), "log": ("log",), "coordinator": ("coordinator",), "custodian": ("custodian",), "bank": ("bank",), NODE: ("witness",),
}  # fmt: skip


def run(quick: bool) -> list[Figure]:
    """Measures both figures of F9. Takes about half a minute, a few seconds when quick."""
    leaves = QUICK_LEAVES if quick else LEAVES
    with tempfile.TemporaryDirectory(prefix="xinqiao-bench-") as directory:
        root = Path(directory) / "zone"
        _fill(root, _make(root), leaves)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with measured_process("nodes.log", _log_config(root), root / "state" / "log") as port:
            start = time.perf_counter()
            with measured_process("nodes.peering", _node_config(root, port), root / "state" / "node"):
                begun = time.perf_counter()
                mirrored = _reached(root, "size", leaves) - begun
                shown = _reached(root, "shown_size", leaves) - start
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = spent.ru_utime + spent.ru_stime - before.ru_utime - before.ru_stime
    return [
        Figure(f"peers: a log of {leaves:,} leaves mirrored, verified and durable", leaves / mirrored, "/s", "" if quick else "≥5000"),
        Figure(f"peers: {leaves:,} leaves caught up from nothing, witnessed and shown as files", shown, "s", "" if quick else "≤60"),
        Figure("peers: processor time of log and node together for it, starts included", cpu_s, "s"),
    ]


def _make(root: Path) -> Registry:
    """A zone in ``root`` whose one witness is the node."""
    members = tuple(MemberPlan(name, Title(zh=name, en=name), roles, listens="log" in roles) for name, roles in _ROLES.items())
    registry = make_zone(ZonePlan(ZONE, Title(zh="测量", en="bench"), members, ()), root, [])
    (root / "state").mkdir(mode=0o700)
    return registry


def _fill(root: Path, registry: Registry, leaves: int) -> None:
    """A log of ``leaves``: the registry, the change that makes the node a peer, then statements that a peer reads no envelopes of."""
    state = root / "state" / "log"
    signer = load_note_signer(log_name(ZONE), ED25519, root / "members" / "log" / "note.pem")
    engine = open_database(state, "log")
    store, publication = LogStore(engine), Publication()
    sequencer = Sequencer(store, FilePin(state / "head.pin"), signer, publication, now, lambda _entries: None)
    change = _change(root, registry)
    made = [genesis_submission((root / "public" / "registry.dsse.json").read_bytes(), "authority")]
    made += [Submission("authority", sha256(change).hex(), change, sha256(change), MemberChange.kind, "authority", ("authority",))]
    made += submissions(leaves - len(made))
    thread = threading.Thread(target=sequencer.run)
    thread.start()
    for start in range(0, leaves, BATCH):
        sequencer.submit(made[start : start + BATCH]).result()
    sequencer.close()
    thread.join()
    engine.dispose()


def _change(root: Path, registry: Registry) -> bytes:
    witness = load_note_signer(witness_name(ZONE, NODE), COSIGNATURE_V1, root / "members" / NODE / "note.pem").key.to_vkey()
    log_vkey = load_note_signer(log_name(HOME), ED25519, root / "members" / "log" / "note.pem").key.to_vkey()
    entry = PeerZone(zone=HOME, registry="ab" * 32, log_vkey=log_vkey, witness_vkey=witness, grants=("log",))
    member = next(item for item in registry.members if item.id == NODE).model_copy(update={"roles": ("peer", "witness"), "peer": entry})
    change = MemberChange(zone=ZONE, nonce=fresh_nonce(), action="rekey", member=member)
    approval = approve_change(change, "custodian", load_signing_key("custodian", root / "members" / "custodian" / "sign.pem"))
    authority = load_signing_key("authority", root / "members" / "authority" / "sign.pem")
    return sign_statement(change.model_copy(update={"approvals": embed([approval])}), authority)


def _log_config(root: Path) -> Path:
    path = root / "log.toml"
    path.write_text(_common("log", "log") + '[log]\nlisten = "127.0.0.1:0"\n')
    return path


def _node_config(root: Path, port: int) -> Path:
    path, nobody = root / "node.toml", free_ports(1)[0]  # items are not measured: there is no coordinator
    path.write_text(
        _common(NODE, "node")
        + f'[peers.log]\nmember = "log"\naddress = "127.0.0.1:{port}"\n[peers.coordinator]\nmember = "coordinator"\naddress = "127.0.0.1:{nobody}"\n'
        + f'[peering]\nhome = "{HOME}"\nmirror_dir = "mirror"\npublish_s = 0.05\n'
    )
    return path


def _common(member: str, state: str) -> str:
    lines = {"member": member, "zone": ZONE, "state_dir": f"state/{state}", "keys_dir": f"members/{member}", "public_dir": "public"}
    return "".join(f'{key} = "{value}"\n' for key, value in {**lines, "log_level": "error"}.items())


def _reached(root: Path, what: str, leaves: int) -> float:
    """When the node's status says that so many leaves are there."""
    status = root / "mirror" / "status.json"
    wait_until(lambda: status.exists() and json.loads(status.read_bytes())[what] >= leaves, f"the node gets to {leaves} leaves", TIMEOUT_S)
    return time.perf_counter()
