"""Who is in the zone: members, keys and roles, as a pure state built from the registry statement and later changes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from crypto.sealing import check_public_key
from scoring.errors import AudienceUnknownError, SignerUnknownError, WrongOwnerError, WrongSignerError
from scoring.statements import Member, MemberChange, Registry, SigningKey

_ENTERPRISE_KEY = re.compile(r"e-[0-9a-f]{16}")


def is_enterprise_key(name: str) -> bool:
    """Whether ``name`` has the form of an enterprise's key id. Members and their keys never do: both are audiences and signers."""
    return _ENTERPRISE_KEY.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """A signing key and the member that answers for it."""

    member: Member
    key: SigningKey


@dataclass
class MemberRegistry:
    """Current members. ``leaf_of`` gives the leaf that registered a member's present keys (a ticket cites it, P5.2)."""

    genesis: Registry
    members: dict[str, Member] = field(default_factory=dict)
    leaf_of: dict[str, int] = field(default_factory=dict)
    _keys: dict[str, RegisteredKey] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for member in self.genesis.members:
            self._put(member, 0)

    def apply(self, change: MemberChange, index: int) -> None:
        """The registry after a join, leave or rekey at leaf ``index``. Keys of earlier members stop counting at once.

        Raises as ``check``; then nothing has changed.
        """
        self.check(change)
        for key_id in [key_id for key_id, entry in self._keys.items() if entry.member.id == change.member.id]:
            del self._keys[key_id]
        self.members.pop(change.member.id, None)
        self.leaf_of.pop(change.member.id, None)
        if change.action != "leave":
            self._put(change.member, index)

    def check(self, change: MemberChange) -> None:
        """The change can be made. Raises SignerUnknownError when a member that is not there leaves or rekeys, WrongSignerError when an id
        would be taken twice or is of the form of an enterprise's key, SealingError when the sealing key is unusable."""
        member = change.member
        if change.action != "join":
            self.member(member.id)
        if change.action == "leave":
            return
        names = [key.key_id for key in member.keys]
        if len(set(names)) != len(names) or any(name in self._keys and self._keys[name].member.id != member.id for name in names):
            raise WrongSignerError(f"a key id of {member.id} is registered twice")
        if any(is_enterprise_key(name) for name in (member.id, *names)):
            raise WrongSignerError("names like e-0123456789abcdef are for the keys of enterprises")
        check_public_key(bytes.fromhex(member.hpke))

    def key(self, key_id: str) -> RegisteredKey:
        """The key registered under ``key_id``. Raises SignerUnknownError."""
        entry = self._keys.get(key_id)
        if entry is None:
            raise SignerUnknownError(f"no member of the zone has a key {key_id!r}")
        return entry

    def member(self, member_id: str) -> Member:
        """The member ``member_id``. Raises SignerUnknownError."""
        member = self.members.get(member_id)
        if member is None:
            raise SignerUnknownError(f"{member_id!r} is not a member of the zone")
        return member

    def with_role(self, role: str) -> list[Member]:
        """Members that hold ``role``, by id."""
        return [self.members[name] for name in sorted(self.members) if role in self.members[name].roles]

    def sole(self, role: str) -> Member:
        """The one member with ``role``. Raises WrongSignerError when there is none or more than one."""
        found = self.with_role(role)
        if len(found) != 1:
            raise WrongSignerError(f"the zone needs exactly one member with role {role!r}, it has {len(found)}")
        return found[0]

    def owner(self, department: str, level: str) -> Member:
        """The department node that owns records of ``department`` at ``level``. Raises WrongOwnerError unless there is exactly one."""
        found = [m for m in self.with_role("department") if m.department == department and m.level == level]
        if len(found) != 1:
            raise WrongOwnerError(f"the zone needs exactly one {level} {department} department, it has {len(found)}")
        return found[0]

    def audience_leaf(self, member_id: str) -> int:
        """Leaf that registered the member's sealing key. Raises AudienceUnknownError."""
        leaf = self.leaf_of.get(member_id)
        if leaf is None:
            raise AudienceUnknownError(f"{member_id!r} has no registered sealing key")
        return leaf

    def _put(self, member: Member, index: int) -> None:
        self.members[member.id] = member
        self.leaf_of[member.id] = index
        for key in member.keys:
            if key.key_id in self._keys:
                raise WrongSignerError(f"key id {key.key_id!r} is registered twice")
            self._keys[key.key_id] = RegisteredKey(member, key)
