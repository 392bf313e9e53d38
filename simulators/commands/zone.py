"""``xinqiao zone``: a whole zone on this machine: make it, run it, look at it."""

from __future__ import annotations

import json
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from nodes.commands.output import ExitCode, JsonFlag, reporting
from nodes.errors import SettingsError, StateInUseError
from nodes.packs import shipped_pack
from nodes.runtime.process import READY_FILE
from scoring.indicators.model import load_pack
from scoring.statements import DisclosurePolicy, parse_record
from simulators.zone.build import build_zone, processes_of
from simulators.zone.layout import demo_plan, plan_for
from simulators.zone.processes import START_S

app = typer.Typer(
    no_args_is_help=True, help="A whole zone on this machine; one that several organisations found; until when a zone's registry holds."
)
WATCH_S = 1.0

Directory = Annotated[Path, typer.Argument(help="The zone's directory.")]


@app.callback()
def _group() -> None:
    """A whole zone on this machine; one that several organisations found; until when a zone's registry holds."""


@app.command("init")
def init(
    directory: Directory,
    pack: Annotated[list[str] | None, typer.Option(help="Indicator model to admit: the id of a shipped pack; may be repeated.")] = None,
    pack_file: Annotated[list[Path] | None, typer.Option(help="Indicator model to admit, from a YAML file; may be repeated.")] = None,
    zone: Annotated[str | None, typer.Option(help="The zone's id; that of the first pack's zone, or hangzhou-binjiang, when absent.")] = None,
    threshold: Annotated[int, typer.Option(help="Custodians, of five, needed to open anything.")] = 3,
    witnesses: Annotated[int, typer.Option(help="Witnesses of the log: 1, for development, or 3, of which two must sign.")] = 1,
    disclosure: Annotated[Path | None, typer.Option(help="Disclosure policy as JSON; what it does not name keeps its default.")] = None,
    key_bits: Annotated[int, typer.Option(help="Length of the key: 3072 (128-bit security) or 2048 (112-bit).")] = 3072,
    base_port: Annotated[int | None, typer.Option(help="First port; free ones are taken when absent.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a zone in DIRECTORY: certificate authority, members' keys, registry, key ceremony, one configuration a process."""
    with reporting(as_json) as report:
        if key_bits not in {2048, 3072}:
            raise SettingsError("--key-bits is 3072, or 2048 for 112-bit security")
        if witnesses not in {1, 3}:
            raise SettingsError("--witnesses is 1 or 3")
        packs = [shipped_pack(name) for name in pack or ()] + [path.read_bytes() for path in pack_file or ()]
        models = [load_pack(item) for item in packs]
        plan = plan_for(models, threshold=threshold, witnesses=witnesses) if models else demo_plan(threshold=threshold, witnesses=witnesses)
        if zone is not None:
            plan = replace(plan, zone=zone)
        if disclosure is not None:
            plan = replace(plan, disclosure=parse_record(DisclosurePolicy, disclosure.read_bytes()))
        if plan.development:
            report.progress("one witness: a zone for development; --witnesses 3 makes one whose log cannot show two histories unseen")
        configs = build_zone(plan, directory, packs, key_bits=key_bits, base_port=base_port, progress=report.progress)
        document = {"zone": plan.zone, "directory": str(directory), "processes": {name: str(path) for name, path in configs.items()}}
        report.result(document, f"zone {plan.zone} with {len(configs)} processes is in {directory}; start it with: xinqiao zone up {directory}")


@app.command("up")
def up(directory: Directory, as_json: JsonFlag = False) -> None:
    """Run every process of the zone in DIRECTORY until Ctrl-C or SIGTERM; ends with an error when one of them ends by itself."""
    with reporting(as_json) as report, processes_of(directory) as processes:
        running = [name for name in processes.names() if _status(directory / "state" / name, name)["state"] == "ready"]
        if running:
            raise StateInUseError(f"the zone in {directory} runs already: {', '.join(running)}")
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        processes.start()
        processes.wait_ready(START_S)
        gateway = json.loads((directory / "endpoints.json").read_text(encoding="utf-8"))["gateway"]
        report.progress(f"{len(processes.names())} processes run; the gateway answers at {gateway}")
        while not stopping.wait(WATCH_S):
            processes.check()
        report.result({"processes": processes.names(), "stopped": True}, "stopped")


@app.command("status")
def status(directory: Directory, as_json: JsonFlag = False) -> None:
    """Which processes of the zone in DIRECTORY are ready. Exit code 1 when one is not."""
    with reporting(as_json) as report:
        rows = [_status(directory / "state" / name, name) for name in processes_of(directory).names()]
        text = "\n".join(f"{row['name']:24} {row['state']:8} {row['pid'] or ''}" for row in rows)
        everything = all(row["state"] == "ready" for row in rows)
        report.result({"processes": rows}, text, ExitCode.DONE if everything else ExitCode.NOT_HOLDING)


def _status(state: Path, name: str) -> dict[str, Any]:
    try:
        pid = int(json.loads((state / READY_FILE).read_text(encoding="utf-8"))["pid"])
        os.kill(pid, 0)
    except FileNotFoundError:
        return {"name": name, "state": "stopped", "pid": None}
    except (ProcessLookupError, PermissionError):  # gone; somebody else's process may have its number now
        return {"name": name, "state": "died", "pid": None}
    return {"name": name, "state": "ready", "pid": pid}
