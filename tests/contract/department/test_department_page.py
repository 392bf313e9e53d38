"""The department's page as strangers, other sites and its own people meet it: the real application over a real department's database."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from crypto.encoding import canonical_json
from crypto.keygen import PrivateKey
from crypto.statements import VerifyKey, parse_envelope
from nodes.contributing.four_eyes.decisions import check_released
from nodes.contributing.four_eyes.people import remove_person
from nodes.errors import SettingsError
from nodes.runtime.pages.guard import POLICY
from nodes.runtime.pages.sessions import IDLE_S, LONGEST_S
from nodes.runtime.pages.views import View, ViewLog
from nodes.runtime.web.server import WebServer
from tests.support.databases import database_in
from tests.support.departments import DepartmentZone
from tests.support.desk import BASE, HOSTILE, NAMES, Desk, OneIntake, Time, Visitor, desk_in, opened_zone, page_of, password

LI, WANG, ZHAO = NAMES
PAGES = ("/outgoing", "/coverage", "/values", "/quarantine", "/connectors")


@pytest.fixture(scope="module")
def opened(small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> DepartmentZone:
    """An open epoch over thirty firms, to which the intellectual property office has not contributed."""
    return opened_zone(small_private_key, tmp_path_factory.mktemp("zone"))


@pytest.fixture
def desk(opened: DepartmentZone, tmp_path: Path) -> Iterator[Desk]:
    """One to decide at."""
    made = desk_in(opened, tmp_path)
    yield made
    made.node.engine.dispose()


@pytest.fixture(scope="module")
def still(opened: DepartmentZone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One where nobody decides: many tests look at it."""
    made = desk_in(opened, tmp_path_factory.mktemp("still"))
    yield made
    assert all(not item.decisions for item in made.node.four_eyes.held())
    made.node.engine.dispose()


@pytest.fixture(scope="module")
def reader(still: Desk) -> Visitor:
    """A person who is signed in there."""
    return still.signed_in()


@pytest.fixture
def door(still: Desk, tmp_path: Path) -> Desk:
    """The same with a page of its own: no session, no attempt yet."""
    time = Time()
    return replace(still, time=time, app=page_of(still.node, still.people, OneIntake(), tmp_path, time))


# --- strangers ---


@pytest.mark.parametrize("path", [*PAGES, "/", f"/contributions/{'ab' * 32}", f"/contributions/{'ab' * 32}/decisions"])
def test_a_stranger_is_led_to_the_sign_in_page_and_shown_nothing(still: Desk, path: str) -> None:
    answer = still.visitor().get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].partition("?")[0] in {"/sign-in", "/outgoing"}
    assert answer.text == ""


@pytest.mark.parametrize("path", ["/decisions", "/sign-out"])
def test_a_stranger_decides_nothing(still: Desk, path: str) -> None:
    answer = still.visitor().post(path, {"contribution": still.held()[0], "verdict": "approve", "password": password(LI), "form": "x"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/outgoing")
    assert [item.decisions for item in still.node.four_eyes.held()] == [(), ()]


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/static/", "/static/../pages.py", "/static/%2e%2e/pages.py", "/nothing"])
def test_there_is_nothing_else(still: Desk, path: str) -> None:
    answer = still.visitor().get(path)
    assert answer.status_code == 404
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("host", ["evil.example:8460", "127.0.0.1", "127.0.0.1:9", "127.0.0.1.evil.example:8460", "0.0.0.0:8460", "192.168.0.1:8460"])
def test_a_page_asked_for_under_another_name_is_refused(still: Desk, reader: Visitor, host: str) -> None:
    visitor = reader
    for path in ("/outgoing", "/sign-in", "/healthz", "/api/outgoing"):
        answer = visitor.get(path, host=host)
        assert (answer.status_code, answer.json()["reason"]) == (421, "HOST_NOT_SERVED")
    assert visitor.get("/outgoing", host="localhost:8460").status_code == 200


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "192.168.1.1:0", "[::]:0"])
def test_it_listens_on_loopback_only(still: Desk, listen: str) -> None:
    with pytest.raises(SettingsError, match="loopback"):
        WebServer(still.app, listen)


# --- signing in ---


def test_the_session_cookie_is_for_this_page_alone(door: Desk) -> None:
    visitor = door.visitor()
    cookie = visitor.sign_in(LI).headers["set-cookie"]
    assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Domain" not in cookie
    token = visitor.cookies["xinqiao-ip"]
    assert len(token) >= 43
    assert token not in visitor.get("/outgoing").text


def test_a_wrong_password_and_a_wrong_name_are_answered_alike(door: Desk) -> None:
    answers = [door.visitor().sign_in(name, "not the password") for name in (LI, "nobody")]
    assert [answer.status_code for answer in answers] == [401, 401]
    form = re.compile(r'value="[0-9a-f]{64}"')
    assert form.sub("", answers[0].text) == form.sub("", answers[1].text)


def test_guessing_is_slowed_down_and_a_right_password_waits_as_well(door: Desk) -> None:
    statuses = [door.visitor().sign_in(LI, "not the password").status_code for _ in range(3)]
    assert statuses == [401, 401, 429]
    assert door.visitor().sign_in(LI).status_code == 429
    assert door.visitor().sign_in(WANG).status_code == 303  # nobody is locked out by guesses at another's
    door.time.now += 6
    assert door.visitor().sign_in(LI).status_code == 303


def test_a_right_password_is_never_too_often(door: Desk) -> None:
    assert [door.visitor().sign_in(LI).status_code for _ in range(4)] == [303] * 4


def test_a_sign_in_form_that_this_visitor_was_not_given_is_refused(door: Desk) -> None:
    foreign = door.visitor().form("/sign-in")
    visitor = door.visitor()
    visitor.get("/sign-in")
    for form in (foreign, "", "0" * 64):
        answer = visitor.post("/sign-in", {"form": form, "next": "", "name": LI, "password": password(LI)})
        assert answer.status_code == 403
    assert "xinqiao-ip" not in visitor.cookies


def test_a_session_ends_when_it_is_left_alone_when_it_is_old_and_when_its_person_goes(desk: Desk) -> None:
    visitor = desk.signed_in()
    desk.time.now += IDLE_S - 1
    assert visitor.get("/outgoing").status_code == 200
    desk.time.now += IDLE_S + 1
    assert visitor.get("/outgoing").status_code == 303
    lasting = desk.signed_in()
    for _ in range(int(LONGEST_S // 1000)):
        desk.time.now += 1000
        assert lasting.get("/outgoing").status_code == 200
    desk.time.now += 1000
    assert lasting.get("/outgoing").status_code == 303
    removed = desk.signed_in(WANG)
    remove_person(desk.directory, WANG)
    assert removed.get("/outgoing").status_code == 303


def test_signing_out_ends_the_session(door: Desk) -> None:
    visitor = door.signed_in()
    before = dict(visitor.cookies)
    assert visitor.post("/sign-out", {"form": visitor.form()}).status_code == 303
    assert "xinqiao-ip" not in visitor.cookies
    visitor.cookies = before
    assert visitor.get("/outgoing").status_code == 303


# --- forms of other sites ---


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9"},
        {"origin": "https://127.0.0.1:8460"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
    ids=str,
)
def test_a_form_from_another_site_is_refused(still: Desk, reader: Visitor, headers: dict[str, str]) -> None:
    visitor = reader
    data: dict[str, str | list[str]] = {
        "form": visitor.form(), "contribution": still.held(), "verdict": "approve", "reason": "", "password": password(LI),
    }  # fmt: skip
    answer = visitor.post("/decisions", data, **headers)
    assert (answer.status_code, answer.json()["reason"]) == (403, "FORM_NOT_OURS")
    assert all(not item.decisions for item in still.node.four_eyes.held())


def test_a_form_of_the_page_itself_is_taken(desk: Desk) -> None:
    visitor, (held, _) = desk.signed_in(), desk.held()
    data: dict[str, str | list[str]] = {"form": visitor.form(), "contribution": held, "verdict": "approve", "reason": "", "password": password(LI)}
    assert visitor.post("/decisions", data, origin=BASE, sec_fetch_site="same-origin").status_code == 303
    assert [len(item.decisions) for item in desk.node.four_eyes.held()] == [1, 0]


def test_a_form_without_its_sessions_token_is_refused(still: Desk, reader: Visitor) -> None:
    other, visitor = still.signed_in(WANG), reader
    for form in ("", "x", other.form()):
        data: dict[str, str | list[str]] = {
            "form": form, "contribution": still.held(), "verdict": "approve", "reason": "", "password": password(LI),
        }  # fmt: skip
        assert visitor.post("/decisions", data).status_code == 403
    assert all(not item.decisions for item in still.node.four_eyes.held())


@pytest.mark.parametrize("body", [b"\xff=1", b"form=%ff", b"&".join(b"a=1" for _ in range(1001)), b"form=a&form=b"])
def test_a_form_that_is_none_is_refused(still: Desk, reader: Visitor, body: bytes) -> None:
    visitor = reader
    headers = {"cookie": "; ".join(f"{k}={v}" for k, v in visitor.cookies.items()), "content-type": "application/x-www-form-urlencoded"}
    assert visitor.client.post("/decisions", content=body, headers=headers).status_code == 403


# --- pages ---


def test_every_page_comes_with_the_headers_that_keep_it_to_itself(still: Desk, reader: Visitor) -> None:
    visitor = reader
    for path in (*PAGES, "/sign-in", "/nothing"):
        headers = visitor.get(path).headers
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"


def test_no_page_has_a_script_or_a_style_of_its_own(still: Desk, reader: Visitor) -> None:
    visitor = reader
    for path in (*PAGES, f"/contributions/{still.held()[0]}", "/nothing"):
        tags = " ".join(re.findall(r"<[^>]+>", visitor.get(path).text))
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|https?://", tags), path
        assert re.findall(r"<script[^>]*>", tags) == re.findall(r'<script src="/static/pages/xinqiao.js[^>]*" defer>', tags)


def test_what_others_wrote_is_text_and_nothing_else(still: Desk, reader: Visitor) -> None:
    visitor = reader
    for path, times in (("/quarantine", 3), ("/connectors", 2)):
        text = visitor.get(path).text.partition("<main")[2]
        assert "<script" not in text
        assert "<img" not in text
        assert text.count("&lt;script&gt;alert(") == times


def test_what_waits_in_quarantine_has_the_number_by_which_commands_name_it(still: Desk, reader: Visitor) -> None:
    text = reader.get("/quarantine").text
    assert "No." in text
    assert all(f'<th scope="row" class="number">{part.number}</th>' in text for part in OneIntake().aside)


def test_lists_are_searched_sorted_and_taken_away_without_a_formula(still: Desk, reader: Visitor) -> None:
    assert "Everything was taken." in reader.get("/quarantine?q=nothing-like-this").text
    rows = reader.get("/quarantine?format=csv").content.decode("utf-8-sig").splitlines()
    assert (rows[0].split(",")[0], rows[1].split(",")[0]) == ("No.", "1")
    assert reader.get("/connectors?format=xlsx").content.startswith(b"PK")
    assert [view.person for view in views(still) if view.page == "/quarantine"]


def views(desk: Desk) -> list[View]:
    return ViewLog(database_in(desk.directory.parent / "pages", "pages"), lambda: 0).of("*")


def test_the_reason_of_a_rejection_is_text_too(desk: Desk) -> None:
    visitor, contribution = desk.signed_in(), desk.held()[0]
    assert visitor.decide(LI, [contribution], "reject", HOSTILE).status_code == 303
    text = visitor.get(f"/contributions/{contribution}").text.partition("<main")[2]
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_every_page_is_chinese_first_with_an_english_switch(still: Desk) -> None:
    visitor = still.signed_in()
    for path, zh, en in (
        ("/outgoing", "修订号", "revision"),
        ("/coverage", "缺数据的企业", "enterprises without data"),
        ("/quarantine", "位置", "Place"),
    ):
        for language, tongue, there, other in (("zh", "zh-CN", zh, en), ("en", "en", en, zh)):
            visitor.get(f"/language?to={language}&back=/outgoing")
            text = visitor.get(path).text.partition("<main")
            assert f'<html lang="{tongue}">' in text[0]
            assert there in text[2]
            assert other not in text[2]


def test_the_page_shows_what_leaves_and_nothing_of_one_enterprise(still: Desk, reader: Visitor) -> None:
    text = reader.get("/outgoing").text
    assert "patents" in text
    assert "epoch-1995" in text
    stored = still.node.office.store.period("1995")
    assert not any(uscc in text for uscc in stored)


def test_each_view_is_logged_with_who_and_what_but_no_content(still: Desk, reader: Visitor, capsys: pytest.CaptureFixture[str]) -> None:
    visitor = reader
    capsys.readouterr()
    visitor.get("/quarantine")
    out = capsys.readouterr()
    said = out.out + out.err
    assert "page.viewed" in said
    assert LI in said
    assert "/quarantine" in said
    assert "script" not in said
    still.visitor().sign_in("a password typed into the wrong field", "x")
    out = capsys.readouterr()
    assert "page.sign_in_refused" in out.out + out.err
    assert "wrong field" not in out.out + out.err


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
    assert visitor.decide(LI, [desk.held()[0]], "reject", "  ").status_code == 403
    assert visitor.decide(LI, [desk.held()[0]], "maybe").status_code == 403
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
