"""Policies from text to money over the real gateway: officials decide tags, enterprises confirm with their own keys, the bank's answer reconciles."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from crypto.keygen import PrivateKey
from gateway.policies import bank_files
from gateway.policies.courier import Courier
from gateway.policies.desk import DAY_S, PolicyDesk
from gateway.policies.store import BankFile
from nodes.policies import shipped_policies
from scoring.errors import FourEyesError
from scoring.policies.errors import ClaimStateError, PolicyStateError, ReconciliationError
from tests.support.exchange import identity_of
from tests.support.policies import FLAGS, PAYEE, SUBJECTS, Town, firm, town

pytestmark = pytest.mark.xdist_group("policies")  # in their order, on one place

NEEQ = {policy.id: policy for policy in shipped_policies()}["neeq"]
AWARD = NEEQ.award_fen
ROWS = [
    firm(0, board="新三板"), firm(1, board="新三板"), firm(2, board="新三板"), firm(3, board="主板"),
    firm(4, board="新三板", division="330106"), firm(5, board="新三板"),
]  # fmt: skip
MET = [4, 4, 3, 4, 4, 2, 0, 0, 0, 0, 0, 0]
OFFICIAL, SECOND = "wang", "li"


@pytest.fixture(scope="module")
def built(both_engines_in_turn: None, small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Town:
    return town(small_private_key, tmp_path_factory.mktemp("town"), ROWS, MET)


@pytest.fixture(scope="module")
def place(built: Town) -> Town:
    """The policy is in force, its zone the county in which most are registered."""
    desk = built.front.policies.desk
    text = NEEQ.text.replace("本区", "滨江区")
    desk.add(NEEQ.model_copy(update={"text": text}).model_dump(mode="json"))
    desk.confirm_rest("neeq", OFFICIAL)
    desk.publish("neeq")
    return built


def test_nothing_matches_before_officials_have_decided_the_tags(built: Town) -> None:
    desk = built.front.policies.desk
    document = NEEQ.model_copy(update={"id": "undecided"}).model_dump(mode="json")
    desk.add(document)
    policy, review = built.front.policies.store.policy("undecided")
    found = built.front.policies.matching.policy(policy, review)
    assert (found.subjects(), found.subjects(away=True)) == ([], [])
    assert {int(verdict) for verdict in found.matches.verdict} == {0, -1}, "the flags alone say who is out"
    with pytest.raises(PolicyStateError, match="undecided"):
        desk.publish("undecided")
    with pytest.raises(PolicyStateError, match="not in force"):
        desk.compare("undecided", OFFICIAL)


def test_an_enterprise_is_told_why_it_matches_or_not_and_nobody_else_is(place: Town) -> None:
    expected = {0: ("in", False, 4), 1: ("in", False, 4), 2: ("out", True, 3), 3: ("out", True, 4), 4: ("out", True, 4), 5: ("out", False, 2)}
    for at, (verdict, away, met) in expected.items():
        found = place.standing(SUBJECTS[at], "neeq")
        assert (found["verdict"], found["away"], found["flags"]["met"], found["flags"]["model"]) == (verdict, away, met, FLAGS)
    reasons = {item["quote"]: item["verdict"] for item in place.standing(SUBJECTS[3], "neeq")["reasons"] if item["quote"]}
    assert reasons["新三板"] == "out"
    assert reasons["滨江区"] == "in"
    assert place.standing(SUBJECTS[7], "neeq")["verdict"] == "unknown", "the register does not know it"
    stranger = place.ask(SUBJECTS[0], key=place.keys[SUBJECTS[1]])
    assert (stranger.status_code, stranger.json()["reason"]) == (403, "SIGNER_NOT_ALLOWED")
    bank = place.ask(SUBJECTS[0], key="bank-a")
    assert bank.status_code in {400, 403}


def released_by_two(desk: PolicyDesk) -> BankFile:
    """A file of orders that one official proposed and another released, after everything else was refused."""
    first = desk.propose("neeq", OFFICIAL)
    with pytest.raises(ClaimStateError, match="in a proposal"):
        desk.propose("neeq", OFFICIAL)
    with pytest.raises(ClaimStateError, match="proposed only"):
        desk.bank_file(first.id)
    with pytest.raises(FourEyesError):
        desk.release(first.id, OFFICIAL)
    desk.withdraw(first.id)
    first = desk.propose("neeq", OFFICIAL)
    with pytest.raises(ClaimStateError, match="1 claims are not in the name"):
        desk.release(first.id, SECOND)
    desk.release(first.id, SECOND, differing_seen=True)
    with pytest.raises(ClaimStateError, match="was released"):
        desk.release(first.id, SECOND)
    with pytest.raises(ClaimStateError, match="orders were given"):
        desk.withdraw(first.id)
    with pytest.raises(ClaimStateError, match="on their way"):
        desk.bank_file(first.id)
    return first


def test_from_comparison_to_payment_every_step_is_in_the_log_and_the_money_agrees_to_the_fen(place: Town) -> None:
    desk, store, zone = place.front.policies.desk, place.front.policies.store, place.zone
    begun = desk.compare("neeq", OFFICIAL)
    assert (begun.claims, begun.unfunded) == (2, 0)
    assert desk.compare("neeq", OFFICIAL).claims == 0, "again begins nothing"
    place.settle()
    for at in (0, 1):
        answer = place.take(SUBJECTS[at], "neeq", "confirmed")
        assert answer.status_code == 201, answer.text
    assert desk.notice("neeq", OFFICIAL) == 2
    place.settle()
    with pytest.raises(ClaimStateError, match="nothing may be paid"):
        desk.propose("neeq", OFFICIAL)
    disputed = place.take(SUBJECTS[1], "neeq", "disputed", note="金额有误")
    assert disputed.status_code == 201, disputed.text
    zone.now += NEEQ.notice_days * DAY_S
    first = released_by_two(desk)
    place.settle()
    lines = list(csv.DictReader(io.StringIO(desk.bank_file(first.id).content.decode())))
    assert [(line["收款人"], line["账号"], line["金额（元）"]) for line in lines] == [
        (PAYEE["name"], PAYEE["account"], "500000.00"),
        ("", "", "500000.00"),
    ]
    claim = lines[0]["业务编号"]
    with pytest.raises(ReconciliationError, match=r"500000\.01"):
        desk.answer(first.id, bank_answer(first.id, (claim, "500000.01", "成功", "R1")), OFFICIAL)
    assert desk.answer(first.id, bank_answer(first.id, (claim, "500000.00", "失败", "账号不存在")), OFFICIAL) == 1
    place.settle()
    (dispute,) = [item.claim for item in store.claims(policy="neeq") if item.claim.state == "disputed"]
    desk.step(dispute.id, "dismissed", OFFICIAL, "经核实无误")
    place.settle()
    second = desk.propose("neeq", OFFICIAL)
    desk.release(second.id, SECOND, differing_seen=True)
    place.settle()
    answers = [(item.claim.id, "500000.00", "成功", f"R{at}") for at, item in enumerate(store.claims(policy="neeq"))]
    said = bank_answer(second.id, *answers)
    assert desk.answer(second.id, said, OFFICIAL) == 2
    place.settle()
    assert desk.answer(second.id, said, OFFICIAL) == 2, "the same answer again changes nothing"
    with pytest.raises(ReconciliationError, match="another answer"):
        desk.answer(second.id, said.replace(b"R1", b"R9"), OFFICIAL)
    assert {(step.by, step.note) for item in store.claims(policy="neeq") for step in item.claim.history if step.name == "ordered"} == {
        ("li", "提出 wang")
    }
    balance = desk.balance("neeq")
    assert (balance.paid_fen, balance.ordered_fen, balance.promised_fen) == (2 * AWARD, 0, 0)
    assert balance.free_fen == NEEQ.budget_fen - 2 * AWARD
    states = {name: progress.step for name, progress in zone.view.claims.items()}
    assert set(states.values()) == {"paid"}
    assert place.standing(SUBJECTS[0], "neeq")["claim"]["state"] == "paid"
    assert store.activity()["neeq", "pushed"] == (2, 2)


def test_the_log_names_neither_policy_nor_enterprise_nor_amount(place: Town) -> None:
    steps = [envelope for leaf, envelope in place.zone.entries if b'"kind":"policy-step"' in leaf]
    assert len(steps) >= 10
    for words in (b"neeq", SUBJECTS[0].encode(), str(AWARD).encode(), PAYEE["account"].encode()):
        assert all(words not in said for said in steps)


def test_a_confirmation_by_another_key_or_of_another_amount_is_refused(place: Town) -> None:
    claim = {"id": "ab" * 16, "amount_fen": AWARD, "last": ""}
    assert place.take(SUBJECTS[2], "neeq", "confirmed", claim=claim).json()["reason"] == "CLAIM_STATE"
    assert place.take(SUBJECTS[2], "neeq", "filed", amount_fen=AWARD + 1).json()["reason"] == "STATEMENT_INVALID"
    assert place.take(SUBJECTS[2], "neeq", "filed", key=place.keys[SUBJECTS[5]]).json()["reason"] == "SIGNER_NOT_ALLOWED"
    assert place.take(SUBJECTS[0], "neeq", "filed").json()["reason"] == "CLAIM_STATE", "it was paid"


def test_an_enterprise_files_by_itself_and_an_official_decides(place: Town) -> None:
    desk, store = place.front.policies.desk, place.front.policies.store
    assert place.take(SUBJECTS[2], "neeq", "filed", note="证明材料已交").status_code == 201
    (filed,) = [item.claim for item in store.claims(subject=SUBJECTS[2])]
    assert place.take(SUBJECTS[2], "neeq", "filed", claim={"id": "cd" * 16, "amount_fen": AWARD, "last": ""}).json()["reason"] == "CLAIM_STATE"
    desk.step(filed.id, "accepted", OFFICIAL)
    place.settle()
    assert place.standing(SUBJECTS[2], "neeq")["claim"]["state"] == "accepted"


def test_steps_that_were_kept_are_sent_after_a_restart(place: Town) -> None:
    policies = place.front.policies
    (filed,) = [item.claim for item in policies.store.claims(subject=SUBJECTS[2])]
    policies.desk.step(filed.id, "cancelled", OFFICIAL, "撤回")
    with pytest.raises(ClaimStateError):
        policies.desk.step(filed.id, "cancelled", OFFICIAL)
    again = Courier(identity_of(place.zone.keys, "authority"), place.front.exchange.client(), policies.store)
    assert again.drain() == 0
    assert policies.store.claim(filed.id).claim.state == "cancelled"
    assert place.zone.view.claims[filed.id].step == "cancelled"


def bank_answer(file: str, *lines: tuple[str, str, str, str]) -> bytes:
    rows = [",".join(bank_files.ANSWER), *(",".join((file, *line)) for line in lines)]
    return ("\ufeff" + "\r\n".join(rows) + "\r\n").encode()


def test_a_policy_is_entered_once_and_says_what_it_pays(place: Town, tmp_path: Path) -> None:
    answer = place.front.staff("POST", "/v1/policies", NEEQ.model_dump(mode="json"))
    assert (answer.status_code, answer.json()["reason"]) == (409, "POLICY_STATE")
    wrong = NEEQ.model_copy(update={"id": "wrong", "award_fen": AWARD + 1}).model_dump(mode="json")
    assert place.front.staff("POST", "/v1/policies", wrong).status_code == 201
    place.front.policies.desk.confirm_rest("wrong", OFFICIAL)
    with pytest.raises(PolicyStateError, match="not among those"):
        place.front.policies.desk.publish("wrong")
    assert place.front.client.get("/v1/policies").status_code == 401
