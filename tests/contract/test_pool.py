"""From a loan that is given up to the pool's ledger: the institution claims by its papers, an official decides, every fen is accounted for."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from crypto.encoding import canonical_json
from crypto.keygen import PrivateKey
from gateway.pool.store import PoolStore
from nodes.runtime.pages.accounts import AUTHORITY, COUNTY, Person
from nodes.runtime.web.gateway_client import GatewayClient, GatewayRefusal
from nodes.runtime.web.request_document import POOL_CLAIMS
from tests.support.branch import APPLICATION, Branch, branch_of
from tests.support.lending import WAN
from tests.support.site import PASSWORD, form_of, sign_in
from tests.support.zone import BASE, MemoryZone, released_zone

pytestmark = pytest.mark.xdist_group("pool")  # in their order, on one place

CHIEF = Person("chief", "科技局 主管", frozenset({AUTHORITY}), ("",), ("",))
OFFICER = Person("officer", "专员", frozenset({COUNTY}), ("",), ("",))


@pytest.fixture(scope="module")
def zone(small_private_key: PrivateKey) -> MemoryZone:
    return released_zone(small_private_key)


@pytest.fixture
def branch(zone: MemoryZone, tmp_path: Path) -> Branch:
    return branch_of(zone, tmp_path)


@pytest.fixture
def chief(branch: Branch) -> TestClient:
    site = branch.node.site
    for person in (CHIEF, OFFICER):
        site.site.accounts.add(person, PASSWORD)
    client = TestClient(site.client.app, BASE, headers={"accept": "text/html"}, follow_redirects=False, raise_server_exceptions=False)
    sign_in(client, "chief")
    return client


def lost(branch: Branch) -> None:
    """A loan of a million yuan of which 400,000 came back before it was given up."""
    branch.contracted()
    branch.act("disburse", amount="1000000")
    branch.act("repay", reference="1", principal="400000", interest="0", late="0")
    branch.act("give-up")
    assert branch.phase == "bad"


def decide(chief: TestClient, act: str, **fields: str) -> int:
    form = form_of(chief.get("/pool").text)
    place = {"application": APPLICATION, "claimant": "bank-a"}
    status: int = chief.post("/pool", data={"form": form, "act": act, **place, **fields}).status_code
    return status


def test_a_claim_is_paid_once_and_recoveries_come_back_to_the_fen(branch: Branch, chief: TestClient) -> None:
    lost(branch)
    assert branch.act("claim").status_code == 303
    assert branch.node.counter.claim(APPLICATION, False) == {"application": APPLICATION, "state": "waiting", "due_fen": 21 * WAN, "paid_fen": 0}
    assert decide(chief, "pay") == 409  # the pool is empty
    assert decide(chief, "deposit", amount="1,000,000.01", party="市财政局") == 303
    assert decide(chief, "pay") == 303
    assert decide(chief, "pay") == 409
    assert branch.node.counter.claim(APPLICATION, False)["paid_fen"] == 21 * WAN  # 30 % and 5 points: no security
    for recovered in ("100000.01", "499999.99"):
        assert decide(chief, "return", recovered=recovered) == 303
    assert decide(chief, "return", recovered="0.01") == 409
    pool = PoolStore(branch.node.site.store._engine).pool()
    assert pool.balance_fen == 100 * WAN + 1
    assert [entry.amount_fen for entry in pool.entries][:2] == [100 * WAN + 1, -21 * WAN]
    page = chief.get("/pool").text
    assert "1,000,000.01" in page
    lines = chief.get("/pool?format=csv").content.decode("utf-8-sig").splitlines()
    assert lines[1].split(",")[-2:] == ["1000000.01", "1000000.01"]


def test_a_rejected_claim_is_not_paid(branch: Branch, chief: TestClient) -> None:
    lost(branch)
    branch.act("claim")
    decide(chief, "deposit", amount="1000000", party="市财政局")
    assert decide(chief, "reject") == 303
    assert decide(chief, "pay") == 409
    assert branch.node.counter.claim(APPLICATION, False)["state"] == "rejected"


def test_a_claim_without_a_bad_loan_by_a_stranger_or_on_other_papers_is_refused(branch: Branch) -> None:
    branch.contracted()
    branch.act("disburse", amount="1000000")
    with pytest.raises(GatewayRefusal, match="POOL_STATE"):
        branch.node.counter.claim(APPLICATION, False)
    branch.act("give-up")
    steps = {step.statement.step: step.signed.paper for step in branch.node.counter.book.steps(APPLICATION)}
    gateway = GatewayClient(BASE, now=lambda: branch.zone.now, transport=branch.node.site.client._transport)
    signers = branch.zone.keys.signers

    def claim(papers: list[str], signer: str = "bank-a") -> None:
        gateway.ask(POOL_CLAIMS, canonical_json({"application": APPLICATION, "papers": papers, "first": False}), signers[signer])

    for papers in ([steps["offered"]] * 2, [steps["bad"], steps["applied"]], [steps["bad"], steps["bad"], steps["offered"]]):
        with pytest.raises(GatewayRefusal, match="POOL_STATE"):
            claim(papers)
    with pytest.raises(GatewayRefusal, match="SIGNER_NOT_ALLOWED"):
        claim([steps["offered"], steps["bad"]], "bank-b")
    content = branch.node.counter.book.steps(APPLICATION)[-1].paper
    forged = content.model_copy(update={"content": content.content.model_copy(update={"principal_fen": 99 * WAN})})
    with pytest.raises(GatewayRefusal, match="POOL_STATE"):
        claim([steps["offered"], branch.zone.envelope(forged, "bank-a").hex()])
    claim([steps["offered"], steps["bad"]])


def test_only_the_authority_decides_and_only_it_and_auditors_see_the_pool(branch: Branch, chief: TestClient) -> None:
    assert chief.get("/pool").status_code == 200
    client = TestClient(branch.node.site.client.app, BASE, headers={"accept": "text/html"}, follow_redirects=False)
    assert client.get("/pool").status_code == 303
    sign_in(client, "officer")
    assert client.get("/pool").status_code == 403
    assert chief.post("/pool", data={"act": "deposit", "amount": "1"}).status_code == 403  # without the session's word
