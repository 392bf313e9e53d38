"""``xinqiao database``: at which version a process's databases are, whether they are as the program needs them, and how they change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from nodes.commands.output import ExitCode, JsonFlag, reporting
from nodes.errors import NotFoundError
from nodes.runtime import logging
from nodes.runtime.lease import Lease
from nodes.runtime.migrations.agreement import differences
from nodes.runtime.migrations.catalogue import revisions
from nodes.runtime.migrations.found import Found, databases_of
from nodes.runtime.migrations.upgrading import bring_up_to_date, downgrade
from nodes.runtime.process import take_state
from nodes.runtime.settings import AnyRoleSettings, role_of

app = typer.Typer(no_args_is_help=True, help="The databases of a process (数据库): their version, and how they change it.")
MAY_BE_TWO = frozenset({"coordinator", "gateway"})
Config = Annotated[Path, typer.Option(help="The TOML file of the process.")]


@app.callback()
def _group() -> None:
    """The databases of a process."""


@app.command("current")
def current(config: Config, as_json: JsonFlag = False) -> None:
    """At which revision each database is, and at which the program. May run beside the process."""
    with reporting(as_json) as report:
        rows = [_row(found) for found in databases_of(AnyRoleSettings.load(config))]
        report.result({"databases": rows}, "\n".join(map(_line, rows)) or "no database yet: the process makes them when it starts")


@app.command("check")
def check(config: Config, as_json: JsonFlag = False) -> None:
    """Compare every database with the tables that the program needs. Exit code 1 when one is older, newer or otherwise different."""
    with reporting(as_json) as report:
        rows = []
        for found in databases_of(AnyRoleSettings.load(config)):
            row = _row(found)
            rows.append({**row, "differences": differences(found.engine, found.kind) if row["state"] == "current" else []})
        well = all(row["state"] == "current" and not row["differences"] for row in rows)
        lines = [line for row in rows for line in (_line(row), *(f"  {each}" for each in row["differences"]))]
        report.result({"databases": rows}, "\n".join(lines) or "no database yet", ExitCode.DONE if well else ExitCode.NOT_HOLDING)


@app.command("upgrade")
def upgrade(config: Config, as_json: JsonFlag = False) -> None:
    """Bring every database of a stopped process to the program's revision, as its next start would. SQLite files are copied before."""
    with reporting(as_json) as report, _stopped(config) as settings:
        done = []
        for found in databases_of(settings):
            if found.revision != found.newest:
                report.progress(f"{found.name}: {found.revision or 'no revision'} → {found.newest}")
                bring_up_to_date(found.engine, found.kind)
                done.append({"database": found.name, "before": found.revision, "after": found.newest})
        report.result({"upgraded": done}, f"{len(done)} upgraded")


@app.command("downgrade")
def downgrade_(
    config: Config,
    database: Annotated[str, typer.Option(help="Which one, as 'database current' names it.")],
    to: Annotated[str, typer.Option(help="The revision to go back to, such as log_0001.")],
    as_json: JsonFlag = False,
) -> None:
    """Take back the changes of one database of a stopped process after a revision, for an older program; what only they held is gone.

    It is the newer program that knows how to take its changes back: run this before the older one is installed.
    """
    with reporting(as_json) as report, _stopped(config) as settings:
        for found in databases_of(settings):
            if found.name == database:
                if to not in revisions(found.kind):
                    raise NotFoundError(f"{database} has no revision {to}: there are {', '.join(revisions(found.kind))}")
                downgrade(found.engine, found.kind, to)
                report.result({"database": database, "before": found.revision, "after": to}, f"{database}: {found.revision} → {to}")
                return
        raise NotFoundError(f"the process has no database {database}: see 'xinqiao database current --config {config}'")


@contextmanager
def _stopped(config: Path) -> Iterator[AnyRoleSettings]:
    """The settings of a process whose state nobody else holds meanwhile. Raises StateInUseError when it runs, InstanceLeadsError when the other
    instance behind its database does."""
    settings = AnyRoleSettings.load(config)
    logging.configure(settings.member, settings.log_level)
    role = role_of(config)
    lease = Lease(f"{settings.zone}/{role}", settings.database_url if role in MAY_BE_TWO else "")
    with take_state(settings.state_dir), lease.held():
        yield settings


def _row(found: Found) -> dict[str, Any]:
    state = "newer" if found.newer else "current" if found.revision == found.newest else "older"
    return {"database": found.name, "kind": found.kind, "revision": found.revision, "program": found.newest, "state": state}


def _line(row: dict[str, Any]) -> str:
    said = {"current": "", "older": "  older than the program: its next start upgrades it", "newer": "  NEWER than the program, which refuses it"}
    return f"{row['database']:24} {row['revision'] or 'none':20}{said[str(row['state'])]}"
