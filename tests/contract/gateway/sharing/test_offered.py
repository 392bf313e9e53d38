"""What a zone lets another have: offered by its gateway once, signed, within bounds; believed by the signature alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crypto.encoding import canonical_json, sha256
from crypto.sealing import public_key
from gateway.sharing.offering import SHOWN, Offering, shown_of
from nodes.errors import PeerUnavailableError
from nodes.runtime.peers.identity import Identity, TlsFiles
from nodes.runtime.standing.keyring import Held, KeyRing
from scoring.federation.errors import SharedItemError
from scoring.federation.items import LARGEST_CONTENT, read_shared, share
from scoring.statements import Statement
from tests.support.credentials import HERE, ORIGIN, join_peer, part_from
from tests.support.epoch import EPOCH
from tests.support.gateway import Front, front
from tests.support.lending import terms_of
from tests.support.mirrors import rotate
from tests.support.mutations import changed_scalar, leaves
from tests.support.zone import MemoryZone

# --- the zone that shares ---


def test_what_is_admitted_signed_and_published_is_offered_once(origin: Front) -> None:
    zone = origin.zone
    terms = zone.say(terms_of(zone=zone.name, not_before=zone.now - 60, not_after=zone.now + 86_400), "bank-a")
    origin.offering.turn()
    origin.offering.turn()
    found = {(kind, name): read_shared(content, kind, name, zone.view.registry) for kind, name, content in origin.exchange.offered}
    assert len(origin.exchange.offered) == len(found) == len(set(found))
    pack = found["models", f"{zone.model.id}@{zone.model.version}"]
    assert (pack.origin, sha256(pack.content).hex()) == (ORIGIN, zone.model.sha256)
    release = zone.view.at(zone.view.epoch(EPOCH).release_index or 0)
    assert found["statistics", f"quantiles/{EPOCH}"].content == release.envelope
    assert found["catalog", f"bank-a/{terms.statement.product}"].content == terms.envelope


def test_a_restart_offers_the_same_bytes_so_that_the_outbox_has_one_item(origin: Front, tmp_path: Path) -> None:
    origin.offering.turn()
    before = list(origin.exchange.offered)
    again = front(origin.zone, tmp_path / "again")
    again.offering.turn()
    assert again.exchange.offered == before


def test_what_was_offered_is_offered_once_more_under_the_next_key(origin: Front) -> None:
    """By the same process, which goes over to the key without a restart: peers do not believe the one before any more."""
    zone, exchange = origin.zone, origin.exchange
    old, new, leaf = rotate(zone)
    sealing = zone.keys.hpke["authority"]
    ring = KeyRing(lambda: Held((old, new), (sealing,)))
    identity = Identity(zone.name, "authority", old, sealing, public_key(sealing), TlsFiles(b"", b"", b""), ring)
    offering = Offering(identity, origin.zone_held, exchange.client().offer, zone.pack.parent, origin.cockpit.store, origin.policies.store)
    offering.turn()
    count = len(exchange.offered)
    identity.registered(zone.view.registry.members["authority"], zone.view.at(leaf).time)
    for _ in range(2):
        offering.turn()
    assert count
    assert [item[:2] for item in exchange.offered[count:]] == [item[:2] for item in exchange.offered[:count]]
    assert all(read_shared(content, kind, name, zone.view.registry) for kind, name, content in exchange.offered[count:])


def test_nothing_is_offered_that_no_peer_is_granted(origin: Front, zones: tuple[MemoryZone, MemoryZone]) -> None:
    part_from(origin.zone)
    origin.offering.turn()
    assert origin.exchange.offered == []
    join_peer(origin.zone, zones[1], "models-node", grants=("models", "backup"))
    origin.offering.turn()
    assert {kind for kind, _, _ in origin.exchange.offered} == {"models"}


def test_what_cannot_be_offered_now_is_offered_later(origin: Front) -> None:
    origin.exchange.away = True
    with pytest.raises(PeerUnavailableError):
        origin.offering.turn()
    origin.exchange.away = False
    origin.offering.turn()
    assert origin.exchange.offered


def test_tables_go_out_as_pages_show_them() -> None:
    """What was kept back, and how it is protected, stays."""
    document = {name: f"value of {name}" for name in SHOWN} | {"kept": [["q", "p", "g"]], "protections": [["q", "p", "g", ["n"], []]], "time": 1}
    assert set(shown_of(document)) == set(SHOWN)
    assert not {"kept", "protections"} & set(SHOWN)


# --- an item by itself ---


def test_every_changed_field_of_an_item_is_refused(zones: tuple[MemoryZone, MemoryZone]) -> None:
    zone, registry = zones[0], zones[0].view.registry
    data = share(ORIGIN, "policies", "policy-1", b"content", lambda statement: zone.envelope(statement, "authority"))
    assert read_shared(data, "policies", "policy-1", registry).content == b"content"
    document = json.loads(data)
    for path in leaves(document):
        with pytest.raises(SharedItemError):
            read_shared(canonical_json(document | {path[0]: changed_scalar(document[path[0]])}), "policies", "policy-1", registry)
    for kind, name in (("statistics", "policy-1"), ("policies", "policy-2")):
        with pytest.raises(SharedItemError):
            read_shared(data, kind, name, registry)
    with pytest.raises(SharedItemError):
        read_shared(data, "policies", "policy-1", zones[1].view.registry)  # another zone's authority


def test_only_the_authority_shares_for_its_own_zone_and_within_bounds(zones: tuple[MemoryZone, MemoryZone]) -> None:
    zone = zones[0]

    def by_bank(statement: Statement) -> bytes:
        return zone.envelope(statement, "bank-a")

    with pytest.raises(SharedItemError):
        read_shared(share(ORIGIN, "models", "m@1", b"x", by_bank), "models", "m@1", zone.view.registry)
    with pytest.raises(SharedItemError):
        read_shared(share(HERE, "models", "m@1", b"x", lambda said: zone.envelope(said, "authority")), "models", "m@1", zone.view.registry)
    with pytest.raises(SharedItemError, match="at most"):
        share(ORIGIN, "models", "m@1", bytes(LARGEST_CONTENT + 1), by_bank)
