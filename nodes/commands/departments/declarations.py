"""``xinqiao connector declarations``: what a department's node read at customs clients: declarations with their history, and what needs a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from connectors.customs.records import SingleWindow
from connectors.outside import shown
from nodes.commands.output import ExitCode, JsonFlag, reporting
from nodes.department.settings import DepartmentSettings
from nodes.errors import NotFoundError
from nodes.records.sources import open_sources
from nodes.runtime.files import make_private_directory

MOST_LISTED = 1_000
_FLOWS = {"E": "出口 export", "I": "进口 import"}


def declarations(
    config: Annotated[Path, typer.Argument(help="The department's TOML file.")],
    exceptions: Annotated[bool, typer.Option("--exceptions", help="Only what needs a person. Exit code 1 when there is something.")] = False,
    connector: Annotated[str, typer.Option(help="Of this connector alone.")] = "",
    uscc: Annotated[str, typer.Option(help="Of this trader alone.")] = "",
    year: Annotated[str, typer.Option(help="Of this year of declaration alone.")] = "",
    limit: Annotated[int, typer.Option(help="So many of each connector, the newest.", min=1, max=MOST_LISTED)] = 100,
    as_json: JsonFlag = False,
) -> None:
    """Show customs declarations as the node's single-window connectors joined them: status, every receipt, and what needs a person.

    That is, with --exceptions: declarations in trouble, answers whose declaration is not here, failures of the client, files of which
    something was not taken. The node may run meanwhile; nothing is read anew here (`connector run --once` does that).
    """
    with reporting(as_json) as report:
        clients = [client for client in _clients(DepartmentSettings.load(config)) if connector in {"", client.id}]
        if not clients:
            raise NotFoundError(f"{config} names no connector of kind single-window{f' called {connector}' if connector else ''}")
        found = {client.id: _found(client, exceptions, uscc, year, limit) for client in clients}
        code = ExitCode.NOT_HOLDING if exceptions and any(any(parts.values()) for parts in found.values()) else ExitCode.DONE
        lines = (shown(line) for name, parts in found.items() for line in _lines(name, parts))  # a note that has lines of its own makes none
        report.result({"connectors": found}, "\n".join(lines), code)


def _clients(settings: DepartmentSettings) -> list[SingleWindow]:
    state_dir = make_private_directory(settings.state_dir) / "department"
    connectors = [source.connector for source in open_sources(settings.department, state_dir, settings.database_url)]
    return [connector for connector in connectors if isinstance(connector, SingleWindow)]


def _found(client: SingleWindow, exceptions: bool, uscc: str, year: str, limit: int) -> dict[str, list[dict[str, Any]]]:
    store = client.store
    if not exceptions:
        return {"declarations": store.declarations(uscc, year, limit)}
    troubled = [item for item in store.exceptions(limit) if uscc in {"", item["uscc"]} and item["declared_on"].startswith(year)]
    named = bool(uscc or year)  # what belongs to no declaration belongs to no trader and no year
    return {
        "declarations": troubled,
        "waiting": [] if named else store.waiting(limit),
        "failures": [] if named else store.failures(limit),
        "refused": [] if named else store.refused()[:limit],
    }


def _lines(name: str, parts: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    counts = ", ".join(f"{len(items)} {part}" for part, items in parts.items())
    yield f"{name}: {counts}"
    for item in parts["declarations"]:
        yield from _declaration(item)
    for item in parts.get("waiting", ()):
        yield f"  无报关单 answers without a declaration: {', '.join((*item['seq_nos'], *item['client_seq_nos']))}"
        yield from _history(item)
    for item in parts.get("failures", ()):
        yield f"  客户端失败 the client failed: {item['code']} {item['info']} ({item['origin']})"
    for item in parts.get("refused", ()):
        yield f"  未读入 not taken: {item['file']}: {'; '.join(item['faults'])}"


def _declaration(item: Mapping[str, Any]) -> Iterator[str]:
    status = item["status"]
    numbers = ", ".join((*item["entry_ids"], *item["seq_nos"], *item["client_seq_nos"]))
    totals = " ".join(f"{amount} {currency}" for currency, amount in item["totals"].items())
    said = "尚无回执 no answer yet" if status is None else f"{status['zh']} {status['en']} ({status['code']})"
    flow = _FLOWS.get(item["flow"], item["flow"])
    yield f"  {item['declared_on'] or '–':10}  {flow}  {item['uscc']} {item['company']}  {totals}  [{numbers}]: {said}"
    yield from _history(item)
    yield from (f"      请处理 needs a person: {trouble['zh']} {trouble['en']}" for trouble in item["troubles"])


def _history(item: Mapping[str, Any]) -> Iterator[str]:
    for step in item["history"]:
        note = f": {step['note']}" if step["note"] else ""
        yield f"      {step['at']}  {step['code']}  {step['zh']} {step['en']}{note}"
