"""Readers of files: settings, shares, tokens, keys, records, and the directory that a verifier pins."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connectors.plain import read_plain
from crypto.threshold import Share
from gateway.settings import GatewaySettings
from nodes.commands.models.records_file import read_records
from nodes.custodian.shares.holding import Holding, read_holding, write_holding
from nodes.evidence.roots import AuditRoots
from nodes.runtime.peers.identity import load_signing_key
from nodes.runtime.settings import role_of
from nodes.runtime.web.tokens import read_token
from tests.fuzz.judge import Parser
from tests.support.ledger import SMALL_BITS
from tests.support.zone import MemoryZone

SETTINGS = b"""
member = "authority"
zone = "test-zone"
state_dir = "state"
keys_dir = "keys"
public_dir = "public"
[peers.log]
member = "log"
address = "127.0.0.1:1"
[gateway]
listen = "127.0.0.1:0"
public_base = "https://gateway.test"
admin_token_file = "token"
"""


def file_parsers(zone: MemoryZone, public: Path, parent: Path) -> dict[str, Parser]:
    """Readers that are given a path; what they read is written below ``parent``. ``public``: the zone's public directory."""
    scratch = Path(tempfile.mkdtemp(dir=parent))

    def of_file(read: Callable[[Path], object], seed: bytes, *, slow: bool = False) -> Parser:
        return Parser(lambda data: read(_private(scratch / "file", data)), (seed,), slow)

    share, key = scratch / "share", zone.keys.signers["tax"].private
    write_holding(share, Holding(Share(1, 4711, 0)), b"passphrase")
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {
        "settings": of_file(lambda path: (role_of(path), GatewaySettings.load(path)), SETTINGS),
        "share-file": of_file(lambda path: read_holding(path, b"passphrase"), share.read_bytes(), slow=True),
        "token-file": of_file(read_token, b"t" * 43),
        "key-file": of_file(lambda path: load_signing_key("tax", path), pem),
        "records-file": of_file(lambda path: read_records(path, zone.model, None, lambda _text: None), b"subject,year,sales\na,1995,1\n"),
        "records-drop": Parser(
            lambda data: list(read_plain(io.BytesIO(data), "records", "a.csv")), (b"uscc,period,sales\n91330108MA2AAAAA00,1995,1\n",)
        ),
    } | {f"pinned-{path.name}": _pinned(path) for path in sorted(public.iterdir()) if path.is_file()}


def _private(path: Path, data: bytes) -> Path:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    return path


def _pinned(path: Path) -> Parser:
    """One file of a pinned directory replaced, the others as they should be."""
    original = path.read_bytes()

    def read(data: bytes) -> None:
        path.write_bytes(data)
        try:
            AuditRoots.load(path.parent, SMALL_BITS)
        finally:
            path.write_bytes(original)

    return Parser(read, (original,))
