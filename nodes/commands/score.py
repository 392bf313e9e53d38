"""``xinqiao score``: a bank's clerk asks its own node."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nodes.bank.settings import BankSettings
from nodes.commands.output import JsonFlag, of_form, reporting
from nodes.errors import SettingsError
from nodes.runtime.replica.relay import Uscc
from nodes.runtime.web.gateway_client import GatewayClient
from nodes.runtime.web.tokens import read_token
from scoring.statements import Hex16, Name

app = typer.Typer(no_args_is_help=True, help="Ask for an enterprise's score, through the bank's own node.")


@app.callback()
def _group() -> None:
    """Ask for an enterprise's score, through the bank's own node."""


@app.command("query")
def query(
    config: Annotated[Path, typer.Option(help="The bank process's TOML file: its address and token file are read from it.")],
    product: Annotated[str, typer.Option(help="Product of the model that the zone uses.", callback=of_form(Name))],
    subject: Annotated[str | None, typer.Option(help="Subject id, 32 hex digits.", callback=of_form(Hex16))] = None,
    uscc: Annotated[str | None, typer.Option(help="Its unified social credit code, instead of its subject id.", callback=of_form(Uscc))] = None,
    purpose: Annotated[str, typer.Option(help="Purpose named in the consent.", callback=of_form(Name))] = "loan",
    wait: Annotated[float, typer.Option(help="Seconds to wait for rows that are still being made.", min=0, max=120)] = 20.0,
    as_json: JsonFlag = False,
) -> None:
    """Ask, open and verify; the receipt stays with the bank's node.

    Exit code 0: answered; 2: wrong usage; 3: refused, the reason is printed; 4: unavailable, or rows still awaited.
    """
    with reporting(as_json) as report:
        if (subject is None) == (uscc is None):
            raise SettingsError("give --subject or --uscc, and not both")
        settings = BankSettings.load(config)
        named = {"subject": subject} if subject else {"uscc": uscc}
        token = read_token(settings.state_dir / "api.token")
        with GatewayClient(f"http://{settings.bank.listen}", token=token, timeout_s=wait + 60) as client:
            found = client.post("/queries", {**named, "product": product, "purpose": purpose, "wait_s": wait})
        report.result(found, _text(found))


def _text(found: dict[str, Any]) -> str:
    band = f", percentile band {found['percentile']}" if found["percentile"] else ""
    gated = " (gated)" if found["gated"] else ""
    return (
        f"subject {found['subject'][:8]}…, stage {found['stage']}, total {found['total']}{gated}{band}; "
        f"{found['product']} line {int(found['line_fen']) // 100:,} yuan; receipt {found['receipt_id']}"
    )
