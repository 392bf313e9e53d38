"""The identity provider's stand-in as the demonstration arranges it: settings that the service can read, a process that answers, people."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from nodes.enterprise.settings import EnterpriseSettings
from nodes.runtime.files import write_private
from simulators.identity.accounts import STAFF, accounts_of
from simulators.identity.serving import Standin
from simulators.identity.zone import FOLDER, add_enterprise_pages, service_of, tell_accounts
from simulators.population import firm_panel
from simulators.zone.configs import choose_addresses, free_ports, read_endpoints, write_configs
from simulators.zone.layout import demo_plan


def test_people_follow_from_the_seed_and_their_passwords_do_not() -> None:
    firms = firm_panel.load(1995, 0).first(5).firms
    first, again, other = accounts_of(firms, 1), accounts_of(firms, 1), accounts_of(firms, 2)
    assert [item.name for item in first] == [item.name for item in again] != [item.name for item in other]
    assert {item.password for item in first} & {item.password for item in again} == set()
    assert [item.enterprises[0].uscc for item in first[:5]] == [firm.uscc for firm in firms]
    assert [(item.account, item.enterprises[0].role) for item in first[5:]] == [("bookkeeper", STAFF)]


def test_a_zone_is_given_pages_and_a_provider_that_answers(tmp_path: Path) -> None:
    plan, firms = demo_plan(), firm_panel.load(1995, 0).first(3).firms
    for name in ("systems", "public"):
        (tmp_path / name).mkdir()
    write_configs(plan, tmp_path, choose_addresses(plan))
    write_private(tmp_path / "accounts.json", b"[]")
    provider = add_enterprise_pages(plan, tmp_path, accounts_of(firms, 0), lambda: free_ports(1)[0])
    settings = EnterpriseSettings.load(tmp_path / "config" / f"{service_of(plan)}.toml").enterprise
    endpoints = read_endpoints(tmp_path)
    assert settings.pages is not None
    assert (settings.pages.origin, settings.pages.sign_in.issuer) == (endpoints["enterprise_pages"], endpoints["identity_provider"])
    assert settings.pages.sign_in.client_secret_file == tmp_path / FOLDER / "client.secret"
    try:
        provider.start()
        document = httpx.get(f"{endpoints['identity_provider']}/.well-known/openid-configuration", trust_env=False).json()
        assert document["issuer"] == endpoints["identity_provider"]
    finally:
        provider.close()
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{endpoints['identity_provider']}/jwks", trust_env=False)
    tell_accounts(plan, tmp_path, [firms[1].uscc])
    told = json.loads((tmp_path / "accounts.json").read_text(encoding="utf-8"))
    assert [(item["name"], item["about"]) for item in told] == [("user0002", firms[1].uscc), ("bookkeeper", firms[0].uscc)]


def test_a_provider_that_cannot_listen_says_so(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="did not start"):
        Standin(tmp_path / "nothing").start()
