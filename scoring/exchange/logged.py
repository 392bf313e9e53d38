"""A statement on its way into the log: judged, logged with its place, and who signed it. ``view`` makes them, everyone is handed them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from crypto.statements import VerifyKey
from scoring.errors import WrongSignerError
from scoring.exchange.registry import MemberRegistry
from scoring.statements import SigningKey


@dataclass(frozen=True, slots=True)
class Judged:
    """A statement that holds: who answers for it and the digest of its envelope."""

    statement: Any  # one of scoring.statements.LOGGED
    actor: str
    digest: str
    envelope: bytes
    key_id: str
    said: bytes  # crypto.statements.Envelope.said


@dataclass(frozen=True, slots=True)
class Logged:
    """A statement with its place in the log."""

    statement: Any
    index: int
    time: int
    actor: str
    digest: str
    leaf: bytes
    envelope: bytes


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed: a member, or an enterprise's own key (``subject`` set, ``member`` its service)."""

    key: SigningKey
    member: str
    subject: str

    def require_member(self, member: str) -> None:
        """The member itself signed. Raises WrongSignerError."""
        if self.subject or self.member != member:
            raise WrongSignerError(f"the statement names {member}, it is signed by {self.subject or self.member}")

    def require_role(self, registry: MemberRegistry, role: str) -> None:
        """A member with ``role`` signed. Raises WrongSignerError."""
        if self.subject or role not in registry.member(self.member).roles:
            raise WrongSignerError(f"only a member with role {role} may sign this, not {self.member}")


def verify_key(key: SigningKey) -> VerifyKey:
    """The key in the form that ``crypto.statements`` verifies with."""
    return VerifyKey(key_id=key.key_id, algorithm=key.algorithm, public=bytes.fromhex(key.public))
