"""What peers let this zone have, as it lies in their mirrors: read anew, believed by its own signature, never mixed with this zone's own [F18]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.recognition.peers import Peer, Peers
from nodes.errors import NotFoundError
from nodes.runtime import logging
from scoring.federation.errors import SharedItemError
from scoring.federation.items import Shared, read_shared
from scoring.statements import Title

ITEM_REFUSED = "item.refused"
_log = logging.logger("sharing")


@dataclass(frozen=True, slots=True)
class Received:
    """An item of a peer zone. ``title``: what that zone calls itself; ``digest``: of the item as it travelled, by which it is named here."""

    zone: str
    title: Title
    kind: str
    name: str
    digest: str
    sequence: int


def received(peers: Peers, approved: Mapping[str, Peer]) -> list[Received]:
    """The newest item of every name from every zone in ``approved``, by zone, kind and name. Their content is judged when it is read."""
    return [
        Received(zone, peer.title, kind, name, str(place["digest"]), int(place["sequence"]))
        for zone, peer in sorted(approved.items())
        for kind, names in sorted(peers.mirror(zone).items().items())
        for name, place in sorted(names.items())
    ]


def content_of(peers: Peers, approved: Mapping[str, Peer], zone: str, digest: str) -> Shared:
    """The item of ``zone`` with this digest, once a key that the zone's authority has now signed it. Raises NotFoundError, SharedItemError."""
    found = next((item for item in received(peers, approved) if (item.zone, item.digest) == (zone, digest)), None)
    if found is None:
        raise NotFoundError("no such item of that zone is here")
    data = peers.mirror(zone).item(found.kind, digest)
    try:
        return read_shared(data, found.kind, found.name, approved[zone].members.registry())
    except SharedItemError as error:
        _log.warning(ITEM_REFUSED, zone=zone, kind=found.kind, name=found.name, detail=str(error))
        raise
