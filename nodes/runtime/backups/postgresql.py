"""PostgreSQL's own tools: pg_dump of a process's schemas in one snapshot, pg_restore into a database that has none of them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.engine import make_url

from nodes.errors import BackupUnusableError


def dump(url: str, schemas: Sequence[str], snapshot: str, to: Path) -> None:
    """Write ``schemas`` of ``url`` as of an exported ``snapshot`` to ``to``. Raises BackupUnusableError when the tool is missing or fails."""
    wanted = [f"--schema={_exactly(schema)}" for schema in schemas]
    _run("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={to}", *wanted)


def restore(url: str, file: Path) -> None:
    """Make what ``file`` holds in ``url``, all or nothing. Raises BackupUnusableError when the tool is missing or fails."""
    _run("pg_restore", url, "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", str(file))


def check(file: Path) -> None:
    """Read ``file`` to its end. Raises BackupUnusableError when it cannot be, or the tool is missing."""
    _run("pg_restore", "", "--file=/dev/null", str(file))


def _exactly(schema: str) -> str:
    quoted = schema.replace('"', '""')
    return f'"{quoted}"'


def _run(program: str, url: str, *arguments: str) -> None:
    """Raises BackupUnusableError. The password is handed over in the environment, where other users do not see it."""
    path = shutil.which(program)
    if path is None:
        raise BackupUnusableError(f"{program} is not installed: on Debian, apt-get install postgresql-client of the server's version or newer")
    environment, place = dict(os.environ), list[str]()
    if url:
        parsed = make_url(url).set(drivername="postgresql")
        environment |= {"PGPASSWORD": str(parsed.password)} if parsed.password else {}
        place = [f"--dbname={parsed._replace(password=None).render_as_string(hide_password=False)}"]
    command = [path, *place, *arguments]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if ended.returncode:
        raise BackupUnusableError(f"{program}: {ended.stderr.strip()}")
