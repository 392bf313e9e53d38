"""Lists and flats over the real gateway: candidates answer with their own keys, the notice names who agreed, each step is in the log [N1–N5]."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from httpx import Response

from crypto.encoding import sha256
from crypto.keygen import PrivateKey
from crypto.statements import parse_envelope
from nodes.runtime.pages.accounts import AUTHORITY, COUNTY, Person
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.web.request_document import PUBLICATION_OBJECTIONS, PUBLICATION_WORDS, PUBLICATIONS, Endpoint
from scoring.publications.errors import PublicationOrderError, PublicationStateError
from scoring.publications.publication import Offer
from scoring.statements import PublicationStep, Title
from tests.support.policies import FLAGS, SUBJECTS, Town, firm, town
from tests.support.site import PASSWORD, form_of

pytestmark = pytest.mark.xdist_group("publications")  # in their order, on one place

MET = [4, 4, 3, 4, 2, 4, 1, 0, 0, 0, 0, 0]
TITLE = Title(zh="十强", en="ten best")
HTML = {"accept": "text/html"}
FLATS = (Offer("east", Title(zh="东苑", en="East"), 1), Offer("west", Title(zh="西苑", en="West"), 1))


@pytest.fixture(scope="module")
def place(both_engines_in_turn: None, small_private_key: PrivateKey, tmp_path_factory: pytest.TempPathFactory) -> Town:
    return town(small_private_key, tmp_path_factory.mktemp("town"), [firm(at) for at in range(12)], MET)


def send(place: Town, endpoint: Endpoint, subject: str, body: Mapping[str, object], key: str = "") -> Response:
    return place.ask(subject, endpoint, body, key)


def answer(place: Town, publication: str, at: int, *, agrees: bool = True, choices: tuple[str, ...] = (), key: str = "") -> Response:
    return send(place, PUBLICATION_WORDS, SUBJECTS[at], {"publication": publication, "agrees": agrees, "choices": list(choices)}, key)


def test_a_list_names_who_agreed_after_asking_and_notice(place: Town) -> None:
    desk, zone = place.front.publications, place.zone
    made = desk.announce_best("chief", FLAGS, 5, TITLE, zone.now + 100)
    assert set(made.candidates) == {SUBJECTS[at] for at in (0, 1, 2, 3, 5)}
    for at in (0, 2, 5):
        assert answer(place, made.id, at).status_code == 200
    assert answer(place, made.id, 1, agrees=False).status_code == 200
    told = send(place, PUBLICATIONS, SUBJECTS[0], {}).json()["publications"]
    assert [(item["id"], item["word"]["agrees"], item["on_notice"]) for item in told] == [(made.id, True, False)]
    assert send(place, PUBLICATIONS, SUBJECTS[8], {}).json() == {"publications": [], "notices": []}
    with pytest.raises(PublicationStateError, match="too early"):
        desk.advance(made.id, "noticed", "chief", zone.now + 200)
    zone.now += 100
    desk.advance(made.id, "noticed", "chief", zone.now + 100)
    page = place.front.client.get(f"/publications/{made.id}", headers=HTML).text
    assert [name for name in ("公司0", "公司1", "公司2", "公司3", "公司5") if f">{name}<" in page] == ["公司0", "公司2", "公司5"]
    objected = send(place, PUBLICATION_OBJECTIONS, SUBJECTS[8], {"publication": made.id, "about": SUBJECTS[2], "text": "不属实"})
    assert objected.status_code == 201
    again = send(place, PUBLICATION_OBJECTIONS, SUBJECTS[8], {"publication": made.id, "about": SUBJECTS[2], "text": "还是不属实"})
    assert (again.status_code, again.json()["reason"]) == (409, "PUBLICATION_STATE"), "nobody holds a notice up by objecting again and again"
    (notice,) = send(place, PUBLICATIONS, SUBJECTS[8], {}).json()["notices"]
    assert {entry["company"] for entry in notice["entries"]} == {"公司0", "公司2", "公司5"}
    desk.settle(made.id, 0, "upheld", "查实")
    zone.now += 100
    desk.advance(made.id, "published", "chief")
    steps = desk.store.steps(made.id)
    for step in steps:
        served = place.front.client.get(f"/v1/publications/{made.id}/papers/{step.digest}").content
        assert sha256(served).hex() == PublicationStep.model_validate_json(parse_envelope(step.envelope).payload).paper
    named = [entry["company"] for entry in json.loads(steps[-1].paper)["entries"]]
    assert sorted(named) == ["公司0", "公司5"]
    assert json.loads(steps[0].paper)["entries"] == [], "candidates are nobody's business"
    assert zone.view.publications[made.id].step == "published"


def test_nobody_answers_for_another(place: Town) -> None:
    made = place.front.publications.announce_best("chief", FLAGS, 3, TITLE, place.zone.now + 100)
    forged = answer(place, made.id, 0, key=place.keys[SUBJECTS[1]])
    assert (forged.status_code, forged.json()["reason"]) == (403, "SIGNER_NOT_ALLOWED")
    foreign = answer(place, made.id, 8)
    assert (foreign.status_code, foreign.json()["reason"]) == (404, "PUBLICATION_UNKNOWN")
    assert place.front.publications.store.get(made.id).words == {}


def test_flats_go_to_who_meets_every_criterion_by_claim_and_wish(place: Town) -> None:
    desk, zone = place.front.publications, place.zone
    made = desk.announce_housing("chief", FLAGS, Title(zh="人才公寓", en="flats"), FLATS, 100, FLAGS, zone.now + 100)
    assert set(made.candidates) == {SUBJECTS[at] for at in (0, 1, 3, 5)}, "the flags are met by these alone"
    for at in (0, 1, 3, 5):
        assert answer(place, made.id, at, choices=("east", "west")).status_code == 200
    assert answer(place, made.id, 0, choices=("north",)).status_code == 400
    zone.now += 100
    noticed = desk.advance(made.id, "noticed", "chief", zone.now + 100)
    assert [(entry.subject, entry.estate) for entry in noticed.entries] == [(made.candidates[0], "east"), (made.candidates[1], "west")]


def test_a_step_too_early_or_out_of_order_is_void_in_the_log(place: Town) -> None:
    zone = place.zone

    def step(name: str, previous: str = "", until: int = 0) -> PublicationStep:
        return PublicationStep(
            zone=zone.view.registry.genesis.zone, nonce=fresh_nonce(), publication="ab" * 16,
            step=name, epoch=FLAGS, previous=previous, paper="0" * 64, until=until,  # type: ignore[arg-type]  # parsed
        )  # fmt: skip

    assert isinstance(zone.view.void[zone.say_void(step("noticed", until=zone.now + 9), "authority")], PublicationOrderError)
    begun = zone.say(step("announced", until=zone.now + 50), "authority")
    early = zone.view.void[zone.say_void(step("noticed", begun.digest, zone.now + 90), "authority")]
    assert "lasts until" in str(early)
    zone.say_void(step("withdrawn", begun.digest), "bank-a")


def test_the_authority_does_its_work_on_pages_and_an_officer_does_not(place: Town) -> None:
    client, site = place.front.client, place.front.site
    for name, role in (("chief", AUTHORITY), ("officer", COUNTY)):
        site.accounts.add(Person(name, name, frozenset({role}), ("",), ("",)), PASSWORD)

    def enter(name: str) -> None:
        client.post("/sign-in", data={"name": name, "password": PASSWORD, "next": "", "form": form_of(client.get("/sign-in").text)})

    enter("officer")
    assert client.get("/publications/new", headers=HTML, follow_redirects=False).status_code == 403
    enter("chief")
    form = form_of(client.get(f"/publications/new?epoch={FLAGS}").text)
    day = (datetime.fromtimestamp(place.zone.now, UTC) + timedelta(days=3)).date().isoformat()
    fields = {"form": form, "epoch": FLAGS, "kind": "best", "zh": "五强", "en": "five best", "count": "5", "until": day}
    made = client.post("/publications/new", data=fields, follow_redirects=False)
    assert made.status_code == 303, made.text
    publication = made.headers["location"].rsplit("/", 1)[1]
    page = client.get(f"/publications/{publication}").text
    assert re.search(r"候选 5 家，已答复 0 家", page)
    withdrawn = client.post(f"/publications/{publication}/steps", data={"form": form_of(page), "step": "withdrawn"}, follow_redirects=False)
    assert withdrawn.status_code == 303
    client.cookies.clear()
    assert "五强" not in client.get("/publications", headers=HTML).text
