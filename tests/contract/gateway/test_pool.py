"""From a loan that is given up to the pool's ledger: the institution claims by its papers, an official decides, every fen is accounted for."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from crypto.encoding import canonical_json, sha256
from crypto.keygen import PrivateKey
from gateway.pool.store import PoolStore
from nodes.runtime.pages.accounts import AUTHORITY, COUNTY, Person
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.web.gateway_client import GatewayClient, GatewayRefusal
from nodes.runtime.web.request_document import POOL_CLAIMS
from scoring.statements import Record
from scoring.statements.lending import Bad
from tests.support.branch import APPLICATION, Branch, branch_of
from tests.support.lending import WAN
from tests.support.site import PASSWORD, form_of, sign_in
from tests.support.zone import BASE, MemoryZone, released_zone

pytestmark = pytest.mark.xdist_group("pool")  # in their order, on one place

CHIEF = Person("chief", "科技局 主管", frozenset({AUTHORITY}), ("",), ("",))
DEPUTY = Person("deputy", "科技局 副主管", frozenset({AUTHORITY}), ("",), ("",))
OFFICER = Person("officer", "专员", frozenset({COUNTY}), ("",), ("",))


@pytest.fixture(scope="module")
def zone(both_engines_in_turn: None, small_private_key: PrivateKey) -> MemoryZone:
    return released_zone(small_private_key)


@pytest.fixture
def branch(zone: MemoryZone, tmp_path: Path) -> Branch:
    return branch_of(zone, tmp_path)


@pytest.fixture
def chief(branch: Branch) -> TestClient:
    site = branch.node.site
    for person in (CHIEF, DEPUTY, OFFICER):
        site.site.accounts.add(person, PASSWORD)
    return official(branch, "chief")


@pytest.fixture
def deputy(branch: Branch, chief: TestClient) -> TestClient:
    return official(branch, "deputy")


def official(branch: Branch, name: str) -> TestClient:
    client = TestClient(branch.node.site.client.app, BASE, headers={"accept": "text/html"}, follow_redirects=False, raise_server_exceptions=False)
    sign_in(client, name)
    return client


def lost(branch: Branch) -> None:
    """A loan of a million yuan of which 400,000 came back before it was given up."""
    branch.contracted()
    branch.act("disburse", amount="1000000")
    branch.act("repay", reference="1", principal="400000", interest="0", late="0")
    branch.act("give-up")
    assert branch.phase == "bad"


def propose(who: TestClient, act: str, **fields: str) -> int:
    place = {"application": APPLICATION, "claimant": "bank-a"}
    status: int = who.post("/pool", data={"form": form_of(who.get("/pool").text), "act": act, **place, **fields}).status_code
    return status


def second(who: TestClient, branch: Branch, act: str = "release") -> int:
    """What ``who`` does with the proposal that waits."""
    waiting = [each for each in PoolStore(branch.node.site.store._engine).proposals() if each.state == "waiting"]
    form = {"form": form_of(who.get("/pool").text), "act": act}
    status: int = who.post(f"/pool/proposals/{waiting[0].id}", data=form).status_code
    return status


def test_a_claim_is_paid_once_and_recoveries_come_back_to_the_fen(branch: Branch, chief: TestClient, deputy: TestClient) -> None:
    lost(branch)
    assert branch.act("claim").status_code == 303
    assert branch.node.counter.claim(APPLICATION, False) == {"application": APPLICATION, "state": "waiting", "due_fen": 21 * WAN, "paid_fen": 0}
    assert propose(chief, "pay") == 409  # the pool is empty
    assert (propose(chief, "deposit", amount="1,000,000.01", party="市财政局"), second(deputy, branch)) == (303, 303)
    assert (propose(chief, "pay"), second(deputy, branch)) == (303, 303)
    assert propose(chief, "pay") == 409
    assert branch.node.counter.claim(APPLICATION, False)["paid_fen"] == 21 * WAN  # 30 % and 5 points: no security
    for recovered in ("100000.01", "499999.99"):
        assert (propose(chief, "return", recovered=recovered), second(deputy, branch)) == (303, 303)
    assert propose(chief, "return", recovered="0.01") == 409
    pool = PoolStore(branch.node.site.store._engine).pool()
    assert pool.balance_fen == 100 * WAN + 1
    assert [entry.amount_fen for entry in pool.entries][:2] == [100 * WAN + 1, -21 * WAN]
    page = chief.get("/pool").text
    assert "1,000,000.01" in page
    lines = chief.get("/pool?format=csv").content.decode("utf-8-sig").splitlines()
    assert lines[1].split(",")[-2:] == ["1000000.01", "1000000.01"]


def test_nobody_lets_go_what_he_proposed_and_nothing_is_entered_before(branch: Branch, chief: TestClient, deputy: TestClient) -> None:
    lost(branch)
    branch.act("claim")
    store = PoolStore(branch.node.site.store._engine)
    propose(chief, "deposit", amount="1000000", party="市财政局")
    assert store.pool().entries == ()
    refused = chief.post(f"/pool/proposals/{store.proposals()[0].id}", data={"form": form_of(chief.get("/pool").text), "act": "release"})
    assert (refused.status_code, "SECOND_PERSON_NEEDED" in refused.text) == (403, True)
    assert second(deputy, branch) == 303
    for act in ("pay", "reject"):
        assert propose(chief, act) == 303
        assert (second(chief, branch), branch.node.counter.claim(APPLICATION, False)["state"]) == (403, "waiting")
        assert propose(deputy, "reject") == 409, "one proposal of a claim at a time"
        assert second(deputy, branch, "withdraw") == 303
    assert len(store.pool().entries) == 1
    assert {(each.act, each.by, each.state, each.second) for each in store.proposals()} == {
        ("deposit", "chief", "released", "deputy"), ("pay", "chief", "withdrawn", "deputy"), ("reject", "chief", "withdrawn", "deputy"),
    }  # fmt: skip


def test_a_rejected_claim_is_not_paid(branch: Branch, chief: TestClient, deputy: TestClient) -> None:
    lost(branch)
    branch.act("claim")
    propose(chief, "deposit", amount="1000000", party="市财政局")
    assert second(deputy, branch) == 303
    assert (propose(chief, "reject"), second(deputy, branch)) == (303, 303)
    assert propose(chief, "pay") == 409
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
        claim([steps["offered"], steps["accepted"], steps["bad"]], "bank-b")
    content = branch.node.counter.book.steps(APPLICATION)[-1].paper
    forged = content.model_copy(update={"content": content.content.model_copy(update={"principal_fen": 99 * WAN})})
    with pytest.raises(GatewayRefusal, match="POOL_STATE"):
        claim([steps["offered"], steps["accepted"], branch.zone.envelope(forged, "bank-a").hex()])
    with pytest.raises(GatewayRefusal, match="exactly one paper of the step accepted"):
        claim([steps["offered"], steps["bad"]])
    claim([steps["offered"], steps["accepted"], steps["bad"]])


def test_a_lender_claims_no_more_than_the_enterprise_took(branch: Branch) -> None:
    """The log knows no amounts, and whatever the lender signs, the parties alone judge: the enterprise's word stands against it at the pool."""
    branch.contracted()
    branch.act("disburse", amount="1000000")
    zone, book = branch.zone, branch.node.counter.book
    taken = {step.statement.step: step.signed.paper for step in book.steps(APPLICATION)}
    last = book.steps(APPLICATION)[-1]
    offer = next(step.paper for step in book.steps(APPLICATION) if step.statement.step == "offered")

    def says(step: str, content: Record) -> str:
        """A step of the lender whose paper says ``content``, logged though no party takes it; the paper."""
        paper = zone.envelope(offer.model_copy(update={"nonce": fresh_nonce(), "content": content}), "bank-a")
        previous = zone.view.loans[APPLICATION].course.last
        change = {"nonce": fresh_nonce(), "step": step, "previous": previous, "paper": sha256(paper).hex()}
        zone.say(last.statement.model_copy(update=change), "bank-a")
        return paper.hex()

    large = says("repaid", offer.content.model_copy(update={"amount_fen": 5000 * WAN}))
    bad = says("bad", Bad(principal_fen=5000 * WAN))
    gateway = GatewayClient(BASE, now=lambda: zone.now, transport=branch.node.site.client._transport)
    for papers in ([taken["offered"], taken["accepted"], bad], [large, taken["accepted"], bad]):
        body = canonical_json({"application": APPLICATION, "papers": papers, "first": True})
        with pytest.raises(GatewayRefusal, match=r"the enterprise took|a step of this application names"):
            gateway.ask(POOL_CLAIMS, body, zone.keys.signers["bank-a"])


def test_only_the_authority_decides_and_only_it_and_auditors_see_the_pool(branch: Branch, chief: TestClient) -> None:
    assert chief.get("/pool").status_code == 200
    client = TestClient(branch.node.site.client.app, BASE, headers={"accept": "text/html"}, follow_redirects=False)
    assert client.get("/pool").status_code == 303
    sign_in(client, "officer")
    assert client.get("/pool").status_code == 403
    assert chief.post("/pool", data={"act": "deposit", "amount": "1"}).status_code == 403  # without the session's word
