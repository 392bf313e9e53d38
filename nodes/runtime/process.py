"""The life of a process: one state directory, supervised threads, a ready file, a graceful end.

``Process.run`` is the main thread of every role: it starts the workers, says that it is ready, waits for SIGTERM or SIGINT or a
fatal error, then stops everything in reverse order. A worker that ends by an exception ends the process: nothing dies silently.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import IO

from nodes.errors import LeaseLostError, SettingsError, StateInUseError
from nodes.runtime import logging
from nodes.runtime.clock import Timer
from nodes.runtime.entry import EXIT_AGAIN, EXIT_FATAL
from nodes.runtime.files import check_writable, make_private_directory, write_private
from nodes.runtime.observing.health import READY, STOPPING, Health
from nodes.runtime.observing.own import tell_of
from nodes.runtime.settings import NodeSettings
from nodes.runtime.tracing import spans
from protos.errors import refusal_of

STOP_GRACE_S = 10.0
READY_FILE = "ready"
LOCK_FILE = "lock"

_log = logging.logger("process")


class Process:
    """One running process of the zone. ``stopping`` is set as soon as it should end: workers wait on it instead of sleeping.
    ``health``: whether it can serve; roles add what they require. It is told, as is all that ``[observe]`` asks for, from here on.

    Threads have ``stop_grace_s`` to end after ``stopping`` is set; then the process ends without them.
    Making it takes the state directory for this process alone. Raises StateInUseError when another holds it, SecretFileError
    when others may enter it, SettingsError when what ``[observe]`` names cannot be had, or what it has to write cannot be written.
    """

    def __init__(self, settings: NodeSettings, stop_grace_s: float = STOP_GRACE_S) -> None:
        os.umask(0o077)
        logging.configure(settings.member, settings.log_level)
        self.settings = settings
        self._stop_grace_s = stop_grace_s
        self.stopping = threading.Event()
        for key, path in settings.written.items():
            check_writable(key, path)
        self._state_dir = make_private_directory(settings.state_dir)
        self._lock = take_state(self._state_dir)
        self._ready_file = self._state_dir / READY_FILE
        self._ready_file.unlink(missing_ok=True)
        self._workers: list[threading.Thread] = []
        self._on_stop: list[Callable[[], None]] = []
        self._fatal: BaseException | None = None
        self._guard = threading.Lock()
        self.health = Health(self._state_dir)
        self._told: dict[str, object] = {}
        self._observe()

    def worker(self, name: str, work: Callable[[], None], *, at_once: bool = False) -> None:
        """Run ``work`` in a thread of its own once the process runs, or ``at_once``. It must return soon after ``stopping`` is set, and
        not before."""
        thread = threading.Thread(target=self._supervise, args=(name, work), name=name, daemon=True)
        self._workers.append(thread)
        if at_once:
            thread.start()

    def on_stop(self, action: Callable[[], None]) -> None:
        """Call ``action`` when the process ends; the last registered first."""
        self._on_stop.append(action)

    def fatal(self, error: BaseException) -> None:
        """Stop the process because of ``error``; the first one counts. From any thread."""
        with self._guard:
            if self._fatal is None:
                self._fatal = error
                _log.error(logging.PROCESS_FATAL, reason=refusal_of(error).reason, error=type(error).__name__, where=logging.where(error))
        self.stopping.set()

    def run(self, ready: Mapping[str, object] | None = None) -> int:
        """Run until told to stop. ``ready`` goes into the ready file, such as the ports taken. Returns the exit code: 0, 75 when another
        instance has taken over (to be started again, it stands by), or 70 when fatal.

        Must be called in the main thread.
        """
        self._await_signals()
        _log.info(logging.PROCESS_STARTED, pid=os.getpid())
        for thread in self._workers:
            if thread.ident is None:
                thread.start()
        if not self.stopping.is_set():
            self.health.enter(READY)
            write_private(self._ready_file, json.dumps({"pid": os.getpid(), **(ready or {}), **self._told}).encode())
            _tell_supervisor("READY=1")
            _log.info(logging.PROCESS_READY)
        self.stopping.wait()
        self._end()
        if self._fatal is None:
            return 0
        return EXIT_AGAIN if isinstance(self._fatal, LeaseLostError) else EXIT_FATAL

    def _observe(self) -> None:
        """Begin to tell what ``[observe]`` asks for; it ends last."""
        wanted = self.settings.observe
        tell_of(self.settings, self.health)
        if wanted.traces is not None:
            try:
                from nodes.runtime.tracing.exporting import OpenTelemetry  # noqa: PLC0415  an extra that only those install who trace
            except ImportError as error:
                raise SettingsError("observe.traces needs OpenTelemetry: pip install 'xinqiao[tracing]'") from error
            tracer = OpenTelemetry(wanted.traces, wanted.traces_ca, wanted.traces_ratio, self.settings.member, self.settings.zone)
            spans.start(tracer, wanted.traces_from_outside)
            self.on_stop(tracer.close)
        if wanted.listen is not None:
            from nodes.runtime.observing.listener import listen  # noqa: PLC0415  a process without one starts without the web framework

            self._told["observe_port"] = listen(self, wanted.listen)

    def _supervise(self, name: str, work: Callable[[], None]) -> None:
        try:
            work()
            if not self.stopping.is_set():
                raise RuntimeError(f"worker {name} ended before the process did")  # noqa: TRY301 - supervised like any failure
        except BaseException as error:  # noqa: BLE001 - reported and fatal
            _log.error(logging.WORKER_FAILED, worker=name, error=type(error).__name__, where=logging.where(error))
            self.fatal(error)

    def _await_signals(self) -> None:
        """A signal may interrupt the main thread anywhere, locks held: let it only wake a thread that then sets ``stopping``."""
        receiving, sending = socket.socketpair()
        sending.setblocking(False)
        signal.set_wakeup_fd(sending.fileno())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _ignore_in_main)

        def wait() -> None:
            receiving.recv(1)
            self.stopping.set()

        threading.Thread(target=wait, name="signals", daemon=True).start()

        def release() -> None:
            signal.set_wakeup_fd(-1)
            sending.close()

        self._on_stop.insert(0, release)

    def _end(self) -> None:
        _log.info(logging.PROCESS_STOPPING)
        self.health.enter(STOPPING)
        _tell_supervisor("STOPPING=1")
        self._ready_file.unlink(missing_ok=True)
        for action in reversed(self._on_stop):
            try:
                action()
            except Exception as error:  # noqa: BLE001 - the other actions must still run
                self.fatal(error)
        stuck = self._join()
        _log.info(logging.PROCESS_STOPPED, fatal=self._fatal is not None, stuck=stuck)
        self._lock.close()
        if stuck:  # everything acknowledged is on disk; a thread that does not end must not keep the process
            sys.stderr.flush()
            os._exit(EXIT_FATAL)

    def _join(self) -> list[str]:
        """Wait for workers and for every other thread that would keep the interpreter; names of those that do not end in time."""
        timer = Timer(self._stop_grace_s)
        waited = [thread for thread in threading.enumerate() if thread in self._workers or not thread.daemon]
        waited.remove(threading.main_thread())
        for thread in waited:
            thread.join(max(timer.left_s(), 0.0))
        return [thread.name for thread in waited if thread.is_alive()]


def take_state(state_dir: Path) -> IO[bytes]:
    """Hold ``state_dir`` until the file returned is closed. Raises StateInUseError when another holds it."""
    file = (state_dir / LOCK_FILE).open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise StateInUseError(f"another process holds {state_dir}") from error
    return file


def _ignore_in_main(_number: int, _frame: FrameType | None) -> None:
    return None


def _tell_supervisor(state: str) -> None:
    """Tell systemd, where it started this process and wants to know (sd_notify(3)). One that does not listen any more is no trouble of ours."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address.startswith(("/", "@")):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as supervisor, suppress(OSError):
            supervisor.sendto(state.encode(), address.replace("@", "\0", 1) if address.startswith("@") else address)
