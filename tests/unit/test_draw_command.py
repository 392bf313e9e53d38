"""``xinqiao draw show``: the auditor's own accounts, with an exit code that a script can act on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from nodes.commands.auditing import draw

app = typer.Typer()
app.add_typer(draw.app, name="draw")

CONFIG = 'member = "auditor"\nzone = "test-zone"\nstate_dir = "state"\nkeys_dir = "keys"\npublic_dir = "public"\n\n[auditor]\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "auditor.toml").write_text(CONFIG)
    (tmp_path / "state" / "draws").mkdir(parents=True)
    return tmp_path / "auditor.toml"


def account(config: Path, name: str, *outcomes: str, epoch: str = "e1995") -> dict[str, Any]:
    items = [
        {"member": f"m{place % 2}", "leaf_index": place, "position": 0, "entries": [["rd", "-"]], "outcome": outcome, "subjects": 7, "detail": ""}
        for place, outcome in enumerate(outcomes)
    ]
    document = {"cause": "ab" * 32, "epoch": epoch, "draw": "columns", "items": items}
    (config.parent / "state" / "draws" / f"{name}.json").write_text(json.dumps(document))
    return document


def shown(config: Path, *more: str) -> Result:
    return CliRunner().invoke(app, ["draw", "show", "e1995", "--config", str(config), *more])


def test_a_draw_that_agrees_is_exit_0_and_one_document(config: Path) -> None:
    kept = account(config, "e1995-columns-abababab", "AGREES", "AGREES", "AGREES")
    account(config, "e1995b-columns-abababab", "MISSING", epoch="e1995b")  # another epoch, whose name begins alike
    ended = shown(config, "--json")
    assert (ended.exit_code, json.loads(ended.stdout)) == (0, {"epoch": "e1995", "agrees": True, "draws": [kept]})
    text = shown(config).stdout
    assert "m0: 2 AGREES" in text
    assert "全部相符 everything agrees" in text


@pytest.mark.parametrize("outcome", ["MISSING", "REFUSED", "OPENING_INVALID", "VALUE_IMPOSSIBLE", "RECORD_DIFFERS", "ROW_DIFFERS"])
def test_whatever_does_not_agree_is_exit_1(config: Path, outcome: str) -> None:
    account(config, "e1995-columns-abababab", "AGREES", outcome)
    ended = shown(config)
    assert ended.exit_code == 1
    assert f"m1: 1 {outcome}" in ended.stdout


def test_without_an_outcome_it_is_exit_4(config: Path) -> None:
    ended = shown(config, "--json")
    assert (ended.exit_code, json.loads(ended.stdout)["error"]) == (4, "NOT_READY")
