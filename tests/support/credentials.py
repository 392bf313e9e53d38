"""An enterprise of another zone with a score, and what it carries into this one: receipts, credentials, presentations, all really signed."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import partial
from typing import Any

from crypto.encoding import canonical_json, sha256
from crypto.keygen import PrivateKey
from nodes.evidence.receipt import verify_receipt
from nodes.runtime.peers.identity import member_uri
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from scoring.federation.credential import FORMAT, Credential, PinnedPeer
from scoring.statements import Binding, CredentialShown, Grant, Member, MemberChange, PeerZone, Title
from tests.support.artifacts import base64_of, receipt_of
from tests.support.bank import roots_of, uscc_of
from tests.support.ledger import Ledger
from tests.support.zone import MemoryZone, released_zone

ORIGIN, HERE = "river-zone", "test-zone"


@dataclass
class Abroad:
    """The zone of origin, and its first enterprise, which has a receipt there."""

    zone: MemoryZone
    receipt: bytes
    uscc: str = uscc_of(0)

    @property
    def subject(self) -> str:
        return self.zone.subjects[0]

    @property
    def scored(self) -> int:
        """When the score was released: the time of the ticket's leaf."""
        return max(logged.time for logged in self.zone.view.tickets.values())

    def peers(self) -> dict[str, PinnedPeer]:
        """What a zone that pins this one holds of it."""
        roots = roots_of(self.zone)
        return {ORIGIN: PinnedPeer(roots.registry, sha256(roots.genesis).hex(), partial(verify_receipt, roots=roots), roots.first_generation)}

    def binding(self, subject: str = "", signer: str = "market", **changes: Any) -> bytes:
        """The registrar's binding of the enterprise's code."""
        said: dict[str, Any] = {
            "zone": ORIGIN,
            "nonce": fresh_nonce(),
            "subject": subject or self.subject,
            "uscc": self.uscc,
            "service": "enterprise",
        }
        return sign_statement(Binding(**(said | changes)), self.zone.keys.signers[signer])

    def credential(self, **changes: Any) -> bytes:
        """The enterprise's credential, or one in which something is said otherwise."""
        said: dict[str, Any] = {
            "format": FORMAT, "zone": ORIGIN, "registry": sha256(self.zone.view.genesis).hex(), "model": self.zone.model.sha256,
            "receipt": base64_of(self.receipt), "binding": base64_of(self.binding()),
        }  # fmt: skip
        return Credential.model_validate(said | changes).to_bytes()

    def shown(self, credential: bytes, signer: str = "", **changes: Any) -> bytes:
        """The enterprise shows a credential to ``HERE`` a minute after the score, or somebody says it otherwise."""
        said: dict[str, Any] = {
            "zone": ORIGIN, "nonce": fresh_nonce(), "audience": HERE, "credential": sha256(credential).hex(),
            "not_before": self.scored + 60, "not_after": self.scored + 660,
        }  # fmt: skip
        return sign_statement(CredentialShown(**(said | changes)), self.zone.keys.signers[signer or self.zone.own_key[self.subject]])

    def body(self, credential: bytes, shown: bytes) -> dict[str, str]:
        """What the gateway is sent."""
        return {"credential": base64.b64encode(credential).decode(), "shown": base64.b64encode(shown).decode()}


def join_peer(zone: MemoryZone, other: Ledger, node: str = "other-node", grants: tuple[Grant, ...] = ("log", "backup")) -> None:
    """The custodians of ``zone`` approve the node of ``other`` as that zone's peer node; it is logged."""
    zone.say(zone.approved(peer_joins(zone, other, node, grants)), "authority")


def peer_joins(zone: Ledger, other: Ledger, node: str = "other-node", grants: tuple[Grant, ...] = ("log", "backup")) -> MemberChange:
    """The change by which the node of ``other`` joins ``zone``, not approved yet."""
    if node not in zone.keys.signers:
        zone.keys.make(node)
    entry = PeerZone(zone=other.name, registry=sha256(other.view.genesis).hex(), log_vkey=other.log_signer.key.to_vkey(), grants=grants)
    member = Member(
        id=node, title=Title(zh=node, en=node), roles=("peer",), keys=(zone.keys.signing(node),), hpke=zone.keys.sealing(node).hex(),
        uri=member_uri(zone.name, node), peer=entry,
    )  # fmt: skip
    return MemberChange(zone=zone.name, nonce=fresh_nonce(), action="join", member=member)


def part_from(zone: MemoryZone, node: str = "other-node") -> None:
    """The peer's node leaves the zone."""
    member = zone.view.registry.members[node]
    zone.say(MemberChange(zone=zone.name, nonce=fresh_nonce(), action="leave", member=member), "authority")


def abroad(private_key: PrivateKey) -> Abroad:
    """Another zone, in which the first two enterprises enrolled and the first one got a score for its bank."""
    zone = released_zone(private_key, name=ORIGIN)
    zone.consent(zone.subjects[1])
    asked = zone.asked(zone.consent(zone.subjects[0]))
    logged = zone.say(asked.ticket, "coordinator")
    return Abroad(zone, canonical_json(receipt_of(zone, asked, logged)))
