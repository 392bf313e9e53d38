"""Every command answers every bad command line with its exit code, one JSON document where asked, and no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer

from nodes.commands.output import run
from xinqiao import app

Line = list[str]
COMMANDS: dict[str, Line] = {  # each with whatever it demands, none of which is there
    "verify": ["verify", "nowhere.json", "--keys", "nowhere"],
    "audit": ["audit", "nowhere", "--keys", "nowhere"],
    "audit of a URL": ["audit", "https://127.0.0.1:9", "--keys", "nowhere"],
    "draw show": ["draw", "show", "e1", "--config", "nowhere.toml"],
    "values list": ["values", "list", "nowhere.toml"],
    "values uphold": ["values", "uphold", "nowhere.toml", "91330108MA2AAAAA0A", "2023", "revenue", "--note", "why"],
    "values approve": ["values", "approve", "nowhere.toml", "1"],
    "values reject": ["values", "reject", "nowhere.toml", "1", "--note", "why"],
    "connector check": ["connector", "check", "nowhere.yaml"],
    "connector declarations": ["connector", "declarations", "nowhere.toml"],
    "connector run": ["connector", "run", "nowhere.toml", "--once"],
    "connector quarantine list": ["connector", "quarantine", "list", "nowhere.toml"],
    "connector quarantine export": ["connector", "quarantine", "export", "nowhere.toml", "-o", "out.csv"],
    "connector quarantine retry": ["connector", "quarantine", "retry", "nowhere.toml", "waiting.csv"],
    "connector quarantine dismiss": ["connector", "quarantine", "dismiss", "nowhere.toml", "1"],
    "model show": ["model", "show", "nowhere"],
    "model lint": ["model", "lint", "nowhere"],
    "model diff": ["model", "diff", "nowhere", "firm-panel"],
    "model score": ["model", "score", "firm-panel", "nowhere.csv", "-o", "out.csv"],
    "model resolve": ["model", "resolve", "nowhere.yaml", "-o", "out.yaml"],
    "model export": ["model", "export", "nowhere.yaml", "-o", "out.xlsx"],
    "model import": ["model", "import", "nowhere.xlsx", "-o", "out.yaml"],
    "model sign": ["model", "sign", "firm-panel", "--key", "nowhere.pem", "--member", "tax", "--public", "nowhere", "-o", "out.json"],
    "model admit": ["model", "admit", "firm-panel", "--key", "nowhere.pem", "--public", "nowhere", "--acceptance", "nowhere.json"],
    "member propose": ["member", "propose", "nowhere.json", "--action", "join", "--public", "nowhere", "-o", "out.json"],
    "member approve": ["member", "approve", "nowhere.json", "--key", "nowhere.pem", "--member", "tax", "--public", "nowhere", "-o", "out.json"],
    "member enact": ["member", "enact", "nowhere.json", "--key", "nowhere.pem", "--public", "nowhere"],
    "key ceremony": ["key", "ceremony", "--public", "nowhere", "--dealer-keys", "nowhere"],
    "backup key": ["backup", "key", "--zone", "river-zone", "--private", "nowhere/recovery.key", "--public", "nowhere/recovery.pub"],
    "backup open": ["backup", "open", "nowhere", "--keys", "nowhere", "--recovery-key", "nowhere", "--checkpoint", "nowhere", "-o", "out"],
    "backup hand-back": ["backup", "hand-back", "nowhere.toml", "--out", "nowhere"],
    "backup seal-receipts": ["backup", "seal-receipts", "nowhere.toml", "--recovery-key", "nowhere.pub", "--to", "nowhere"],
    "backup open-receipts": ["backup", "open-receipts", "nowhere", "--keys", "nowhere", "--recovery-key", "nowhere", "-o", "out"],
    "backup recover": ["backup", "recover", "nowhere", "--log", "nowhere.toml", "--coordinator", "nowhere.toml"],
    "peer items": ["peer", "items", "river-zone", "--public", "nowhere"],
    "peer adopt": ["peer", "adopt", "river-zone", "pack@1", "--public", "nowhere", "-o", "packs"],
    "database current": ["database", "current", "--config", "nowhere.toml"],
    "database check": ["database", "check", "--config", "nowhere.toml"],
    "database upgrade": ["database", "upgrade", "--config", "nowhere.toml"],
    "database downgrade": ["database", "downgrade", "--config", "nowhere.toml", "--database", "log", "--to", "log_0001"],
    "epoch open": ["epoch", "open", "e1", "--config", "nowhere.toml", "--period", "1995", "--model", "firm-panel"],
    "epoch status": ["epoch", "status", "e1", "--config", "nowhere.toml"],
    "epoch close": ["epoch", "close", "e1", "--config", "nowhere.toml"],
    "policy add": ["policy", "add", "nowhere.yaml", "--config", "nowhere.toml"],
    "policy list": ["policy", "list", "--config", "nowhere.toml"],
    "policy evaluate": ["policy", "evaluate", "gazelle", "--config", "nowhere.toml", "--period", "2023"],
    "policy bank-file": ["policy", "bank-file", "20240101-00000000", "--config", "nowhere.toml", "-o", "out.csv"],
    "policy answer": ["policy", "answer", "20240101-00000000", "nowhere.csv", "--config", "nowhere.toml"],
    "score query": ["score", "query", "--config", "nowhere.toml", "--product", "p", "--subject", "0" * 32],
    "department person add": ["department", "person", "add", "li-wei", "--config", "nowhere.toml"],
    "department person remove": ["department", "person", "remove", "li-wei", "--config", "nowhere.toml"],
    "department outgoing": ["department", "outgoing", "--config", "nowhere.toml", "--person", "li-wei"],
    "department approve": ["department", "approve", "ab" * 32, "--config", "nowhere.toml", "--person", "li-wei"],
    "department reject": ["department", "reject", "ab" * 32, "--config", "nowhere.toml", "--person", "li-wei", "--reason", "no"],
    "simulate departments": ["simulate", "departments", "out", "--pack", "nowhere"],
    "simulate departments without enterprises": ["simulate", "departments", "out", "--enterprises", "-3"],
    "simulate serve": ["simulate", "serve", "nowhere"],
    "key plan": ["key", "plan", "--config", "nowhere.toml", "--away", "tax"],
    "key plan on no date": ["key", "plan", "--config", "nowhere.toml", "--from", "Christmas"],
    "member update": ["member", "update", "https://127.0.0.1:1", "--public", "nowhere"],
    "member entry": ["member", "entry", "nowhere", "--zone", "z", "--member", "tax", "--zh", "税", "--en", "Tax", "--role", "bank", "-o", "out.json"],
    "zone found": [
        "zone",
        "found",
        "nowhere.json",
        "--zone",
        "z",
        "--zh",
        "区",
        "--en",
        "Zone",
        "--required",
        "1",
        "--key",
        "nowhere.pem",
        "--public",
        "out",
    ],
    "zone registry": ["zone", "registry", "--public", "nowhere"],
    "zone expiry": ["zone", "expiry", "--config", "nowhere.toml"],
    "zone renew": ["zone", "renew", "nowhere.json", "--config", "nowhere.toml"],
    "zone renew without a zone": ["zone", "renew", "-o", "out.json", "--public", "nowhere"],
    "zone extend": ["zone", "extend", "nowhere.json", "--config", "nowhere.toml"],
    "zone init": ["zone", "init", "zone", "--pack-file", "nowhere.yaml"],
    "zone init with a pack that is not shipped": ["zone", "init", "zone", "--pack", "nowhere"],
    "zone init with a disclosure policy that is not there": ["zone", "init", "zone", "--disclosure", "nowhere.json"],
    "zone init with a short key": ["zone", "init", "zone", "--key-bits", "1024"],
    "zone init without a majority": ["zone", "init", "zone", "--threshold", "1"],
    "zone init with a bad id": ["zone", "init", "zone", "--zone", "A B"],
    "zone init with a bad port": ["zone", "init", "zone", "--base-port", "99999"],
    "peer export": ["peer", "export", "--public", "nowhere", "-o", "out"],
    "peer pin": ["peer", "pin", "nowhere.tar", "--registry", "ab" * 32, "--public", "nowhere"],
    "peer entry": ["peer", "entry", "nowhere", "--zone", "z", "--member", "node", "--public", "nowhere", "-o", "out"],
    "peer propose": ["peer", "propose", "nowhere.json", "--public", "nowhere", "-o", "out"],
    "peer status": ["peer", "status", "--public", "nowhere"],
    "doctor": ["doctor", "--config", "nowhere.toml"],
    "backup create": ["backup", "create", "--config", "nowhere.toml", "--to", "copy"],
    "backup check": ["backup", "check", "nowhere"],
    "backup restore": ["backup", "restore", "nowhere", "--config", "nowhere.toml"],
    "account add": ["account", "add", "li-wei", "--config", "gateway.toml", "--role", "authority"],
    "account list": ["account", "list", "--config", "gateway.toml"],
    "account remove": ["account", "remove", "li-wei", "--config", "gateway.toml"],
    "zone up": ["zone", "up", "nowhere"],
    "zone status": ["zone", "status", "nowhere"],
    "key refresh": ["key", "refresh", "--config", "gateway.toml"],
    "key reshare": ["key", "reshare", "--config", "gateway.toml", "--custodian", "notary", "--threshold", "1"],
    "key status": ["key", "status", "--config", "gateway.toml"],
    "key abandon": ["key", "abandon", "--config", "gateway.toml"],
    "key approve": ["key", "approve", "ab" * 32, "--config", "notary.toml"],
    "demo": ["demo", "--pack", "nowhere", "--out", "run"],
    "demo of a year that is not there": ["demo", "--year", "1890", "--out", "run"],
    "demo with a bad port": ["demo", "--base-port", "0", "--out", "run"],
    "sandbox up with a bad port": ["sandbox", "up", "--out", "run", "--base-port", "0"],
    "sandbox try": ["sandbox", "try", "--zone", "nowhere"],
    "sandbox try a case that there is not": ["sandbox", "try", "nothing", "--zone", "nowhere"],
}
UNPARSED: dict[str, Line] = {
    "no such command": ["nothing"],
    "no such subcommand": ["epoch", "nothing"],
    "no such option": ["zone", "status", "nowhere", "--nothing"],
    "an option without its value": ["model", "show", "firm-panel", "--year"],
    "a value that is no number": ["score", "query", "--config", "x", "--product", "p", "--wait", "soon"],
    "a number out of range": ["score", "query", "--config", "x", "--product", "p", "--wait", "-1"],
    "a subject that is none": ["score", "query", "--config", "x", "--product", "p", "--subject", "5f3c"],
    "a code that is none": ["score", "query", "--config", "x", "--product", "p", "--uscc", "5f3c"],
    "an epoch's name that is another path": ["epoch", "status", "../keys", "--config", "x"],
    "an epoch without a name": ["epoch", "close", "", "--config", "x"],
    "a person that is none": ["department", "outgoing", "--config", "x", "--person", "../li"],
    "a missing option": ["score", "query", "--product", "p"],
    "a missing argument": ["verify", "--keys", "x"],
    "an argument too many": ["zone", "status", "a", "b"],
}


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[[Line], tuple[int, str, str]]:
    """Run a command line in an empty directory: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def invoke(line: Line) -> tuple[int, str, str]:
        code = run(app, line)
        out, errors = capfd.readouterr()
        assert "Traceback" not in out + errors
        return code, out, errors

    return invoke


def document(out: str) -> dict[str, Any]:
    """The one JSON document that is all of standard output."""
    assert out.endswith("}\n")
    assert out.count("\n") == 1
    value: dict[str, Any] = json.loads(out)
    return value


@pytest.mark.parametrize("name", COMMANDS)
def test_a_file_that_is_not_there_is_bad_input(name: str, invoke: Callable[[Line], tuple[int, str, str]], tmp_path: Path) -> None:
    code, out, errors = invoke([*COMMANDS[name], "--json"])
    assert code == 2, errors
    assert set(document(out)) == {"error", "detail"}
    assert document(out)["error"] in errors
    assert list(tmp_path.iterdir()) == []
    code, out, errors = invoke(COMMANDS[name])
    assert (code, out) == (2, "")
    assert errors.splitlines()[-1].startswith("xinqiao: ")


@pytest.mark.parametrize("name", UNPARSED)
def test_a_command_line_that_is_none_is_answered_alike(name: str, invoke: Callable[[Line], tuple[int, str, str]]) -> None:
    code, out, errors = invoke([*UNPARSED[name], "--json"])
    assert (code, document(out)["error"]) == (2, "USAGE")
    assert document(out)["detail"] in errors
    code, out, errors = invoke(UNPARSED[name])
    assert (code, out) == (2, "")
    assert "Usage: xinqiao" in errors


def test_every_command_is_asked() -> None:
    root = typer.main.get_command(app)
    groups = {name: getattr(command, "commands", {}) for name, command in getattr(root, "commands", {}).items()}
    there = {f"{name} {inner}".strip() for name, group in groups.items() for inner in (group or {"": None})}
    asked = {" ".join(line[:2]) if groups[line[0]] else line[0] for line in COMMANDS.values()}
    assert there - asked == {
        "bench",
        "model overview",
        "model records",
        "node run",
        "sandbox cases",
    }  # these read no file, but for `node run`: that is a process of its own, below


def test_a_command_starts_without_the_modules_of_the_others() -> None:
    """Which is what makes it start quickly. An epoch's needs no table of records, no audit and no demonstration."""
    program = "import sys, xinqiao; xinqiao.application('epoch'); print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split())
    assert "nodes.commands.epoch" in loaded
    assert not loaded & {"pandas", "openpyxl", "nodes.auditor.audit", "simulators.commands.demo"}


def test_the_version_is_told_without_any_commands_modules() -> None:
    program = "import atexit, sys, xinqiao; atexit.register(lambda: print(*sys.modules)); sys.argv[1:] = ['--version']; xinqiao.main()"
    told, loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.splitlines()
    assert told == version("xinqiao")
    assert not any(name.startswith("simulators") for name in loaded.split())
    assert not set(loaded.split()) & {"sqlalchemy", "fastapi", "scoring.indicators.model"}


def test_help_and_version_are_no_errors(invoke: Callable[[Line], tuple[int, str, str]]) -> None:
    for line in (["--help"], ["--version"], ["zone", "init", "--help"]):
        code, out, errors = invoke(line)
        assert (code, errors) == (0, "")
        assert out


# --- as a process ---


def xinqiao(*arguments: str | bytes, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "xinqiao", *arguments],
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
        cwd=Path(__file__).parents[2],
    )


def test_a_process_without_a_configuration_ends_with_a_sentence() -> None:
    done = xinqiao("node", "run", "nowhere.toml")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"xinqiao: ")
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii:strict"])
def test_a_name_that_no_encoding_holds_is_answered(encoding: str) -> None:
    done = xinqiao("model", "show", b"\xff\xfe.yaml", "--json", PYTHONIOENCODING=encoding)
    assert done.returncode == 2
    assert ".yaml is neither a file nor a shipped pack" in json.loads(done.stdout)["detail"]
    assert b"Traceback" not in done.stderr


def test_an_answer_that_cannot_be_written_is_no_traceback() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "xinqiao", "model", "show", "firm-panel"],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            cwd=Path(__file__).parents[2],
        )
    assert (done.returncode, done.stderr) == (70, b"xinqiao: [Errno 28] No space left on device\n")


def test_an_option_of_another_form_is_told_in_words(capfd: pytest.CaptureFixture[str]) -> None:
    for option, said in (("--uscc", "统一社会信用代码为 18 位"), ("--subject", "企业标识是 32 位")):
        assert run(app, ["score", "query", "--config", "x.toml", "--product", "base-line", option, "nonsense"]) == 2
        told = " ".join(capfd.readouterr().err.split())
        assert (said in told, "pattern" in told) == (True, False)


def test_a_password_that_nobody_enters_is_bad_input_and_no_internal_error() -> None:
    program = """
import typer
from nodes.commands.departments.department import asked_password
from nodes.commands.output import reporting, run

app = typer.Typer()

@app.command()
def ask() -> None:
    with reporting(True):
        asked_password(None, confirm=True)

raise SystemExit(run(app, []))
"""
    done = subprocess.run([sys.executable, "-c", program], stdin=subprocess.DEVNULL, capture_output=True, check=False, start_new_session=True)
    assert done.returncode == 2, done.stderr
    assert json.loads(done.stdout)["detail"] == "nothing was entered: give it as an option or at the prompt"
    assert b"Traceback" not in done.stderr
