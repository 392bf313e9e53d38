"""Writes the migration that a changed table needs: ``python -m nodes.runtime.migrations KIND "what changes"``, for whoever changes the program.

What was renamed is seen as something gone and something new: read the file before it is committed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from alembic import command

from nodes.runtime.database import connect
from nodes.runtime.migrations.catalogue import TABLES, metadata_of, revisions, versions_of
from nodes.runtime.migrations.history import configuration
from nodes.runtime.migrations.upgrading import bring_up_to_date

USAGE = f'usage: python -m nodes.runtime.migrations KIND "what changes"\nkinds: {", ".join(TABLES)}'


def write_migration(kind: str, message: str) -> Path | None:
    """Write the next revision of ``kind``, from what its history makes to what its tables are now. None when nothing differs."""
    known = revisions(kind)
    versions_of(kind).mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        engine = connect(Path(directory) / "state" / "old.db", "", "")
        if known:
            bring_up_to_date(engine, kind)
        written: list[bool] = []

        def directives(_context: Any, _revision: Any, scripts: list[Any]) -> None:
            if scripts[0].upgrade_ops.is_empty():
                scripts.clear()
            written.append(bool(scripts))

        with engine.connect() as connection:
            config = configuration(kind, connection=connection, metadata=metadata_of(kind), directives=directives)
            made: Any = command.revision(config, message, autogenerate=True, rev_id=f"{kind}_{len(known) + 1:04d}")
        engine.dispose()
    return _tidied(Path(made.path)) if any(written) else None


def main(arguments: list[str]) -> int:
    """Exit code 0 when a file was written or none is needed, 2 for a wrong call."""
    if len(arguments) != 2 or arguments[0] not in TABLES:
        print(USAGE, file=sys.stderr)
        return 2
    path = write_migration(arguments[0], arguments[1][:1].upper() + arguments[1][1:])
    if path is None:
        print(f"{arguments[0]}: tables and migrations agree, nothing to write")
        return 0
    print(f"{path}: read it, and commit it with the change")
    return 0


def _tidied(path: Path) -> Path:
    """Without Alembic's notes to whoever runs it, and in the project's format."""
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if not line.lstrip().startswith("# ###")))
    for step in (("format",), ("check", "--fix")):
        subprocess.run([sys.executable, "-m", "ruff", *step, "--quiet", str(path)], check=True)
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
