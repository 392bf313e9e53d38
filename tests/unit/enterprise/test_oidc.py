"""The client of the identity provider: a person comes in by a whole round trip, and everything that does not hold is refused [Q2]."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from nodes.enterprise.entrance.assertion import Assertion, Attempt, who
from nodes.enterprise.entrance.oidc import OLDEST_S, OidcProvider
from nodes.errors import AssertionInvalidError, NotRepresentativeError, PeerUnavailableError
from simulators.identity.provider import CODE_S, TOKEN_S
from tests.support.identity import CLIENT, ISSUER, KEY, REDIRECT, SECRET, USCC_A, USCC_B, Standin, standin, table_in
from tests.support.site import Clock

ATTEMPT = Attempt("state-" + "s" * 32, "nonce-" + "n" * 32, "v" * 64, 0)
Claims = dict[str, Any]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def idp(tmp_path: Path, clock: Clock) -> Standin:
    return standin(tmp_path, clock)


def test_a_representative_is_asserted_with_name_and_enterprise(idp: Standin) -> None:
    answer = idp.answer(idp.client.begin(ATTEMPT), "zhao")
    assert idp.client.finish(ATTEMPT, answer) == Assertion(who(ISSUER, "zhao"), "赵一", USCC_A)


def test_who_represents_several_enterprises_chooses_one(idp: Standin) -> None:
    answer = idp.answer(idp.client.begin(ATTEMPT), "both", choose=USCC_B)
    assert idp.client.finish(ATTEMPT, answer).uscc == USCC_B


def test_staff_that_represents_nobody_is_refused(idp: Standin) -> None:
    with pytest.raises(NotRepresentativeError):
        idp.client.finish(ATTEMPT, idp.answer(idp.client.begin(ATTEMPT), "clerk"))


@pytest.mark.parametrize(
    "change",
    [
        lambda answer: answer | {"state": "another"},
        lambda answer: answer | {"iss": "https://evil.example"},
        lambda answer: answer | {"code": "guessed"},
        lambda answer: {"state": answer["state"], "error": "access_denied"},
        lambda answer: {"state": answer["state"]},
    ],
    ids=["state", "issuer of the answer", "code", "refused", "nothing"],
)
def test_an_answer_that_does_not_hold_signs_nobody_in(idp: Standin, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    answer = idp.answer(idp.client.begin(ATTEMPT), "zhao")
    with pytest.raises(AssertionInvalidError):
        idp.client.finish(ATTEMPT, change(answer))


def test_a_code_that_comes_too_late_signs_nobody_in(idp: Standin, clock: Clock) -> None:
    answer = idp.answer(idp.client.begin(ATTEMPT), "zhao")
    clock.now += CODE_S + 1
    with pytest.raises(AssertionInvalidError):
        idp.client.finish(ATTEMPT, answer)


def test_a_stolen_code_is_worth_nothing_without_the_verifier_and_used_up(idp: Standin) -> None:
    answer = idp.answer(idp.client.begin(ATTEMPT), "zhao")
    with pytest.raises(AssertionInvalidError):
        idp.client.finish(Attempt(ATTEMPT.state, ATTEMPT.nonce, "w" * 64, 0), answer)
    with pytest.raises(AssertionInvalidError):
        idp.client.finish(ATTEMPT, answer)


def test_a_code_works_once(idp: Standin) -> None:
    answer = idp.answer(idp.client.begin(ATTEMPT), "zhao")
    idp.client.finish(ATTEMPT, answer)
    with pytest.raises(AssertionInvalidError):
        idp.client.finish(ATTEMPT, answer)


def claims(clock: Clock, **changed: Any) -> Claims:
    found = {
        "iss": ISSUER, "aud": CLIENT, "sub": "zhao", "iat": clock.now, "exp": clock.now + TOKEN_S, "nonce": ATTEMPT.nonce, "name": "赵一",
        "uscc": USCC_A, "role": "legal-representative",
    }  # fmt: skip
    return {name: value for name, value in (found | changed).items() if value is not None}


class Forging(httpx.BaseTransport):
    """A provider that says whatever a test wants: its token, its discovery document, its keys."""

    def __init__(self, token: str, discovery: Claims | None = None, keys: Claims | None = None) -> None:
        places = {name: f"{ISSUER}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
        self.said = {
            "/.well-known/openid-configuration": {"issuer": ISSUER, **places} | (discovery or {}),
            "/token_endpoint": {"id_token": token},
            "/jwks_uri": keys or {"keys": [KEY.as_dict(private=False)]},
        }
        self.status = 200
        self.asked: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        return httpx.Response(self.status, content=json.dumps(self.said[request.url.path]).encode(), request=request)


def finish(directory: Path, clock: Clock, network: Forging) -> Assertion:
    client = OidcProvider(table_in(directory), SECRET, REDIRECT, clock, network)
    return client.finish(ATTEMPT, {"state": ATTEMPT.state, "code": "c"})


def signed(body: Claims, key: ECKey = KEY, **header: str) -> str:
    return jwt.encode({"alg": "ES256", "kid": KEY.kid, **header}, body, key)


def test_a_sound_token_is_taken(tmp_path: Path, clock: Clock) -> None:
    assert finish(tmp_path, clock, Forging(signed(claims(clock)))).name == "赵一"
    assert finish(tmp_path, clock, Forging(signed(claims(clock, aud=[CLIENT], azp=CLIENT)))).uscc == USCC_A


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"}, {"iss": None}, {"aud": "another"}, {"aud": [CLIENT, "another"]}, {"aud": None}, {"nonce": "another"},
        {"nonce": None}, {"exp": 1}, {"exp": None}, {"iat": None}, {"iat": 1_900_000_000}, {"iat": 1_764_000_000 - OLDEST_S - 1}, {"sub": None},
        {"sub": 7}, {"azp": "another", "aud": [CLIENT]}, {"name": ""}, {"name": "x" * 61}, {"name": "a\nb"}, {"nbf": 1_900_000_000},
    ],
    ids=str,
)  # fmt: skip
def test_a_token_with_a_claim_that_does_not_hold_is_refused(tmp_path: Path, clock: Clock, changed: Claims) -> None:
    with pytest.raises(AssertionInvalidError):
        finish(tmp_path, clock, Forging(signed(claims(clock, **changed))))


@pytest.mark.parametrize(
    "changed", [{"role": "staff"}, {"role": None}, {"uscc": None}, {"uscc": "' or 1=1"}, {"uscc": USCC_A + "0"}, {"role": []}], ids=str
)
def test_a_person_without_an_enterprise_is_not_let_in(tmp_path: Path, clock: Clock, changed: Claims) -> None:
    with pytest.raises(NotRepresentativeError):
        finish(tmp_path, clock, Forging(signed(claims(clock, **changed))))


def test_another_key_a_shared_secret_and_no_signature_are_refused(tmp_path: Path, clock: Clock) -> None:
    body = claims(clock)
    stranger = ECKey.generate_key("P-256")
    public = json.dumps(KEY.as_dict(private=False)).encode()
    tokens = {
        "another key": signed(body, stranger),
        "the public key as a shared secret": jwt.encode({"alg": "HS256", "kid": KEY.kid}, body, OctKey.import_key(public), algorithms=["HS256"]),
        "none": ".".join([*(signed(body, alg="ES256").split(".")[:2]), ""]),
        "another key id": signed(body, kid="unheard"),
        "garbage": "a.b.c",
        "not a token": "",
    }
    for name, token in tokens.items():
        with pytest.raises(AssertionInvalidError):
            finish(tmp_path, clock, Forging(token))
        assert name


def test_keys_that_were_replaced_are_asked_for_again_but_not_at_will(tmp_path: Path, clock: Clock) -> None:
    network = Forging(signed(claims(clock)))
    client = OidcProvider(table_in(tmp_path), SECRET, REDIRECT, clock, network)
    answer = {"state": ATTEMPT.state, "code": "c"}
    client.finish(ATTEMPT, answer)
    fresh = ECKey.generate_key("P-256", auto_kid=True)
    network.said["/token_endpoint"] = {"id_token": jwt.encode({"alg": "ES256", "kid": fresh.kid}, claims(clock), fresh)}
    network.said["/jwks_uri"] = {"keys": [fresh.as_dict(private=False)]}
    with pytest.raises(AssertionInvalidError):
        client.finish(ATTEMPT, answer)
    clock.now += 31
    network.said["/token_endpoint"] = {"id_token": jwt.encode({"alg": "ES256", "kid": fresh.kid}, claims(clock), fresh)}
    assert client.finish(ATTEMPT, answer).uscc == USCC_A
    assert network.asked.count("/jwks_uri") == 2


@pytest.mark.parametrize(
    "discovery", [{"issuer": "https://evil.example"}, {"token_endpoint": "http://idp.example/token_endpoint"}, {"token_endpoint": None}], ids=str
)
def test_a_discovery_document_of_another_issuer_or_in_clear_is_refused(tmp_path: Path, clock: Clock, discovery: Claims) -> None:
    network = Forging(signed(claims(clock)), discovery)
    with pytest.raises(AssertionInvalidError):
        finish(tmp_path, clock, network)
    assert "/token_endpoint" not in network.asked


def test_a_provider_that_is_away_is_told_apart_from_one_that_refuses(tmp_path: Path, clock: Clock) -> None:
    network = Forging(signed(claims(clock)))
    network.status = 502
    with pytest.raises(PeerUnavailableError):
        finish(tmp_path, clock, network)
    network.status = 400
    with pytest.raises(AssertionInvalidError):
        finish(tmp_path, clock, network)


def test_an_endless_answer_is_cut(tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(AssertionInvalidError, match="too long"):
        finish(tmp_path, clock, Forging("x" * 100_000))


# --- the stand-in keeps its own rules ---


@pytest.mark.parametrize("left_out", ["state", "nonce", "code_challenge", "client_id", "redirect_uri", "scope", "response_type"])
def test_the_stand_in_answers_complete_requests_only(idp: Standin, left_out: str) -> None:
    address = httpx.URL(idp.client.begin(ATTEMPT))
    assert idp.browser.get(str(address.copy_remove_param(left_out))).status_code == 400


def test_the_stand_in_sends_nobody_to_an_address_that_is_not_registered(idp: Standin) -> None:
    address = httpx.URL(idp.client.begin(ATTEMPT)).copy_set_param("redirect_uri", "https://evil.example/")
    refused = idp.browser.get(str(address))
    assert refused.status_code == 400
    assert "location" not in refused.headers


def test_guessing_a_password_at_the_stand_in_ends_the_page(idp: Standin) -> None:
    word = idp.browser.get(idp.client.begin(ATTEMPT)).text.split('name="word" value="')[1].split('"')[0]
    answers = [idp.browser.post("/authorize", data={"word": word, "account": "zhao", "password": "no"}).status_code for _ in range(6)]
    assert answers == [401] * 5 + [400]
    assert idp.browser.post("/authorize", data={"word": word, "account": "zhao", "password": "open sesame"}).status_code == 400


def test_another_client_gets_no_token(idp: Standin) -> None:
    answer = idp.answer(idp.client.begin(ATTEMPT), "zhao")
    form = {"grant_type": "authorization_code", "code": answer["code"], "redirect_uri": REDIRECT, "code_verifier": ATTEMPT.verifier}
    assert idp.browser.post("/token", data=form, auth=(CLIENT, "guessed")).status_code == 401
    assert idp.browser.post("/token", data=form, auth=(CLIENT, SECRET)).status_code == 200
