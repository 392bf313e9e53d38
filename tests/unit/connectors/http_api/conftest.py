"""A real server that pages, throttles, fails and lies, and a connector whose patience is counted and not waited for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from connectors.api.client import Client, trust_of
from connectors.api.pages import ApiConnector
from connectors.api.signing import credentials_of
from connectors.mapping import load_mapping
from connectors.sources import HttpSource
from tests.support.department_api import DepartmentApi, department_api
from tests.support.reading_api import MAPPING, Open, item


@pytest.fixture(scope="session")
def shared_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DepartmentApi]:
    with department_api(tmp_path_factory.mktemp("api")) as api:
        yield api


@pytest.fixture
def api(shared_api: DepartmentApi) -> DepartmentApi:
    shared_api.items = [item(place) for place in range(5)]
    shared_api.limit = 1000
    shared_api.answers.clear()
    shared_api.seen.clear()
    shared_api.allow = lambda uri, headers: True
    return shared_api


@pytest.fixture
def waited() -> list[float]:
    """What the client would have slept."""
    return []


@pytest.fixture
def connector(api: DepartmentApi, tmp_path: Path, waited: list[float]) -> Open:
    def connector(more: str = "", url: str = "") -> ApiConnector:
        (tmp_path / "ca.pem").write_bytes(api.ca_file.read_bytes())
        path = tmp_path / "api.yaml"
        path.write_text(
            MAPPING.format(url=url or api.url, more=f", {more}" if "rate_per_s" in more else f", rate_per_s: 10000, {more}".rstrip(", ")),
            encoding="utf-8",
        )
        mapping = load_mapping(path)
        assert isinstance(mapping.source, HttpSource)
        make = partial(Client, mapping.source, trust_of(mapping.source, tmp_path), credentials_of(mapping.source.auth, tmp_path), waited.append)
        return ApiConnector(mapping, mapping.source, make)

    return connector
