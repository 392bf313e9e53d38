"""``xinqiao demo``: a whole zone on this machine, in about a minute."""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from nodes.commands.output import ExitCode, JsonFlag, reporting
from nodes.errors import SettingsError
from nodes.runtime.files import write_public
from simulators.commands.ending import end_on_sigterm
from simulators.demo.options import DEFAULT_BITS, FIRM_PANEL, GUIDELINES, LENDING_PACKS, DemoOptions
from simulators.demo.run import DemoResult, run_demo
from simulators.demo.written.summary import people_text, summary
from simulators.federation.plan import DEFAULT_BITS as FEDERATED_BITS
from simulators.federation.plan import DEFAULT_ENTERPRISES as FEDERATED_ENTERPRISES
from simulators.federation.plan import FederationOptions
from simulators.federation.run import FederationResult, run_federation
from simulators.federation.summary import federation_summary

PACKS = f"{', '.join(LENDING_PACKS)}; without loans {', '.join(GUIDELINES)}"
ONE_ZONE_ONLY = ("pack", "year", "consents", "witnesses", "policies")


def demo(
    context: typer.Context,
    pack: Annotated[str, typer.Option(help=f"Indicator model: {PACKS}. All but the first run on simulated firms.")] = FIRM_PANEL,
    zones: Annotated[
        str | None,
        typer.Option(metavar="ID,ID", help="Several zones beside each other, each under the model of this name, in OUT/<zone>; they peer."),
    ] = None,
    year: Annotated[int, typer.Option(help="Year of the firm panel, 1991 to 1999.")] = 1995,
    enterprises: Annotated[
        int | None, typer.Option(help="Number of enterprises; default: all firms of the year, or 200 simulated ones; 20 a zone of several.")
    ] = None,
    consents: Annotated[int, typer.Option(help="Enterprises that consent to a bank.")] = 4,
    seed: Annotated[int, typer.Option(help="Seed of the population and of the choices. The same seed gives the same totals.")] = 0,
    key_bits: Annotated[
        int | None, typer.Option(help="Length of the key: 3072 (128-bit security), or 2048 (112-bit), the default of several zones.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="New directory for everything that the run leaves; a temporary one, removed, when absent.")] = None,
    keep_running: Annotated[bool, typer.Option("--keep-running", help="Leave the zone running until Ctrl-C; writes DIR/gateway.url.")] = False,
    base_port: Annotated[int | None, typer.Option(help="First port (gateway, coordinator, log, …); free ones when absent.")] = None,
    witnesses: Annotated[int, typer.Option(help="Witnesses of the log: 1, for development, or 3, of which two must sign.")] = 1,
    policies: Annotated[
        bool | None,
        typer.Option(
            "--policies/--no-policies", help="A policy, a library and loans too, on invented records; by default where firm-panel is kept running."
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Run a whole zone: key ceremony, encrypted contributions, totals, banks' verified scores, refusals, an auditor's verdict.

    Every party is a process of its own with its own directory, database and keys; they talk over mutual TLS.
    """
    end_on_sigterm()
    with reporting(as_json) as report:
        directory = out or Path(tempfile.mkdtemp(prefix="xinqiao-"))
        began = time.monotonic()

        def tell(text: str) -> None:
            report.progress(f"[{time.monotonic() - began:5.1f} s] {text}")

        try:
            if zones is None:
                bits, also = key_bits or DEFAULT_BITS, keep_running and pack == FIRM_PANEL if policies is None else policies
                options = DemoOptions(directory, pack, year, enterprises, consents, seed, bits, keep_running, base_port, witnesses, also)
                result = run_demo(options, tell, lambda ended: _linger(ended, directory, tell) if keep_running else None)
                report.result(_document(result), summary(result), ExitCode.DONE if _passed(result) else ExitCode.NOT_HOLDING)
            else:
                federation = _federation(context, directory, zones, enterprises, seed, key_bits, keep_running, base_port)
                ended = run_federation(federation, tell, lambda ended: _linger_together(ended, tell) if keep_running else None)
                report.result(ended.document(), federation_summary(ended), ExitCode.DONE if ended.held else ExitCode.NOT_HOLDING)
        finally:
            if out is None:
                shutil.rmtree(directory)


def _document(result: DemoResult) -> dict[str, Any]:
    parts = {"audit": result.audit, "draw": result.draw, "refusals": result.refusals, "tampering": result.tampering, "receipts": result.receipts}
    return {**result.report, **parts}


def _passed(result: DemoResult) -> bool:
    held = result.audit.get("verdict") == "pass" and result.draw.get("agrees") is True
    return held and all(item["exit_code"] == ExitCode.NOT_HOLDING for item in result.tampering)


def _federation(
    context: typer.Context,
    directory: Path,
    zones: str,
    enterprises: int | None,
    seed: int,
    key_bits: int | None,
    keep_running: bool,
    base_port: int | None,
) -> FederationOptions:
    """The options of several zones. Raises SettingsError for one that goes with a single zone."""
    sources = {name: context.get_parameter_source(name) for name in ONE_ZONE_ONLY}
    given = [name for name, source in sources.items() if source is not None and source.name != "DEFAULT"]
    if given:
        raise SettingsError(f"{', '.join(f'--{name}' for name in given)}: goes with one zone, not with --zones")
    count = FEDERATED_ENTERPRISES if enterprises is None else enterprises
    bits = FEDERATED_BITS if key_bits is None else key_bits
    return FederationOptions(directory, tuple(name.strip() for name in zones.split(",")), count, seed, bits, keep_running, base_port)


def _linger_together(result: FederationResult, tell: Callable[[str], None]) -> None:
    """Keep every zone running until SIGINT or SIGTERM."""
    stopping = _stopping()
    for zone in result.report["zones"]:
        write_public(result.options.out / zone["zone"] / "gateway.url", f"{zone['gateway']}\n".encode())
    tell(federation_summary(result))
    for zone in result.report["zones"]:
        tell(f"{zone['zone']} answers at {zone['gateway']} (its CA: {result.options.out / zone['zone'] / 'public' / 'ca.pem'})")
    tell("Ctrl-C stops all zones")
    stopping.wait()


def _stopping() -> threading.Event:
    """Set by SIGINT or SIGTERM from now on."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def _linger(result: DemoResult, directory: Path, tell: Callable[[str], None]) -> None:
    """Keep everything running until SIGINT or SIGTERM."""
    stopping = _stopping()
    write_public(directory / "gateway.url", f"{result.gateway}\n".encode())
    tell(summary(result))
    tell(f"the gateway answers at {result.gateway} (its CA: {directory / 'public' / 'ca.pem'}); Ctrl-C stops the zone")
    tell(people_text(directory))
    stopping.wait()
