"""A zone founded by several organisations [P10.6]: each makes its keys and its entry where they stay, the authority puts the entries together and
signs, and all compare one digest before they pin the registry. No private key is read here but that of whoever calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric import x25519

from crypto.encoding import canonical_json, sha256
from crypto.errors import NoteError
from crypto.notes import COSIGNATURE_V1, ED25519, parse_vkey
from crypto.sealing import check_public_key
from nodes.errors import IdentityError, SettingsError
from nodes.runtime.files import write_public
from nodes.runtime.peers.identity import SigningKeyPair, load_note_signer, load_private_key, load_signing_key, log_name, member_uri, witness_name
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from scoring.errors import ScoringError, WrongSignerError
from scoring.exchange.peers import PEER
from scoring.exchange.registry import MemberRegistry, is_enterprise_key
from scoring.exchange.validity import VALIDITY_S
from scoring.statements import DisclosurePolicy, Member, Name, Record, Registry, Role, SigningKey, Title, WitnessPolicy, parse_record

REGISTRY = "registry.dsse.json"
SOLE: tuple[Role, ...] = ("authority", "gateway", "coordinator", "log", "registrar")
"""Roles that exactly one member of a zone has."""
MOST_BYTES = 16 << 10  # of an entry: what others wrote is read before anybody knows who they are


class Entry(Record):
    """What an organisation says of itself before there is a zone. ``note_vkey``: of a log's or witness's checkpoint key, else empty."""

    format: Literal["xinqiao/entry/v1"] = "xinqiao/entry/v1"
    zone: Name
    member: Member
    note_vkey: str = ""

    def digest(self) -> str:
        """SHA-256, hex, of the entry: what its people tell the authority's over another way than the file takes."""
        return sha256(canonical_json(self.model_dump(mode="json"))).hex()


@dataclass(frozen=True, slots=True)
class Terms:
    """What the founders agreed on beside who they are. ``required`` of all witnesses must cosign; ``outside``: those who are no part of the zone."""

    zone: str
    title: Title
    required: int
    outside: tuple[str, ...] = ()
    development: bool = False
    disclosure: DisclosurePolicy = field(default=DisclosurePolicy())
    validity_s: int | None = VALIDITY_S
    checkpoint_max_age_s: int = 300


def make_entry(zone: str, member: Member, keys_dir: Path) -> Entry:
    """The entry of ``member``, whose keys are filled in with the public halves of those in ``keys_dir``.

    Raises SecretFileError, IdentityError when one that its roles need is missing or is none.
    """
    signer, sealing = load_signing_key(member.id, keys_dir / "sign.pem"), load_private_key(keys_dir / "hpke.pem")
    if not isinstance(sealing, x25519.X25519PrivateKey):
        raise IdentityError(f"{keys_dir / 'hpke.pem'} is not an X25519 key")
    keys = (SigningKey(key_id=signer.key_id, algorithm=signer.algorithm, public=signer.public.hex()),)
    made = member.model_copy(update={"keys": keys, "hpke": sealing.public_key().public_bytes_raw().hex(), "uri": member_uri(zone, member.id)})
    return Entry(zone=zone, member=made, note_vkey=_note_vkey(zone, member, keys_dir))


def read_entry(path: Path) -> Entry:
    """The entry in a file that somebody sent. Raises SettingsError naming the file when it is none, OSError."""
    with path.open("rb") as file:
        raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise SettingsError(f"{path}: an entry has at most {MOST_BYTES} bytes")
    try:
        return parse_record(Entry, raw)
    except ScoringError as error:
        raise SettingsError(f"{path} is no entry (xinqiao member entry): {error}") from error


def assemble(terms: Terms, entries: Sequence[Entry]) -> Registry:
    """The registry of a zone of these members, in the order of ``entries``, not signed yet.

    Raises SettingsError for an entry of another zone, one given twice, one that lacks a key of its roles, a role that one member has to have and
    none or two do; IdentityError for an entry under another's name, or a log key that is none; WrongSignerError for a key that two have,
    SealingError for one that is none; WitnessPolicyError as ``check_witness_policy``.
    """
    members = tuple(entry.member for entry in entries)
    for entry in entries:
        if entry.zone != terms.zone or entry.member.uri != member_uri(terms.zone, entry.member.id):
            raise SettingsError(f"the entry of {entry.member.id} is for zone {entry.zone}, this is {terms.zone}")
        if is_enterprise_key(entry.member.id) or any(not key.key_id.startswith(f"{entry.member.id}~") for key in entry.member.keys):
            raise IdentityError(f"the entry of {entry.member.id} has a key under another's name")
        if PEER in entry.member.roles:
            raise SettingsError(f"the entry of {entry.member.id} has the role {PEER}: other zones become peers of one that is there (xinqiao peer)")
        check_public_key(bytes.fromhex(entry.member.hpke))
    if len({member.id for member in members}) != len(members):
        raise SettingsError("one member has two entries")
    _check_keys_differ(members)
    for role in SOLE:
        held = [member.id for member in members if role in member.roles]
        if len(held) != 1:
            raise SettingsError(f"exactly one member has the role {role} in a zone; here {' and '.join(held) or 'nobody'} has it")
    if lacking := [entry.member.id for entry in entries if {"log", "witness"} & {*entry.member.roles} and not entry.note_vkey]:
        raise SettingsError(f"the entry of {lacking[0]} lacks note_vkey, the key with which a log or witness signs checkpoints")
    registry = registry_of(terms, entries)
    _check_log_key(terms.zone, registry.log_vkey)
    MemberRegistry(registry)  # whoever loads it judges it so
    return registry


def registry_of(terms: Terms, entries: Sequence[Entry]) -> Registry:
    """The registry that ``entries`` make, whoever they are: what ``assemble`` demands of a zone is not looked at. A witness whose entry has no
    key for it is in no policy. Raises WitnessPolicyError as ``check_witness_policy``."""
    policy = WitnessPolicy(
        witnesses=tuple(entry.note_vkey for entry in entries if "witness" in entry.member.roles and entry.note_vkey),
        required=terms.required,
        max_age_s=terms.checkpoint_max_age_s,
        outside=terms.outside,
        development=terms.development,
    )
    return Registry(
        zone=terms.zone,
        nonce=fresh_nonce(),
        title=terms.title,
        members=tuple(entry.member for entry in entries),
        log_vkey=next(entry.note_vkey for entry in entries if "log" in entry.member.roles),
        witness_policy=policy,
        disclosure=terms.disclosure,
        validity_s=terms.validity_s,
    )


def publish_registry(registry: Registry, signer: SigningKeyPair, public_dir: Path) -> str:
    """Sign the registry and write it into ``public_dir`` with what follows from it; the digest of its envelope, which all members compare.

    Raises SettingsError when there is a registry already, or ``signer`` is not the key of its authority.
    """
    if (public_dir / REGISTRY).exists():
        raise SettingsError(f"{public_dir / REGISTRY} exists: a zone is founded once; afterwards members are changed (xinqiao member propose)")
    authority = MemberRegistry(registry).sole("authority")
    if signer.key_id not in {key.key_id for key in authority.keys}:
        raise SettingsError(f"the authority signs the registry, with the key of its own entry: as {authority.id}, with its sign.pem")
    envelope, policy = sign_statement(registry, signer), registry.witness_policy
    public_dir.mkdir(parents=True, exist_ok=True)
    write_public(public_dir / "log.vkey", f"{registry.log_vkey}\n".encode())
    write_public(public_dir / "witnesses.vkey", "".join(f"{line}\n" for line in policy.witnesses).encode())
    write_public(public_dir / "witness-policy.json", canonical_json(policy.model_dump(mode="json")))
    write_public(public_dir / REGISTRY, envelope)
    return sha256(envelope).hex()


def faults_of_own(registry: Registry, member: str, keys_dir: Path) -> list[str]:
    """What does not fit between the registry and this member's own keys; empty when all does. Raises SecretFileError, IdentityError."""
    found = next((entry for entry in registry.members if entry.id == member), None)
    if found is None:
        return [f"{member} is not in the registry"]
    own = make_entry(registry.zone, found, keys_dir)
    faults = [] if own.member.keys == found.keys else ["its signing key is another than sign.pem"]
    faults += [] if own.member.hpke == found.hpke else ["its sealing key is another than hpke.pem"]
    faults += [] if found.uri == own.member.uri else [f"its name is {found.uri}"]
    known = {registry.log_vkey, *registry.witness_policy.witnesses}
    return faults if not own.note_vkey or own.note_vkey in known else [*faults, "its checkpoint key is another than note.pem"]


def faults_of_entry(registry: Registry, entry: Entry) -> list[str]:
    """What the registry says otherwise than the entry that its member gave: keys, roles, department, title; empty when all is there."""
    found = next((member for member in registry.members if member.id == entry.member.id), None)
    if found is None:
        return [f"{entry.member.id} is not in the registry"]
    faults = [
        f"its {name} in the registry is another than in its entry"
        for name in Member.model_fields
        if getattr(found, name) != getattr(entry.member, name)
    ]
    known = {"", registry.log_vkey, *registry.witness_policy.witnesses}
    return faults if entry.note_vkey in known else [*faults, "its checkpoint key in the registry is another than in its entry"]


def _check_keys_differ(members: Sequence[Member]) -> None:
    """No key, for signing or sealing, is in two entries: whoever gave another's as its own would have what that one signs or is sent."""
    held = [(member.id, public) for member in members for public in {member.hpke, *(key.public for key in member.keys)}]
    owner = {public: name for name, public in reversed(held)}
    for name, public in held:
        if owner[public] != name:
            raise WrongSignerError(f"{owner[public]} and {name} have the same key in their entries")


def _check_log_key(zone: str, line: str) -> None:
    try:
        key = parse_vkey(line)
    except NoteError as error:
        raise IdentityError(f"the entry of the log: {error}") from error
    if "\n" in line or (key.kind, key.name) != (ED25519, log_name(zone)):
        raise IdentityError(f"the entry of the log has no checkpoint key named {log_name(zone)}")


def _note_vkey(zone: str, member: Member, keys_dir: Path) -> str:
    if "log" in member.roles:
        return load_note_signer(log_name(zone), ED25519, keys_dir / "note.pem").key.to_vkey()
    if "witness" in member.roles:
        return load_note_signer(witness_name(zone, member.id), COSIGNATURE_V1, keys_dir / "note.pem").key.to_vkey()
    return ""
