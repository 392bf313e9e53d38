"""``xinqiao values``: what enterprises say of a department's values, settled by the department's own people [V2, V3].

It works on the node's records while the node runs; a filing that is approved reaches an open epoch as any corrected record does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from nodes.commands.output import JsonFlag, reporting
from nodes.department.records.deliveries import Intake
from nodes.department.records.store import RecordStore
from nodes.department.role import open_records
from nodes.department.settings import DepartmentSettings
from nodes.department.values.book import Disputed, ValueBook, Waiting
from nodes.department.values.desk import examine_filing, settle_dispute
from nodes.runtime import logging
from nodes.runtime.clock import now

app = typer.Typer(no_args_is_help=True, help="Values that enterprises dispute or file, for the department that owns them.")
Config = Annotated[Path, typer.Argument(help="The department's TOML file.")]
Note = Annotated[str, typer.Option(help="The reason, shown to the enterprise.")]
Number = Annotated[int, typer.Argument(help="The filing's number, as `values list` shows it.")]


@app.callback()
def _group() -> None:
    """Values that enterprises dispute or file, for the department that owns them."""


@app.command("list")
def show(config: Config, as_json: JsonFlag = False) -> None:
    """Show open disputes, those due first in front, and filings that wait to be examined."""
    with reporting(as_json) as report, _opened(config) as office:
        at = now()
        disputes, waiting = office.book.disputes(), office.book.waiting()
        document = {
            "disputes": [
                {"uscc": one.uscc, "period": one.period, **asdict(one.held), "overdue": one.held.overdue(at)} for one in disputes
            ],
            "filings": [{"number": one.number, "uscc": one.uscc, "period": one.period, **asdict(one.filing)} for one in waiting],
        }  # fmt: skip
        lines = [f"异议 disputes: {len(disputes)}", *(_dispute(one, at) for one in disputes)]
        lines += [f"自主填报待审核 filings to examine: {len(waiting)}", *(_waiting(one) for one in waiting)]
        report.result(document, "\n".join(lines))


@app.command("uphold")
def uphold(
    config: Config,
    uscc: Annotated[str, typer.Argument(help="The enterprise's unified social credit code.")],
    period: Annotated[str, typer.Argument(help="The data period, for example 2023.")],
    field: Annotated[str, typer.Argument(help="The record field.")],
    note: Note,
    as_json: JsonFlag = False,
) -> None:
    """Stand by a disputed value. A value that is wrong is corrected in the system that it comes from: that settles its dispute."""
    with reporting(as_json) as report, _opened(config) as office:
        settle_dispute(office.book, office.records, uscc, period, field, note, now())
        report.result({"uscc": uscc, "period": period, "field": field, "state": "upheld"}, f"维持 upheld: {field}")


@app.command("approve")
def approve(config: Config, number: Number, note: Note = "", as_json: JsonFlag = False) -> None:
    """Approve a filing: it becomes a record of the department."""
    _examine(config, number, True, note, as_json)


@app.command("reject")
def reject(config: Config, number: Number, note: Note, as_json: JsonFlag = False) -> None:
    """Reject a filing with a reason."""
    _examine(config, number, False, note, as_json)


@dataclass(frozen=True, slots=True)
class _Office:
    book: ValueBook
    records: RecordStore
    intake: Intake


@contextmanager
def _opened(config: Path) -> Iterator[_Office]:
    settings = DepartmentSettings.load(config)
    logging.configure(settings.member, settings.log_level)
    engine = open_records(settings.state_dir / "department", settings.database_url)
    try:
        yield _Office(ValueBook(engine), RecordStore(engine), Intake(engine, now))
    finally:
        engine.dispose()


def _examine(config: Path, number: int, approved: bool, note: str, as_json: bool) -> None:
    with reporting(as_json) as report, _opened(config) as office:
        filing = examine_filing(office.book, office.intake, number, approved, note, now())
        document: dict[str, Any] = {"number": number, **asdict(filing)}
        report.result(document, f"{'通过 approved' if approved else '退回 rejected'}: {filing.field}")


def _dispute(one: Disputed, at: int) -> str:
    due = datetime.fromtimestamp(one.held.due, UTC).date().isoformat()
    late = "  逾期 overdue" if one.held.overdue(at) else ""
    return f"  {one.uscc} {one.period} {one.held.field} = {one.held.value!r}: {one.held.note!r}, 期限 due {due}{late}"


def _waiting(one: Waiting) -> str:
    return f"  {one.number}: {one.uscc} {one.period} {one.filing.field} = {one.filing.value!r} ({one.filing.note!r})"
