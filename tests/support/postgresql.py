"""A PostgreSQL server of the tests' own, from Debian's packages, on a socket."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
SETTINGS = "-c listen_addresses='' -c max_connections=500 -c shared_buffers=64MB -c fsync=off -c full_page_writes=off"
"""Nothing waits for the disk: the server may be killed, the machine is not."""


class Server:
    """A running server whose cluster is in ``directory``; ``url`` is that of a superuser in its first database."""

    def __init__(self, directory: Path) -> None:
        self.directory, self._as_user = directory, list[str]()
        if os.geteuid() == 0:
            shutil.chown(directory, "postgres", "postgres")
            self._as_user = ["runuser", "-u", "postgres", "--"]
        self.url = f"postgresql+psycopg://xinqiao@/postgres?host={directory}"

    def run(self, program: str, *arguments: str) -> None:
        """One of the server's programs over the cluster."""
        command = [*self._as_user, str(BINARIES[-1] / program), "-D", str(self.directory / "data"), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd="/")

    def start(self) -> None:
        self.run("pg_ctl", "-w", "-l", str(self.directory / "log"), "-o", f"-k {self.directory} {SETTINGS}", "start")

    def stop(self, mode: str = "immediate") -> None:
        self.run("pg_ctl", "-w", "-m", mode, "stop")

    @contextmanager
    def database(self, options: str = "") -> Iterator[str]:
        """URL of an empty database, which is dropped at the end of the block."""
        name = f"test_{secrets.token_hex(6)}"
        self._do(f"CREATE DATABASE {name} {options}")
        try:
            yield make_url(self.url).set(database=name).render_as_string(hide_password=False)
        finally:
            self._do(f"DROP DATABASE {name} WITH (FORCE)")

    def _do(self, statement: str) -> None:
        server = create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with server.connect() as connection:
            connection.exec_driver_sql(statement)


@contextmanager
def running_server() -> Iterator[Server]:
    """A new cluster that sorts by bytes, served until the end of the block. Requires BINARIES."""
    directory = Path(tempfile.mkdtemp(prefix="xq-pg-", dir="/tmp"))  # short: a socket's path has at most 107 bytes
    server = Server(directory)
    server.run("initdb", "-A", "trust", "-U", "xinqiao", "-E", "UTF8", "--no-locale")
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory)
