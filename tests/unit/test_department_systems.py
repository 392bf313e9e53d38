"""Departments' stand-ins, read back through the connectors that real nodes use, give exactly the population's records."""

from __future__ import annotations

import itertools
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.connect import open_connector
from connectors.records import Malformed, Record
from nodes.packs import shipped_pack
from scoring.indicators.model import Model, load_pack
from scoring.rules.values import Field
from simulators.departments.api import Answering, Behaviour
from simulators.departments.serving import Servers
from simulators.departments.systems import Surroundings, System, write_systems
from simulators.population.select import population_for
from simulators.population.tables import Population
from simulators.population.trade import DECLARED_FIELDS
from simulators.zone.configs import free_ports
from simulators.zone.layout import plan_for

COUNT, MALFORMED = 130, 22  # more than a page, and more than one malformed row for each department
PACKS = ("suzhou-snd", pytest.param("kunshan", marks=pytest.mark.slow), "hangzhou-binjiang", "firm-panel")
Key = tuple[str, str]


@pytest.fixture(scope="module", params=PACKS)
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Model, Population, tuple[System, ...]]]:
    """The systems of a pack's departments, with their HTTP APIs running."""
    model = load_pack(shipped_pack(request.param))
    systems, population = write(model, tmp_path_factory.mktemp(request.param))
    with Servers(system.serves for system in systems if system.serves is not None):
        yield model, population, systems


def write(model: Model, root: Path, malformed: int = MALFORMED) -> tuple[tuple[System, ...], Population]:
    plan = plan_for([model])
    population = population_for(model, plan, COUNT, 5, None)
    ports = iter(free_ports(4))
    return write_systems(population, model, plan, Surroundings(root, lambda: next(ports), malformed=malformed)), population


def read(system: System) -> tuple[dict[Key, Record], list[Malformed]]:
    """What a node reads: everything that the connector has. What comes later about an enterprise and year prevails."""
    assert system.mapping is not None
    records: dict[Key, Record] = {}
    malformed = []
    for delivery in open_connector(system.mapping).deliveries(""):
        for item in delivery.items():
            if isinstance(item, Malformed):
                malformed.append(item)
            else:
                assert (item.uscc, item.period) not in records or system.kind == "single-window"
                records[item.uscc, item.period] = item
    return records, malformed


def held(system: System, population: Population) -> dict[Key, dict[str, str]]:
    """The population's records that lie in a system: customs declarations in the import client, everything else elsewhere."""
    table = population.table(system.member)
    window = system.kind == "single-window"
    names = [name for name in table.columns[2:] if (name in DECLARED_FIELDS) == window]
    found = {}
    for row in table.rows:
        values = {name: value for name, value in zip(table.columns, row, strict=True) if name in names}
        if any(values.values()) or not (window or any(name in DECLARED_FIELDS for name in table.columns)):
            found[row[0], row[1]] = values
    return found


def same(field: Field | None, read_back: str, written_down: str) -> bool:
    """Whether two texts are one value of the field."""
    return read_back == written_down if field is None else field.parse(read_back) == field.parse(written_down)


def test_every_record_comes_back_exactly_and_nothing_malformed_is_taken(written: tuple[Model, Population, tuple[System, ...]]) -> None:
    model, population, systems = written
    refused = 0
    for system in systems:
        if system.mapping is None:
            continue
        records, malformed = read(system)
        expected = held(system, population)
        assert expected
        assert {key for key in records if key[1] == population.period} == expected.keys(), system
        for key, values in expected.items():
            for name, value in values.items():
                assert same(model.fields.get(name), records[key].values.get(name, ""), value), (system.member, name, key)
        assert bool(malformed) != (system.kind == "single-window"), system.member
        refused += len(malformed)
    assert refused >= MALFORMED


def test_the_same_seed_gives_the_same_bytes_but_for_keys_and_tokens(tmp_path: Path) -> None:
    model = load_pack(shipped_pack("suzhou-snd"))
    first, second = tmp_path / "first", tmp_path / "second"
    for root in (first, second):
        write_with_fixed_ports(model, root)
    names = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(second) for path in second.rglob("*") if path.is_file())
    differing = {path.name for path in names if (first / path).read_bytes() != (second / path).read_bytes()}
    assert differing == {"token", "ca.pem", "cert.pem", "tls-key.pem"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in first.rglob("*"))


def write_with_fixed_ports(model: Model, root: Path) -> None:
    plan, ports = plan_for([model]), itertools.count(18471)
    write_systems(population_for(model, plan, 30, 5, None), model, plan, Surroundings(root, lambda: next(ports)))


def test_an_api_has_nothing_but_its_own_departments_records(written: tuple[Model, Population, tuple[System, ...]]) -> None:
    _, population, systems = written
    served = [system for system in systems if system.serves is not None]
    assert [system.member.partition("-")[0] for system in served] == ["insurance"]
    folder = served[0].serves
    assert folder is not None
    assert {path.name for path in folder.iterdir()} == {"settings.json", "items.json", "token", "cert.pem", "tls-key.pem"}
    text = (folder / "items.json").read_text(encoding="utf-8")
    assert not any(firm.company in text for firm in population.firms)


def test_an_api_is_reached_over_tls_with_its_token_only(written: tuple[Model, Population, tuple[System, ...]]) -> None:
    _, _, systems = written
    system = next(system for system in systems if system.serves is not None)
    assert system.mapping is not None
    trusted = ssl.create_default_context(cafile=str(system.mapping.parent / "ca.pem"))
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{system.where}?page=1&size=10", context=trusted, timeout=10)
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"{system.where}?page=1&size=10", context=ssl.create_default_context(), timeout=10)


@pytest.fixture
def answering() -> Answering:
    behaviour = Behaviour(port=1, path="/api", page_limit=10, burst=3, per_s=2.0, fails_every=5)
    return Answering(behaviour, [{"n": number} for number in range(25)], "secret")


def test_an_api_gives_its_items_in_pages_until_one_is_short(answering: Answering) -> None:
    found, lengths = [], []
    for page, now in ((1, 0.0), (2, 1.0), (3, 2.0)):
        status, _, body = answering.answer(f"/api?page={page}&size=10", "Bearer secret", now)
        assert status == 200
        found += [item["n"] for item in body["data"]["list"]]
        lengths.append(len(body["data"]["list"]))
    assert (found, lengths) == (list(range(25)), [10, 10, 5])


def test_an_api_asks_to_wait_when_it_is_asked_too_often(answering: Answering) -> None:
    answers = [answering.answer("/api?page=1&size=10", "Bearer secret", 0.0) for _ in range(4)]
    assert [status for status, _, _ in answers] == [200, 200, 200, 429]
    assert answers[-1][1] == {"Retry-After": "1"}
    assert answering.answer("/api?page=1&size=10", "Bearer secret", 1.0)[0] == 200


def test_an_api_fails_now_and_then(answering: Answering) -> None:
    statuses = [answering.answer("/api?page=1&size=10", "Bearer secret", float(second))[0] for second in range(10)]
    assert statuses == [200, 200, 200, 200, 500, 200, 200, 200, 200, 500]


@pytest.mark.parametrize(
    ("target", "authorization", "status"),
    [
        ("/api?page=1&size=10", "", 401), ("/api?page=1&size=10", "Bearer other", 401), ("/other?page=1&size=10", "Bearer secret", 404),
        ("/api", "Bearer secret", 400), ("/api?page=0&size=10", "Bearer secret", 400), ("/api?page=1&size=11", "Bearer secret", 400),
        ("/api?page=x&size=10", "Bearer secret", 400),
    ],
)  # fmt: skip
def test_an_api_refuses_what_it_does_not_understand(answering: Answering, target: str, authorization: str, status: int) -> None:
    assert answering.answer(target, authorization, 0.0)[0] == status
