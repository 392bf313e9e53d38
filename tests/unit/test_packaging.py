"""The wheel holds everything that the program needs, and its console script runs from anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("crypto", "scoring", "connectors", "protos", "nodes", "gateway", "simulators")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built offline from this tree."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_holds_every_module_and_data_file_of_the_packages(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {"xinqiao.py"}
    for package in PACKAGES:
        files = (path for path in (ROOT / package).rglob("*") if path.is_file())
        wanted |= {path.relative_to(ROOT).as_posix() for path in files if path.suffix != ".pyc" and "cache" not in path.as_posix()}
    assert sorted(wanted - held) == []


def test_wheel_holds_what_an_ignore_pattern_could_silently_drop(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    generated = {f"protos/v1/{name}_pb2{suffix}.py" for name in ("exchange", "log") for suffix in ("", "_grpc")}
    assert generated <= held
    assert any(name.startswith("scoring/packs/") and name.endswith(".yaml") for name in held)
    assert "simulators/data/firm_panel.csv" in held
    assert "simulators/data/README.md" in held, "the data file's notice travels with it"


def test_wheel_holds_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {*PACKAGES, "xinqiao.py"}


def test_wheel_carries_the_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("licenses/LICENSE")]
        assert archive.read(name).decode().strip().startswith("Apache License")


def test_console_script_of_the_wheel_runs_from_the_root_directory(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run(install, check=True, capture_output=True, timeout=100)
    environment = {**os.environ, "PYTHONPATH": str(target), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [target / "bin" / "xinqiao", "--version"], cwd="/", env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    where = "import xinqiao, scoring; print(xinqiao.__file__, scoring.__file__)"
    found = subprocess.run([sys.executable, "-c", where], cwd="/", env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert all(Path(path).is_relative_to(target) for path in found.stdout.split())
