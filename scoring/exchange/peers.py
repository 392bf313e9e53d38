"""Which member entries make another zone a peer of this one, and what a peer may have: rules F1 and F3 of docs/specs/federation.md. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from crypto.errors import NoteError
from crypto.notes import COSIGNATURE_V1, ED25519, VerifierKey, parse_vkey
from scoring.errors import PeerEntryError
from scoring.statements import EpochRelease, Grant, Member, PeerZone, ProductTerms, PublicationStep

if TYPE_CHECKING:
    from scoring.exchange.registry import MemberRegistry

PEER: Final = "peer"
KINDS_OF: Mapping[Grant, frozenset[str]] = {
    "catalog": frozenset({ProductTerms.kind}),
    "statistics": frozenset({EpochRelease.kind, PublicationStep.kind}),
}
"""Kinds of statements that a peer may read for each grant, beside those that every member may read. No grant shows a consent, a
contribution, a ticket or a step of a claim or loan."""


def check_peer(registry: MemberRegistry, member: Member) -> None:
    """The entry of ``member`` can stand in this zone: either no peer at all, or exactly a peer [F1].

    Raises PeerEntryError when role and entry are not there together, another role than witness comes with them, the zone named is this
    one or has another member already, a key is not of its kind and name, or the witness key is not that of the witness policy or is
    another witness's.
    """
    if (PEER in member.roles) != (member.peer is not None):
        raise PeerEntryError(f"{member.id}: the role peer and the entry of a peer zone come together")
    if member.peer is None:
        return
    entry, zone = member.peer, registry.genesis.zone
    _demand(set(member.roles) <= {PEER, "witness"}, member, "a peer zone's node has no other role than witness")
    _demand(len(set(member.roles)) == len(member.roles) and len(set(entry.grants)) == len(entry.grants), member, "a role or grant is named twice")
    _demand(entry.zone != zone, member, "a zone is no peer of itself")
    others = [other.id for other in registry.members.values() if other.peer is not None and other.peer.zone == entry.zone and other.id != member.id]
    _demand(not others, member, f"{', '.join(others)} is the node of zone {entry.zone} already")
    _demand(_key(member, entry.log_vkey).kind == ED25519, member, "the log key signs no checkpoints")
    _demand(_key(member, entry.log_vkey).name == f"xinqiao/{entry.zone}", member, f"the log key is not named xinqiao/{entry.zone}")
    _demand(("witness" in member.roles) == bool(entry.witness_vkey), member, "the role witness and a witness key come together")
    if entry.witness_vkey:
        _check_witness(registry, member, _key(member, entry.witness_vkey))


def named_in_policy(registry: MemberRegistry, entry: PeerZone) -> bool:
    """Whether the genesis's witness policy counts this peer's witness [F5]."""
    return bool(entry.witness_vkey) and entry.witness_vkey in registry.genesis.witness_policy.witnesses


def readable_kinds(entry: PeerZone) -> frozenset[str]:
    """Kinds of statements that this peer may read beyond what every member may [F3]."""
    return frozenset().union(*(KINDS_OF.get(grant, frozenset()) for grant in entry.grants))


def _check_witness(registry: MemberRegistry, member: Member, key: VerifierKey) -> None:
    expected = f"xinqiao/{registry.genesis.zone}/{member.id}"
    _demand(key.kind == COSIGNATURE_V1 and key.name == expected, member, f"the witness key is no cosignature key named {expected}")
    counted = {item.name: item for item in map(parse_vkey, registry.genesis.witness_policy.witnesses)}
    peers = [other.peer for other in registry.members.values() if other.peer is not None and other.id != member.id]
    taken = {item.public for name, item in counted.items() if name != expected}
    taken |= {parse_vkey(peer.witness_vkey).public for peer in peers if peer.witness_vkey}
    _demand(key.public not in taken, member, "its witness key is another witness's")
    _demand(counted.get(expected, key) == key, member, "the witness policy names another key of this witness")


def _key(member: Member, line: str) -> VerifierKey:
    try:
        return parse_vkey(line)
    except NoteError as error:
        raise PeerEntryError(f"{member.id}: {error}") from error


def _demand(holds: bool, member: Member, rule: str) -> None:
    if not holds:
        raise PeerEntryError(f"{member.id}: {rule}")
