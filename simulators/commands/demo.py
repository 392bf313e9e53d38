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
from simulators.demo.options import FIRM_PANEL, LENDING_PACKS, DemoOptions
from simulators.demo.run import DemoResult, run_demo
from simulators.demo.summary import people_text, summary


def demo(
    pack: Annotated[str, typer.Option(help=f"Indicator model: {', '.join(LENDING_PACKS)}; all but the first run on simulated firms.")] = FIRM_PANEL,
    zones: Annotated[
        str | None, typer.Option(metavar="ID,ID", help="Several zones, each with its own pack of this name, one after the other, in OUT/<ID>.")
    ] = None,
    year: Annotated[int, typer.Option(help="Year of the firm panel, 1991 to 1999.")] = 1995,
    enterprises: Annotated[int | None, typer.Option(help="Number of enterprises; default: all firms of the year, or 200 simulated ones.")] = None,
    consents: Annotated[int, typer.Option(help="Enterprises that consent to a bank.")] = 4,
    seed: Annotated[int, typer.Option(help="Seed of the population and of the choices. The same seed gives the same totals.")] = 0,
    key_bits: Annotated[int, typer.Option(help="Length of the key: 3072 (128-bit security) or 2048 (112-bit).")] = 3072,
    out: Annotated[Path | None, typer.Option(help="New directory for everything that the run leaves; a temporary one, removed, when absent.")] = None,
    keep_running: Annotated[bool, typer.Option("--keep-running", help="Leave the zone running until Ctrl-C; writes DIR/gateway.url.")] = False,
    base_port: Annotated[int | None, typer.Option(help="First port (gateway, coordinator, log, …); free ones when absent.")] = None,
    witnesses: Annotated[int, typer.Option(help="Witnesses of the log: 1, for development, or 3, of which two must sign.")] = 1,
    policies: Annotated[bool, typer.Option("--policies", help="Evaluate a policy and a library too, on invented records.")] = False,
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

        def linger(result: DemoResult) -> None:
            if keep_running:
                _linger(result, directory, tell)

        if zones is not None and keep_running:
            raise SettingsError("--keep-running goes with one zone")
        names = [pack] if zones is None else zones.split(",")
        places = {name: directory if zones is None else directory / name for name in names}
        try:
            results = [
                run_demo(
                    DemoOptions(places[name], name, year, enterprises, consents, seed, key_bits, keep_running, base_port, witnesses, policies),
                    tell,
                    linger,
                )
                for name in names
            ]
        finally:
            if out is None:
                shutil.rmtree(directory)
        documents = {name: _document(result) for name, result in zip(names, results, strict=True)}
        code = ExitCode.DONE if all(_passed(result) for result in results) else ExitCode.NOT_HOLDING
        report.result(documents[pack] if zones is None else {"zones": documents}, "\n".join(summary(result) for result in results), code)


def _document(result: DemoResult) -> dict[str, Any]:
    parts = {"audit": result.audit, "draw": result.draw, "refusals": result.refusals, "tampering": result.tampering, "receipts": result.receipts}
    return {**result.report, **parts}


def _passed(result: DemoResult) -> bool:
    held = result.audit.get("verdict") == "pass" and result.draw.get("agrees") is True
    return held and all(item["exit_code"] == ExitCode.NOT_HOLDING for item in result.tampering)


def _linger(result: DemoResult, directory: Path, tell: Callable[[str], None]) -> None:
    """Keep everything running until SIGINT or SIGTERM."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    write_public(directory / "gateway.url", f"{result.gateway}\n".encode())
    tell(summary(result))
    tell(f"the gateway answers at {result.gateway} (its CA: {directory / 'public' / 'ca.pem'}); Ctrl-C stops the zone")
    tell(people_text(directory))
    stopping.wait()
