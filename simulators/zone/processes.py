"""The processes of a zone on one machine: real ones, started, watched, measured, killed and stopped by name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nodes.commands.node import program_of
from nodes.errors import PeerUnavailableError
from nodes.runtime.clock import Timer
from nodes.runtime.files import make_private_directory
from nodes.runtime.process import READY_FILE
from nodes.runtime.settings import ENV_PREFIX, role_of

START_S = 300.0
"""Until every process of a zone is ready. Some twenty take half a minute of two idle processors, and minutes where much else runs; one that
ends meanwhile is told of at once."""

SAMPLE_S = 1.0
LOOK_S = 0.02
LOG_FILE = "process.log"


class ProcessEndedError(PeerUnavailableError):
    """A process of the zone ended though it should run; the message names its log."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used: peaks of resident and proportional memory in MiB, processor time in seconds."""

    peak_rss_mb: float = 0.0
    peak_pss_mb: float = 0.0
    cpu_s: float = 0.0


@dataclass
class _Running:
    process: subprocess.Popen[bytes]
    usage: Usage = field(default_factory=Usage)


class ZoneProcesses:
    """Starts ``configs`` (process name → TOML file) with state under ``state_dir``. A context manager: leaving it stops everything."""

    def __init__(self, configs: Mapping[str, Path], state_dir: Path) -> None:
        self._configs, self._state_dir = dict(configs), state_dir
        self._running: dict[str, _Running] = {}
        self._past: dict[str, Usage] = {}  # of earlier runs of a process that was restarted
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._sampler = threading.Thread(target=self._sample, name="usage", daemon=True)
        self._sampler.start()

    def __enter__(self) -> ZoneProcesses:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    # --- life ---

    def start(self, names: Iterable[str] | None = None) -> None:
        """Start processes (all when None) without waiting for them. Those that run already are left alone."""
        for name in self._names(names):
            if not self.alive(name):
                self._spawn(name)

    def wait_ready(self, timeout_s: float, names: Iterable[str] | None = None) -> None:
        """Return once every process says that it is ready.

        Raises ProcessEndedError as soon as one ends, PeerUnavailableError naming those that are not ready after ``timeout_s``.
        """
        timer = Timer(timeout_s)
        waiting = self._names(names)
        while waiting:
            waiting = [name for name in waiting if not self._is_ready(name)]
            for name in waiting:
                self._check_alive(name)
            if waiting and timer.left_s() <= 0:
                raise PeerUnavailableError(f"not ready after {timeout_s:g} s: {', '.join(waiting)}")
            if waiting:
                self._wait_for_end(waiting[0], LOOK_S)

    def check(self) -> None:
        """Raises ProcessEndedError when a process that was started and not stopped has ended."""
        with self._lock:
            names = list(self._running)
        for name in names:
            self._check_alive(name)

    def stop(self, names: Iterable[str] | None = None, grace_s: float = 15.0) -> None:
        """Ask processes to end (SIGTERM), wait, and kill those that do not within ``grace_s``."""
        chosen = [name for name in self._names(names) if name in self._running]
        for name in chosen:
            self.send_signal(name, signal.SIGTERM)
        timer = Timer(grace_s)
        for name in chosen:
            self._wait_for_end(name, max(timer.left_s(), 0.0))
            self.kill(name)

    def kill(self, name: str) -> None:
        """End a process at once (SIGKILL), as a crash would; returns when it is gone."""
        if name not in self._running:
            return
        self.send_signal(name, signal.SIGKILL)
        with self._lock:
            running = self._running.pop(name)
        running.process.wait()
        self._past[name] = _add(self._past.get(name, Usage()), running.usage)

    def send_signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process that was started; nothing happens when it has ended."""
        self._measure()
        process = self._running[name].process
        if process.poll() is None:
            process.send_signal(number)

    def close(self) -> None:
        """Stop everything."""
        self.stop()
        self._closing.set()
        self._sampler.join()

    # --- what can be seen ---

    def names(self) -> list[str]:
        """Names of all configured processes."""
        return list(self._configs)

    def alive(self, name: str) -> bool:
        """Whether the process runs."""
        running = self._running.get(name)
        return running is not None and running.process.poll() is None

    def exit_code(self, name: str) -> int | None:
        """The code with which the process ended by itself (negative: the signal's number); None while it runs, was stopped or never started."""
        running = self._running.get(name)
        return None if running is None else running.process.poll()

    def pid(self, name: str) -> int:
        """Process id. Raises KeyError when it was never started."""
        return self._running[name].process.pid

    def ready(self, name: str) -> dict[str, Any]:
        """What the process wrote when it became ready: its pid and ports."""
        document: dict[str, Any] = json.loads((self._state_dir / name / READY_FILE).read_text(encoding="utf-8"))
        return document

    def log_file(self, name: str) -> Path:
        """Standard output and error of the process."""
        return self._state_dir / name / LOG_FILE

    def usage(self) -> dict[str, Usage]:
        """Peaks and processor time of every process that was started, by name."""
        self._measure()
        with self._lock:
            now = {name: running.usage for name, running in self._running.items()}
        return {name: _add(self._past.get(name, Usage()), now.get(name, Usage())) for name in {*self._past, *now}}

    def open_files(self, name: str) -> list[str]:
        """Paths that the process holds open now, from /proc."""
        paths = []
        for link in Path(f"/proc/{self.pid(name)}/fd").iterdir():
            try:
                paths.append(str(link.readlink()))
            except FileNotFoundError:
                continue  # closed while we looked
        return [path for path in paths if path.startswith("/")]

    # --- inside ---

    def _names(self, names: Iterable[str] | None) -> list[str]:
        return list(self._configs) if names is None else list(names)

    def _spawn(self, name: str) -> None:
        config = self._configs[name]
        state = make_private_directory(self._state_dir / name)
        (state / READY_FILE).unlink(missing_ok=True)
        environment = {key: value for key, value in os.environ.items() if not key.startswith(ENV_PREFIX)}
        descriptor = os.open(state / LOG_FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", program_of(role_of(config)), str(config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )
        with self._lock:
            self._running[name] = _Running(process)

    def _is_ready(self, name: str) -> bool:
        try:
            return int(self.ready(name)["pid"]) == self.pid(name)
        except FileNotFoundError:
            return False

    def _check_alive(self, name: str) -> None:
        if not self.alive(name):
            code = self._running[name].process.poll() if name in self._running else "unknown"
            raise ProcessEndedError(f"process {name} ended with code {code}; its log is {self.log_file(name)}")

    def _wait_for_end(self, name: str, timeout_s: float) -> None:
        try:
            self._running[name].process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return

    # --- measuring ---

    def _sample(self) -> None:
        while not self._closing.wait(SAMPLE_S):
            self._measure()

    def _measure(self) -> None:
        with self._lock:
            for running in self._running.values():
                running.usage = _peaks(running.usage, read_usage(running.process.pid))


def read_usage(pid: int) -> Usage:
    """Use of a process by /proc; all zero when it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8")
        ticks = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return Usage()
    return Usage(_kilobytes(status, "VmHWM:") / 1024, _kilobytes(rollup, "Pss:") / 1024, (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK"))


def _kilobytes(text: str, key: str) -> float:
    return next((float(line.split()[1]) for line in text.splitlines() if line.startswith(key)), 0.0)


def _peaks(old: Usage, new: Usage) -> Usage:
    return Usage(max(old.peak_rss_mb, new.peak_rss_mb), max(old.peak_pss_mb, new.peak_pss_mb), max(old.cpu_s, new.cpu_s))


def _add(past: Usage, now: Usage) -> Usage:
    return replace(_peaks(past, now), cpu_s=past.cpu_s + now.cpu_s)
