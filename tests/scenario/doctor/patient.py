"""A process whose health is examined: a bank's, with copies of everything that its operator has, so that each can be harmed."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from nodes.commands.doctor.command import CHECKS, examine
from nodes.commands.doctor.findings import Finding
from nodes.runtime.database import open_database
from nodes.runtime.files import write_private
from nodes.runtime.observing.http import health_app
from nodes.runtime.peers.identity import load_private_key
from nodes.runtime.process import READY_FILE
from nodes.runtime.web.server import WebServer
from simulators.zone.authority import CertificateAuthority
from tests.scenario.log_zone import ZONE, LogProcess, Zone

CHECKS_OF = {
    "files": ("private files",),
    "certificate": ("certificate",),
    "keys": ("keys",),
    "share": ("share",),
    "disk": ("disk",),
    "database": ("databases",),
    "schema": ("versions of the databases",),
    "pins": ("pins",),
    "process": ("process",),
    "peer": ("peers", "gateway"),
    "clock": ("gateway", "log and witnesses"),
    "log": ("log and witnesses",),
    "witnesses": ("log and witnesses",),
}


DAY = datetime.timedelta(days=1)


@dataclass
class Patient:
    """A bank's process, as its operator has it: a configuration, keys, state, the zone's public files, all of them its own copies."""

    zone: Zone
    root: Path
    config: Path

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def public(self) -> Path:
        return self.root / "public"

    def findings(self, off_s: float = 0.0, only: str = "") -> list[Finding]:
        """What all checks find, by a clock that is so far ahead, or those that make findings of the kind ``only``."""
        checks = [item for item in CHECKS if not only or item[0] in CHECKS_OF.get(only, ())]
        return list(examine(self.config, lambda: time.time() + off_s, lambda _text: None, checks))

    def write(self, text: Callable[[str], str]) -> None:
        self.config.write_text(text(self.config.read_text(encoding="utf-8")), encoding="utf-8")

    def certificate(
        self, uris: list[str], begins: datetime.timedelta = -DAY, lasts: datetime.timedelta = 90 * DAY, ca: CertificateAuthority | None = None
    ) -> x509.Certificate:
        """Put a certificate of the zone's CA, or of another, for this member's TLS key in place."""
        key = load_private_key(self.keys / "tls-key.pem")
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        authority = ca or authority_of(self.zone)
        begin = datetime.datetime.now(datetime.UTC) + begins
        builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(authority.certificate.subject).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(begin + lasts)
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri) for uri in uris])
        made = builder.add_extension(names, critical=True).sign(authority.key, hashes.SHA256())
        (self.keys / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
        return made


def authority_of(zone: Zone) -> CertificateAuthority:
    certificate = x509.load_pem_x509_certificate((zone.root / "public" / "ca.pem").read_bytes())
    key = load_private_key(zone.root / "ca" / "ca-key.pem")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return CertificateAuthority(certificate, key)


def admitted(zone: Zone, log: LogProcess, root: Path, member: str) -> Patient:
    """A member's process, well in every respect but that it has no coordinator to call."""
    shutil.copytree(zone.root / "members" / member, root / "keys")
    shutil.copytree(zone.root / "public", root / "public")
    (root / "state").mkdir(mode=0o700)
    config = root / "bank.toml"
    config.write_text(
        f'member = "{member}"\nzone = "{ZONE}"\nstate_dir = "state"\nkeys_dir = "keys"\npublic_dir = "public"\n\n'
        f'[peers.log]\nmember = "log"\naddress = "{log.peer.address}"\n\n'
        '[bank]\nlisten = "127.0.0.1:0"\ngateway = "https://127.0.0.1:1"\n',
        encoding="utf-8",
    )
    open_database(root / "state", "bank").dispose()
    write_private(root / "state" / READY_FILE, json.dumps({"pid": os.getpid()}).encode())
    return Patient(zone, root, config)


def of(findings: list[Finding], check: str) -> list[Finding]:
    return [finding for finding in findings if finding.check == check]


def assert_wrong(patient: Patient, check: str, says: str, off_s: float = 0.0) -> None:
    """The check finds an error that says ``says`` and what to do."""
    found = [finding for finding in of(patient.findings(off_s, check), check) if finding.level == "error"]
    assert any(says in finding.says for finding in found), (check, found)
    assert all(finding.action for finding in found)


@contextmanager
def gateway(zone: Zone, ready: Callable[[], None]) -> Iterator[str]:
    """The health of a gateway over TLS with the authority's certificate."""
    keys = zone.root / "members" / "log"  # a listening member's: it names this host
    server = WebServer(health_app(ready), "127.0.0.1:0", keys / "cert.pem", keys / "tls-key.pem")
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.port}"
    finally:
        server.stop()
        thread.join()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
