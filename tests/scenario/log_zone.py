"""A small zone for tests of the log: members with keys and certificates, a signed registry, the log as a real process, a witness."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from crypto.notes import COSIGNATURE_V1, ED25519, NoteSigner
from nodes.runtime.clock import Timer
from nodes.runtime.peers import tls
from nodes.runtime.peers.identity import Identity, load_identity, load_note_signer, load_private_key, log_name, witness_name
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.settings import Peer
from scoring.statements import Member, Refusal, Registry, Role, Statement, Title
from simulators.zone.authority import CertificateAuthority, make_member
from simulators.zone.authority import make_zone as make_directories
from simulators.zone.layout import MemberPlan, ZonePlan

ZONE = "test-zone"
ROLES: dict[str, tuple[Role, ...]] = {
    "authority": ("authority", "gateway"),
    "coordinator": ("coordinator",),
    "log": ("log",),
    "auditor": ("auditor", "witness"),
    "peer-zone": ("witness",),
    "data-bureau": ("witness",),
    "custodian-a": ("custodian", "department"),
    "registrar": ("department", "registrar"),
    "bank-a": ("bank",),
    "enterprise": ("enterprise-service",),
}
START_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Zone:
    """Directories and identities of a test zone. ``outsider`` has a certificate of the zone's CA, but is not in the registry."""

    root: Path
    identities: dict[str, Identity]
    registry: Registry
    genesis: bytes
    outsider: Member

    @property
    def public_dir(self) -> Path:
        return self.root / "public"

    @property
    def log_signer(self) -> NoteSigner:
        return load_note_signer(log_name(ZONE), ED25519, self.root / "members" / "log" / "note.pem")

    def witness_signer(self, member: str) -> NoteSigner:
        return load_note_signer(witness_name(ZONE, member), COSIGNATURE_V1, self.root / "members" / member / "note.pem")

    def sign(self, member: str, statement: Statement) -> bytes:
        """Envelope of the statement, signed by the member."""
        return sign_statement(statement, self.identities[member].signer)

    def refusal(self, member: str) -> bytes:
        """A small valid statement of the member, another each time."""
        return self.sign(member, Refusal(zone=ZONE, nonce=fresh_nonce(), member=member, reason="NOT_READY"))

    def config(self, name: str = "log", listen: str = "127.0.0.1:0", database_url: str = "", tables: str = "") -> Path:
        """Configuration file of a log process with state directory ``name``; ``tables`` stand in it too."""
        path = self.root / f"{name}.toml"
        text = [
            'member = "log"',
            f'zone = "{ZONE}"',
            f'state_dir = "state/{name}"',
            'keys_dir = "members/log"',
            'public_dir = "public"',
            f'database_url = "{database_url}"',
            "[log]",
            f'listen = "{listen}"',
        ]
        path.write_text("\n".join(text) + "\n" + tables)
        return path


def make_zone(root: Path, witnesses: tuple[str, ...] = ("auditor",), required: int = 1, validity_s: int | None = None) -> Zone:
    """A zone under ``root`` with the members of ``ROLES``; ``required`` of ``witnesses`` make its policy, its registry holds ``validity_s``."""
    members = tuple(
        MemberPlan(name, Title(zh=name, en=name), roles, listens=bool({"log", "coordinator"} & set(roles))) for name, roles in ROLES.items()
    )
    plan = ZonePlan(ZONE, Title(zh="测试", en="test"), members, (), witnesses_required=required, witnesses=witnesses, validity_s=validity_s)
    registry = make_directories(plan, root, [])
    (root / "state").mkdir(mode=0o700)
    outsider = _outsider(root)
    identities = {name: load_identity(ZONE, name, root / "members" / name, root / "public" / "ca.pem") for name in (*ROLES, "outsider")}
    return Zone(root, identities, registry, (root / "public" / "registry.dsse.json").read_bytes(), outsider)


@dataclass(slots=True)
class LogProcess:
    """A running log: its subprocess, address, what it wrote to standard error, and the port on which it tells of itself, if it does."""

    process: subprocess.Popen[bytes]
    peer: Peer
    errors: Path
    observe_port: int = 0

    def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def terminate(self) -> int:
        """Ask it to end; its exit code."""
        self.process.terminate()
        return self.process.wait(30)


@contextmanager
def running_log(zone: Zone, name: str = "log", database_url: str = "", tables: str = "") -> Iterator[LogProcess]:
    """A log process over state directory ``name``; killed at the end if it still runs."""
    log = start_log(zone, name, database_url, tables)
    try:
        yield log
    finally:
        if log.process.poll() is None:
            log.kill()


def start_log(zone: Zone, name: str = "log", database_url: str = "", tables: str = "") -> LogProcess:
    """Start a log process and wait until it is ready. Raises AssertionError with its last words when it ends instead."""
    config = zone.config(name, database_url=database_url, tables=tables)
    ready = zone.root / "state" / name / "ready"
    errors = zone.root / f"{name}.err"
    ready.unlink(missing_ok=True)
    with errors.open("ab") as stream:
        process = subprocess.Popen([sys.executable, "-m", "nodes.log", str(config)], stderr=stream, cwd=Path(__file__).parents[2])
    timer = Timer(START_TIMEOUT_S)
    while not ready.exists():
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
        if process.returncode is not None or timer.left_s() < 0:
            process.kill()
            raise AssertionError(f"the log did not start: {errors.read_text()[-2000:]}")
    told = json.loads(ready.read_bytes())
    return LogProcess(process, Peer(member="log", address=f"127.0.0.1:{told['port']}"), errors, told.get("observe_port", 0))


def connect(identity: Identity, peer: Peer) -> grpc.Channel:
    """A channel that has connected. A loaded machine may need several attempts, which streams do not make."""
    channel = tls.channel(identity, peer.address, peer.member)
    grpc.channel_ready_future(channel).result(START_TIMEOUT_S)
    return channel


def _outsider(root: Path) -> Member:
    certificate = x509.load_pem_x509_certificate((root / "public" / "ca.pem").read_bytes())
    key = load_private_key(root / "ca" / "ca-key.pem")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    plan = MemberPlan("outsider", Title(zh="局外人", en="outsider"), ("bank",))
    return make_member(CertificateAuthority(certificate, key), ZONE, plan, root / "members" / "outsider").member
