"""``xinqiao epoch``: the authority's staff open, watch and close an evaluation round, through the gateway."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ConfigDict

from nodes.commands.output import JsonFlag, Report, of_form, reporting
from nodes.errors import NotReadyError, RpcRefusal
from nodes.runtime.clock import Timer
from nodes.runtime.settings import ConfigPath, GatewayUrl, Instances, NodeSettings, Table
from nodes.runtime.web.gateway_client import GatewayClient
from nodes.runtime.web.tokens import read_token
from scoring.statements import Name

OPEN_TIMEOUT_S = 600.0
PAUSE_S = 1.0

app = typer.Typer(no_args_is_help=True, help="An evaluation round of the authority.")
Config = Annotated[Path, typer.Option(help="The gateway's TOML file: its public base and token file are read from it.")]
Epoch = Annotated[str, typer.Argument(help="The epoch's name, such as e1995.", callback=of_form(Name))]


@app.callback()
def _group() -> None:
    """An evaluation round of the authority."""


@app.command("open")
def open_epoch(
    epoch: Epoch,
    config: Config,
    period: Annotated[str, typer.Option(help="Data period, such as 1995 or 2023.")],
    model: Annotated[str, typer.Option(help="Indicator model: id, id@version or sha256 of its pack.")],
    as_json: JsonFlag = False,
) -> None:
    """Have roster and stages made, check them, open the epoch: departments then contribute their columns."""
    with reporting(as_json) as report, front_client(config) as client:
        found = client.post("/v1/epochs", {"epoch": epoch, "period": period, "model": model})
        report.result(found, _text(found))


@app.command("status")
def status(epoch: Epoch, config: Config, as_json: JsonFlag = False) -> None:
    """State of the epoch, columns received, and how far the opening of the totals is."""
    with reporting(as_json) as report, front_client(config) as client:
        found = client.get(f"/v1/epochs/{epoch}")
        report.result(found, _text(found))


@app.command("close")
def close_epoch(
    epoch: Epoch,
    config: Config,
    allow_absent: Annotated[bool, typer.Option("--allow-absent", help="Close although columns are missing.")] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait until the epoch is RELEASED; 0 returns at once.", min=0)] = 0.0,
    as_json: JsonFlag = False,
) -> None:
    """Close the epoch. The totals are opened to the authority and the quantile tables published by themselves."""
    with reporting(as_json) as report, front_client(config) as client:
        found = client.post(f"/v1/epochs/{epoch}:close", {"allow_absent": allow_absent})
        if wait > 0:
            found = _await_release(client, epoch, wait, report)
        report.result(found, _text(found))


class FrontTable(Table):
    """What a command needs of the gateway's table; the rest is the gateway's own."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    public_base: GatewayUrl
    admin_token_file: ConfigPath
    instances: Instances = ""


class FrontSettings(NodeSettings):
    """The gateway's configuration as its staff's commands read it."""

    gateway: FrontTable


def front_client(config: Path) -> GatewayClient:
    """The gateway's interface for the authority's staff, by the gateway's own configuration. Raises SettingsError."""
    settings = FrontSettings.load(config)
    token = read_token(settings.gateway.admin_token_file)
    table, ca_file = settings.gateway, settings.public_dir / "ca.pem"
    return GatewayClient(table.public_base, ca_file, token=token, timeout_s=OPEN_TIMEOUT_S, addresses=table.instances)


def _await_release(client: GatewayClient, epoch: str, wait_s: float, report: Report) -> dict[str, Any]:
    timer, pause, told = Timer(wait_s), threading.Event(), -1
    while True:
        found = client.get(f"/v1/epochs/{epoch}")
        opening = found["opening"]
        if found["state"] == "RELEASED":
            return found
        if opening["failed"]:
            raise RpcRefusal(opening["failed"], f"opening the totals of {epoch} failed", "ABORTED")
        if opening["batches_opened"] != told:
            told = opening["batches_opened"]
            report.progress(f"opened {told} of {opening['batches_expected']} batches")
        if timer.left_s() <= 0:
            raise NotReadyError(f"epoch {epoch} is {found['state']} after {wait_s:g} s; xinqiao epoch status tells more")
        pause.wait(PAUSE_S)


def _text(found: dict[str, Any]) -> str:
    received = sum(column["received"] for column in found["columns"])
    lines = [f"epoch {found['epoch']}, period {found['period']}: {found['state']}"]
    if found["columns"]:
        lines.append(f"columns received: {received} of {len(found['columns'])}")
        lines += [f"  awaited: {column['indicator']} from {column['member']}" for column in found["columns"] if not column["received"]]
    opening = found["opening"]
    if opening["batches_expected"]:
        lines.append(f"batches opened: {opening['batches_opened']} of {opening['batches_expected']}")
    if opening["failed"]:
        lines.append(f"opening failed: {opening['failed']}")
    return "\n".join(lines)
