"""``xinqiao simulate``: the outside world alone, so that a real node can be pointed at it."""

from __future__ import annotations

import itertools
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from nodes.commands.output import JsonFlag, reporting
from nodes.errors import SettingsError
from nodes.packs import shipped_pack, shipped_packs
from nodes.runtime.files import make_private_directory
from scoring.indicators.model import load_pack
from simulators.commands.ending import end_on_sigterm
from simulators.demo.options import DEFAULT_ENTERPRISES
from simulators.demo.written.artifacts import write_json
from simulators.departments.api import SETTINGS
from simulators.departments.serving import Servers
from simulators.departments.systems import Surroundings, System, write_systems
from simulators.population import firm_panel
from simulators.population.generate import DEFAULT_YEAR
from simulators.population.naming import BRANDS
from simulators.population.register import publish_register
from simulators.population.select import population_for
from simulators.zone.layout import plan_for

app = typer.Typer(no_args_is_help=True, help="Stand-ins for the world outside a zone.")
FIRST_PORT = 8471
WATCH_S = 1.0


@app.callback()
def _group() -> None:
    """Stand-ins for the world outside a zone."""


@app.command("departments")
def departments(
    directory: Annotated[Path, typer.Argument(help="New directory: DIR/records/<member>/ for each department's node, DIR/systems.json.")],
    pack: Annotated[str, typer.Option(help=f"Indicator model whose records are held: {', '.join(shipped_packs())}.")] = "hangzhou-binjiang",
    enterprises: Annotated[int | None, typer.Option(help=f"Number of enterprises; default {DEFAULT_ENTERPRISES}, or all real firms.")] = None,
    year: Annotated[
        int | None, typer.Option(help=f"Year of the records; default {DEFAULT_YEAR}, or {firm_panel.DEFAULT_YEAR} of the real firms.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same files, but for keys and tokens.")] = 0,
    malformed: Annotated[int, typer.Option(help="Rows beside the others that no reader may take, dealt to the departments in turn.")] = 0,
    port: Annotated[int, typer.Option(help="First port of the HTTP APIs.")] = FIRST_PORT,
    database_url: Annotated[str, typer.Option(help="SQLAlchemy URL of a PostgreSQL for the views; a SQLite file each when absent.")] = "",
    only_write: Annotated[bool, typer.Option("--only-write", help="Write everything and end; `simulate serve DIR` runs the HTTP APIs.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Departments' systems with invented enterprises: database views, CSV and XLSX drops, an HTTP API that pages, throttles and fails.

    Prints what is where and the mapping by which a node reads it; the HTTP APIs run until Ctrl-C or SIGTERM, and again by `simulate serve DIR`.
    """
    end_on_sigterm()
    with reporting(as_json) as report:
        if directory.exists() and any(directory.iterdir()):
            raise SettingsError(f"{directory} is not empty: stand-ins begin in a new directory")
        if malformed < 0 or not 1 <= (enterprises or 1) <= BRANDS:
            raise SettingsError(f"--malformed is 0 or more, --enterprises 1 to {BRANDS}")
        model = load_pack(shipped_pack(pack))
        plan = plan_for([model])
        population = population_for(model, plan, enterprises or (None if pack == firm_panel.PACK else DEFAULT_ENTERPRISES), seed, year)
        report.progress(f"{len(population.firms)} enterprises of {plan.title.en}, {population.period}")
        ports = itertools.count(port)
        around = Surroundings(make_private_directory(directory).absolute(), lambda: next(ports), database_url, malformed)
        systems = write_systems(population, model, plan, around)
        publish_register(population, plan, around.root)
        document = {
            "pack": model.id,
            "enterprises": len(population.firms),
            "period": population.period,
            "systems": [_document(item) for item in systems],
        }
        write_json(directory / "systems.json", document)
        text = "\n".join(_lines(systems))
        served = [item.serves for item in systems if item.serves is not None]
        if not only_write and served:
            _serve(served, report.progress, text)
        again = f"\nHTTP APIs answer once they are started: xinqiao simulate serve {directory}" if served else ""
        report.result(document, "stopped" if served and not only_write else text + again)


@app.command("serve")
def serve(directory: Annotated[Path, typer.Argument(help="What `simulate departments` wrote.")], as_json: JsonFlag = False) -> None:
    """Run the HTTP APIs of stand-ins that were written before, until Ctrl-C or SIGTERM: the same records, ports, keys and tokens."""
    end_on_sigterm()
    with reporting(as_json) as report:
        served = sorted(path.parent for path in (directory / "systems").glob(f"*/{SETTINGS}"))
        if not served:
            raise SettingsError(f"{directory} has no HTTP API of a stand-in: xinqiao simulate departments writes them where the model has one")
        _serve(served, report.progress, "\n".join(map(str, served)))
        report.result({"served": [str(path) for path in served]}, "stopped")


def _serve(folders: list[Path], tell: Any, text: str) -> None:
    """Run the APIs until SIGINT or SIGTERM. Raises PeerUnavailableError when one ends by itself."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with Servers(folders) as servers:
        tell(text)
        tell(f"{len(folders)} HTTP API{'s' if len(folders) > 1 else ''} answer; Ctrl-C ends them")
        while not stopping.wait(WATCH_S):
            servers.check()


def _document(system: System) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(system).items()}


def _lines(systems: Sequence[System]) -> Iterator[str]:
    """What stands where; for each department, what its node's configuration says of it."""
    for member in dict.fromkeys(system.member for system in systems):
        mine = [system for system in systems if system.member == member]
        yield from (f"{system.member:24} {system.kind:13} {system.records:7} {_counted(system):11}  {system.where}" for system in mine)
        mappings = ", ".join(f'"{system.mapping}"' for system in mine if system.mapping is not None)
        yield f"{'':24} [department] " + (f"connectors = [{mappings}]" if mappings else f'records_dir = "{Path(mine[0].where).parent}"')


def _counted(system: System) -> str:
    """What a system's number counts: a client's declarations make several records of one enterprise."""
    return "enterprises" if system.kind == "single-window" else "records"
