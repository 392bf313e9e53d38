"""The other zone's members as its peer's node has them: by the pinned registry and what the log tells it [F1, F3]."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.keygen import PrivateKey
from nodes.log.admission import PUBLIC_KINDS
from nodes.peering.members import OtherZone
from scoring.errors import ApprovalError
from scoring.statements import parse_leaf
from tests.support.coordinator import write_public
from tests.support.credentials import ORIGIN, peer_joins
from tests.support.custody import Custody
from tests.support.ledger import SMALL_BITS, Ledger
from tests.support.members import ZONE
from tests.support.zone import MemoryZone, open_zone

NODE = "other-node"


@pytest.fixture(scope="module")
def reshared(small_private_key: PrivateKey) -> MemoryZone:
    """A zone whose key went from tax to insurance."""
    custody = Custody(open_zone(small_private_key))
    custody.employ("insurance")
    custody.play(("credit", "notary", "insurance"), 2)
    return custody.zone


def mirrored(zone: MemoryZone, directory: Path) -> OtherZone:
    """The zone as a peer's node has it that was shown its log."""
    other = OtherZone(write_public(zone, directory / "public"), ZONE, NODE, ORIGIN, SMALL_BITS)
    for index, (leaf, envelope) in enumerate(zone.entries):
        other.apply(index, leaf, envelope if parse_leaf(leaf).kind in PUBLIC_KINDS else b"")
    return other


def test_a_peer_joins_by_the_custodians_of_today(reshared: MemoryZone, small_private_key: PrivateKey, tmp_path: Path) -> None:
    zone = reshared.fork()
    joins = peer_joins(zone, Ledger(small_private_key, name=ORIGIN), NODE)
    refused = zone.say_void(zone.approved(joins, ("tax", "notary")), "authority")
    assert isinstance(zone.view.void[refused], ApprovalError)
    assert mirrored(zone, tmp_path / "before").entry is None
    zone.say(zone.approved(joins, ("notary", "insurance")), "authority")
    other = mirrored(zone, tmp_path / "after")
    assert other.grants == {"log", "backup"}
    assert other.registry.approvers == {"credit", "notary", "insurance"}
