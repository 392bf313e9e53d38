"""A lying custodian: an audience gets its result from the others, and the log names exactly who lied [P1.4]; renewed shares open too [P1.7]."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.keygen import PrivateKey
from nodes.bank.queries import Query
from nodes.errors import RpcRefusal
from nodes.runtime.replica.disputes import SLACK_S, Dispute
from scoring.custody.blame import ANSWER_S
from scoring.exchange.view import Logged
from scoring.statements import ProofDemand
from tests.support.bank import BankNode, bank, bound_consent, uscc_of
from tests.support.custody import Custody
from tests.support.epoch import EPOCH
from tests.support.gateway import front
from tests.support.members import CUSTODIANS
from tests.support.zone import PRODUCT, MemoryZone, closed_zone, released_zone


@pytest.fixture(scope="module")
def zone(small_private_key: PrivateKey) -> MemoryZone:
    return released_zone(small_private_key)


@pytest.fixture
def node(zone: MemoryZone, tmp_path: Path) -> BankNode:
    """A bank that is given the answers of exactly t custodians first."""
    node = bank(front(zone.fork(), tmp_path / "gateway"), tmp_path / "bank-a")
    node.site.exchange.first = node.site.zone.view.generation().sharing.threshold
    return node


def told(node: BankNode, place: int = 0) -> str:
    subject = node.site.zone.subjects[place]
    node.told(bound_consent(node.site.zone, subject, uscc_of(place)), place + 1)
    return subject


def answered(node: BankNode, *names: str) -> None:
    """Custodians answer every demand that names them."""
    custody = Custody(node.site.zone)
    for demand in list(node.site.zone.view.demands.values()):
        said: ProofDemand = demand.statement
        for name in names or CUSTODIANS:
            if name in said.custodians:
                aggregate = node.site.exchange._issued[said.ticket].aggregates[said.opening]
                node.site.zone.say(custody.proof(demand, name, aggregate), name)


def turn(node: BankNode) -> None:
    node.disputes.turn(node.opener.generation)


def files(node: BankNode) -> list[Path]:
    return sorted(node.disputes._directory.iterdir())


def blamed(node: BankNode) -> dict[str, str]:
    """Who is named in the log, for which fault; nothing in it is void."""
    assert node.site.zone.view.void == {}
    found: dict[str, Logged] = {name: logged for (_, _, name), logged in node.site.zone.view.blamed.items()}
    return {name: logged.statement.fault for name, logged in found.items()}


def asked(node: BankNode) -> list[str]:
    return [name for demand in node.site.zone.view.demands.values() for name in demand.statement.custodians]


@pytest.mark.parametrize("liar", CUSTODIANS)
def test_one_lying_custodian_spoils_nothing_and_is_named(node: BankNode, liar: str) -> None:
    subject = told(node)
    honest = node.queries.answer(Query(PRODUCT, "loan", subject=subject))
    assert files(node) == []
    node.site.exchange.garbled = {liar}
    node.site.exchange.asleep = set()
    answer = node.queries.answer(Query(PRODUCT, "loan", subject=subject))
    assert answer["total"] == honest["total"]
    turn(node)
    if liar not in CUSTODIANS[:2]:
        assert asked(node) == [], "it was not even asked"
        return
    assert asked(node) == ["credit", "tax"], "of those that failed together; which others fit says nothing"
    answered(node)
    turn(node)
    assert blamed(node) == {liar: "failed"}
    assert files(node) == []


def test_t_liars_open_nothing_and_are_all_named(node: BankNode) -> None:
    subject = told(node)
    node.site.exchange.garbled = {"tax", "notary"}
    with pytest.raises(RpcRefusal, match="does not open"):
        node.queries.answer(Query(PRODUCT, "loan", subject=subject))
    turn(node)
    assert sorted(asked(node)) == sorted(CUSTODIANS)
    assert blamed(node) == {}, "t failing partials name nobody"
    answered(node)
    turn(node)
    assert blamed(node) == {"tax": "failed", "notary": "failed"}


def test_an_answer_that_is_no_partial_at_all_spoils_nothing(node: BankNode) -> None:
    """Nothing is signed that could be held against the custodian; the bank is served all the same."""
    subject = told(node)
    zone = node.site.zone
    zone.keys.make("stranger", enterprise=True)
    true = zone.keys.signers["tax"]
    zone.keys.signers["tax"] = zone.keys.signers["stranger"]
    assert node.queries.answer(Query(PRODUCT, "loan", subject=subject))["total"]
    zone.keys.signers["tax"] = true
    turn(node)
    assert asked(node) == ["credit"]
    answered(node)
    turn(node)
    assert blamed(node) == {}
    assert files(node) == []


def test_a_withheld_proof_is_named_after_its_time_also_by_a_bank_that_was_restarted(node: BankNode, tmp_path: Path) -> None:
    subject = told(node)
    node.site.exchange.garbled = {"tax"}
    node.queries.answer(Query(PRODUCT, "loan", subject=subject))
    turn(node)
    answered(node, "credit")
    turn(node)
    assert Dispute.model_validate_json(files(node)[0].read_bytes()).settled == ("credit",)
    again = bank(node.site, tmp_path / "bank-a")
    turn(again)
    assert (blamed(again), len(files(again))) == ({}, 1)
    again.site.zone.now += ANSWER_S + 3 * SLACK_S
    turn(again)
    assert blamed(again) == {"tax": "withheld"}
    assert files(again) == []


def test_the_honest_are_never_named_though_an_opening_failed_because_of_others(node: BankNode) -> None:
    """More custodians than the liar are asked; those that answer are cleared, and the quarrel is over."""
    subject = told(node)
    node.site.exchange.garbled = {"credit"}
    node.queries.answer(Query(PRODUCT, "loan", subject=subject))
    turn(node)
    answered(node, "tax")
    turn(node)
    node.site.zone.now += ANSWER_S + 3 * SLACK_S
    turn(node)
    assert set(blamed(node)) == {"credit"}


def test_a_demand_whose_shares_were_renewed_meanwhile_is_dropped(node: BankNode) -> None:
    subject = told(node)
    node.site.exchange.garbled = {"tax"}
    node.queries.answer(Query(PRODUCT, "loan", subject=subject))
    Custody(node.site.zone).play()
    turn(node)
    assert (asked(node), files(node)) == ([], [])


def test_an_epochs_totals_open_in_spite_of_a_liar_and_the_authority_has_it_named(small_private_key: PrivateKey, tmp_path: Path) -> None:
    site = front(closed_zone(small_private_key), tmp_path / "gateway")
    site.exchange.first, site.exchange.garbled = 2, {"tax"}
    site.evaluation.resume()
    site.evaluation._running[EPOCH].join(60)
    assert site.evaluation.status(EPOCH)["state"] == "RELEASED"
    site.disputes.turn(site.evaluation.generation)
    custody = Custody(site.zone)
    for demand in list(site.zone.view.demands.values()):
        aggregate = site.exchange._issued[demand.statement.ticket].aggregates[demand.statement.opening]
        for name in demand.statement.custodians:
            site.zone.say(custody.proof(demand, name, aggregate), name)
    site.disputes.turn(site.evaluation.generation)
    assert {name for _, _, name in site.zone.view.blamed} == {"tax"}
    assert len(site.zone.view.blamed) == len(site.zone.view.demands)
    assert site.zone.view.void == {}


# --- renewed shares [P1.7] -------------------------------------------------------------------------------------------------


def test_a_bank_opens_with_renewed_shares_and_its_old_receipts_stay_good(node: BankNode) -> None:
    subject = told(node)
    before = node.queries.answer(Query(PRODUCT, "loan", subject=subject))
    custody = Custody(node.site.zone)
    for number in (1, 2):
        if number == 1:
            custody.play()
        else:
            custody.play(("credit", "notary", "tax"), 2)
        node.site.exchange.custody = custody
        after = node.queries.answer(Query(PRODUCT, "loan", subject=subject))
        assert after["total"] == before["total"]
        assert node.opener.generation(number).sharing == node.site.zone.view.generation().sharing
    assert node.receipts.get(before["receipt_id"])["openings"]
    assert node.site.zone.view.void == {}


def test_a_generation_that_is_no_sharing_of_the_key_is_refused(node: BankNode) -> None:
    """The gateway's word is good for opening only; what does not belong to the pinned key is not even tried."""
    document = node.site.client.get("/v1/keys").json()
    record = document["generations"][0] | {"generation": 1, "factor": "2"}
    node.opener._published = lambda: document | {"generations": [record]}
    with pytest.raises(Exception, match="do not interpolate"):
        node.opener.generation(1)


def test_the_zones_generations_are_published(node: BankNode) -> None:
    Custody(node.site.zone).play()
    found = node.site.client.get("/v1/keys").json()["generations"]
    assert [item["generation"] for item in found] == [0, 1]
    assert found[1]["custodians"] == list(CUSTODIANS)
