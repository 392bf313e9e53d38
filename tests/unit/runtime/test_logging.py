"""Logs: one JSON object a line, and no payload gets through."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from nodes.runtime import logging


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_a_line_is_one_json_object_that_names_its_process(capsys: pytest.CaptureFixture[str]) -> None:
    logging.configure("bank-a", "info")
    logging.logger("test").info(logging.CALL_REFUSED, reason="CONSENT_MISSING", leaf_index=7)
    line = json.loads(capsys.readouterr().err)
    expected = {"event": "call.refused", "node": "bank-a", "component": "test", "reason": "CONSENT_MISSING", "leaf_index": 7}
    assert expected.items() <= line.items()


def test_payloads_are_withheld(capsys: pytest.CaptureFixture[str]) -> None:
    logging.configure("bank-a", "info")
    logging.logger("test").info("x.y", secret=b"4711", ciphertext=1 << 2048, envelope="z" * 10_000, index=2**40)
    text = capsys.readouterr().err
    line = json.loads(text)
    assert line["secret"] == "<4 bytes withheld>"
    assert line["ciphertext"] == "<2049-bit integer withheld>"
    assert len(line["envelope"]) < 600
    assert line["index"] == 2**40
    assert "4711" not in text


def test_lines_below_the_level_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    logging.configure("bank-a", "warning")
    logging.logger("test").info("x.y")
    assert capsys.readouterr().err == ""


def test_a_full_disk_under_the_log_does_not_stop_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a refusal would never reach its caller, who took the failure for another one."""
    full = Path("/dev/full").open("w", buffering=1)  # noqa: SIM115 - it cannot be closed without failing
    monkeypatch.setattr(sys, "stderr", full)
    logging.configure("bank-a", "info")
    logging.logger("test").info("x.y")
    with pytest.raises(OSError, match="No space"):
        full.close()
