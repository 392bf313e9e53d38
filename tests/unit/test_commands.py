"""Commands answer with one JSON document or text, an exit code with one meaning, and never a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from crypto.errors import MerkleError
from nodes.commands import node
from nodes.commands.keys import key
from nodes.commands.output import ExitCode, JsonFlag, reporting
from nodes.errors import PeerUnavailableError, RpcRefusal, SettingsError
from simulators.commands import zone
from simulators.zone.authority import make_zone
from simulators.zone.layout import demo_plan

ERRORS: dict[str, Exception] = {
    "refused": RpcRefusal("CONSENT_MISSING", "no consent c1", "PERMISSION_DENIED"),
    "unavailable": PeerUnavailableError("UNAVAILABLE: nobody there"),
    "settings": SettingsError("x.toml does not exist"),
    "domain": MerkleError("the inclusion proof is too short"),
    "file": FileNotFoundError(2, "No such file or directory", "x.csv"),
    "defect": KeyError("secret 4711"),
}
app = typer.Typer()


@app.command()
def command(how: str, as_json: JsonFlag = False) -> None:
    """A command that ends in a given way."""
    with reporting(as_json) as report:
        report.progress("working")
        if how in ERRORS:
            raise ERRORS[how]
        report.result({"answer": how, "city": "杭州"}, f"the answer is {how}", ExitCode(int(how)))


@pytest.mark.parametrize("code", [0, 1])
def test_a_result_is_one_document_or_text_and_progress_goes_elsewhere(code: int) -> None:
    as_json = CliRunner().invoke(app, [str(code), "--json"])
    assert (as_json.exit_code, json.loads(as_json.stdout), as_json.stderr) == (code, {"answer": str(code), "city": "杭州"}, "working\n")
    as_text = CliRunner().invoke(app, [str(code)])
    assert (as_text.exit_code, as_text.stdout) == (code, f"the answer is {code}\n")


@pytest.mark.parametrize(
    ("how", "code", "reason"),
    [
        ("refused", 3, "CONSENT_MISSING"),
        ("unavailable", 4, "PEER_UNAVAILABLE"),
        ("settings", 2, "SETTINGS_INVALID"),
        ("domain", 2, "MERKLE_INVALID"),
        ("file", 2, "INPUT_INVALID"),
        ("defect", 70, "INTERNAL"),
    ],
)
def test_an_error_is_a_code_a_reason_and_a_sentence(how: str, code: int, reason: str) -> None:
    result = CliRunner().invoke(app, [how, "--json"])
    assert result.exit_code == code
    assert json.loads(result.stdout)["error"] == reason
    assert reason in result.stderr
    assert "Traceback" not in result.output
    assert "4711" not in result.output


def test_node_run_needs_a_role(tmp_path: Path) -> None:
    config = tmp_path / "x.toml"
    config.write_text('member = "x"\n', encoding="utf-8")
    result = CliRunner().invoke(node.app, ["run", str(config)])
    assert result.exit_code == 2
    assert "no role table" in result.stderr


def test_a_ceremony_is_held_once_with_witnesses(tmp_path: Path) -> None:
    make_zone(demo_plan(), tmp_path / "zone", [])
    public, members = tmp_path / "zone" / "public", tmp_path / "zone" / "members"
    arguments = ["ceremony", "--public", str(public), "--dealer-keys", str(members / "authority"), "--key-bits", "2048", "--json"]
    held = CliRunner().invoke(key.app, [*arguments, "--witness", f"auditor={members / 'auditor'}"])
    assert held.exit_code == 0, held.stderr
    document = json.loads(held.stdout)
    assert (document["bits"], document["threshold"], len(document["custodians"])) == (2048, 3, 5)
    assert json.loads((public / "key.json").read_bytes())["bits"] == 2048
    again = CliRunner().invoke(key.app, arguments)
    assert again.exit_code == 2
    assert "a zone's key is made once" in again.stderr


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--key-bits", "1024"], "--key-bits is 3072, or 2048"),
        (["--witness", "auditor"], "expected MEMBER=KEYS_DIR"),
        (["--public", "nowhere"], "No such file"),
    ],
)
def test_a_ceremony_with_bad_arguments_makes_nothing(more: list[str], message: str, tmp_path: Path) -> None:
    make_zone(demo_plan(), tmp_path / "zone", [])
    public, keys = tmp_path / "zone" / "public", tmp_path / "zone" / "members" / "authority"
    result = CliRunner().invoke(key.app, ["ceremony", "--public", str(public), "--dealer-keys", str(keys), *more])
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (public / "ceremony.dsse.json").exists()


def test_a_zone_is_made_and_its_status_told(tmp_path: Path) -> None:
    directory = str(tmp_path / "zone")
    made = CliRunner().invoke(zone.app, ["init", directory, "--pack", "firm-panel", "--key-bits", "2048", "--json"])
    assert made.exit_code == 0, made.stderr
    processes = set(json.loads(made.stdout)["processes"])
    status = CliRunner().invoke(zone.app, ["status", directory, "--json"])
    assert status.exit_code == 1
    assert {row["name"]: row["state"] for row in json.loads(status.stdout)["processes"]} == dict.fromkeys(processes, "stopped")
    again = CliRunner().invoke(zone.app, ["init", directory, "--json"])
    assert (again.exit_code, json.loads(again.stdout)["error"]) == (2, "SETTINGS_INVALID")


def test_a_zone_with_an_unknown_pack_is_not_made(tmp_path: Path) -> None:
    result = CliRunner().invoke(zone.app, ["init", str(tmp_path / "zone"), "--pack", "nowhere"])
    assert result.exit_code == 2
    assert "no pack 'nowhere'" in result.stderr
    assert not (tmp_path / "zone").exists()


def test_the_status_of_nothing_is_bad_input(tmp_path: Path) -> None:
    assert CliRunner().invoke(zone.app, ["status", str(tmp_path)]).exit_code == 2
