"""How commands that run a zone end: as they are told to, and with all that they started when a test of them is given up."""

from __future__ import annotations

import signal
import subprocess
import sys

import psutil
import pytest

from tests.support.commands import begun

PROGRAM = """
import signal
from simulators.commands.ending import end_on_sigterm
end_on_sigterm()
try:
    print("running", flush=True)
    signal.pause()
finally:
    print("stopped what it had started", flush=True)
"""


def test_sigterm_lets_a_command_stop_what_it_started() -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as command:
        assert command.stdout is not None
        assert command.stdout.readline() == "running\n"
        command.send_signal(signal.SIGTERM)
        assert command.stdout.read() == "stopped what it had started\n"
    assert command.returncode == 128 + signal.SIGTERM


def test_nothing_that_a_command_started_outlives_its_test() -> None:
    """Were its time over, a test would be left by an exception as here; the processes of a zone are in sessions of their own."""
    started = "import signal, subprocess; print(subprocess.Popen(['sleep', '600'], start_new_session=True).pid, flush=True); signal.pause()"
    seen: list[psutil.Process] = []
    with pytest.raises(TimeoutError):
        leave(started, seen)
    assert psutil.wait_procs(seen, 20)[1] == []


def leave(program: str, seen: list[psutil.Process]) -> None:
    """Begin a program, see what it started, and be interrupted."""
    with begun(sys.executable, "-c", program) as command:
        assert command.stdout is not None
        seen += [psutil.Process(int(command.stdout.readline())), psutil.Process(command.pid)]
        raise TimeoutError
