"""Portraits through an enterprise service against the gateway's real application."""

from __future__ import annotations

import httpx
import pytest

from crypto.errors import PackingError
from nodes.errors import NotReadyError
from nodes.runtime.web.gateway_client import GatewayRefusal
from scoring.errors import RangeError
from tests.support.databases import ON_BOTH
from tests.support.enterprise_service import SERVICE, Service


@pytest.fixture
def portrayed(desk: Service) -> tuple[Service, str]:
    """A service whose zone contributes rows as soon as a portrait is consented to."""
    uscc = desk.enrolled()
    kept = desk.consents.give_portrait(uscc)
    desk.site.zone.contribute_rows(desk.site.zone.view.at(kept.leaf_index))
    return desk, uscc


@ON_BOTH
def test_a_portrait_shows_every_point_and_the_total(portrayed: tuple[Service, str]) -> None:
    desk, uscc = portrayed
    portrait = desk.portraits.make(uscc, 0.0)
    points = desk.site.zone.points[desk.site.zone.subjects[0]]
    shown = {value["name"]: value["hundredths"] for value in portrait["values"] if value["kind"] == "indicator"}
    assert shown == points
    weights = {"rd": 3, "patents": 2, "citations": 1, "staff": 1, "growth": 3, "value": 1}
    total = next(value for value in portrait["values"] if value["name"] == "total")
    assert (total["hundredths"], total["gated"]) == (sum(weights[name] * value for name, value in points.items()), False)
    assert (portrait["stage"], desk.store.portraits(uscc)) == ("S1", [portrait])


def test_an_impossible_value_of_a_portrait_is_reported_in_the_enterprises_name(desk: Service) -> None:
    """P2.4: the enterprise's own key is the audience; while its inputs are not audited there is no ticket for it, of anybody."""
    uscc, zone = desk.enrolled(), desk.site.zone
    subject = zone.subjects[0]
    kept = desk.consents.give_portrait(uscc)
    honest, zone.points[subject] = zone.points[subject], zone.points[subject] | {"rd": 5_000_000}
    zone.contribute_rows(zone.view.at(kept.leaf_index))
    zone.points[subject] = honest
    with pytest.raises((RangeError, PackingError)):
        desk.portraits.make(uscc, 0.0)
    (failure,) = zone.view.failures.values()
    assert failure.ticket.statement.audience == zone.view.enrolled[subject]
    assert failure.reported.actor == SERVICE
    with pytest.raises(GatewayRefusal) as frozen:
        desk.portraits.make(uscc, 0.0)
    assert frozen.value.reason == "SUBJECT_FROZEN"


def test_the_standing_consent_to_a_portrait_is_used_again(portrayed: tuple[Service, str]) -> None:
    desk, uscc = portrayed
    desk.portraits.make(uscc, 0.0)
    desk.site.zone.now += 10
    desk.portraits.make(uscc, 0.0)
    assert [kept.purpose for kept in desk.store.consents(uscc)] == ["portrait"]
    assert len(desk.store.portraits(uscc)) == 2


def test_a_portrait_waits_for_rows_and_says_so(desk: Service) -> None:
    with pytest.raises(NotReadyError):
        desk.portraits.make(desk.enrolled(), 0.0)


def test_a_portrait_over_a_row_that_is_not_its_owners_is_refused(portrayed: tuple[Service, str]) -> None:
    """The gateway hands over a row whose ciphertexts are others than the department signed for."""
    desk, uscc = portrayed
    inner = desk.network.answers

    def swapped(request: httpx.Request) -> httpx.Response:
        response = inner(request)
        if request.url.path != "/v1/portraits":
            return response
        answer = httpx.Response(200, content=response.read()).json()
        row = answer["evidence"]["rows"][0]
        row["ciphertexts"][0] = str(int(row["ciphertexts"][0]) + 1)
        return httpx.Response(200, json=answer, request=request)

    desk.network.answers = swapped
    with pytest.raises(Exception, match="aggregate"):
        desk.portraits.make(uscc, 0.0)
    assert desk.store.portraits(uscc) == []
