"""The life of a real process: ready, stopped by a signal, ended by a failed worker, alone in its state directory."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nodes.runtime.clock import Timer

PROGRAM = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from nodes.runtime.process import Process
from nodes.runtime.settings import NodeSettings

class Work:
    def __init__(self, process, kind):
        self.process, self.kind = process, kind
    def run(self):
        if self.kind == "fails":
            raise ValueError("the secret word")
        if self.kind == "returns":
            return
        if self.kind == "pool":
            pool = ThreadPoolExecutor(2)
            pool.submit(print, end="")
            self.process.on_stop(pool.shutdown)
        if self.kind == "stuck":
            threading.Event().wait()
        self.process.stopping.wait()

process = Process(NodeSettings.load(Path(sys.argv[1])), stop_grace_s=0.3)
process.worker("work", Work(process, sys.argv[2]).run)
order = []
process.on_stop(lambda: print("stopped", order, flush=True))
process.on_stop(lambda: order.append("last registered first"))
if sys.argv[2] == "cleanup fails":
    process.on_stop(lambda: 1 / 0)
sys.exit(process.run({"port": 4242}))
"""
Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    config = tmp_path / "x.toml"
    config.write_text('member = "bank-a"\nzone = "test-zone"\nstate_dir = "state"\nkeys_dir = "k"\npublic_dir = "p"\n', encoding="utf-8")
    running: list[subprocess.Popen[str]] = []

    def run(kind: str) -> subprocess.Popen[str]:
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(config), kind], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.communicate()


def wait_ready(process: subprocess.Popen[str], state: Path) -> dict[str, object]:
    """What ``process`` wrote into its ready file. Fails when it ends first or takes more than 20 s."""
    timer = Timer(20)
    document: dict[str, object] = {}
    while document.get("pid") != process.pid:  # a process that was killed before left its own file
        assert timer.left_s() > 0
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(FileNotFoundError):
                document = json.loads((state / "ready").read_text(encoding="utf-8"))
            continue
        pytest.fail(f"ended: {process.communicate()}")
    return document


def events(stderr: str) -> list[str]:
    return [json.loads(line)["event"] for line in stderr.splitlines()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_process_gracefully(number: signal.Signals, start: Start, tmp_path: Path) -> None:
    process = start("works")
    assert wait_ready(process, tmp_path / "state") == {"pid": process.pid, "port": 4242}
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 0
    assert stdout == "stopped ['last registered first']\n"
    assert events(stderr) == ["process.started", "process.ready", "process.stopping", "process.stopped"]
    assert not (tmp_path / "state" / "ready").exists()


@pytest.mark.parametrize("kind", ["fails", "returns"])
def test_a_worker_that_ends_ends_the_process_with_a_reason(kind: str, start: Start) -> None:
    process = start(kind)
    stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 70
    assert stdout.startswith("stopped")
    assert {"worker.failed", "process.fatal"} <= set(events(stderr))
    assert "the secret word" not in stderr


def test_a_worker_that_does_not_end_does_not_keep_the_process(start: Start, tmp_path: Path) -> None:
    process = start("stuck")
    wait_ready(process, tmp_path / "state")
    process.terminate()
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 70
    assert json.loads(stderr.splitlines()[-1])["stuck"] == ["work"]


def test_a_pool_that_is_shut_down_does_not_delay_the_end(start: Start, tmp_path: Path) -> None:
    process = start("pool")
    wait_ready(process, tmp_path / "state")
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_a_failing_cleanup_does_not_skip_the_others(start: Start, tmp_path: Path) -> None:
    process = start("cleanup fails")
    wait_ready(process, tmp_path / "state")
    process.terminate()
    stdout, _ = process.communicate(timeout=20)
    assert process.returncode == 70
    assert stdout == "stopped ['last registered first']\n"


def test_a_state_directory_belongs_to_one_process(start: Start, tmp_path: Path) -> None:
    first = start("works")
    wait_ready(first, tmp_path / "state")
    second = start("works")
    _, stderr = second.communicate(timeout=20)
    assert second.returncode != 0
    assert "StateInUseError" in stderr
    assert wait_ready(first, tmp_path / "state")["pid"] == first.pid  # the first one's ready file is untouched


def test_a_killed_process_leaves_its_state_directory_free(start: Start, tmp_path: Path) -> None:
    first = start("works")
    wait_ready(first, tmp_path / "state")
    first.kill()
    first.communicate()
    second = start("works")
    wait_ready(second, tmp_path / "state")
    second.terminate()
    second.communicate(timeout=20)
    assert second.returncode == 0


def test_a_state_directory_open_to_others_is_refused(start: Start, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o755)
    process = start("works")
    _, stderr = process.communicate(timeout=20)
    assert process.returncode != 0
    assert "SecretFileError" in stderr


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told_when_a_process_is_ready_and_when_it_ends(
    abstract: bool, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"@xinqiao-{tmp_path.name}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(address.replace("@", "\0", 1))
        supervisor.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        process = start("works")
        assert supervisor.recv(100) == b"READY=1"
        process.terminate()
        assert supervisor.recv(100) == b"STOPPING=1"
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_a_supervisor_that_does_not_listen_keeps_no_process(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    process = start("works")
    wait_ready(process, tmp_path / "state")
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 0
