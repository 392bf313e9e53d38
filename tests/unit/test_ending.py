"""What a command that runs a zone does when it is told to end."""

from __future__ import annotations

import signal
import subprocess
import sys

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
