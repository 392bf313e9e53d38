"""The department's page as strangers, other sites and people who sign in meet it."""

from __future__ import annotations

import base64
import re

import pytest

from nodes.contributing.four_eyes.people import remove_person
from nodes.errors import SettingsError
from nodes.runtime.pages.sessions import IDLE_S, LONGEST_S
from nodes.runtime.web.server import WebServer
from tests.support.desk import BASE, PAGES, Desk, Visitor, password
from tests.support.four_eyes import LI, WANG

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


def test_guesses_of_strangers_hold_up_nobody_who_is_signed_in(door: Desk) -> None:
    """They share the machine and its address, not what a person of a session may get wrong."""
    signed, statuses = door.signed_in(WANG), list[int]()
    while 429 not in statuses[-1:]:
        given = base64.b64encode(f"stranger-{len(statuses)}:guess".encode()).decode()
        statuses.append(door.visitor().get("/api/outgoing", authorization=f"Basic {given}").status_code)
    assert signed.decide(WANG, ["ab" * 32]).status_code == 409  # nothing of that name waits, which only its own people are told


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
