"""``xinqiao connector declarations`` over a customs department whose node has read an import client's folders."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog

from connectors.customs.declarations import build_declaration
from nodes.commands.output import run
from tests.support.customs import NOTICED, OTHER, USCC, Client, declaration, receipt, response
from xinqiao import application

MAPPING = """
format: xinqiao/connector/v1
id: single-window
title: {zh: 国际贸易单一窗口, en: customs single window}
source: {kind: single-window, folder: ImpPath, dialect: a, quiet_s: 0}
"""
CONFIG = """
member = "customs"
zone = "test-zone"
state_dir = "state"
keys_dir = "keys"
public_dir = "public"

[department]
connectors = ["customs.yaml"]
roster_key_file = "roster.key"
"""
Ask = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def ask(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Ask]:
    """``xinqiao connector declarations CONFIG ARGUMENTS``: exit code, document, text. The node has read what is in the folders when it is asked."""
    (tmp_path / "customs.yaml").write_text(MAPPING, encoding="utf-8")
    config = tmp_path / "customs.toml"
    config.write_text(CONFIG, encoding="utf-8")
    app = application("connector")

    def ask(*arguments: str) -> tuple[int, dict[str, Any], str]:
        run(app, ["connector", "run", str(config), "--once"])
        capfd.readouterr()
        code = run(app, ["connector", "declarations", str(config), *arguments])
        text = capfd.readouterr().out
        assert run(app, ["connector", "declarations", str(config), *arguments, "--json"]) == code
        return code, json.loads(capfd.readouterr().out), text

    yield ask
    structlog.reset_defaults()


@pytest.fixture
def client(tmp_path: Path) -> Client:
    client = Client(tmp_path / "ImpPath")
    client.put("SentBox/a.xml", build_declaration(declaration(lines=1, total="100")))
    client.put("InBox/Successed_a.xml", response())
    client.put("InBox/Receipt_a.xml", receipt("L"))
    return client


def test_a_declaration_is_shown_with_its_status_and_every_receipt(client: Client, ask: Ask) -> None:
    client.put("InBox/Receipt_b.xml", receipt("R", at=NOTICED + timedelta(days=1), note="已结关"))
    code, document, text = ask()
    (found,) = document["connectors"]["single-window"]["declarations"]
    assert (code, found["uscc"], [step["code"] for step in found["history"]]) == (0, USCC, ["0", "L", "R"])
    assert f"出口 export  {USCC}" in text
    assert "100 USD" in text
    assert "已结关" in text
    assert [line.split()[1] for line in text.splitlines() if line.startswith("      2023")] == ["L", "R"]
    assert ask("--uscc", OTHER)[1]["connectors"]["single-window"]["declarations"] == []
    assert ask("--year", "2022")[1]["connectors"]["single-window"]["declarations"] == []
    assert ask("--exceptions")[0] == 0


def test_what_needs_a_person_is_told_and_ends_with_code_1(client: Client, ask: Ask) -> None:
    client.put("InBox/Receipt_b.xml", receipt("?", at=NOTICED + timedelta(days=1)))  # a code that no table knows
    client.put("InBox/Receipt_c.xml", receipt("L", seq_no="I20230000000000009"))  # of a declaration that is not here
    client.put("InBox/Receipt_d.xml", b"<DEC_RESULT/>")
    code, document, text = ask("--exceptions")
    found = document["connectors"]["single-window"]
    assert (code, {part: len(items) for part, items in found.items()}) == (1, {"declarations": 1, "waiting": 1, "failures": 0, "refused": 1})
    assert "needs a person" in text
    assert "answers without a declaration: I20230000000000009" in text
    assert "not taken: InBox/Receipt_d.xml" in text


def test_a_department_without_a_client_is_told_so(client: Client, ask: Ask) -> None:
    code, document, _ = ask("--connector", "another")
    assert (code, document["error"]) == (2, "NOT_FOUND")


def test_a_note_that_has_lines_of_its_own_makes_none(client: Client, ask: Ask) -> None:
    """Whoever can write to the client's folders would put receipts, or a whole declaration of another, before the reader's eyes."""
    client.put("InBox/Receipt_b.xml", receipt("K", at=NOTICED + timedelta(days=1), note="见附件\n      2023-12-31T00:00:00  R  已结关 closed"))
    _, document, text = ask()
    (found,) = document["connectors"]["single-window"]["declarations"]
    assert "\n" in found["history"][-1]["note"]
    assert [line.split()[1] for line in text.splitlines() if line.startswith("      2023")] == [
        step["code"] for step in found["history"] if step["at"]
    ]
