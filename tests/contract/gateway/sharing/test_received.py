"""What another zone lets this one have: shown with its origin, judged by its signature, kept apart."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from crypto.encoding import sha256
from nodes.commands.output import run
from nodes.packs import pack_bytes
from nodes.peering.files import MirrorFiles
from nodes.runtime.pages.accounts import AUTHORITY, CLERK, Person
from scoring.disclosure.lint import lint
from scoring.federation.items import share
from scoring.indicators.model import load_pack
from tests.support.artifacts import write_public
from tests.support.credentials import ORIGIN, join_peer, part_from
from tests.support.epoch import EPOCH
from tests.support.gateway import Front, front
from tests.support.mirrors import MirroredZone, rotate
from tests.support.site import PASSWORD, sign_in
from tests.support.zone import BASE, MemoryZone
from xinqiao import application

EXTENSION = """\
format: xinqiao/model/v1
id: river-panel
version: "1"
extends:
  id: firm-panel
  version: "1"
  sha256: {sha256}
title: {{zh: 河区指标体系, en: The river zone's model}}
zone: any
valid_from: "1991-01-01"
valid_until: "1999-12-31"
"""
TELLING = """\
functionals:
  growth-alone:
    title: {zh: 成长经营得分, en: growth alone}
    dimensions: [growth-and-size]
    disclosed_to: [bank]
"""


@dataclass
class Here:
    """The receiving zone's gateway with the mirror that its peer node wrote."""

    site: Front
    public: Path
    mirrored: MirroredZone
    mirror: MirrorFiles

    def browser(self, name: str) -> TestClient:
        client = TestClient(self.site.client.app, BASE, headers={"accept": "text/html"}, follow_redirects=False, raise_server_exceptions=False)
        assert sign_in(client, name).status_code == 303
        return client


@pytest.fixture
def here(zones: tuple[MemoryZone, MemoryZone], origin: Front, tmp_path: Path) -> Here:
    zone = zones[1].fork()
    join_peer(zone, zones[0])
    site = front(zone, tmp_path / "here")
    for name, role in (("chief", AUTHORITY), ("clerk", CLERK)):
        site.site.accounts.add(Person(name, name, frozenset({role}), ("",), ("",)), PASSWORD)
    place = tmp_path / "here" / "peers" / ORIGIN
    write_public(origin.zone, place / "public")
    mirrored = MirroredZone(origin.zone, tmp_path / "node", place / "mirror")
    mirrored.grow()
    mirror = mirrored.files
    origin.offering.turn()
    index: dict[str, dict[str, dict[str, object]]] = {}
    for number, (kind, name, content) in enumerate(origin.exchange.offered, 1):
        digest = sha256(content).hex()
        mirror.put_item(kind, digest, content)
        index.setdefault(kind, {})[name] = {"sequence": number, "digest": digest}
    mirror.put_index(index)
    return Here(site, tmp_path / "here", mirrored, mirror)


def test_officials_see_whose_each_item_is_and_take_its_exact_bytes(here: Here, origin: Front) -> None:
    model, browser = origin.zone.model, here.browser("chief")
    page = browser.get("/shared")
    assert page.status_code == 200
    for text in (f"{model.id}@{model.version}", "测试区", ORIGIN, "指标体系", f"quantiles/{EPOCH}"):
        assert text in page.text
    digest = next(sha256(content).hex() for kind, _, content in origin.exchange.offered if kind == "models")
    answer = browser.get(f"/shared/{ORIGIN}/{digest}")
    assert sha256(answer.content).hex() == model.sha256
    assert ORIGIN in answer.headers["content-disposition"]
    assert browser.get(f"/shared/{ORIGIN}/{'0' * 64}").status_code == 404
    assert here.browser("clerk").get("/shared").status_code == 403


def test_what_a_peer_has_is_no_model_or_product_of_this_zone(here: Here) -> None:
    zone = here.site.zone
    assert set(zone.view.catalog) == set()
    assert here.site.client.get("/v1/catalog").json() == {"catalog": []}
    assert ORIGIN not in here.site.client.get("/v1/products").text


def test_an_item_that_its_zone_did_not_sign_is_shown_to_nobody(here: Here, origin: Front) -> None:
    forged = share(ORIGIN, "models", "m@1", b"x", lambda statement: origin.zone.envelope(statement, "bank-a"))
    here.mirror.put_item("models", sha256(forged).hex(), forged)
    here.mirror.put_index({"models": {"m@1": {"sequence": 99, "digest": sha256(forged).hex()}}})
    answer = here.browser("chief").get(f"/shared/{ORIGIN}/{sha256(forged).hex()}")
    assert answer.status_code == 400


def test_an_item_of_a_key_that_its_authority_gave_up_is_shown_to_nobody(here: Here, origin: Front, capfd: pytest.CaptureFixture[str]) -> None:
    browser = here.browser("chief")
    digest = next(sha256(content).hex() for kind, _, content in origin.exchange.offered if kind == "models")
    assert browser.get(f"/shared/{ORIGIN}/{digest}").status_code == 200
    rotate(origin.zone)
    here.mirrored.grow()
    assert browser.get(f"/shared/{ORIGIN}/{digest}").status_code == 400
    code, said = command("peer", "items", ORIGIN, "--public", str(here.public), "--kind", "models", capfd=capfd)
    assert (code, said["items"][0]["sha256"]) == (1, "")  # type: ignore[index]  # a list of items
    renewed = share(ORIGIN, "models", "firm-panel@1", origin.zone.pack.read_bytes(), lambda statement: origin.zone.envelope(statement, "authority"))
    here.mirror.put_item("models", sha256(renewed).hex(), renewed)
    here.mirror.put_index({"models": {"firm-panel@1": {"sequence": 99, "digest": sha256(renewed).hex()}}})
    assert browser.get(f"/shared/{ORIGIN}/{sha256(renewed).hex()}").status_code == 200
    assert command("peer", "items", ORIGIN, "--public", str(here.public), capfd=capfd)[0] == 0


def test_items_of_a_zone_that_has_left_are_not_shown(here: Here) -> None:
    part_from(here.site.zone)
    assert ORIGIN not in here.browser("chief").get("/shared").text


def command(*line: str, capfd: pytest.CaptureFixture[str]) -> tuple[int, dict[str, object]]:
    capfd.readouterr()  # what the gateway logged before
    code = run(application("peer", "model"), [*line, "--json"])
    said: dict[str, object] = json.loads(capfd.readouterr().out)
    return code, said


def test_the_command_lists_items_with_their_signature_judged(here: Here, origin: Front, capfd: pytest.CaptureFixture[str]) -> None:
    code, said = command("peer", "items", ORIGIN, "--public", str(here.public), capfd=capfd)
    assert code == 0
    assert len(said["items"]) == len(origin.exchange.offered)  # type: ignore[arg-type]  # a list
    for path in (here.public / "peers" / ORIGIN / "mirror" / "items" / "models").iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    code, said = command("peer", "items", ORIGIN, "--public", str(here.public), "--kind", "models", capfd=capfd)
    assert (code, said["items"][0]["sha256"]) == (1, "")  # type: ignore[index]  # a list of items
    code, said = command("peer", "adopt", ORIGIN, "firm-panel@1", "--public", str(here.public), "-o", str(here.public / "packs"), capfd=capfd)
    assert code != 0
    assert not (here.public / "packs").exists()


def test_a_pack_that_extends_an_adopted_base_resolves(here: Here, origin: Front, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    packs = tmp_path / "packs"
    arguments = ("peer", "adopt", ORIGIN, f"{origin.zone.model.id}@{origin.zone.model.version}", "--public", str(here.public), "-o", str(packs))
    code, said = command(*arguments, capfd=capfd)
    assert (code, said["extends"]) == (0, {"id": "firm-panel", "version": "1", "sha256": origin.zone.model.sha256})
    own = packs / "river-panel" / "river-panel@1.yaml"
    own.parent.mkdir()
    own.write_text(EXTENSION.format(sha256=origin.zone.model.sha256), encoding="utf-8")
    model = load_pack(pack_bytes(str(own)))
    assert (model.id, set(model.indicators)) == ("river-panel", set(origin.zone.model.indicators))
    code, said = command("model", "lint", str(own), capfd=capfd)  # as any other pack: base and extension are judged together
    assert (code, said["admissible"], said["sha256"]) == (0, True, lint(model).sha256)
    own.write_text(own.read_text(encoding="utf-8") + TELLING, encoding="utf-8")
    code, said = command("model", "lint", str(own), capfd=capfd)
    assert (code, said["admissible"]) == (1, False)
    assert "growth" in {name for found in said["findings"] for name in found["indicators"]}  # type: ignore[attr-defined]  # a list
    assert command(*arguments, capfd=capfd)[0] == 0
    (packs / "firm-panel" / "firm-panel@1.yaml").write_bytes(b"another")
    code, said = command(*arguments, capfd=capfd)
    assert (code, "never changes" in str(said["detail"])) == (2, True)
