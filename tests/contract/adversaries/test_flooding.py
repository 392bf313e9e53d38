"""A member with valid keys that floods coordinator, log or gateway: it is slowed down and told when to come again, what it adds to the log is
bounded, and the others are served. Each flood goes in whole where the limits are wide: that is what they stand against."""

from __future__ import annotations

import json
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import grpc
import pytest

from crypto.encoding import canonical_json, sha256
from crypto.keygen import PrivateKey
from gateway.refusals import AT_ONCE
from nodes.coordinator.settings import CoordinatorTable
from nodes.errors import RpcRefusal
from nodes.runtime.peers import rpc, tls
from nodes.runtime.peers.limits import RateLimit
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.settings import Peer
from nodes.runtime.web.request_document import SCORES, SCORES_BATCH
from nodes.runtime.web.signed_requests import sign_request
from protos.v1 import exchange_pb2, log_pb2
from protos.v1.exchange_pb2_grpc import ExchangeStub
from protos.v1.log_pb2_grpc import LogStub
from scoring.statements import Refusal
from tests.support.coordinator import TABLE
from tests.support.gateway import Front, front
from tests.support.intake import MakeIdentity, Site, intake_site
from tests.support.members import ZONE
from tests.support.zone import BASE, PRODUCT, open_zone

MEMBER_BURST, KEY_BURST, FLOOD = 5, 3, 16
Stub = TypeVar("Stub")
NARROW = CoordinatorTable(listen="127.0.0.1:0", sent_per_minute_per_member=6 * MEMBER_BURST, statements_per_minute_per_key=6 * KEY_BURST)


@pytest.fixture(scope="module", params=["narrow", "wide"])
def site(
    request: pytest.FixtureRequest, small_private_key: PrivateKey, make_identity: MakeIdentity, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Both services with narrow limits, and with those that they have by default."""
    narrow = request.param == "narrow"
    table, appends = (NARROW, RateLimit(6 * MEMBER_BURST, time.monotonic)) if narrow else (TABLE, None)
    with intake_site(small_private_key, make_identity, tmp_path_factory.mktemp("flood"), table, appends) as running:
        yield running


def flood(calls: Iterable[Callable[[], Any]]) -> Counter[str]:
    """What came of calls made one after the other without waiting: "ok", or the reason of the refusal."""
    return Counter(outcome(call) for call in calls)


def outcome(call: Callable[[], Any]) -> str:
    try:
        call()
    except grpc.RpcError as error:
        refusal = rpc.translate(error)
        assert isinstance(refusal, RpcRefusal)
        assert refusal.reason != "RATE_LIMITED" or (refusal.status == "RESOURCE_EXHAUSTED" and refusal.retry_after_s is not None)
        return refusal.reason
    return "ok"


def slowed(site: Site, answers: Counter[str], burst: int) -> bool:
    """Whether a flood was taken as its burst, or little more since time goes on, and told to wait for the rest; or all of it, if limits are wide."""
    assert set(answers) <= {"ok", "RATE_LIMITED"}, answers
    return burst <= answers["ok"] < FLOOD if site.coordinator_table is NARROW else answers["ok"] == FLOOD


@contextmanager
def stubs(site: Site, peer: Peer, stub: Callable[[grpc.Channel], Stub]) -> Iterator[Callable[[str], Stub]]:
    """What makes a member's stub for ``peer``, over one channel a member."""
    channels: dict[str, grpc.Channel] = {}

    def of(member: str) -> Stub:
        if member not in channels:
            channels[member] = tls.channel(site.identities(member), peer.address, peer.member)
        return stub(channels[member])

    yield of
    for channel in channels.values():
        channel.close()


@pytest.fixture
def exchange(site: Site) -> Iterator[Callable[[str], ExchangeStub]]:
    with stubs(site, site.coordinator.peer, ExchangeStub) as found:
        yield found


@pytest.fixture
def log(site: Site) -> Iterator[Callable[[str], LogStub]]:
    with stubs(site, site.log.peer, LogStub) as found:
        yield found


def test_contributions(site: Site, exchange: Callable[[str], ExchangeStub]) -> None:
    before = site.log.size
    made = [site.sent(site.column()) for _ in range(FLOOD)]
    answers = flood(partial(exchange("market").Contribute, iter(sent.parts()), timeout=20) for sent in made)
    assert slowed(site, answers, MEMBER_BURST)
    assert site.log.size - before == answers["ok"]
    other = site.entries("tax")[0]
    assert outcome(lambda: exchange("tax").Contribute(iter(site.sent(site.column(other, "tax")).parts()), timeout=20)) == "ok"
    assert site.contribute(site.sent(site.column())).leaf_index == site.log.size - 1  # a client that waits as it is told gets through


def test_messages_to_other_members(site: Site, exchange: Callable[[str], ExchangeStub]) -> None:
    def message() -> exchange_pb2.RelayRequest:
        return exchange_pb2.RelayRequest(to="market", subject_matter="binding", sealed=b"x", idempotency_key=secrets.token_hex(8))

    before = len(site.coordinator.work())
    answers = flood(lambda: exchange("insurance").Relay(message(), timeout=20) for _ in range(FLOOD))
    assert slowed(site, answers, MEMBER_BURST)
    assert len(site.coordinator.work()) - before == answers["ok"]
    assert outcome(lambda: exchange("enterprise").Relay(message(), timeout=20)) == "ok"


def test_consents_through_the_front(site: Site, exchange: Callable[[str], ExchangeStub]) -> None:
    """The gateway carries what enterprises sign: the key that signs is counted, not the gateway, nor anybody by another's word."""
    memory = site.memory
    hasty, other = (memory.own_key[site.consents[name].statement.subject] for name in ("standing", "other"))

    def consent(key: str, subject: str, signer: str = "") -> exchange_pb2.StatementRequest:
        statement = memory.consent_statement(site.consents[subject].statement.subject, "bank-b", not_before=0, not_after=1 << 39)
        envelope = json.loads(memory.envelope(statement, signer or key))
        envelope["signatures"][0]["keyid"] = key
        return exchange_pb2.StatementRequest(envelope=json.dumps(envelope).encode())

    front = exchange("authority")
    forged = flood(lambda: front.Submit(consent(other, "other", signer="bank-a"), timeout=20) for _ in range(FLOOD))
    assert forged == {"SIGNATURE_INVALID": FLOOD}
    before = site.log.size
    answers = flood(lambda: front.Submit(consent(hasty, "standing"), timeout=20) for _ in range(FLOOD))
    assert slowed(site, answers, KEY_BURST)
    assert site.log.size - before == answers["ok"]
    assert outcome(lambda: front.Submit(consent(other, "other"), timeout=20)) == "ok"  # the forger has used up nothing of it


def test_enrolments(site: Site, exchange: Callable[[str], ExchangeStub]) -> None:
    memory, before = site.memory, site.log.size
    made = [exchange_pb2.StatementRequest(envelope=memory.envelope(memory.enrolment(memory.subjects[5]), "market")) for _ in range(FLOOD)]
    answers = flood(partial(exchange("market").Submit, request, timeout=20) for request in made)
    assert site.log.size - before == answers["ok"]
    assert answers["ok"] < FLOOD or site.coordinator_table is not NARROW


def test_refusals_in_the_log(site: Site, log: Callable[[str], LogStub]) -> None:
    def refusal(member: str) -> log_pb2.AppendRequest:
        statement = Refusal(zone=ZONE, nonce=fresh_nonce(), member=member, reason="NOT_READY")
        envelope = site.memory.envelope(statement, member)
        return log_pb2.AppendRequest(envelope=envelope, idempotency_key=sha256(envelope).hex())

    before = site.log.size
    answers = flood(lambda: log("bank-a").Append(refusal("bank-a"), timeout=20) for _ in range(FLOOD))
    assert slowed(site, answers, MEMBER_BURST)
    assert site.log.size - before == answers["ok"]
    assert outcome(lambda: log("notary").Append(refusal("notary"), timeout=20)) == "ok"
    request = refusal("bank-a")
    assert rpc.call(log("bank-a").Append, request, timeout_s=20).leaf_index == site.log.size - 1
    nothing = log_pb2.AppendRequest(envelope=b"x", idempotency_key="x")
    rubbish = flood(partial(log("bank-a").Append, nothing, timeout=20) for _ in range(FLOOD))
    assert ("RATE_LIMITED" in rubbish) == (site.coordinator_table is NARROW)  # reading what is no statement is work, too


# --- signed requests ---


@pytest.fixture
def gateway(small_private_key: PrivateKey, tmp_path: Path) -> Front:
    return front(open_zone(small_private_key), tmp_path / "state", per_key=1200)


def unfounded(gateway: Front, bank: str) -> int | None:
    """A signed request under a consent that nobody gave: the leaf of its refusal, if it is logged at once."""
    body = canonical_json({"subject": "0" * 32, "product": PRODUCT, "purpose": "loan", "consent_id": "0" * 32})
    now = gateway.zone.now
    response = gateway.send(sign_request(gateway.zone.keys.signers[bank], SCORES, BASE, body, now=now, nonce=secrets.token_urlsafe(16)))
    assert (response.status_code, response.json()["reason"]) == (404, "SUBJECT_UNKNOWN") or response.json()["reason"] == "CONSENT_MISSING"
    leaf: int | None = response.json().get("leaf_index")
    return leaf


def test_refused_requests_of_one_bank_fill_no_log(gateway: Front) -> None:
    first = [unfounded(gateway, "bank-a") for _ in range(AT_ONCE)]
    assert None not in first
    before = len(gateway.zone.entries)
    assert [unfounded(gateway, "bank-a") for _ in range(40)] == [None] * 40
    assert len(gateway.zone.entries) == before
    assert unfounded(gateway, "bank-b") is not None
    gateway.refusals.flush(everything=True)
    counted = [logged.statement.count for logged in gateway.zone.view.refusals]
    assert sorted(counted)[-1] == 40
    assert sum(counted) == AT_ONCE + 40 + 1


def test_a_batch_counts_as_what_it_asks_for(gateway: Front) -> None:
    def batch(bank: str, size: int) -> int:
        items = [{"subject": f"{i:032x}", "product": PRODUCT, "purpose": "loan", "consent_id": "0" * 32} for i in range(size)]
        body, now = canonical_json({"items": items}), gateway.zone.now
        document = sign_request(gateway.zone.keys.signers[bank], SCORES_BATCH, BASE, body, now=now, nonce=secrets.token_urlsafe(16))
        response = gateway.send(document)
        assert response.status_code != 429 or int(response.headers["retry-after"]) > 1
        return int(response.status_code)

    assert [batch("bank-a", 1) for _ in range(3)] == [200] * 3
    assert [batch("bank-a", 300), batch("bank-a", 1), batch("bank-b", 1)] == [200, 429, 200]
    assert len(gateway.zone.view.refusals) <= 2 * AT_ONCE
