"""A site shows pages to those who may see them, in both languages, and refuses the rest without telling more [W1–W5]."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.testclient import TestClient
from starlette.responses import Response

from nodes.errors import FormSentError, RateLimitedError
from nodes.runtime.pages.accounts import AUTHORITY, COUNTY, Person
from nodes.runtime.pages.entrance import Attempts
from nodes.runtime.pages.forms import Form, Marks
from nodes.runtime.pages.sessions import IDLE_S, LONGEST_S
from nodes.runtime.pages.site import Site, local
from scoring.errors import LoanStateError
from tests.support.databases import ON_BOTH, database_in
from tests.support.site import BASE, PASSWORD, Clock, browser_at, form_of, sign_in, site_in

CHIEF = Person("chief", "主任", frozenset({AUTHORITY}), ("",), ("",))
OFFICER = Person("officer", "专员", frozenset({COUNTY}), ("330108",), ("I",))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def site(tmp_path: Path, clock: Clock) -> tuple[Site, FastAPI]:
    made, app = site_in(tmp_path, clock, CHIEF, OFFICER)

    @app.get("/secret")
    def secret(request: Request, _session: object = Depends(made.signed_in(AUTHORITY))) -> Response:
        return made.page(request, "error.html.j2", problem={"status": 404, "title": "t", "reason": "SECRET_SHOWN"})

    sent: Form = Depends(made.form)

    @app.post("/act")
    def act(form: Form = sent, _session: object = Depends(made.signed_in(AUTHORITY))) -> dict[str, str]:
        if form.one("what") == "wrong":
            raise LoanStateError("it is not possible now")
        return {"done": form.one("what")}

    return made, app


@pytest.fixture
def client(site: tuple[Site, FastAPI]) -> TestClient:
    return browser_at(site[1])


def test_strangers_are_led_to_the_sign_in_page_and_back(client: TestClient) -> None:
    led = client.get("/secret")
    assert (led.status_code, led.headers["location"]) == (303, "/sign-in?next=/secret")
    page = client.get(led.headers["location"]).text
    assert 'name="next" value="/secret"' in page


def test_a_page_is_shown_to_the_role_it_is_for_and_to_no_other(client: TestClient) -> None:
    assert sign_in(client, "officer").status_code == 303
    refused = client.get("/secret")
    assert refused.status_code == 403
    assert "SECRET_SHOWN" not in refused.text
    sign_in(client, "chief")
    assert "SECRET_SHOWN" in client.get("/secret").text


def test_a_wrong_password_and_a_missing_name_are_told_alike(client: TestClient) -> None:
    wrong, missing = sign_in(client, "chief", "not the password"), sign_in(client, "nobody", "not the password")
    assert (wrong.status_code, missing.status_code) == (401, 401)
    assert "姓名或密码不对" in wrong.text
    assert client.get("/secret").status_code == 303


def test_guessing_is_slowed_down(client: TestClient) -> None:
    answers = [sign_in(client, "chief", f"wrong {count}").status_code for count in range(4)]
    assert answers[:2] == [401, 401]
    assert 429 in answers


@pytest.mark.parametrize("leap", [IDLE_S + 1, LONGEST_S + 1])
def test_a_session_ends(client: TestClient, clock: Clock, leap: int) -> None:
    sign_in(client, "chief")
    clock.now += leap
    assert client.get("/secret").status_code == 303


@ON_BOTH
def test_a_session_that_is_used_goes_on_but_not_for_ever(client: TestClient, clock: Clock) -> None:
    sign_in(client, "chief")
    for _ in range(LONGEST_S // (IDLE_S - 100)):
        clock.now += IDLE_S - 100
        assert client.get("/secret").status_code == 200
    clock.now += IDLE_S - 100
    assert client.get("/secret").status_code == 303


@ON_BOTH
def test_a_removed_account_loses_its_session(site: tuple[Site, FastAPI], client: TestClient) -> None:
    sign_in(client, "chief")
    site[0].accounts.remove("chief")
    assert client.get("/secret").status_code == 303


def test_a_new_password_ends_the_sessions_of_the_old_one(site: tuple[Site, FastAPI], client: TestClient) -> None:
    sign_in(client, "chief")
    sign_in(browser_at(site[1]), "officer")
    site[0].accounts.remove("chief")
    assert site[0].sessions.end_of("chief") == 1
    site[0].accounts.add(CHIEF, PASSWORD + "2")
    assert client.get("/secret").status_code == 303


def test_one_address_does_not_use_up_the_tries_of_all() -> None:
    now = [0.0]
    tries, refused = Attempts(lambda: now[0]), 0
    for guess in range(120):
        now[0] += 0.5
        try:
            tries.begin(f"guess-{guess}", "192.0.2.1")
        except RateLimitedError:
            refused += 1
        if guess % 4 == 0:
            tries.begin(f"other-{guess}", f"198.51.100.{guess}")
    assert refused > 60


def test_signing_out_ends_the_session(site: tuple[Site, FastAPI], client: TestClient) -> None:
    sign_in(client, "chief")
    token = client.cookies[site[0].cookie]
    client.post("/sign-out", data={"form": form_of(client.get("/secret").text)})
    client.cookies.set(site[0].cookie, token)
    assert client.get("/secret").status_code == 303


def test_a_form_counts_only_with_the_word_of_its_session(client: TestClient) -> None:
    sign_in(client, "chief")
    word = form_of(client.get("/secret").text)
    assert client.post("/act", data={"what": "it", "form": word}).json() == {"done": "it"}
    for form in ({"what": "it"}, {"what": "it", "form": "guessed"}):
        assert client.post("/act", data=form).status_code == 403
    other = client.post("/act", data={"what": "it", "form": word}, headers={"origin": "https://evil.example"})
    assert other.status_code == 403


def test_a_form_that_is_sent_twice_acts_once_and_again_where_it_did_not_act(client: TestClient) -> None:
    sign_in(client, "chief")
    form = {"form": form_of(client.get("/secret").text), "mark": "first"}
    assert client.post("/act", data={"what": "wrong", **form}).status_code == 409
    assert client.post("/act", data={"what": "it", **form}).json() == {"done": "it"}, "what was refused may be corrected and sent again"
    again = client.post("/act", data={"what": "it", **form})
    assert (again.status_code, "FORM_SENT" in again.text) == (409, True)
    assert client.post("/act", data={"what": "it", **form, "mark": "second"}).status_code == 200


def test_marks_are_kept_as_long_as_a_session_may_last_and_so_many_of_each(tmp_path: Path) -> None:
    clock = Clock()
    marks = Marks(database_in(tmp_path, "pages"), clock, most=2)
    with marks.once("session", "mark"), pytest.raises(FormSentError), marks.once("session", "mark"):
        pytest.fail("a second click while the first is acted on acts too")
    for mark, later in (("second", 1), ("third", 1)):
        clock.now += later
        with marks.once("session", mark):
            assert mark
    clock.now += 1
    with marks.once("session", "mark"):  # the oldest of a session that has too many is forgotten
        assert clock.now
    with pytest.raises(FormSentError), marks.once("session", "third"):
        pytest.fail("the newest is kept")
    clock.now += LONGEST_S + 1
    with marks.once("session", "third"):
        assert clock.now


def test_the_site_answers_under_its_own_name_only(client: TestClient) -> None:
    assert client.get("/sign-in", headers={"host": "evil.example"}).status_code == 421


def test_every_page_carries_the_bounds(client: TestClient) -> None:
    for path in ("/sign-in", "/nowhere", "/secret"):
        headers = client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert (headers["x-frame-options"], headers["cache-control"]) == ("DENY", "no-store")


def test_the_language_is_chinese_until_it_is_switched(client: TestClient) -> None:
    assert "<h1>登录</h1>" in client.get("/sign-in").text
    switched = client.get("/language?to=en&back=/sign-in")
    assert (switched.status_code, switched.headers["location"]) == (303, "/sign-in")
    page = client.get("/sign-in").text
    assert "<h1>Sign in</h1>" in page
    assert '<html lang="en">' in page


@pytest.mark.parametrize("path", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", "/a\nb"])
def test_nobody_is_led_to_another_site(path: str) -> None:
    assert local(path, "/") == "/"


def test_files_are_kept_by_browsers_and_nothing_else_is_served(client: TestClient) -> None:
    assert "immutable" in client.get("/static/pages/xinqiao.css").headers["cache-control"]
    for path in ("/static/pages/../site.py", "/static/pages/site.py", "/static/other/xinqiao.css"):
        assert client.get(BASE + path).status_code == 404


def test_scopes_are_prefixes_and_none_is_nothing() -> None:
    assert OFFICER.covers("330108", "I65")
    assert not OFFICER.covers("330106", "I65")
    assert not OFFICER.covers("330108", "C39")
    assert CHIEF.covers("410100", "")
    assert not Person("x", "x", frozenset({COUNTY})).covers("330108", "I65")
