"""Loaded by Python itself where this directory is on PYTHONPATH: makes a real process of the zone meet faults, without a hook in its code.

Durable writes are found where they end: in the commit of a SQLite transaction and in ``os.fsync``, of a file or of a directory. Each
has a *step*, ``module:function commit|file|directory``, the function being the innermost of ours that is not the storage layer itself.
$FAULTS_DIR holds the orders, looked at on every write, so that a test can give them while the process runs (see ``tests.support.faults.orders``):

``clock/<process>``  seconds that this process's wall clock is ahead, read once, at the start
``fail/<process>``   ``{step: [errno, "before" or "after"]}``: the step fails, before or after it took effect
``kill/<process>``   while it, or ``kill/every``, exists, the process is killed (SIGKILL) before and after each step; each (step, moment)
                     kills once in all processes together: ``killed/`` remembers
``kill-by-chance``   ``seed chance``: the process is killed at a write with this chance; read once, at the start
"""

import errno
import json
import os
import random
import signal
import sqlite3
import stat
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from sqlite3 import dbapi2
from types import FrameType
from typing import Any

ROOT = Path(__file__).parents[4]
STORAGE_LAYER = {"nodes/runtime/database", "nodes/runtime/files"}
OURS = ("nodes/", "gateway/")


def module_of(frame: FrameType) -> str:
    """nodes/…/module of a frame of ours; empty for all others."""
    path = frame.f_code.co_filename
    relative = path.removeprefix(f"{ROOT}/").removesuffix(".py")
    return relative if relative != path.removesuffix(".py") and relative.startswith(OURS) else ""


def step_here(kind: str) -> str:
    """The step that the calling thread is at; empty where no function of ours is the cause."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        module = module_of(frame)
        if module and module not in STORAGE_LAYER:
            return f"{module}:{frame.f_code.co_qualname} {kind}"
        frame = frame.f_back
    return ""


class Faults:
    """Orders of this process."""

    def __init__(self, directory: Path, process: str) -> None:
        self.directory, self.process = directory, process
        self.ahead_s = float(self.read(f"clock/{process}") or 0)
        seed, chance = (self.read("kill-by-chance") or "none 0").split()
        life = len(list((directory / "lives").glob(f"{process}.*")))
        (directory / "lives" / f"{process}.{life}").touch()
        self.random, self.chance = random.Random(f"{seed}/{process}/{life}"), float(chance)
        self.lock = threading.Lock()

    def write(self, kind: str, act: Callable[[], Any], failure: Callable[[int], Exception]) -> Any:
        """Make a durable write, unless a fault is due."""
        step = step_here(kind)
        if not step:
            return act()
        self.meet(step, "before")
        code, moment = json.loads(self.read(f"fail/{self.process}") or "{}").get(step, (0, ""))
        if code and moment == "before":
            raise failure(code)
        result = act()
        if code:
            raise failure(code)
        self.meet(step, "after")
        return result

    def read(self, name: str) -> str:
        """An order; empty where none is given."""
        try:
            return (self.directory / name).read_text()
        except FileNotFoundError:
            return ""

    def meet(self, step: str, moment: str) -> None:
        with self.lock:
            due = self.random.random() < self.chance
        if due:
            self.claim("by-chance", f"{self.process} {time.monotonic_ns()}")
        ordered = any((self.directory / "kill" / name).exists() for name in (self.process, "every"))
        if due or (ordered and self.claim("killed", f"{step} {moment}")):
            os.kill(os.getpid(), signal.SIGKILL)

    def claim(self, folder: str, name: str) -> bool:
        """Whether this is the first time, in any process."""
        path = self.directory / folder / name.replace("/", ".")
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            return False
        return True


def of_grpc(frame: FrameType) -> bool:
    """Whether gRPC's Python asks for the time: it compares it with its C core's clock, which is not ours to shift."""
    return str(frame.f_globals.get("__name__", "")).startswith("grpc")


def install(faults: Faults) -> None:
    """Wrap the two ends of durable writes, and the wall clock."""
    fsync, connect, wall = os.fsync, dbapi2.connect, time.time

    def faulty_fsync(descriptor: Any) -> None:
        number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
        kind = "directory" if stat.S_ISDIR(os.fstat(number).st_mode) else "file"
        faults.write(kind, lambda: fsync(descriptor), lambda code: OSError(code, os.strerror(code)))

    class FaultyConnection(sqlite3.Connection):
        def commit(self) -> None:
            if self.in_transaction:
                faults.write("commit", super().commit, lambda code: sqlite3.OperationalError(f"disk I/O error {errno.errorcode[code]}"))

    def faulty_connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **{"factory": FaultyConnection, **kwargs})
        return connection

    library: Any = os
    library.fsync = faulty_fsync
    for library in (sqlite3, dbapi2):
        library.connect = faulty_connect
    if faults.ahead_s:
        time.time = lambda: wall() + (0 if of_grpc(sys._getframe(1)) else faults.ahead_s)


fault_directory = os.environ.get("FAULTS_DIR")
if fault_directory and sys.orig_argv[-1].endswith(".toml"):
    install(Faults(Path(fault_directory), Path(sys.orig_argv[-1]).stem))
