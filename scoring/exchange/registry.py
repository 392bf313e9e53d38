"""Who is in the zone: members, keys and roles, as a pure state built from the registry statement and later changes."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from crypto.errors import NoteError
from crypto.notes import COSIGNATURE_V1, parse_vkey
from crypto.sealing import check_public_key
from crypto.statements import VerifyKey
from scoring.disclosure.countersigning import adds_power, check_approvals
from scoring.errors import (
    AudienceUnknownError,
    SignerUnknownError,
    StatementReplayedError,
    WitnessPolicyError,
    WrongOwnerError,
    WrongSignerError,
)
from scoring.exchange.peers import PEER, check_peer
from scoring.statements import Member, MemberChange, Registry, SigningKey

PRODUCTION_WITNESSES = 3
_ENTERPRISE_KEY = re.compile(r"e-[0-9a-f]{16}")


def is_enterprise_key(name: str) -> bool:
    """Whether ``name`` has the form of an enterprise's key id. Members and their keys never do: both are audiences and signers."""
    return _ENTERPRISE_KEY.fullmatch(name) is not None


def check_witness_policy(registry: Registry) -> None:
    """The registry's witnesses can keep its log from showing two histories.  # L5

    Any two sets of w witnesses share more than f: 2w > W + f. Each key is a cosignature key named after a member with the role; none is
    held by the log or the coordinator, and one that is called outside holds no other role here. In production W >= 3 and one is outside.
    Raises WitnessPolicyError naming what does not hold.
    """
    policy, members = registry.witness_policy, {member.id: member for member in registry.members}
    holders = [_holder(line, registry.zone) for line in policy.witnesses]
    count = len(holders)
    _demand(policy.faulty >= 0 and policy.max_age_s > 0, "faulty is not negative and max_age_s is positive")
    _demand(1 <= policy.required <= count, f"{policy.required} of {count} witnesses cannot be met")
    _demand(2 * policy.required > count + policy.faulty, f"{policy.required} of {count} witnesses stand no {policy.faulty} that lie: 2w > W + f")
    _demand(len({key for key, _ in holders}) == len({name for _, name in holders}) == count, "each witness is another member with another key")
    for _, name in holders:
        roles = set(members[name].roles) if name in members else set()
        _demand("witness" in roles, f"{name} is not registered as a witness")
        _demand(not roles & {"log", "coordinator"}, f"{name} runs the log or the coordinator: it cannot witness them")
        _demand(name not in policy.outside or roles - {PEER} == {"witness"}, f"{name} has a role in the zone: it is not outside")
    outside = {name for _, name in holders} & set(policy.outside)
    _demand(len(outside) == len(policy.outside), "a witness that is called outside has no key in the policy")
    _demand(policy.development or count >= PRODUCTION_WITNESSES, f"production needs {PRODUCTION_WITNESSES} witnesses, here are {count}")
    _demand(policy.development or bool(outside), "production needs a witness outside the zone")


def _holder(line: str, zone: str) -> tuple[bytes, str]:
    """(public key, member) of a witness's verifier key, whose name is xinqiao/<zone>/<member>."""
    try:
        key = parse_vkey(line)
    except NoteError as error:
        raise WitnessPolicyError(f"witness policy: {error}") from error
    _demand(key.kind == COSIGNATURE_V1 and key.name.startswith(f"xinqiao/{zone}/"), f"{key.name} is no cosignature key of a member")
    return key.public, key.name.removeprefix(f"xinqiao/{zone}/")


def _demand(holds: bool, rule: str) -> None:
    if not holds:
        raise WitnessPolicyError(f"witness policy: {rule}")


@dataclass(frozen=True, slots=True)
class RegisteredKey:
    """A signing key and the member that answers for it."""

    member: Member
    key: SigningKey

    @property
    def verifier(self) -> VerifyKey:
        """The key in the form that ``crypto.statements`` verifies with."""
        return VerifyKey(self.key.key_id, self.key.algorithm, bytes.fromhex(self.key.public))


@dataclass
class MemberRegistry:
    """Current members. ``leaf_of`` gives the leaf that registered a member's present keys (a ticket cites it, P5.2).

    ``approvers`` and ``threshold``: the custodians of whom so many approve what adds power [P7.1]; before the key ceremony, more than
    half of those of genesis.
    """

    genesis: Registry
    members: dict[str, Member] = field(default_factory=dict)
    leaf_of: dict[str, int] = field(default_factory=dict)
    approvers: frozenset[str] = frozenset()
    threshold: int = 1
    _keys: dict[str, RegisteredKey] = field(default_factory=dict)
    _made: set[str] = field(default_factory=set)  # digests of the changes that took effect

    def __post_init__(self) -> None:
        for member in self.genesis.members:
            self._put(member, 0)
        check_witness_policy(self.genesis)
        for member in self.genesis.members:
            check_peer(self, member)
        founders = [member.id for member in self.genesis.members if "custodian" in member.roles]
        self.appoint(founders, len(founders) // 2 + 1)

    def appoint(self, custodians: Iterable[str], threshold: int) -> None:
        """From now on ``threshold`` of these custodians approve changes: those who share the zone's key."""
        self.approvers, self.threshold = frozenset(custodians), threshold

    def apply(self, change: MemberChange, index: int) -> None:
        """The registry after a join, leave or rekey at leaf ``index``. Keys of earlier members stop counting at once.

        Raises as ``check``; then nothing has changed.
        """
        self.check(change)
        self._made.add(change.digest())
        for key_id in [key_id for key_id, entry in self._keys.items() if entry.member.id == change.member.id]:
            del self._keys[key_id]
        self.members.pop(change.member.id, None)
        self.leaf_of.pop(change.member.id, None)
        if change.action != "leave":
            self._put(change.member, index)

    def check(self, change: MemberChange) -> None:
        """The change can be made. Raises SignerUnknownError when a member that is not there leaves or rekeys, WrongSignerError when an id
        would be taken twice or is of the form of an enterprise's key, SealingError when the sealing key is unusable, PeerEntryError when
        it is a peer zone's that cannot stand [F1], ApprovalError when it adds an audience, a role or a key without the custodians' approvals
        [P7.1], StatementReplayedError when it was made before."""
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
        check_peer(self, member)
        if change.digest() in self._made:
            raise StatementReplayedError("this change was made before: its approvals serve once")
        if adds_power(self.members.get(member.id), change):
            check_approvals(self, change, self.approvers, self.threshold)

    def key(self, key_id: str) -> RegisteredKey:
        """The key registered under ``key_id``. Raises SignerUnknownError."""
        entry = self._keys.get(key_id)
        if entry is None:
            raise SignerUnknownError(f"no member of the zone has a key {key_id!r}")
        return entry

    @property
    def key_ids(self) -> frozenset[str]:
        """Ids of every key that counts now."""
        return frozenset(self._keys)

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

    def copied(self) -> MemberRegistry:
        """An independent copy."""
        other = copy.copy(self)
        for name in ("members", "leaf_of", "_keys", "_made"):
            setattr(other, name, getattr(self, name).copy())
        return other

    def become(self, other: MemberRegistry) -> None:
        """Take over another state as a whole: who reads meanwhile, in another thread, finds a member as it was or as it is."""
        self.__dict__.update(other.__dict__)


class MemberHistory:
    """The zone's members at every leaf: a pinned registry, and the one after each change from its leaf on. For statements of the past."""

    def __init__(self, pinned: MemberRegistry) -> None:
        self._states = [(-1, pinned)]

    @property
    def now(self) -> MemberRegistry:
        """Members after every change."""
        return self._states[-1][1]

    def changed(self, index: int, after: MemberRegistry) -> None:
        """Members are ``after`` from leaf ``index`` on, which is beyond those before it."""
        self._states.append((index, after.copied()))

    def at(self, index: int) -> MemberRegistry:
        """Members when the statement at leaf ``index`` was logged."""
        return next((registry for first, registry in reversed(self._states) if first < index), self._states[0][1])

    def key(self, key_id: str, until: int) -> RegisteredKey:
        """The member that last had this key before leaf ``until``. Raises SignerUnknownError."""
        for first, registry in reversed(self._states):
            if first < until and key_id in registry.key_ids:
                return registry.key(key_id)
        raise SignerUnknownError(f"no member of the zone had a key {key_id!r} before leaf {until}")
