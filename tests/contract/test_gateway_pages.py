"""The gateway's first page, over a zone in memory: open to all, the rest for those with accounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto.keygen import PrivateKey
from tests.support.gateway import Front, front
from tests.support.zone import released_zone

HTML = {"accept": "text/html"}


@pytest.fixture
def site(small_private_key: PrivateKey, tmp_path: Path) -> Front:
    return front(released_zone(small_private_key), tmp_path)


def test_anybody_may_read_which_epochs_there_are(site: Front) -> None:
    page = site.client.get("/", headers=HTML)
    assert page.status_code == 200
    for epoch in site.client.get("/v1/epochs").json()["epochs"]:
        assert epoch["epoch"] in page.text


def test_people_get_a_page_where_there_is_none_and_programs_a_problem(site: Front) -> None:
    assert "<h1>未能完成</h1>" in site.client.get("/nothing", headers=HTML).text
    assert site.client.get("/nothing").json()["reason"] == "NOT_FOUND"
    assert site.client.get("/v1/nothing", headers=HTML).json()["reason"] == "NOT_FOUND"
