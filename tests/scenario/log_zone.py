"""A small zone for tests of the log: a CA, members with keys and certificates, a signed registry, and the log as a real process."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from crypto.notes import COSIGNATURE_V1, ED25519, NoteSigner
from crypto.statements import sign_envelope
from nodes.runtime.clock import Timer
from nodes.runtime.identity import Identity, load_identity, load_note_signer, log_name, member_uri, server_name, witness_name
from nodes.runtime.settings import Peer
from scoring.statements import Member, Refusal, Registry, Role, SigningKey, Statement, Title, WitnessPolicy

ZONE = "test-zone"
ROLES: dict[str, tuple[Role, ...]] = {
    "authority": ("authority", "gateway"),
    "coordinator": ("coordinator",),
    "log": ("log",),
    "auditor": ("auditor", "witness"),
    "custodian-a": ("custodian", "department"),
    "registrar": ("department", "registrar"),
    "bank-a": ("bank",),
    "enterprise": ("enterprise-service",),
}
START_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Zone:
    """Directories and identities of a test zone. ``outsider`` has a certificate of the CA, but is not in the registry."""

    root: Path
    identities: dict[str, Identity]
    registry: bytes
    log_signer: NoteSigner
    witness_signer: NoteSigner

    @property
    def public_dir(self) -> Path:
        return self.root / "public"

    @property
    def log_vkey(self) -> str:
        return self.log_signer.key.to_vkey()

    @property
    def witness_vkey(self) -> str:
        return self.witness_signer.key.to_vkey()

    def envelope(self, member: str, statement: Statement) -> bytes:
        """The statement, signed by the member."""
        return sign_envelope(statement.payload_type(), statement.payload(), self.identities[member].signer)

    def refusal(self, member: str, reason: str = "NOT_READY") -> bytes:
        """A small valid statement of the member, another each time."""
        return self.envelope(member, Refusal(zone=ZONE, nonce=secrets.token_hex(16), member=member, reason=reason))

    def config(self, name: str = "log", listen: str = "127.0.0.1:0", database_url: str = "") -> Path:
        """Configuration file of a log process with state directory ``name``."""
        path = self.root / f"{name}.toml"
        text = [
            'member = "log"',
            f'zone = "{ZONE}"',
            f'state_dir = "{self.root / "state" / name}"',
            f'keys_dir = "{self.root / "members" / "log"}"',
            f'public_dir = "{self.public_dir}"',
            f'database_url = "{database_url}"' if database_url else "",
            "[log]",
            f'listen = "{listen}"',
        ]
        path.write_text("\n".join(text) + "\n")
        return path


def make_zone(root: Path, required: int = 1) -> Zone:
    """A zone under ``root``. The auditor is its one witness."""
    (root / "state").mkdir(parents=True)
    (root / "public").mkdir()
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("zone ca", ca_key, ca_key, None, [])
    (root / "public" / "ca.pem").write_bytes(ca.public_bytes(Encoding.PEM))
    identities = {name: _member(root, name, ca, ca_key) for name in [*ROLES, "outsider"]}
    note_key = root / "members" / "log" / "note.pem"  # here the same key as for statements; a real zone has two
    note_key.write_bytes((root / "members" / "log" / "sign.pem").read_bytes())
    note_key.chmod(0o600)
    log_signer = load_note_signer(log_name(ZONE), ED25519, root / "members" / "log" / "note.pem")
    witness_signer = load_note_signer(witness_name(ZONE, "auditor"), COSIGNATURE_V1, root / "members" / "auditor" / "note.pem")
    registry = Registry(
        zone=ZONE,
        nonce=secrets.token_hex(16),
        title=Title(zh="测试", en="test"),
        members=tuple(member_record(identities[name], roles) for name, roles in ROLES.items()),
        log_vkey=log_signer.key.to_vkey(),
        witness_policy=WitnessPolicy(witnesses=(witness_signer.key.to_vkey(),), required=required, max_age_s=600),
    )
    envelope = sign_envelope(registry.payload_type(), registry.payload(), identities["authority"].signer)
    (root / "public" / "registry.dsse.json").write_bytes(envelope)
    return Zone(root, identities, envelope, log_signer, witness_signer)


def member_record(identity: Identity, roles: tuple[Role, ...]) -> Member:
    """How the registry describes a member."""
    key = SigningKey(key_id=identity.signer.key_id, algorithm=identity.signer.algorithm, public=identity.signer.public.hex())
    title = Title(zh=identity.member, en=identity.member)
    return Member(id=identity.member, title=title, roles=roles, keys=(key,), hpke=identity.hpke_public.hex(), uri=identity.uri)


@dataclass(slots=True)
class LogProcess:
    """A running log: its subprocess and address."""

    process: subprocess.Popen[bytes]
    peer: Peer
    errors: Path

    def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def terminate(self) -> int:
        """Ask it to end; its exit code."""
        self.process.terminate()
        return self.process.wait(30)


@contextmanager
def running_log(zone: Zone, name: str = "log", listen: str = "127.0.0.1:0") -> Iterator[LogProcess]:
    """A log process over state directory ``name``; killed at the end if it still runs."""
    log = start_log(zone, name, listen)
    try:
        yield log
    finally:
        if log.process.poll() is None:
            log.kill()


def start_log(zone: Zone, name: str = "log", listen: str = "127.0.0.1:0") -> LogProcess:
    """Start a log process and wait until it is ready."""
    config = zone.config(name, listen)
    ready = zone.root / "state" / name / "ready"
    errors = zone.root / f"{name}.err"
    ready.unlink(missing_ok=True)
    with errors.open("ab") as stream:
        process = subprocess.Popen([sys.executable, "-m", "nodes.log", str(config)], stderr=stream, cwd=Path(__file__).parents[2])
    timer = Timer(START_TIMEOUT_S)
    while not ready.exists():
        if process.poll() is not None or timer.left_s() < 0:
            process.kill()
            raise AssertionError(f"the log did not start: {errors.read_text()[-2000:]}")
        os.sched_yield()
    port = json.loads(ready.read_bytes())["port"]
    return LogProcess(process, Peer(member="log", address=f"127.0.0.1:{port}"), errors)


def _member(root: Path, name: str, ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey) -> Identity:
    directory = root / "members" / name
    directory.mkdir(parents=True, mode=0o700)
    tls_key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(member_uri(ZONE, name)), x509.DNSName(server_name(ZONE, name))]
    certificate = _certificate(name, tls_key, ca_key, ca, names)
    _write(directory / "cert.pem", certificate.public_bytes(Encoding.PEM))
    private = (PrivateFormat.PKCS8, NoEncryption())
    _write(directory / "tls-key.pem", tls_key.private_bytes(Encoding.PEM, *private))
    _write(directory / "hpke.pem", x25519.X25519PrivateKey.generate().private_bytes(Encoding.PEM, *private))
    for file in ("sign.pem", "note.pem"):
        _write(directory / file, ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, *private))
    return load_identity(ZONE, name, directory, root / "public" / "ca.pem")


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer_key: ec.EllipticCurvePrivateKey, issuer: x509.Certificate | None, names: list[x509.GeneralName]
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
