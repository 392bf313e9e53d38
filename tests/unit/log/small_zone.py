"""Keys and statements of a small zone in memory: no certificates, no processes."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Literal

from cryptography.hazmat.primitives.asymmetric import ed25519

from crypto.notes import COSIGNATURE_V1, ED25519, NoteSigner
from crypto.statements import SignKey
from nodes.ceremony.countersigning import approve_change
from nodes.runtime.peers.identity import SigningKeyPair, key_id
from nodes.runtime.peers.signing import sign_statement
from scoring.disclosure.countersigning import embed
from scoring.statements import Member, MemberChange, Refusal, Registry, Role, SigningKey, Statement, Title, WitnessPolicy

ZONE = "test-zone"
ROLES: dict[str, tuple[Role, ...]] = {
    "authority": ("authority", "gateway"),
    "coordinator": ("coordinator",),
    "auditor": ("auditor", "witness"),
    "custodian-a": ("custodian", "department"),
    "registrar": ("department", "registrar"),
    "bank-a": ("bank",),
    "bank-b": ("bank",),
    "enterprise": ("enterprise-service",),
}


def make_key(owner: str, named: str = "") -> SigningKeyPair:
    """A fresh Ed25519 key of ``owner``, under its usual id or ``named``."""
    private = ed25519.Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    return SigningKeyPair(named or key_id(owner, public), "ed25519", public, private)


def record(member: str, key: SigningKeyPair, roles: tuple[Role, ...]) -> Member:
    """A member's entry in the registry."""
    signing = SigningKey(key_id=key.key_id, algorithm=key.algorithm, public=key.public.hex())
    return Member(id=member, title=Title(zh=member, en=member), roles=roles, keys=(signing,), hpke="09" + "00" * 31, uri=f"xinqiao://{ZONE}/{member}")


@dataclass
class SmallZone:
    """Members' keys, the signed registry, the log's and a witness's note keys."""

    keys: dict[str, SigningKeyPair] = field(default_factory=lambda: {name: make_key(name) for name in ROLES})
    log: NoteSigner = field(default_factory=lambda: NoteSigner(f"xinqiao/{ZONE}", ED25519, secrets.token_bytes(32)))
    witness: NoteSigner = field(default_factory=lambda: NoteSigner(f"xinqiao/{ZONE}/auditor", COSIGNATURE_V1, secrets.token_bytes(32)))

    def __post_init__(self) -> None:
        self.registry = Registry(
            zone=ZONE,
            nonce=secrets.token_hex(16),
            title=Title(zh="测试", en="test"),
            members=tuple(record(name, self.keys[name], roles) for name, roles in ROLES.items()),
            log_vkey=self.log.key.to_vkey(),
            witness_policy=WitnessPolicy(witnesses=(self.witness.key.to_vkey(),), required=1, max_age_s=600, development=True),
        )
        self.genesis = self.sign("authority", self.registry)

    def sign(self, member: str, statement: Statement, *more: SignKey) -> bytes:
        """Envelope of the statement by the member's key."""
        return sign_statement(statement, self.keys[member], *more)

    def change(self, member: str, key: SigningKeyPair, action: Literal["join", "leave", "rekey"] = "join") -> MemberChange:
        """A change of a bank, approved by the one custodian."""
        made = MemberChange(zone=ZONE, nonce=secrets.token_hex(16), action=action, member=record(member, key, ("bank",)))
        return made.model_copy(update={"approvals": embed([approve_change(made, "custodian-a", self.keys["custodian-a"])])})

    def refusal(self, member: str, zone: str = ZONE) -> bytes:
        """A small statement of the member, another each time."""
        return self.sign(member, Refusal(zone=zone, nonce=secrets.token_hex(16), member=member, reason="NOT_READY"))
