"""Scores of another zone at the gateway: shown by the enterprise itself, judged offline, logged without it, seen by whom it may be."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from structlog.testing import capture_logs

from crypto.encoding import canonical_json
from crypto.keygen import PrivateKey
from crypto.statements import parse_envelope
from gateway.recognition.desk import MOST_A_DAY
from gateway.recognition.store import Proof
from nodes.runtime.pages.accounts import AUTHORITY, CLERK, COUNTY, Person
from nodes.runtime.pages.language import day
from scoring.errors import StatementReplayedError, WrongSignerError, ZoneMismatchError
from scoring.statements import Recognition
from tests.support.artifacts import base64_of, put, write_public
from tests.support.credentials import ORIGIN, Abroad, abroad, join_peer, part_from
from tests.support.databases import ON_BOTH
from tests.support.gateway import Front, front
from tests.support.refusals import assert_refused
from tests.support.site import PASSWORD, sign_in
from tests.support.zone import BASE, MemoryZone, released_zone

PEOPLE = (
    Person("chief", "主任", frozenset({AUTHORITY}), ("",), ("",)),
    Person("county", "县区", frozenset({COUNTY}), ("330108",), ("",)),
    Person("clerk", "柜员", frozenset({CLERK}), ("",), ("",)),
)


@dataclass
class Here:
    """The receiving zone's gateway, which pins the zone of origin."""

    site: Front
    origin: Abroad
    peers: Path

    def send(self, credential: bytes, shown: bytes) -> Response:
        answer: Response = self.site.client.post("/v1/credentials", json=self.origin.body(credential, shown))
        return answer

    def browser(self, name: str, language: str = "zh") -> TestClient:
        client = TestClient(self.site.client.app, BASE, headers={"accept": "text/html"}, follow_redirects=False, raise_server_exceptions=False)
        assert sign_in(client, name).status_code == 303
        client.get(f"/language?to={language}")
        return client


@pytest.fixture(scope="module")
def zones(small_private_key: PrivateKey) -> tuple[MemoryZone, Abroad]:
    return released_zone(small_private_key), abroad(small_private_key)


@pytest.fixture
def here(zones: tuple[MemoryZone, Abroad], tmp_path: Path) -> Here:
    zone, origin = zones[0].fork(), zones[1]
    join_peer(zone, origin.zone)
    zone.now = origin.scored + 120
    site, peers = front(zone, tmp_path / "state"), tmp_path / "state" / "peers"
    write_public(origin.zone, peers / ORIGIN / "public")
    for person in PEOPLE:
        site.site.accounts.add(person, PASSWORD)
    return Here(site, origin, peers)


def test_a_credential_is_taken_with_origin_model_and_date(here: Here) -> None:
    origin, credential = here.origin, here.origin.credential()
    shown = origin.shown(credential)
    answer = here.send(credential, shown)
    said, result = answer.json(), json.loads(origin.receipt)["result"]
    assert answer.status_code == 201, said
    assert said["origin"] == {"zone": ORIGIN, "title": {"zh": "测试区", "en": "test zone"}}
    assert (said["model"]["id"], said["scored"]) == (f"{origin.zone.model.id}@{origin.zone.model.version}", origin.scored)
    assert (said["stage"], said["total"], said["percentile"]) == (result["stage"], result["total"], result["percentile"])


def test_what_the_log_is_told_names_no_enterprise(here: Here) -> None:
    credential = here.origin.credential()
    shown = here.origin.shown(credential)
    index = here.send(credential, shown).json()["leaf_index"]
    leaf, envelope = here.site.zone.entries[index]
    logged = here.site.zone.view.at(index)
    assert isinstance(logged.statement, Recognition)
    assert (logged.statement.origin, logged.statement.shown, logged.actor) == (ORIGIN, parse_envelope(shown).said.hex(), "authority")
    for told in (leaf, envelope, logged.statement.payload()):
        assert here.origin.subject.encode() not in told
        assert here.origin.uscc.encode() not in told
        assert here.origin.zone.own_key[here.origin.subject].encode() not in told


def test_the_same_showing_again_is_answered_as_it_was_and_logged_once(here: Here) -> None:
    credential = here.origin.credential()
    shown = here.origin.shown(credential)
    first = here.send(credential, shown).json()
    size = len(here.site.zone.entries)
    here.site.zone.now += 10_000  # long after the presentation expired: the answer got lost, and the enterprise asks again
    assert here.send(credential, shown).json() == first
    assert len(here.site.zone.entries) == size


def test_the_same_showing_in_another_envelope_is_the_same_showing(here: Here) -> None:
    credential = here.origin.credential()
    shown = here.origin.shown(credential)
    first = here.send(credential, shown).json()
    size = len(here.site.zone.entries)
    document = json.loads(shown)
    for other in (json.dumps(document).encode(), json.dumps(document, indent=1).encode(), b" " + shown):
        assert here.send(credential, other).json() == first
    assert len(here.site.zone.entries) == size
    assert len(here.site.recognition.store.listed()) == 1
    unsigned = canonical_json(document | {"signatures": [document["signatures"][0] | {"sig": base64_of(bytes(64))}]})
    assert_refused(here.send(credential, unsigned), 403, "NOT_THE_HOLDER")


def test_one_enterprise_cannot_fill_the_log_and_the_disk_with_one_score(here: Here) -> None:
    credential = here.origin.credential()
    shown = here.origin.shown(credential)
    assert here.send(credential, shown).status_code == 201
    store = here.site.recognition.store
    first = store.listed()[0]
    for number in range(MOST_A_DAY - 1):  # shown so often more
        store.keep(replace(first, shows=replace(first.shows, shown=f"{number:064}")), Proof(b"", b"", b""))
        store.sent(f"{number:064}", 0)
    assert_refused(here.send(credential, here.origin.shown(credential)), 429, "RATE_LIMITED")
    assert here.send(credential, shown).status_code == 201  # asks again for its answer
    here.site.zone.now += 86_400
    later = here.origin.shown(credential, not_before=here.site.zone.now - 60, not_after=here.site.zone.now + 60)
    assert here.send(credential, later).status_code == 201


def test_a_zone_whose_enterprises_bring_more_than_is_kept_of_it_is_refused_and_what_is_kept_stays(here: Here) -> None:
    """As often as it likes, with enterprises that it invents: a bound of one enterprise would be none of a zone that lies."""
    desk, credential = here.site.recognition, here.origin.credential()
    first = here.origin.shown(credential)
    assert here.send(credential, first).status_code == 201
    desk._most_bytes = desk.store.kept_bytes(ORIGIN) + len(credential)  # less than a second one with its presentation
    with capture_logs() as told:
        assert_refused(here.send(credential, here.origin.shown(credential)), 409, "QUOTA_FULL")
    assert [(line["event"], line["peer"], line["part"]) for line in told if line["event"] == "peer.full"] == [("peer.full", ORIGIN, "credentials")]
    assert here.send(credential, first).status_code == 201
    assert len(desk.store.listed()) == 1
    assert desk.store.kept_bytes("another-zone") == 0


def test_the_proof_is_kept_as_it_came(here: Here) -> None:
    credential = here.origin.credential()
    shown = here.origin.shown(credential)
    digest = here.send(credential, shown).json()["shown"]
    proof = here.site.recognition.store.proof(digest)
    assert proof is not None
    assert (proof.credential, proof.presentation) == (credential, shown)


def test_nothing_of_a_zone_whose_log_showed_two_histories_is_taken(here: Here) -> None:
    credential = here.origin.credential()
    put(here.peers / ORIGIN / "mirror" / "status.json", canonical_json({"state": "split"}))
    assert_refused(here.send(credential, here.origin.shown(credential)), 403, "PEER_UNKNOWN")
    put(here.peers / ORIGIN / "mirror" / "status.json", canonical_json({"state": "mirroring"}))
    assert here.send(credential, here.origin.shown(credential)).status_code == 201


def test_refusals_have_their_own_reasons_and_are_logged(here: Here) -> None:
    origin, credential = here.origin, here.origin.credential()
    said = json.loads(origin.receipt)
    said["result"]["total"] = "99.00"
    forged = origin.credential(receipt=base64_of(canonical_json(said)))
    other = origin.zone.own_key[origin.zone.subjects[1]]
    cases = (
        (credential, origin.shown(credential, signer=other), 403, "NOT_THE_HOLDER"),
        (credential, origin.shown(credential, audience="third-zone"), 403, "PRESENTATION_AUDIENCE"),
        (credential, origin.shown(credential, not_after=origin.scored + 59), 403, "PRESENTATION_EXPIRED"),
        (forged, origin.shown(forged), 403, "CREDENTIAL_RECEIPT_INVALID"),
        (origin.credential(registry="0" * 64), origin.shown(origin.credential(registry="0" * 64)), 403, "ORIGIN_MISMATCH"),
        (b"{}", origin.shown(credential), 400, "CREDENTIAL_INVALID"),
    )
    for data, shown, status, reason in cases:
        problem = assert_refused(here.send(data, shown), status, reason)
        assert isinstance(problem["leaf_index"], int)
    assert_refused(here.site.client.post("/v1/credentials", content=b"[]"), 400, "CREDENTIAL_INVALID")
    here.site.zone.now += 400 * 86_400
    late = origin.shown(credential, not_before=here.site.zone.now - 60, not_after=here.site.zone.now + 60)
    assert_refused(here.send(credential, late), 403, "CREDENTIAL_TOO_OLD")
    assert here.site.recognition.store.listed() == []


def test_a_zone_counts_as_peer_only_while_it_is_pinned_whole_and_under_its_own_name(here: Here) -> None:
    credential = here.origin.credential()
    registry = here.peers / ORIGIN / "public" / "registry.dsse.json"
    kept = registry.read_bytes()
    registry.unlink()
    assert_refused(here.send(credential, here.origin.shown(credential)), 403, "PEER_UNKNOWN")
    put(registry, kept)
    (here.peers / ORIGIN).rename(here.peers / "third-zone")
    assert_refused(here.send(credential, here.origin.shown(credential)), 403, "PEER_UNKNOWN")
    (here.peers / "third-zone").rename(here.peers / ORIGIN)
    assert here.send(credential, here.origin.shown(credential)).status_code == 201


def test_a_pinned_zone_that_the_custodians_did_not_approve_or_that_has_left_is_no_peer(here: Here) -> None:
    credential = here.origin.credential()
    part_from(here.site.zone)
    assert_refused(here.send(credential, here.origin.shown(credential)), 403, "PEER_UNKNOWN")
    other = here.origin.zone.fork()
    other.view.genesis = b"another registry"  # what the custodians approved is not what is pinned
    join_peer(here.site.zone, other, "further-node")
    assert_refused(here.send(credential, here.origin.shown(credential)), 403, "PEER_UNKNOWN")


@ON_BOTH
def test_while_the_log_is_away_the_credential_is_kept_and_logged_later(here: Here) -> None:
    credential = here.origin.credential()
    here.site.exchange.away = True
    answer = here.send(credential, here.origin.shown(credential))
    assert (answer.status_code, answer.json()["leaf_index"]) == (201, None)
    here.site.exchange.away = False
    here.site.recognition.drain()
    kept = here.site.recognition.store.listed()[0]
    assert isinstance(here.site.zone.view.at(kept.leaf_index).statement, Recognition)


def test_officials_see_it_beside_origin_model_and_date_in_both_languages(here: Here) -> None:
    credential = here.origin.credential()
    assert here.send(credential, here.origin.shown(credential)).status_code == 201
    model = here.origin.zone.model
    for language, names in (("zh", ("测试区", model.title.zh, "外区积分互认")), ("en", ("test zone", model.title.en, "Scores of other zones"))):
        page = here.browser("chief", language).get("/recognitions")
        assert page.status_code == 200
        for text in (*names, ORIGIN, here.origin.uscc, day(here.origin.scored), json.loads(here.origin.receipt)["result"]["total"]):
            assert text in page.text
    assert "/recognitions" in {view.page for view in here.site.site.views.of("*")}


def test_an_enterprise_that_the_register_does_not_know_is_seen_only_by_who_sees_all(here: Here) -> None:
    credential = here.origin.credential()
    here.send(credential, here.origin.shown(credential))
    page = here.browser("county").get("/recognitions")
    assert page.status_code == 200
    assert here.origin.uscc not in page.text


def test_nobody_but_officials_may_look(here: Here) -> None:
    assert here.browser("clerk").get("/recognitions").status_code == 403
    assert here.site.client.get("/recognitions", headers={"accept": "text/html"}, follow_redirects=False).status_code == 303


def test_a_recognised_score_gives_no_score_here_without_a_new_consent(here: Here) -> None:
    """The consent of origin, which the credential carries, opens nothing here; a consent of this zone does."""
    origin, zone = here.origin, here.site.zone
    credential = origin.credential()
    assert here.send(credential, origin.shown(credential)).status_code == 201
    subject = zone.subjects[0]
    abroad_consent = next(iter(origin.zone.view.consents.values())).consent
    zone.enrol(subject)
    asked = zone.consent_statement(subject).model_copy(update={"id": abroad_consent.id})
    without = zone.fork().say(asked, zone.own_key[subject])  # as though it had been given here: only to sign the request
    assert_refused(here.site.send(zone.request(without)), 403, "CONSENT_MISSING")
    assert not [ticket for ticket in zone.view.tickets.values() if ticket.statement.subject]
    assert here.site.send(zone.request(zone.consent(subject))).status_code == 200


def test_the_log_takes_a_recognition_of_the_authority_alone_of_another_zone_and_once(zones: tuple[MemoryZone, Abroad]) -> None:
    zone = zones[0].fork()
    join_peer(zone, zones[1].zone)
    said: dict[str, Any] = {
        "zone": zone.name,
        "nonce": "0" * 32,
        "origin": ORIGIN,
        "model": "m@1",
        "model_sha256": "1" * 64,
        "shown": "2" * 64,
        "scored": 1,
    }

    def saying(**other: Any) -> Recognition:
        fields: dict[str, Any] = {**said, **other}
        return Recognition(**fields)

    with pytest.raises(WrongSignerError):
        zone.judge(saying(), "bank-a")
    with pytest.raises(ZoneMismatchError):
        zone.judge(saying(origin=zone.name), "authority")
    with pytest.raises(ZoneMismatchError):
        zone.judge(saying(origin="third-zone"), "authority")
    zone.say(saying(), "authority")
    with pytest.raises(StatementReplayedError):
        zone.judge(saying(nonce="3" * 32), "authority")
