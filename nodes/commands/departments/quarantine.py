"""``xinqiao connector run`` and ``xinqiao connector quarantine``: an operator's hand at the way into a department's records.

Both work beside the running node, over the same database: node and commands take turns at each source, and the node revises what changed
when it looks next. What is in quarantine is shown on this machine only.
"""

from __future__ import annotations

import csv
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from connectors.errors import DeliveryError
from connectors.outside import cell_text, meant
from connectors.records import Malformed
from nodes.commands.output import ExitCode, JsonFlag, Report, reporting
from nodes.department.role import open_records
from nodes.department.settings import DepartmentSettings
from nodes.errors import NotFoundError, RecordFileError
from nodes.records.deliveries import Health, Intake
from nodes.records.quarantine import Quarantine, Quarantined
from nodes.records.runner import Runner, turns_of
from nodes.records.sources import Source, open_sources
from nodes.runtime import logging
from nodes.runtime.clock import now
from nodes.runtime.files import PRIVATE_FILE, make_private_directory

WAIT_S = 30.0
COLUMNS = ("id", "connector", "delivery", "place", "field", "reason", "header", "content")
_LONGEST_CELL = 1 << 20
Config = Annotated[Path, typer.Argument(help="The department's TOML file.")]
Only = Annotated[str, typer.Option("--connector", help="Of this connector alone.")]

app = typer.Typer(no_args_is_help=True, help="What connectors could not take, and what became of it.")


@app.callback()
def _group() -> None:
    """What connectors could not take, and what became of it."""


@dataclass(frozen=True, slots=True)
class _Department:
    """The way into a department's records, opened beside its node."""

    settings: DepartmentSettings
    sources: dict[str, Source]
    intake: Intake
    quarantine: Quarantine


def run(
    config: Config,
    once: Annotated[bool, typer.Option("--once", help="Look at every source once and end; else go on until Ctrl-C.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Take what a department's sources have into its records, beside its running node or without it.

    Exit code 0: everything new was taken; 1: some of it waits in quarantine now; 4: a source could not be read, or another process reads it.
    """
    with reporting(as_json) as report, _opened(config) as department:
        stopping = threading.Event()
        connectors = [source.connector for source in department.sources.values()]
        runner = Runner(department.intake, connectors, turns_of(department.settings.state_dir / "department", stopping))
        before = {health.connector: health for health in runner.health()}
        new = runner.run(WAIT_S)
        try:
            while not once:
                report.progress(f"{new} deliveries so far; looking again in {department.settings.department.scan_s:g} s, Ctrl-C ends")
                stopping.wait(department.settings.department.scan_s)
                new += runner.run(WAIT_S)
        except KeyboardInterrupt:
            report.progress("ended")
        _tell(report, new, before, runner.health())


@app.command("list")
def list_(config: Config, connector: Only = "", as_json: JsonFlag = False) -> None:
    """Show what waits for a person. Exit code 0: nothing waits; 1: something does."""
    with reporting(as_json) as report, _opened(config) as department:
        waiting = list(department.quarantine.waiting(connector))
        text = "\n".join(_line(part) for part in waiting) or "无待处理内容 nothing waits"
        report.result({"waiting": [_row(part) for part in waiting]}, text, ExitCode.NOT_HOLDING if waiting else ExitCode.DONE)


@app.command("export")
def export(
    config: Config,
    out: Annotated[Path, typer.Option("-o", "--out", help="The CSV file to write; it must not be there yet.")],
    connector: Only = "",
    as_json: JsonFlag = False,
) -> None:
    """Write what waits as CSV for whoever corrects it: correct the column content, and give the file to ``retry``."""
    with reporting(as_json) as report, _opened(config) as department:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
        count = 0
        with os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="") as stream:  # a spreadsheet knows UTF-8 by its BOM
            writer = csv.writer(stream)
            writer.writerow(COLUMNS)
            for part in department.quarantine.waiting(connector):
                writer.writerow([cell_text(str(_row(part)[name])) for name in COLUMNS])
                count += 1
        report.result({"parts": count, "file": str(out)}, f"{out}: {count} 条 parts")


@app.command("retry")
def retry(
    config: Config,
    file: Annotated[Path | None, typer.Argument(help="A corrected export. Without it all that waits is read again as it stands.")] = None,
    connector: Only = "",
    as_json: JsonFlag = False,
) -> None:
    """Read what was quarantined again, corrected or under a corrected mapping. What is right now is taken; the rest waits on.

    Exit code 0: all of it was taken; 1: some of it still waits.
    """
    with reporting(as_json) as report, _opened(config) as department:
        corrected = _corrections(file) if file is not None else None
        taken = 0
        wrong: list[dict[str, Any]] = []
        waiting = list(department.quarantine.waiting(connector))
        if corrected is not None:
            waiting = [part for part in waiting if part.id in corrected]
            wrong = [
                {"id": id_, "reason": "does not wait in quarantine 不在待处理之列"}
                for id_ in sorted(corrected.keys() - {part.id for part in waiting})
            ]
        for part in waiting:
            reason = _again(department, part, part.content if corrected is None else corrected[part.id])
            taken += not reason
            wrong += [{"id": part.id, "reason": reason}] if reason else []
        text = "\n".join([f"{taken} 条已读入 taken, {len(wrong)} 条仍待处理 still wait", *(f"  {item['id']}: {item['reason']}" for item in wrong)])
        report.result({"taken": taken, "waiting": wrong}, text, ExitCode.NOT_HOLDING if wrong else ExitCode.DONE)


@app.command("dismiss")
def dismiss(
    config: Config,
    numbers: Annotated[list[int], typer.Argument(help="Numbers of the parts.")],
    as_json: JsonFlag = False,
) -> None:
    """Let parts wait no more, because they were seen to otherwise, for instance delivered again."""
    with reporting(as_json) as report, _opened(config) as department:
        count = department.quarantine.dismiss(numbers)
        if count < len(set(numbers)):
            raise NotFoundError(
                f"{len(set(numbers)) - count} of these numbers do not wait in quarantine; {count} were dismissed 部分编号不在待处理之列"
            )
        report.result({"dismissed": count}, f"{count} 条 dismissed")


@contextmanager
def _opened(config: Path) -> Iterator[_Department]:
    settings = DepartmentSettings.load(config)
    logging.configure(settings.member, settings.log_level)
    state_dir = make_private_directory(settings.state_dir) / "department"
    sources = {source.connector.id: source for source in open_sources(settings.department, state_dir, settings.database_url)}
    engine = open_records(state_dir, settings.database_url)
    try:
        intake = Intake(engine, now)
        yield _Department(settings, sources, intake, Quarantine(engine, intake))
    finally:
        engine.dispose()


def _tell(report: Report, new: int, before: dict[str, Health], after: list[Health]) -> None:
    rows = [
        {
            "connector": health.connector,
            "new_deliveries": health.deliveries - before[health.connector].deliveries,
            "quarantined": max(health.waiting - before[health.connector].waiting, 0),
            "waiting": health.waiting,
            "failure": health.failure,
        }
        for health in after
    ]
    text = "\n".join(
        f"{row['connector']}: {row['new_deliveries']} 批新数据 new deliveries, {row['waiting']} 条待处理 parts wait in quarantine"
        + (f"; 无法读取 cannot be read: {row['failure']}" if row["failure"] else "")
        for row in rows
    )
    code = ExitCode.UNAVAILABLE if any(row["failure"] for row in rows) else ExitCode.NOT_HOLDING if any(row["quarantined"] for row in rows) else 0
    report.result({"deliveries": new, "connectors": rows}, text, ExitCode(code))


def _again(department: _Department, part: Quarantined, content: str) -> str:
    """Why ``part`` still waits; empty when it was taken."""
    source = department.sources.get(part.origin.connector)
    if source is None:
        return f"the configuration names no connector {part.origin.connector} 配置中没有此连接器"
    try:
        wrong: tuple[Malformed, ...] = department.quarantine.retry(part, source.again, content)
    except DeliveryError as error:
        return str(error)
    return "; ".join(f"{item.field}: {item.reason}" if item.field else item.reason for item in wrong)


def _corrections(path: Path) -> dict[int, str]:
    """Number → corrected content. Raises RecordFileError when the file is no export."""
    csv.field_size_limit(_LONGEST_CELL)
    try:
        return _read_corrections(path)
    except UnicodeDecodeError as error:
        raise RecordFileError(f"{path} is not UTF-8: save it as “CSV UTF-8”, as the export was 请另存为该格式") from error


def _read_corrections(path: Path) -> dict[int, str]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        if not {"id", "content"} <= set(reader.fieldnames or ()):
            raise RecordFileError(f"{path}, line 1: an export has the columns id and content 导出表须有这两列")
        found: dict[int, str] = {}
        for row in reader:
            if not (row["id"] or "").isdecimal() or row["content"] is None:
                raise RecordFileError(f"{path}, line {reader.line_num}: a number and a content are expected 须有编号和内容")
            found[int(row["id"])] = meant(row["content"])
    return found


def _row(part: Quarantined) -> dict[str, Any]:
    return {
        "id": part.id,
        "connector": part.origin.connector,
        "delivery": part.origin.delivery,
        "place": part.origin.place,
        "field": part.field,
        "reason": part.reason,
        "header": part.header,
        "content": part.content,
        "recorded_at": part.recorded_at,
    }


def _line(part: Quarantined) -> str:
    day = datetime.fromtimestamp(part.recorded_at, UTC).date().isoformat()
    where = ", ".join(text for text in (part.origin.connector, part.origin.delivery, part.origin.place) if text)
    return f"{part.id}  {day}  {where}: {part.field or '整行 row'}: {part.reason} | {' '.join(part.content[:80].split())}"
