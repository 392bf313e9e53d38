"""``xinqiao simulate departments`` as its user meets it: everything is written, the API answers, and Ctrl-C ends it."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest

from nodes.runtime.clock import Timer
from tests.scenario.conftest import run_command
from tests.support.commands import begun

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
READY_S, END_S = 120.0, 60.0


@pytest.mark.nightly
def test_a_node_can_be_pointed_at_stand_ins_until_they_are_told_to_end(tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--pack", "hangzhou-binjiang", "--enterprises", "110", "--malformed", "6", "--port", "18571", "--json")
    with begun(sys.executable, "-m", "xinqiao", "simulate", "departments", out, *options) as process:
        assert process.stderr is not None
        timer, said = Timer(READY_S), ""
        while "Ctrl-C" not in said:
            said = process.stderr.readline()
            assert said, process.communicate()
            assert timer.left_s() > 0
        systems = json.loads((out / "systems.json").read_text(encoding="utf-8"))["systems"]
        assert [system["kind"] for system in systems] == ["sql", "csv", "xlsx", "http", "csv", "csv"]
        for system in systems:
            code, document = run_command("connector", "check", system["mapping"])
            assert (code, document["records"], document["malformed"]) == (1, system["records"], 1), document
        process.send_signal(signal.SIGINT)
        text, errors = process.communicate(timeout=END_S)
    assert process.returncode == 0, errors
    assert json.loads(text)["systems"] == systems
    with begun(sys.executable, "-m", "xinqiao", "simulate", "serve", out, "--json") as process:  # what was written is served again
        assert process.stderr is not None
        while "Ctrl-C" not in process.stderr.readline():
            assert process.poll() is None
        code, document = run_command("connector", "check", systems[3]["mapping"])
        assert (code, document["records"]) == (1, systems[3]["records"])
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=END_S)
    assert process.returncode == 0


def test_stand_ins_begin_in_a_new_directory(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    code, document = run_command("simulate", "departments", str(tmp_path))
    assert (code, document["error"]) == (2, "SETTINGS_INVALID")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
