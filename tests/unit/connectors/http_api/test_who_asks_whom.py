"""Credentials go to the host of the mapping and to no other, which is believed only under its certificate [C7, C8]."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import httpx
import pytest
from http_message_signatures import HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms

from connectors.api.client import Client, trust_of
from connectors.api.pages import ApiConnector
from connectors.connect import open_connector
from connectors.errors import MappingError, SourceUnavailableError
from tests.support.connecting import CODES
from tests.support.department_api import DepartmentApi, page
from tests.support.reading_api import PAGES, Open, read


def test_a_server_that_nobody_vouches_for_is_not_believed_and_not_asked_again(connector: Open, api: DepartmentApi, tmp_path: Path) -> None:
    unknown, waited = connector(), list[float]()
    source = unknown.source.model_copy(update={"ca_file": None})
    with pytest.raises(SourceUnavailableError, match=r"the certificate there is not trusted, see ca_file: ConnectError: .*self-signed"):
        read(ApiConnector(unknown.mapping, source, partial(Client, source, trust_of(source, tmp_path), lambda _: {}, waited.append)))
    assert (api.seen, waited) == ([], [])


def test_a_token_is_sent_and_stands_in_a_private_file(connector: Open, api: DepartmentApi, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("abc123\n")
    token.chmod(0o644)
    with pytest.raises(MappingError, match="mode 0600"):
        connector("auth: {kind: bearer, file: token}")
    token.chmod(0o600)
    api.allow = lambda uri, headers: headers.get("authorization") == "Bearer abc123"
    assert read(connector("auth: {kind: bearer, file: token}")) == CODES[:5]
    with pytest.raises(SourceUnavailableError, match="status 401"):
        read(connector())


def test_a_signature_is_one_that_another_library_verifies(connector: Open, api: DepartmentApi, tmp_path: Path) -> None:
    key = bytes(range(32))
    (tmp_path / "key").write_text(key.hex())
    (tmp_path / "key").chmod(0o600)

    class Keys(HTTPSignatureKeyResolver):
        def resolve_public_key(self, key_id: str) -> bytes:
            assert key_id == "node-7"
            return key

        resolve_private_key = resolve_public_key

    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=Keys())
    nonces = []

    def allow(uri: str, headers: dict[str, str]) -> bool:
        request = httpx.Request("GET", uri, headers={name: headers[name] for name in ("signature", "signature-input")})
        (result,) = verifier.verify(request)
        nonces.append(result.parameters["nonce"])
        return (
            set(result.covered_components) == {'"@method"', '"@target-uri"', '"@signature-params"'}
            and abs(int(result.parameters["created"]) - time.time()) < 60
        )

    api.allow = allow
    assert read(connector(f"auth: {{kind: signature, file: key, key_id: node-7}}, {PAGES['offset']}")) == CODES[:5]
    assert len(set(nonces)) == len(nonces) == 4


@pytest.mark.parametrize("key", ["", "xyz", "00" * 8, "密"])
def test_a_key_that_is_none_is_refused(connector: Open, tmp_path: Path, key: str) -> None:
    (tmp_path / "key").write_text(key)
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(MappingError, match="key"):
        connector("auth: {kind: signature, file: key, key_id: k}")


def test_a_certificate_file_that_is_none_is_refused(connector: Open, tmp_path: Path) -> None:
    opened = connector()
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(MappingError, match="no certificate"):
        trust_of(opened.source, tmp_path)
    with pytest.raises(MappingError, match="no certificate"):
        open_connector(tmp_path / "api.yaml")


def test_a_redirection_on_the_same_host_is_followed_and_signed_for_its_own_address(connector: Open, api: DepartmentApi) -> None:
    api.answers.append((307, {"Location": "/v2/returns?size=1000"}, b""))
    assert read(connector()) == CODES[:5]
    assert api.seen[-1][0].endswith("/v2/returns?size=1000")


def test_redirections_come_to_an_end(connector: Open, api: DepartmentApi) -> None:
    api.answers.extend([(307, {"Location": "/v1/returns"}, b"")] * 4)
    with pytest.raises(SourceUnavailableError, match="more than 3 redirections"):
        read(connector())


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ("https://evil.example/more", "leads to another host"),
        ("//evil.example/more", "leads to another host"),
        ("https://[::1", "leads to what is no address"),
        ({}, "data.next: a text of at most 4000 characters is expected"),
    ],
)
def test_a_link_to_another_host_or_none_is_refused_and_not_asked(connector: Open, api: DepartmentApi, link: object, told: str) -> None:
    api.answers.append(page(api.items[:2], next=link))
    found = read(connector(PAGES["next"]))
    assert told in found[-1]
    assert len(api.seen) == 1


def test_neither_parameters_nor_credentials_are_named_in_what_is_said(connector: Open, api: DepartmentApi) -> None:
    api.answers.append((403, {}, b"token=s3cret"))
    with pytest.raises(SourceUnavailableError) as error:
        read(connector("parameters: {key: s3cret}"))
    assert "s3cret" not in str(error.value)
    assert "s3cret" in api.seen[0][0]
