"""Roots of trust of a verifier: read once from a pinned directory, never from the party under audit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crypto.paillier import DEFAULT_MIN_BITS, PublicKey
from crypto.statements import parse_envelope
from nodes.errors import SettingsError
from nodes.runtime.replica.zone import load_packs, read_ceremony, read_public
from scoring.custody.generations import Generation, first_generation
from scoring.exchange.registry import MemberRegistry
from scoring.indicators.model import Model
from scoring.statements import Ceremony, Registry, parse_statement


@dataclass(frozen=True)
class Roots:
    """What a verifier pins: the registry's exact envelope, the zone's public key, the packs by sha256, and the key's ceremony where there was one."""

    genesis: bytes
    registry: MemberRegistry
    key: PublicKey
    packs: Mapping[str, Model]
    ceremony: Ceremony | None = None

    @property
    def first_generation(self) -> Generation | None:
        """The key's shares as the pinned ceremony dealt them; None where none is pinned, or of another key: an audit reports that."""
        said = self.ceremony
        return None if said is None or int(said.n, 16) != self.key.n else first_generation(said, self.key)

    @property
    def zone(self) -> str:
        return self.registry.genesis.zone

    @property
    def log_vkey(self) -> str:
        return self.registry.genesis.log_vkey

    @classmethod
    def load(cls, directory: Path, min_bits: int = DEFAULT_MIN_BITS) -> Roots:
        """Roots from the ``public`` directory of a zone.

        Raises SettingsError when a file is missing or log.vkey is not the registry's; KeyFormatError, ModelError for malformed ones.
        """
        genesis = read_public(directory / "registry.dsse.json")
        envelope = parse_envelope(genesis)
        registry = parse_statement(envelope.payload_type, envelope.payload)
        if not isinstance(registry, Registry):
            raise SettingsError(f"{directory / 'registry.dsse.json'} is not a registry statement")
        if read_public(directory / "log.vkey").decode(errors="replace").strip() != registry.log_vkey:
            raise SettingsError(f"{directory / 'log.vkey'} is not the key that the registry names")
        try:
            key = PublicKey.from_json(json.loads(read_public(directory / "key.json")), min_bits=min_bits)
        except (ValueError, RecursionError) as error:
            raise SettingsError(f"{directory / 'key.json'} is not JSON") from error
        members, ceremony = MemberRegistry(registry), read_ceremony(directory)
        if ceremony is not None:
            members.appoint(ceremony.custodians, ceremony.threshold)
        return cls(genesis, members, key, load_packs(directory / "packs"), ceremony)


@dataclass(frozen=True)
class AuditRoots:
    """What an auditor of a whole log pins besides: the ceremony's exact envelope."""

    roots: Roots
    ceremony: bytes

    @classmethod
    def load(cls, directory: Path, min_bits: int = DEFAULT_MIN_BITS) -> AuditRoots:
        """As ``Roots.load``. Raises SettingsError too when witnesses.vkey or witness-policy.json is not the registry's."""
        roots = Roots.load(directory, min_bits)
        policy = roots.registry.genesis.witness_policy
        if tuple(read_public(directory / "witnesses.vkey").decode(errors="replace").split()) != policy.witnesses:
            raise SettingsError(f"{directory / 'witnesses.vkey'} does not list the witnesses that the registry names")
        try:
            pinned = json.loads(read_public(directory / "witness-policy.json"))
        except (ValueError, RecursionError) as error:
            raise SettingsError(f"{directory / 'witness-policy.json'} is not JSON") from error
        if pinned != policy.model_dump(mode="json"):
            raise SettingsError(f"{directory / 'witness-policy.json'} is not the policy that the registry names")
        return cls(roots, read_public(directory / "ceremony.dsse.json"))
