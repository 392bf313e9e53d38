"""An epoch in the hands of the authority's staff: opened, closed, its totals opened, released; and what can go wrong on the way.

The zone behind the gateway is one in memory with 512-bit keys; the totals are compared with plain sums over the drawn points.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crypto.keygen import PrivateKey
from nodes.errors import PeerUnavailableError
from protos.v1 import exchange_pb2 as wire
from scoring.statements import EpochClose, EpochOpen, EpochRelease
from tests.support.epoch import EPOCH, GATED_FIRM, PERIOD
from tests.support.gateway import Front, front
from tests.support.waiting import until
from tests.support.zone import MemoryZone, closed_zone, open_zone

WEIGHTS = {
    "S1": {"rd": 3, "patents": 2, "citations": 1, "staff": 1, "growth": 3, "value": 1},
    "S2": {"rd": 3, "patents": 2, "citations": 2, "staff": 1, "growth": 2, "value": 1},
    "S3": {"rd": 2, "patents": 3, "citations": 2, "staff": 1, "growth": 1, "value": 1},
    "S4": {"rd": 2, "patents": 2, "citations": 3, "staff": 1, "growth": 1, "value": 1},
}


@pytest.fixture(scope="module")
def founded(small_private_key: PrivateKey) -> MemoryZone:
    """Key and model are there, roster and stages are published, no epoch is open."""
    zone = MemoryZone(small_private_key)
    zone.found()
    zone.compile()
    zone.say(zone.roster_statement(), "market")
    zone.say(zone.stages_statement(), "tax")
    return zone


@pytest.fixture(scope="module")
def opened(small_private_key: PrivateKey) -> MemoryZone:
    zone = open_zone(small_private_key)
    zone.contribute_columns()
    return zone


@pytest.fixture(scope="module")
def closed(small_private_key: PrivateKey) -> MemoryZone:
    return closed_zone(small_private_key)


def status_once(site: Front, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The epoch's status once it is so."""
    status: dict[str, Any] = {}

    def found() -> bool:
        status.update(site.staff("GET", f"/v1/epochs/{EPOCH}").json())
        return holds(status)

    until(found, "the epoch's status")
    return status


def released(site: Front) -> dict[str, Any]:
    return status_once(site, lambda status: status["state"] == "RELEASED" or bool(status["opening"]["failed"]))


def totals(site: Front) -> dict[str, tuple[int, bool]]:
    assert site.staff("GET", f"/v1/epochs/{EPOCH}/rankings").json()["rankings"] == []  # this model has no lists
    found = site.staff("GET", f"/v1/epochs/{EPOCH}/totals").json()["totals"]
    return {item["subject"]: (item["hundredths"], item["gated"]) for item in found}


def expected(zone: MemoryZone) -> dict[str, tuple[int, bool]]:
    """Totals by plain arithmetic: weights of the model's description × points; the gated firm reads 0."""
    found = {}
    for subject, _, stage in zone.stages.subjects:
        value = sum(WEIGHTS[stage][name] * points for name, points in zone.points[subject].items())
        found[subject] = (0, True) if subject in zone.gated else (value, False)
    return found


# --- opening ---


def test_staff_open_an_epoch_over_the_roster_that_its_owners_published(founded: MemoryZone, tmp_path: Path) -> None:
    site = front(founded.fork(), tmp_path / "state")
    response = site.staff("POST", "/v1/epochs", {"epoch": EPOCH, "period": PERIOD, "model": "firm-panel@1"})
    assert response.status_code == 201
    status = response.json()
    assert (status["state"], {column["received"] for column in status["columns"]}) == ("OPEN", {False})
    said = site.zone.view.epoch(EPOCH).opened
    assert isinstance(said, EpochOpen)
    assert (said.batches, said.slots, said.slot_bits) == (len(site.zone.placement.batches), site.zone.slots, site.zone.model.slot_bits)


def test_opening_it_again_changes_nothing_and_otherwise_is_refused(founded: MemoryZone, tmp_path: Path) -> None:
    site = front(founded.fork(), tmp_path / "state")
    body = {"epoch": EPOCH, "period": PERIOD, "model": site.zone.model.sha256}
    assert site.staff("POST", "/v1/epochs", body).status_code == 201
    size = len(site.zone.entries)
    assert site.staff("POST", "/v1/epochs", body).status_code == 201
    assert len(site.zone.entries) == size
    assert site.staff("POST", "/v1/epochs", body | {"period": "1996"}).json()["reason"] == "EPOCH_INVALID"


def test_stages_that_drop_a_firm_are_not_opened(founded: MemoryZone, tmp_path: Path) -> None:
    """The stage owner publishes a document over another set of firms than the registrar's, under the registrar's hash."""
    zone = founded.fork()
    statement = zone.stages_statement()
    short = type(zone.stages)(zone.stages.zone, zone.stages.epoch, zone.stages.period, zone.stages.model, zone.stages.subjects[1:])
    digest = zone._keep(short.to_bytes())
    zone.say(statement.model_copy(update={"sha256": digest, "merkle_root": short.merkle_root().hex()}), "tax")
    site = front(zone, tmp_path / "state")
    response = site.staff("POST", "/v1/epochs", {"epoch": EPOCH, "period": PERIOD, "model": "firm-panel"})
    assert (response.status_code, response.json()["reason"]) == (400, "ROSTER_INVALID")
    assert EPOCH not in zone.view.epochs


@pytest.mark.parametrize("model", ["other", "firm-panel@2", "00" * 32])
def test_a_model_that_is_not_admitted_is_refused(founded: MemoryZone, tmp_path: Path, model: str) -> None:
    site = front(founded.fork(), tmp_path / "state")
    response = site.staff("POST", "/v1/epochs", {"epoch": EPOCH, "period": PERIOD, "model": model})
    assert (response.status_code, response.json()["reason"]) == (400, "MODEL_MISMATCH")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/epochs"),
        ("GET", f"/v1/epochs/{EPOCH}"),
        ("POST", f"/v1/epochs/{EPOCH}:close"),
        ("GET", f"/v1/epochs/{EPOCH}/totals"),
        ("GET", f"/v1/epochs/{EPOCH}/rankings"),
    ],
)
@pytest.mark.parametrize("token", ["", "Bearer wrong", "Basic dDp0"])
def test_without_the_staffs_token_nothing_of_it_is_open(opened: MemoryZone, tmp_path: Path, method: str, path: str, token: str) -> None:
    site = front(opened.fork(), tmp_path / "state")
    body = {"epoch": "e2", "period": PERIOD, "model": "firm-panel"} if path == "/v1/epochs" else {}
    response = site.client.request(method, path, json=body, headers={"Authorization": token} if token else {})
    assert (response.status_code, response.json()["reason"]) == (401, "TOKEN_INVALID")


# --- closing and releasing ---


def test_released_totals_are_the_plain_sums_and_the_gated_firm_reads_nothing(opened: MemoryZone, tmp_path: Path) -> None:
    site = front(opened.fork(), tmp_path / "state")
    assert site.staff("POST", f"/v1/epochs/{EPOCH}:close", {}).status_code == 202
    assert released(site)["state"] == "RELEASED"
    assert totals(site) == expected(site.zone)
    assert totals(site)[site.zone.subjects[GATED_FIRM]] == (0, True)


def test_the_release_names_its_tickets_and_has_no_bands_for_small_cohorts(opened: MemoryZone, tmp_path: Path) -> None:
    site = front(opened.fork(), tmp_path / "state")
    site.staff("POST", f"/v1/epochs/{EPOCH}:close", {})
    released(site)
    release = site.zone.view.epoch(EPOCH).release
    assert isinstance(release, EpochRelease)
    assert set(release.tickets) == {digest for digest, logged in site.zone.view.tickets.items() if logged.statement.purpose == "epoch"}
    assert [(table.stage, table.cohort, table.bands) for table in release.tables if table.functional == "total"] == [
        ("S1", 5, ()), ("S2", 4, ()), ("S3", 2, ()), ("S4", 1, ()),
    ]  # fmt: skip


def test_percentiles_are_within_the_stage(opened: MemoryZone, tmp_path: Path) -> None:
    site = front(opened.fork(), tmp_path / "state")
    site.staff("POST", f"/v1/epochs/{EPOCH}:close", {})
    released(site)
    found = site.staff("GET", f"/v1/epochs/{EPOCH}/totals").json()["totals"]
    only = next(item for item in found if item["stage"] == "S4")
    assert only["percentile"] == "50.0"
    of_s3 = sorted((item["hundredths"], item["percentile"]) for item in found if item["stage"] == "S3")
    assert [percentile for _, percentile in of_s3] == ["25.0", "75.0"]


def test_an_epoch_with_missing_columns_is_not_closed_unless_asked(small_private_key: PrivateKey, tmp_path: Path) -> None:
    zone = open_zone(small_private_key)
    for name, entry in zone.owed_columns()[1:]:
        zone.say(zone.column(name, entry), name)
    site = front(zone, tmp_path / "state")
    response = site.staff("POST", f"/v1/epochs/{EPOCH}:close", {})
    assert (response.status_code, response.json()["reason"]) == (503, "NOT_READY")
    assert zone.owed_columns()[0][1].indicator in response.json()["detail"]
    assert site.staff("POST", f"/v1/epochs/{EPOCH}:close", {"allow_absent": True}).status_code == 202
    closing = zone.view.at(zone.view.epoch(EPOCH).close_index or 0).statement
    assert isinstance(closing, EpochClose)
    assert [absent[0] for absent in closing.absent] == [zone.owed_columns()[0][1].indicator]
    assert released(site)["opening"]["failed"] == "ROWS_AWAITED"


# --- what goes wrong while opening ---


def test_one_lying_custodian_does_not_stop_the_others(closed: MemoryZone, tmp_path: Path) -> None:
    site = front(closed.fork(), tmp_path / "state")
    site.exchange.garbled = {"tax"}
    site.evaluation.resume()
    assert released(site)["state"] == "RELEASED"
    assert totals(site) == expected(site.zone)


def test_lies_of_all_but_one_open_nothing(closed: MemoryZone, tmp_path: Path) -> None:
    site = front(closed.fork(), tmp_path / "state")
    site.exchange.garbled = {"tax", "credit"}
    site.evaluation.resume()
    assert released(site)["opening"]["failed"] == "OPENING_INVALID"
    assert totals(site) == {}


def test_custodians_below_the_threshold_block_the_release_and_it_goes_on_when_they_are_back(closed: MemoryZone, tmp_path: Path) -> None:
    site = front(closed.fork(), tmp_path / "state")
    site.exchange.asleep = {"tax", "credit"}
    site.evaluation.resume()
    assert released(site)["opening"]["failed"] == "CUSTODIANS_MISSING"
    site.exchange.asleep = {"tax"}
    assert site.staff("POST", f"/v1/epochs/{EPOCH}:close", {}).status_code == 202
    status_once(site, lambda status: bool(status["state"] == "RELEASED"))
    assert totals(site) == expected(site.zone)


def test_an_opening_goes_on_by_itself_when_the_coordinator_was_away(closed: MemoryZone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = front(closed.fork(), tmp_path / "state")
    parts, cuts = site.exchange.open_bulk, [1, 0, 2]

    def cut(epoch: str) -> Any:
        last = cuts.pop(0) if cuts else 1000
        for count, part in enumerate(parts(epoch)):
            if count == last:
                raise PeerUnavailableError("the connection was cut")
            yield part

    monkeypatch.setattr(site.exchange, "open_bulk", cut)
    site.evaluation.resume()
    status = released(site)
    assert (status["state"], status["opening"]["failed"]) == ("RELEASED", "")
    assert status["opening"]["batches_opened"] == status["opening"]["batches_expected"]
    assert cuts == []


def test_a_restarted_gateway_goes_on_and_counts_nothing_twice(closed: MemoryZone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zone = closed.fork()
    first = front(zone, tmp_path / "state")
    parts = first.exchange.open_bulk

    def cut(epoch: str) -> Any:
        for count, part in enumerate(parts(epoch)):
            if count == 2:
                raise ConnectionError("killed")
            yield part

    monkeypatch.setattr(first.exchange, "open_bulk", cut)
    first.evaluation.resume()
    assert released(first)["opening"]["failed"] == "INTERNAL"
    assert len(first.store.opened_tickets(EPOCH)) == 2
    second = front(zone, tmp_path / "state")
    second.evaluation.resume()
    assert released(second)["state"] == "RELEASED"
    assert totals(second) == expected(zone)


def test_an_aggregate_that_the_ticket_does_not_name_is_refused(closed: MemoryZone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = front(closed.fork(), tmp_path / "state")
    parts = site.exchange.open_bulk

    def swapped(epoch: str) -> Any:
        for part in parts(epoch):
            value = int.from_bytes(part.aggregates[0], "big") * pow(1 + site.zone.public_key.n, 1, site.zone.public_key.n2) % site.zone.public_key.n2
            changed = wire.BulkPart.FromString(part.SerializeToString())
            changed.aggregates[0] = value.to_bytes(site.zone.public_key.ciphertext_size, "big")
            yield changed

    monkeypatch.setattr(site.exchange, "open_bulk", swapped)
    site.evaluation.resume()
    assert released(site)["opening"]["failed"] == "AGGREGATE_MISMATCH"


def test_an_impossible_value_stops_the_release(small_private_key: PrivateKey, tmp_path: Path) -> None:
    """A department that contributes points beyond its bounds; the reason does not tell whose or how."""
    zone = open_zone(small_private_key)
    zone.points[zone.subjects[0]] = zone.points[zone.subjects[0]] | {"rd": 500_000}
    zone.contribute_columns()
    zone.close_epoch()
    site = front(zone, tmp_path / "state")
    site.evaluation.resume()
    assert released(site)["opening"]["failed"] == "VALUE_IMPOSSIBLE"
    assert zone.view.epoch(EPOCH).release is None
    assert [(logged.statement.reason, logged.statement.about) for logged in zone.view.refusals] == [
        ("OPENING_FAILED", zone.view.epoch(EPOCH).close_digest)
    ]
    (failure,) = zone.view.failures.values()
    batch = zone.placement.batch_at(zone.placement.position_of(zone.subjects[0])).index
    assert failure.reported.statement.batches == (batch,)
    assert failure.reported.actor == "authority"
    site.evaluation.resume()
    released(site)
    assert len(zone.view.failures) == 1  # opened again, it is not reported again
