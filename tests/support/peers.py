"""Peer zones in tests: the entry of one, and the change by which it joins, approved."""

from __future__ import annotations

import secrets
from typing import Any, Literal

from crypto.notes import COSIGNATURE_V1, ED25519, NoteSigner
from nodes.ceremony.countersigning import approve_change
from nodes.runtime.peers.identity import SigningKeyPair
from scoring.disclosure.countersigning import embed
from scoring.statements import Grant, Member, MemberChange, PeerZone, Role
from tests.unit.log.small_zone import ZONE, SmallZone, make_key, record

OTHER, PEER = "other-zone", "other-node"
ALL: tuple[Grant, ...] = ("log", "models", "catalog", "policies", "statistics", "backup")
OTHER_LOG = NoteSigner(f"xinqiao/{OTHER}", ED25519, bytes(range(32)))
PEER_WITNESS = NoteSigner(f"xinqiao/{ZONE}/{PEER}", COSIGNATURE_V1, bytes(range(32, 64)))


def entry(**changes: Any) -> PeerZone:
    """What the zone says of its peer."""
    said = {"zone": OTHER, "registry": "ab" * 32, "log_vkey": OTHER_LOG.key.to_vkey(), "witness_vkey": PEER_WITNESS.key.to_vkey(), "grants": ALL}
    return PeerZone.model_validate({**said, **changes})


def peer_member(name: str = PEER, key: SigningKeyPair | None = None, roles: tuple[Role, ...] = ("peer", "witness"), **changes: Any) -> Member:
    """The member that stands for the other zone."""
    return record(name, key or make_key(name), roles).model_copy(update={"peer": entry(**changes)})


def change_of(zone: SmallZone, member: Member, action: Literal["join", "leave", "rekey"] = "join", *, approved: bool = True) -> MemberChange:
    """A change of this member, approved by the small zone's one custodian or by nobody."""
    made = MemberChange(zone=ZONE, nonce=secrets.token_hex(16), action=action, member=member)
    return made.model_copy(update={"approvals": embed([approve_change(made, "custodian-a", zone.keys["custodian-a"])])}) if approved else made
