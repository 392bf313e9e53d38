"""Who is in the tests' zone, with which keys. Every member's private keys are held here together, as no real machine may."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519, x25519

from nodes.runtime.peers.identity import SigningKeyPair, key_id, member_uri
from scoring.release.ceremony import Recipient
from scoring.statements import Member, Role, SigningKey, Title

ZONE = "test-zone"


@dataclass(frozen=True, slots=True)
class Organisation:
    roles: tuple[Role, ...]
    level: Any = ""
    department: str = ""


ORGANISATIONS = {
    "authority": Organisation(("authority", "gateway")),
    "coordinator": Organisation(("coordinator",)),
    "log": Organisation(("log",)),
    "auditor": Organisation(("auditor", "witness")),
    "tax": Organisation(("department", "custodian"), "city", "tax"),
    "market": Organisation(("department", "registrar"), "province", "market"),
    "science": Organisation(("department",), "county", "science"),
    "insurance": Organisation(("department",), "city", "insurance"),
    "ip": Organisation(("department",), "province", "ip"),
    "credit": Organisation(("department", "custodian"), "county", "credit"),
    "notary": Organisation(("custodian",)),
    "bank-a": Organisation(("bank",)),
    "bank-b": Organisation(("bank",)),
    "enterprise": Organisation(("enterprise-service",)),
}
DEPARTMENTS = tuple(name for name, item in ORGANISATIONS.items() if "department" in item.roles)
CUSTODIANS = tuple(name for name, item in ORGANISATIONS.items() if "custodian" in item.roles)


@dataclass
class Keys:
    """Signing and sealing keys, by member id; an enterprise's by its key id."""

    signers: dict[str, SigningKeyPair] = field(default_factory=dict)
    hpke: dict[str, bytes] = field(default_factory=dict)
    zone: str = ZONE

    def make(self, name: str, *, enterprise: bool = False) -> SigningKeyPair:
        """Fresh keys for ``name``, replacing what it had."""
        private = ed25519.Ed25519PrivateKey.generate()
        public = private.public_key().public_bytes_raw()
        self.signers[name] = SigningKeyPair(name if enterprise else key_id(name, public), "ed25519", public, private)
        self.hpke[name] = x25519.X25519PrivateKey.generate().private_bytes_raw()
        return self.signers[name]

    def signing(self, name: str) -> SigningKey:
        """The public signing key, as the registry has it."""
        signer = self.signers[name]
        return SigningKey(key_id=signer.key_id, algorithm=signer.algorithm, public=signer.public.hex())

    def sealing(self, name: str) -> bytes:
        """The public sealing key."""
        return x25519.X25519PrivateKey.from_private_bytes(self.hpke[name]).public_key().public_bytes_raw()

    def recipient(self, name: str) -> Recipient:
        """A custodian as the ceremony knows it."""
        return Recipient(name, self.sealing(name))

    def member(self, name: str) -> Member:
        """The member's entry in the registry."""
        item = ORGANISATIONS[name]
        return Member(
            id=name,
            title=Title(zh=name, en=name),
            roles=item.roles,
            level=item.level,
            department=item.department,
            keys=(self.signing(name),),
            hpke=self.sealing(name).hex(),
            uri=member_uri(self.zone, name),
        )

    def fork(self) -> Keys:
        return Keys(dict(self.signers), dict(self.hpke), self.zone)
