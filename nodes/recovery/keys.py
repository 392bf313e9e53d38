"""The recovery key: its private half lies offline, in one file of its own; its public half stands in the configuration of who seals."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from crypto.encoding import canonical_json
from crypto.errors import SealingError
from crypto.sealing import check_public_key, generate_key, public_key
from nodes.errors import SettingsError
from nodes.runtime.files import read_private, write_private, write_public
from scoring.errors import StatementFormatError
from scoring.statements import HexBytes, Name, Record, parse_record

FORMAT = "xinqiao/recovery-key/v1"
PUBLIC_FORMAT = "xinqiao/recovery-public-key/v1"


class RecoveryPublicKey(Record):
    """The public half of a zone's recovery key, as a file."""

    format: str
    zone: Name
    public: HexBytes


def make_recovery_key(zone: str, private_file: Path, public_file: Path) -> bytes:
    """A fresh recovery key of ``zone``; its public half. The private half is written to ``private_file`` with mode 0600 and nowhere else.

    Raises SettingsError when either file is there already: backups sealed to a key are lost with it.
    """
    for path in (private_file, public_file):
        if path.exists():
            raise SettingsError(f"{path} is there already: a recovery key is never written over, since backups sealed to it would be lost")
    private, public = generate_key(secrets.randbits)
    write_private(private_file, canonical_json({"format": FORMAT, "zone": zone, "private": private.hex()}))
    write_public(public_file, canonical_json(RecoveryPublicKey(format=PUBLIC_FORMAT, zone=zone, public=public.hex()).model_dump(mode="json")))
    return public


def read_recovery_key(private_file: Path, zone: str) -> bytes:
    """The private half. Raises SecretFileError when others may read the file, SettingsError when it is no recovery key of ``zone``."""
    try:
        document = json.loads(read_private(private_file))
        private = bytes.fromhex(document["private"])
        public_key(private)
    except (ValueError, KeyError, TypeError, SealingError) as error:
        raise SettingsError(f"{private_file} is no recovery key") from error
    if (document.get("format"), document.get("zone")) != (FORMAT, zone):
        raise SettingsError(f"{private_file} is a recovery key of another zone than {zone}")
    return private


def read_recovery_public_key(public_file: Path, zone: str) -> bytes:
    """The public half. Raises SettingsError when the file is missing or no recovery key of ``zone``."""
    try:
        found = parse_record(RecoveryPublicKey, public_file.read_bytes())
        public = bytes.fromhex(found.public)
        check_public_key(public)
    except (OSError, StatementFormatError, SealingError) as error:
        raise SettingsError(f"{public_file} is no public half of a recovery key: xinqiao backup key makes one") from error
    if (found.format, found.zone) != (PUBLIC_FORMAT, zone):
        raise SettingsError(f"{public_file} is a recovery key of another zone than {zone}")
    return public
