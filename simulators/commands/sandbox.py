"""``xinqiao sandbox``: for a bank's engineer: a small real zone, test keys, and every refusal of the signed interface on demand."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from nodes.commands.output import ExitCode, JsonFlag, reporting
from nodes.runtime.files import write_public
from simulators.commands.ending import end_on_sigterm
from simulators.demo.options import DemoOptions
from simulators.demo.run import DemoResult, run_demo
from simulators.sandbox.cases import CASES
from simulators.sandbox.trial import RunningZone, Tried, chosen, try_cases

app = typer.Typer(no_args_is_help=True, help="For a bank's engineer: a small real zone, test keys, every refusal on demand (沙箱).")
ENTERPRISES, CONSENTS = 20, 5
Zone = Annotated[Path, typer.Option("--zone", help="Directory of the running zone: that of `sandbox up`, or of a demonstration with --keep-running.")]
BankName = Annotated[str, typer.Option("--bank", help="Whose test key signs: bank-a or bank-b.")]


@app.callback()
def _group() -> None:
    """For a bank's engineer: a small real zone, test keys, every refusal on demand."""


@app.command("up")
def up(
    out: Annotated[Path, typer.Option(help="New directory for the zone.")],
    base_port: Annotated[int | None, typer.Option(help="First port (gateway, coordinator, log, …); free ones when absent.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make and run a small zone of real firms (2048-bit key) until Ctrl-C. It answers as a zone in production does."""
    end_on_sigterm()
    with reporting(as_json) as report:
        options = DemoOptions(out, enterprises=ENTERPRISES, consents=CONSENTS, key_bits=2048, keep_running=True, base_port=base_port)

        def linger(result: DemoResult) -> None:
            stopping = threading.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stopping.set())
            zone = RunningZone(out)
            write_public(out / "gateway.url", f"{result.gateway}\n".encode())
            report.progress(f"the gateway answers at {zone.base} (its CA: {out / 'public' / 'ca.pem'})")
            report.progress(f"bank-a signs as {zone.bench().key.key_id} with {zone.key_file}")
            report.progress(f"try every refusal: xinqiao sandbox try --zone {out}; Ctrl-C stops the zone")
            zone.close()
            stopping.wait()

        result = run_demo(options, report.progress, linger)
        report.result({"gateway": result.gateway, "directory": str(out)}, "the sandbox has ended")


@app.command("cases")
def cases(as_json: JsonFlag = False) -> None:
    """List every case: what is done wrong, and what the zone must answer."""
    with reporting(as_json) as report:
        document = [{"case": case.name, "does": case.does, "status": case.status, "reason": case.reason} for case in CASES]
        lines = [f"{case.name:20} {case.status} {case.reason or '-':28} {case.does}" for case in CASES]
        report.result({"cases": document}, "\n".join(lines))


@app.command("try")
def try_(
    zone: Zone,
    case: Annotated[list[str] | None, typer.Argument(help="Cases by name; all when none is named.")] = None,
    bank: BankName = "bank-a",
    as_json: JsonFlag = False,
) -> None:
    """Send each case to the running zone. With --json: each request in full, to be compared with one's own. Exit code 1: an answer differs."""
    with reporting(as_json) as report:
        wanted = chosen(case or ())
        running = RunningZone(zone, bank)
        try:
            tried = list(try_cases(wanted, running.bench, running.send))
        finally:
            running.close()
        held = all(item.as_told for item in tried)
        text = "\n".join(map(_line, tried))
        report.result({"tried": [item.to_json() for item in tried]}, text, ExitCode.DONE if held else ExitCode.NOT_HOLDING)


def _line(item: Tried) -> str:
    mark = "✓" if item.as_told else f"✗ (expected {item.case.status} {item.case.reason})"
    return f"{item.case.name:20} {item.status} {item.reason or 'granted':28} {item.case.does} {mark}"
