"""``xinqiao demo --keep-running``: the zone goes on, says where its gateway is, and ends when it is told to, with everything in place."""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from nodes.runtime.clock import Timer

pytestmark = [pytest.mark.slow, pytest.mark.nightly, pytest.mark.timeout(600)]
READY_S, END_S = 400.0, 60.0


def test_a_zone_that_is_kept_running_answers_until_it_is_told_to_end(tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--keep-running", "--enterprises", "40", "--consents", "1", "--key-bits", "2048", "--out", str(out), "--json")
    process = subprocess.Popen([sys.executable, "-m", "xinqiao", "demo", *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        timer = Timer(READY_S)
        while not (out / "gateway.url").exists():
            assert process.poll() is None, process.communicate()
            assert timer.left_s() > 0
            try:
                process.wait(0.2)
            except subprocess.TimeoutExpired:
                continue
        url = (out / "gateway.url").read_text(encoding="utf-8")
        assert url.endswith("\n")
        assert url.strip() == json.loads((out / "endpoints.json").read_text(encoding="utf-8"))["gateway"]
        trusted = ssl.create_default_context(cafile=str(out / "public" / "ca.pem"))
        for path, part in (("/healthz", ""), ("/log/checkpoint", "xinqiao/")):
            with urllib.request.urlopen(url.strip() + path, context=trusted, timeout=20) as answer:
                assert answer.status == 200
                assert part in answer.read().decode()
        process.send_signal(signal.SIGINT)
        text, errors = process.communicate(timeout=END_S)
    finally:
        process.kill()
    assert process.returncode == 0, errors[-2000:]
    assert json.loads(text)["audit"]["verdict"] == "pass"
    assert url.strip() in errors
