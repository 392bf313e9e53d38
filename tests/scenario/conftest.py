"""One run of the demonstration for all tests that look at what it leaves, one running zone for all that work in one. 2048-bit keys, so that
the quick suite stays quick."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import begun
from tests.support.lasting import is_last_to_use
from tests.support.live_zone import LiveZone
from tests.support.shared_zone import ORDER, shared_zone

CAPTURE = Path(__file__).parents[1] / "support" / "capture"  # on PYTHONPATH, makes processes keep every gRPC message


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules that share a zone come in their order."""
    places = [place for place, item in enumerate(items) if item.path.stem in ORDER]
    shared = sorted((items[place] for place in places), key=lambda item: ORDER.index(item.path.stem))
    for place, item in zip(places, shared, strict=True):
        items[place] = item


@dataclass(frozen=True)
class DemoRun:
    """A run that has ended: its directory, the command's JSON document and exit code; ``wire`` holds captured gRPC messages."""

    out: Path
    document: dict[str, Any]
    exit_code: int
    wire: Path

    def public(self) -> str:
        return str(self.out / "public")


def run_demo(out: Path, *arguments: str, environment: dict[str, str] | None = None) -> DemoRun:
    """``xinqiao demo --out OUT --json ARGUMENTS`` as a process of its own."""
    command = (sys.executable, "-m", "xinqiao", "demo", "--out", out, "--json", *arguments)
    with begun(*command, environment=environment) as process:
        text, errors = process.communicate()
    assert text, errors[-4000:]
    return DemoRun(out, json.loads(text), process.returncode, out.parent / "wire")


def run_command(*arguments: str) -> tuple[int, dict[str, Any]]:
    """``xinqiao ARGUMENTS --json``: its exit code and its document."""
    ended = subprocess.run([sys.executable, "-m", "xinqiao", *arguments, "--json"], check=False, capture_output=True, text=True)
    return ended.returncode, json.loads(ended.stdout)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    """The default run over the real firms of 1995, with every gRPC message kept."""
    directory = tmp_path_factory.mktemp("demo")
    (directory / "wire").mkdir()
    environment = {"PYTHONPATH": str(CAPTURE), "GRPC_CAPTURE_DIR": str(directory / "wire")}
    return run_demo(directory / "out", "--key-bits", "2048", environment=environment)


@pytest.fixture(scope="session")
def zone_of_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveZone]:
    """The zone behind ``common_zone``."""
    with shared_zone(tmp_path_factory.mktemp("common") / "zone") as running:
        yield running


@pytest.fixture(scope="module")
def common_zone(request: pytest.FixtureRequest, zone_of_all: LiveZone) -> Iterator[LiveZone]:
    """One running zone for all modules of the group, each finding it as the one before left it. It ends with the last of them."""
    yield zone_of_all
    if is_last_to_use("common_zone", request):
        zone_of_all.processes.stop()
