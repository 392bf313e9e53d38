"""``xinqiao values``: what enterprises say of a department's values, settled by the department's own people [V2, V3].

It works on the node's records while the node runs; a filing that is approved reaches an open epoch as any corrected record does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from nodes.commands.departments.department import PasswordFile, asked_password
from nodes.commands.output import JsonFlag, Report, of_form, reporting
from nodes.department.role import open_records, people_and_policy
from nodes.department.settings import DepartmentSettings
from nodes.department.values.book import ValueBook
from nodes.department.values.matters import Matter
from nodes.department.values.settlements import Outcome
from nodes.department.values.settling import Settling
from nodes.errors import SettingsError
from nodes.records.deliveries import Intake
from nodes.records.store import RecordStore
from nodes.runtime import logging
from nodes.runtime.clock import now
from scoring.errors import ValueStateError
from scoring.statements import Name

_STATES: dict[Outcome, str] = {"uphold": "upheld", "approve": "approved", "reject": "rejected"}
_WORDS = {"upheld": "维持", "approved": "通过", "rejected": "退回", "proposed": "已提交，待另一人签署"}
app = typer.Typer(no_args_is_help=True, help="Values that enterprises dispute or file, for the department that owns them.")
Config = Annotated[Path, typer.Argument(help="The department's TOML file.")]
Note = Annotated[str, typer.Option(help="The reason, shown to the enterprise.")]
Signer = Annotated[str | None, typer.Option("--person", help="Who settles it, where the department has people.", callback=of_form(Name))]
Number = Annotated[int, typer.Argument(help="The filing's number, as `values list` shows it.")]


@app.callback()
def _group() -> None:
    """Values that enterprises dispute or file, for the department that owns them."""


@app.command("list")
def show(config: Config, as_json: JsonFlag = False) -> None:
    """Show open disputes, those due first in front, and filings that wait to be examined, with who has signed what."""
    with reporting(as_json) as report, _opened(config) as opened:
        at, waiting = now(), opened.open()
        disputes, filings = ([item for item in waiting if item.kind == kind] for kind in ("dispute", "filing"))
        document = {
            "disputes": [{**_told(item), "state": "disputed", "due": item.due, "overdue": item.overdue(at)} for item in disputes],
            "filings": [{"number": item.filing, **_told(item), "state": "filed"} for item in filings],
        }
        lines = [f"异议 disputes: {len(disputes)}", *(_dispute(item, at) for item in disputes)]
        lines += [f"自主填报待审核 filings to examine: {len(filings)}", *(_waiting(item) for item in filings)]
        report.result(document, "\n".join(lines))


@app.command("uphold")
def uphold(
    config: Config,
    uscc: Annotated[str, typer.Argument(help="The enterprise's unified social credit code.")],
    period: Annotated[str, typer.Argument(help="The data period, for example 2023.")],
    field: Annotated[str, typer.Argument(help="The record field.")],
    note: Note,
    person: Signer = None,
    password_file: PasswordFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Stand by a disputed value. A value that is wrong is corrected in the system that it comes from: that settles its dispute."""
    with reporting(as_json) as report, _opened(config) as opened:
        _settle(report, opened, _dispute_of(opened, uscc, period, field), "uphold", note, (person, password_file))


@app.command("approve")
def approve(
    config: Config, number: Number, note: Note = "", person: Signer = None, password_file: PasswordFile = None, as_json: JsonFlag = False
) -> None:
    """Approve a filing: it becomes a record of the department."""
    with reporting(as_json) as report, _opened(config) as opened:
        _settle(report, opened, _filing_of(opened, number), "approve", note, (person, password_file))


@app.command("reject")
def reject(config: Config, number: Number, note: Note, person: Signer = None, password_file: PasswordFile = None, as_json: JsonFlag = False) -> None:
    """Reject a filing with a reason."""
    with reporting(as_json) as report, _opened(config) as opened:
        _settle(report, opened, _filing_of(opened, number), "reject", note, (person, password_file))


@contextmanager
def _opened(config: Path) -> Iterator[Settling]:
    settings = DepartmentSettings.load(config)
    logging.configure(settings.member, settings.log_level)
    engine, desk = open_records(settings.state_dir / "department", settings.database_url), settings.department.desk
    people, policy = people_and_policy(desk)
    try:
        book, records = ValueBook(engine), RecordStore(engine)
        yield Settling(settings.zone, settings.member, book, records, Intake(engine, now), people, policy.persons, now)
    finally:
        engine.dispose()


def _settle(report: Report, opened: Settling, matter: Matter, outcome: Outcome, note: str, signer: tuple[str | None, Path | None]) -> None:
    person, password_file = signer
    key = None
    if opened.people is not None:
        if person is None:
            raise SettingsError("this department has people: name who settles it with --person")
        key = opened.people.unlock(person, asked_password(password_file, confirm=False))
    settled = opened.settle(matter, outcome, note, key)
    state = _STATES[outcome] if settled else "proposed"
    about: dict[str, Any] = {"number": matter.filing} if matter.filing else {}
    about |= {name: getattr(matter, name) for name in ("uscc", "period", "field", "value")}
    waits = "" if settled else "; another person has to sign the same outcome and reason"
    report.result({**about, "state": state, "note": note}, f"{_WORDS[state]} {state}: {matter.field}{waits}")


def _filing_of(opened: Settling, number: int) -> Matter:
    """The filing that waits under ``number``. Raises NotFoundError, ValueStateError."""
    for matter in opened.open():
        if matter.filing == number and matter.kind == "filing":
            return matter
    raise ValueStateError(f"filing {number} was {opened.book.filed(number).filing.state} before")


def _dispute_of(opened: Settling, uscc: str, period: str, field: str) -> Matter:
    """The open dispute of a value. Raises ValueStateError."""
    for matter in opened.open():
        if (matter.kind, matter.uscc, matter.period, matter.field) == ("dispute", uscc, period, field):
            return matter
    raise ValueStateError(f"{field} of this enterprise is not disputed")


def _told(item: Matter) -> dict[str, Any]:
    said = {name: getattr(item, name) for name in ("uscc", "period", "field", "value", "version", "since", "note")}
    return {**said, "signed": [{"person": word.person, "outcome": word.outcome, "reason": word.reason} for word in item.words]}


def _dispute(item: Matter, at: int) -> str:
    due = datetime.fromtimestamp(item.due, UTC).date().isoformat()
    late = "  逾期 overdue" if item.overdue(at) else ""
    return f"  {item.uscc} {item.period} {item.field} = {item.value!r}: {item.note!r}, 期限 due {due}{late}{_signed(item)}"


def _waiting(item: Matter) -> str:
    return f"  {item.filing}: {item.uscc} {item.period} {item.field} = {item.value!r} ({item.note!r}){_signed(item)}"


def _signed(item: Matter) -> str:
    return "".join(f"\n    {word.outcome} by {word.person}: {word.reason!r}" for word in item.words)
