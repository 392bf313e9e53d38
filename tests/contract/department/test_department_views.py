"""Departments' views on a PostgreSQL give a node the same records as the files that stand in for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.connect import open_connector
from connectors.records import Record
from nodes.packs import shipped_pack
from scoring.indicators.model import load_pack
from simulators.departments.systems import Surroundings, System, write_systems
from simulators.population.select import population_for
from simulators.zone.layout import plan_for


def read(system: System) -> list[tuple[str, str, dict[str, str], str]]:
    assert system.mapping is not None
    found = [item for delivery in open_connector(system.mapping).deliveries("") for item in delivery.items()]
    records = [item for item in found if isinstance(item, Record)]
    assert len(records) == system.records
    return [(record.uscc, record.period, dict(record.values), record.valid_from) for record in records]


@pytest.mark.slow
def test_a_view_on_postgresql_is_read_like_a_file(postgresql_url: str, tmp_path: Path) -> None:
    model = load_pack(shipped_pack("hangzhou-binjiang"))
    plan = plan_for([model])
    population = population_for(model, plan, 60, 4, None)
    places = {"": tmp_path / "file", postgresql_url: tmp_path / "server"}
    for _ in range(2):  # a view that is filled again is replaced
        for url, root in places.items():
            write_systems(population, model, plan, Surroundings(root, lambda: 18471, url, 12))
    written = {url: write_systems(population, model, plan, Surroundings(root, lambda: 18471, url, 12)) for url, root in places.items()}
    ours, theirs = (next(system for system in systems if system.kind == "sql") for systems in written.values())
    assert read(theirs) == read(ours)
    assert (theirs.mapping.parent / "database.url").stat().st_mode & 0o777 == 0o600 if theirs.mapping else False
