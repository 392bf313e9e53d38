"""Zones become each other's peers: roots exchanged out of band, entries approved by custodians on both sides, nodes made to be started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any, get_args

from crypto.encoding import sha256
from crypto.notes import COSIGNATURE_V1
from nodes.ceremony.countersigning import approve_change, enact_change, read_members
from nodes.commands.peers.roots import export_roots, pin_roots
from nodes.runtime.files import make_private_directory, write_private
from nodes.runtime.peers.identity import load_note_signer, load_signing_key, witness_name
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.settings import read_toml
from scoring.statements import Grant, MemberChange, PeerZone, Role
from simulators.federation.plan import node_of
from simulators.federation.zone import FederatedZone
from simulators.zone.configs import PINS, to_toml

PEERS, MIRROR = "peers", "mirror"
GRANTS: tuple[Grant, ...] = get_args(Grant)


def exchange_roots(zones: Sequence[FederatedZone]) -> None:
    """Every zone pins every other's roots, as by courier and with the digest by telephone, and has the keys of its node there. Requires zones
    that were made."""
    for home, origin in permutations(zones, 2):
        _, digest, roots = export_roots(origin.public)
        pin_roots(roots, digest, home.public)
        origin.keys_of(node_of(home.id)).rename(node_keys(home, origin))


def approve_peers(zones: Sequence[FederatedZone]) -> int:
    """Every zone's custodians approve every other zone as its peer, by the roots that it pinned; how many entries were approved.

    The changes are in public/changes and are logged when the gateway starts.
    """
    pairs = list(permutations(zones, 2))
    for zone, other in pairs:
        _approve(zone, other)
    return len(pairs)


def _approve(zone: FederatedZone, other: FederatedZone) -> None:
    registry, pinned = read_members(zone.public), pinned_roots(zone, other)
    node = registry.member(node_of(other.id))
    signer = load_note_signer(witness_name(zone.id, node.id), COSIGNATURE_V1, node_keys(other, zone) / "note.pem")
    entry = PeerZone(
        zone=other.id,
        registry=sha256((pinned / "registry.dsse.json").read_bytes()).hex(),
        log_vkey=(pinned / "log.vkey").read_text(encoding="utf-8").strip(),
        witness_vkey=signer.key.to_vkey(),
        grants=GRANTS,
    )
    member = node.model_copy(update={"roles": ("peer", "witness"), "peer": entry})
    change = MemberChange(zone=zone.id, nonce=fresh_nonce(), action="rekey", member=member)
    custodians = sorted(registry.approvers)[: registry.threshold]
    approvals = [approve_change(change, name, load_signing_key(name, zone.keys_of(name) / "sign.pem")) for name in custodians]
    enact_change(change, registry, approvals, load_signing_key("authority", zone.keys_of("authority") / "sign.pem"), zone.public)


def pinned_roots(home: FederatedZone, origin: FederatedZone) -> Path:
    """Where ``home`` keeps the public directory of ``origin`` [F2]."""
    return home.public / PEERS / origin.id / "public"


def node_keys(home: FederatedZone, origin: FederatedZone) -> Path:
    """The keys of the node by which ``home`` takes part in ``origin``."""
    return make_private_directory(home.out / PEERS) / origin.id


def write_nodes(zones: Sequence[FederatedZone], addresses: Mapping[tuple[str, str], Mapping[str, str]]) -> None:
    """The configuration of every zone's node in every other; ``addresses``: by (home, origin), of the origin's coordinator and log over the link."""
    for home, origin in permutations(zones, 2):
        make_private_directory(home.out / PINS / process_of(origin.id))
        write_private(home.config_of(process_of(origin.id)), to_toml(node_settings(home, origin, addresses[home.id, origin.id])).encode())


def node_settings(home: FederatedZone, origin: FederatedZone, addresses: Mapping[str, str]) -> dict[str, Any]:
    """The settings of one node: it is a member of the *other* zone, and dials."""
    roles: tuple[Role, ...] = ("coordinator", "log")
    return {
        "member": node_of(home.id),
        "zone": origin.id,
        "state_dir": f"../state/{process_of(origin.id)}",
        "keys_dir": f"../{PEERS}/{origin.id}",
        "public_dir": f"../public/{PEERS}/{origin.id}/public",
        "peers": {role: {"member": origin.plan.with_role(role)[0].id, "address": addresses[role]} for role in roles},
        "peering": {
            "home": home.id,
            "mirror_dir": f"../public/{PEERS}/{origin.id}/{MIRROR}",
            "pin": f"../{PINS}/{process_of(origin.id)}/witness.pin",
            "notices_s": 1.0,
        },
    }


def process_of(origin: str) -> str:
    """The process, in its home zone, of the node in ``origin``."""
    return f"peer-{origin}"


def tell_services(zones: Sequence[FederatedZone]) -> None:
    """Every zone's enterprise service is told of the other zones, to which enterprises may show their scores."""
    for home in zones:
        path = home.config_of(home.plan.with_role("enterprise-service")[0].id)
        document = read_toml(path)
        document["enterprise"]["zones"] = [_as_shown(home, origin) for origin in zones if origin is not home]
        write_private(path, to_toml(document).encode())


def _as_shown(home: FederatedZone, origin: FederatedZone) -> dict[str, Any]:
    ca = f"../public/{PEERS}/{origin.id}/public/ca.pem"
    return {"zone": origin.id, "gateway": origin.endpoints["gateway"], "ca_file": ca, "title": origin.plan.title.model_dump()}
