"""What the README tells a newcomer to type works on what a run leaves, and every artifact fits its published schema."""

from __future__ import annotations

import base64
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from scoring.statements import BY_KIND, LOGGED, kind_of
from tests.scenario.conftest import DemoRun
from tests.support.independent import PATH

pytestmark = [pytest.mark.xdist_group("demo"), pytest.mark.timeout(400)]
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\.venv/bin/xinqiao (.*)$", README, re.MULTILINE)
INDEPENDENT = re.findall(r"^python3 docs/verifier/verify\.py (.*)$", README, re.MULTILINE)


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((ROOT / "docs" / "specs" / "schemas" / name).read_text(encoding="utf-8")))


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_readme_says_how_to_check_a_run() -> None:
    assert [command.split()[0] for command in COMMANDS] == ["verify", "audit"]
    assert len(INDEPENDENT) == 2


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.split()[0])
def test_command_of_the_readme_succeeds(command: str, demo: DemoRun, tmp_path: Path) -> None:
    (tmp_path / "run").symlink_to(demo.out)
    line = f"{shlex.quote(sys.executable)} -m xinqiao {command}"
    done = subprocess.run(["/bin/sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("arguments", [pytest.param(item, marks=pytest.mark.nightly) if item.startswith("run ") else item for item in INDEPENDENT])
def test_the_second_verifier_of_the_readme_agrees(arguments: str, demo: DemoRun, tmp_path: Path) -> None:
    (tmp_path / "run").symlink_to(demo.out)
    line = f"{shlex.quote(sys.executable)} -I -S {shlex.quote(str(PATH))} {arguments}"
    done = subprocess.run(["/bin/sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "holds" in done.stdout


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("key.json", "public/key.json"),
        ("receipt.json", "receipts/*.json"),
        ("epoch-record.json", "epochs/*/*.json"),
        ("refusals.json", "refusals.json"),
        ("tampering.json", "tampering.json"),
        ("report.json", "report.json"),
    ],
)
def test_artifact_fits_its_schema(name: str, pattern: str, demo: DemoRun) -> None:
    files = sorted(demo.out.glob(pattern))
    assert files
    for path in files:
        validator(name).validate(load(path))


def test_every_statement_of_the_log_fits_its_schema(demo: DemoRun) -> None:
    schema = validator("statements.json")
    seen = set()
    for path in sorted((demo.out / "log" / "envelopes").iterdir()):
        envelope = load(path)
        kind = kind_of(envelope["payloadType"])
        schema.validate({kind: json.loads(base64.b64decode(envelope["payload"]))})
        seen.add(kind)
    assert seen <= {cls.kind for cls in LOGGED} <= set(BY_KIND)
    assert {"registry", "ceremony", "epoch-open", "column", "row", "consent", "ticket", "refusal", "epoch-release"} <= seen
