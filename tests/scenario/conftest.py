"""One run of the demonstration for all tests that look at what it leaves. 2048-bit keys, so that the quick suite stays quick."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CAPTURE = Path(__file__).parents[1] / "support" / "capture"  # on PYTHONPATH, makes processes keep every gRPC message


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
    command = [sys.executable, "-m", "xinqiao", "demo", "--out", str(out), "--json", *arguments]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, **(environment or {})})
    assert ended.stdout, ended.stderr[-4000:]
    return DemoRun(out, json.loads(ended.stdout), ended.returncode, out.parent / "wire")


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
