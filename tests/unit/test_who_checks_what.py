"""The sheet for people names commands that the program takes as they stand, for every role of a zone."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from xinqiao import app

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "who-checks-what.md").read_text(encoding="utf-8")
CELLS = [cell for line in TEXT.splitlines() if line.startswith("|") for cell in line.split("|")]
COMMANDS = sorted({command for cell in CELLS for command in re.findall(r"`(xinqiao [^`]+)`", cell)})
SCRIPTS = sorted({command for cell in CELLS for command in re.findall(r"`(python [^`]+)`", cell)})
ROLES = ("department", "Custodian", "Authority", "Bank", "Enterprise", "Auditor and witness", "Anybody")


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory in which every file and directory that the sheet names is there, empty: only that is asked of a command line."""
    for name in sorted({word for command in COMMANDS for word in shlex.split(command)[2:] if "/" in word or "." in word}):
        if "://" not in name:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch() if path.suffix in {".json", ".toml", ".pem", ".csv"} else path.mkdir(exist_ok=True)
    (tmp_path / "evidence").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("command", COMMANDS)
def test_command_is_one_that_the_program_takes(command: str) -> None:
    """Parsed by the program's own parser, every option and argument of it, without running."""
    parse(shlex.split(command)[1:])


def parse(words: list[str]) -> None:
    """Raises what the program has against a command line."""
    here: Any = typer.main.get_command(app)
    context = None
    while hasattr(here, "commands"):
        context = here.context_class(here, parent=context, info_name=here.name)
        here, words = here.commands[words[0]], words[1:]
    here.make_context(here.name, words, parent=context)


@pytest.mark.parametrize("command", SCRIPTS)
def test_script_is_in_the_repository(command: str) -> None:
    assert (ROOT / shlex.split(command)[1]).is_file()


def test_every_role_has_its_part() -> None:
    headings = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    assert len(headings) == len(ROLES)
    assert all(role in heading for role, heading in zip(ROLES, headings, strict=True))
    assert len(COMMANDS) >= 15
    assert {command.split()[1] for command in COMMANDS} >= {"model", "audit", "verify", "key", "member", "epoch"}


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("wrong", ["verify receipt.json --keys zone/public --sideways", "key approve DIGEST", "model lint"])
def test_a_command_that_the_program_does_not_take_is_found(wrong: str) -> None:
    """The control of the first test."""
    with pytest.raises(typer.BadParameter.__mro__[1]):
        parse(wrong.split())
