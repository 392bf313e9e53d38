"""``xinqiao draw``: an auditor's staff look at what its draws came to. The process conducts them by itself."""

from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from nodes.auditor.draws.role import REPORTS
from nodes.auditor.settings import AuditorSettings
from nodes.commands.output import ExitCode, JsonFlag, of_form, reporting
from nodes.errors import NotReadyError
from nodes.runtime.clock import Timer
from scoring.statements import Name

PAUSE_S = 0.5
KINDS = {"columns": "列 columns", "rows": "行 rows", "failure": "失败的放行单 failed ticket"}

app = typer.Typer(no_args_is_help=True, help="Audit draws of this auditor's process.")


@app.callback()
def _group() -> None:
    """Audit draws of this auditor's process."""


@app.command("show")
def show(
    epoch: Annotated[str, typer.Argument(help="The epoch's name, such as e1995.", callback=of_form(Name))],
    config: Annotated[Path, typer.Option(help="The auditor's TOML file.")],
    wait: Annotated[float, typer.Option(help="Seconds to wait for the first outcome; 0 looks once.", min=0)] = 0.0,
    as_json: JsonFlag = False,
) -> None:
    """What was drawn of an epoch, opened, and compared with the records shown: item by item, as the auditor keeps it.

    Exit code 0: all of it agrees; 1: something does not, or was not opened; 4: there is no outcome yet.
    """
    with reporting(as_json) as report:
        directory, timer, pause = AuditorSettings.load(config).state_dir / REPORTS, Timer(wait), threading.Event()
        while not (draws := read_accounts(directory, epoch)):
            if timer.left_s() <= 0:
                raise NotReadyError(f"no draw over epoch {epoch} has an outcome yet")
            pause.wait(PAUSE_S)
        agrees = all(item["outcome"] == "AGREES" for draw in draws for item in draw["items"])
        document = {"epoch": epoch, "agrees": agrees, "draws": draws}
        report.result(document, _text(document), ExitCode.DONE if agrees else ExitCode.NOT_HOLDING)


def read_accounts(directory: Path, epoch: str) -> list[dict[str, Any]]:
    """The auditor's accounts of an epoch's draws and failures, by name of their file."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(directory.glob(f"{epoch}-*.json"))]
    return [account for account in found if account["epoch"] == epoch]


def _text(document: dict[str, Any]) -> str:
    lines = []
    for draw in document["draws"]:
        items = draw["items"]
        subjects = sum(item["subjects"] for item in items)
        lines.append(f"抽查 draw of {KINDS[draw['draw']]}, epoch {draw['epoch']}: {len(items)} items, {subjects} records compared")
        for member, outcomes in _by_member(items).items():
            lines.append(f"  {member}: " + ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())))
        lines += [
            f"    leaf {item['leaf_index']} position {item['position']}: {item['outcome']} {item['detail']}" for item in items if item["detail"]
        ]
    lines.append("全部相符 everything agrees" if document["agrees"] else "有不相符项 something does not agree, or was not opened")
    return "\n".join(lines)


def _by_member(items: list[dict[str, Any]]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for item in items:
        found.setdefault(item["member"], Counter())[item["outcome"]] += 1
    return dict(sorted(found.items()))
