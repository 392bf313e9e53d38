"""Organisations that found a zone: each with a machine, keys of its own and the commands that its people type."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from nodes.commands.output import ExitCode, run
from nodes.runtime.files import make_private_directory, write_private
from simulators.zone.layout import ZonePlan, demo_plan
from xinqiao import application

PLAN = demo_plan(witnesses=3)


@dataclass
class Office:
    """One organisation's machine, and the files that it was given."""

    place: Path
    member: str
    roles: tuple[str, ...]
    words: list[str] = field(default_factory=list)

    @property
    def keys(self) -> Path:
        return self.place / "keys"

    def entry(self) -> Path:
        ended = xinqiao("member", "entry", self.keys, "--member", self.member, *self.words, "--zone", PLAN.zone, "-o", self.place / "entry.json")
        assert ended == ExitCode.DONE
        return self.place / "entry.json"


def xinqiao(*words: object) -> int:
    line = [str(word) for word in words]
    return run(application(line[0]), line)


def offices(root: Path, plan: ZonePlan) -> dict[str, Office]:
    """A machine for each member, with keys that it made itself."""
    found = {}
    for member in plan.members:
        words = ["--zh", member.title.zh, "--en", member.title.en, *(word for role in member.roles for word in ("--role", role))]
        words += [word for name in ("division", "level", "department") if (value := getattr(member, name)) for word in (f"--{name}", value)]
        office = Office(make_private_directory(root / member.id), member.id, member.roles, words)
        make_private_directory(office.keys)
        kinds: dict[str, PrivateKeyTypes] = {"sign": ed25519.Ed25519PrivateKey.generate(), "hpke": x25519.X25519PrivateKey.generate()}
        kinds |= {"tls-key": ec.generate_private_key(ec.SECP256R1())}
        kinds |= {"note": ed25519.Ed25519PrivateKey.generate()} if {"log", "witness"} & set(member.roles) else {}
        for name, key in kinds.items():
            write_private(office.keys / f"{name}.pem", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        found[member.id] = office
    return found
