"""The shipped packs and the small one, loaded once."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from nodes.packs import read_pack
from scoring.indicators.model import Model, load_pack
from tests.oracles import small_pack

ROOT = Path(__file__).parents[3]


def shipped(name: str) -> Model:
    return read_pack(name)


@pytest.fixture(scope="session")
def firm_panel() -> Model:
    return shipped("firm-panel")


@pytest.fixture(scope="session")
def sme_tech() -> Model:
    return shipped("sme-tech")


@pytest.fixture(scope="session")
def hangzhou() -> Model:
    return shipped("hangzhou-binjiang")


@pytest.fixture(scope="session")
def small() -> Model:
    return load_pack(small_pack.to_bytes(small_pack.document()))


@pytest.fixture(scope="session")
def panel_rows() -> list[dict[str, str]]:
    """Every row of the panel of real firms."""
    with (ROOT / "simulators" / "data" / "firm_panel.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))
