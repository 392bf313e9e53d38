"""Contributions are let go at the department's page, and by commands with a person's credentials."""

from __future__ import annotations

import base64
import json

import pytest

from crypto.encoding import canonical_json
from crypto.statements import VerifyKey, parse_envelope
from nodes.contributing.four_eyes.decisions import check_released
from tests.support.desk import Desk, Visitor, password
from tests.support.four_eyes import LI, WANG, ZHAO

# --- letting go ---


def test_two_people_let_a_contribution_go(desk: Desk) -> None:
    contribution = desk.held()[0]
    first, second = desk.signed_in(), desk.signed_in(WANG)
    assert first.decide(LI, [contribution]).status_code == 303
    assert desk.sent() == 0
    page = second.get(f"/contributions/{contribution}").text
    assert "proposed" in page
    assert LI in page
    assert second.decide(WANG, [contribution]).status_code == 303
    assert desk.sent() == 1
    shown = second.get(f"/contributions/{contribution}").text
    assert parse_envelope(desk.node.exchange.sent("contribute")[0][0]).digest.hex() in shown
    assert "in the log" in shown


def test_the_same_person_twice_a_stale_digest_and_a_wrong_password_are_refused(desk: Desk) -> None:
    contribution, visitor = desk.held()[0], desk.signed_in()
    assert visitor.decide(LI, [contribution]).status_code == 303
    for answer in (visitor.decide(LI, [contribution]), visitor.decide(LI, ["00" * 32])):
        assert answer.status_code == 409
        assert "DECISION_INVALID" in answer.text
    refused = desk.signed_in(WANG).decide(WANG, [contribution], given="not the password")
    assert refused.status_code == 401
    assert "that is another password" in refused.text
    assert desk.sent() == 0


def test_a_session_does_not_sign_with_another_persons_password(still: Desk) -> None:
    visitor = still.signed_in(WANG)
    assert visitor.decide(WANG, still.held(), given=password(LI)).status_code == 401
    assert all(not item.decisions for item in still.node.four_eyes.held())


def test_a_rejection_gives_its_reason(desk: Desk) -> None:
    visitor = desk.signed_in()
    assert visitor.decide(LI, [desk.held()[0]], "reject", "  ").status_code == 400
    assert visitor.decide(LI, [desk.held()[0]], "maybe").status_code == 400
    assert len(desk.held()) == 2


def test_an_auditor_verifies_the_decisions_from_the_file_alone(desk: Desk) -> None:
    contribution = desk.held()[0]
    for name in (LI, WANG):
        desk.signed_in(name).decide(name, [contribution])
    desk.sent()
    shown = json.loads(desk.signed_in(ZHAO).get(f"/contributions/{contribution}/decisions").content)
    envelope = desk.node.exchange.sent("contribute")[0][0]
    assert shown["contribution"] == parse_envelope(envelope).said.hex()
    assert shown["digest"] == parse_envelope(envelope).digest.hex()
    keys = {item["envelope"]["signatures"][0]["keyid"]: item["public"] for item in shown["decisions"]}
    people = {name: VerifyKey(name, "ed25519", bytes.fromhex(public)) for name, public in keys.items()}
    check_released(contribution, [canonical_json(item["envelope"]) for item in shown["decisions"]], people)


# --- the same for commands ---


def basic(name: str, given: str = "") -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{given or password(name)}".encode()).decode()}


def test_commands_list_and_decide_with_a_persons_credentials(desk: Desk) -> None:
    client = desk.visitor().client
    listed = client.get("/api/outgoing", headers=basic(LI)).json()
    names = [item["contribution"] for item in listed["epochs"][0]["contributions"]]
    assert (listed["policy"], sorted(names)) == ("two-persons", sorted(desk.held()))
    for name, act in ((LI, "propose"), (WANG, "approve")):
        answer = client.post("/api/decisions", headers=basic(name), json={"contributions": names, "verdict": "approve"})
        assert [item["act"] for item in answer.json()["decisions"]] == [act] * 2
    assert desk.sent() == 2


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer x"},
        {"authorization": "Basic !"},
        {"authorization": b"Basic \xe9"},
        basic(LI, "not the password"),
        basic("nobody"),
    ],
)
def test_commands_without_credentials_get_a_problem_document_and_no_prompt(still: Desk, headers: dict[str, str | bytes]) -> None:
    answer = still.visitor().client.get("/api/outgoing", headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (401, "SIGN_IN_REQUIRED")
    assert "www-authenticate" not in answer.headers


def test_a_session_cookie_is_no_credential_for_commands(still: Desk, reader: Visitor) -> None:
    assert reader.get("/api/outgoing").status_code == 401
