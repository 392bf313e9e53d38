"""``xinqiao key refresh | reshare | status | abandon | approve``: the shares of the zone's key, renewed without the key [P1.7]."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from nodes.commands.epoch import front_client
from nodes.commands.output import JsonFlag, Report, reporting
from nodes.custodian.settings import CustodianSettings
from nodes.custodian.shares.approvals import Approvals
from nodes.department.settings import DepartmentSettings
from nodes.errors import NotReadyError, RpcRefusal, SettingsError
from nodes.runtime.clock import Timer
from nodes.runtime.settings import NodeSettings, role_of
from nodes.runtime.web.gateway_client import GatewayClient

PAUSE_S = 0.5
PATH = "/v1/keys/rounds"

Config = Annotated[Path, typer.Option(help="The gateway's TOML file: its public base and token file are read from it.")]
Wait = Annotated[float, typer.Option(help="Seconds to wait until the new shares are in force; 0 returns at once.", min=0)]


def refresh(config: Config, wait: Wait = 0.0, as_json: JsonFlag = False) -> None:
    """Have every custodian replace its share; the key stays, and what was stolen before is of no use afterwards.

    All custodians take part by themselves. Until all hold their new shares nothing changes, and then all old ones are erased.
    """
    _begin(config, {"action": "refresh"}, wait, as_json)


def reshare(
    config: Config,
    custodian: Annotated[list[str], typer.Option(help="Member that is to hold a share; repeat it for each, in order.")],
    threshold: Annotated[int, typer.Option(help="Custodians needed to open anything; more than half.")],
    dealer: Annotated[list[str] | None, typer.Option(help="Present custodian that deals; t of them. Default: the first ones that stay.")] = None,
    wait: Wait = 0.0,
    as_json: JsonFlag = False,
) -> None:
    """Give the key to other custodians, or a new share to one that lost its own. The dealers' operators approve it first, with key approve."""
    _begin(config, {"action": "reshare", "threshold": threshold, "custodians": custodian, "dealers": dealer or []}, wait, as_json)


def status(config: Config, as_json: JsonFlag = False) -> None:
    """The generation of shares in force, and what a round under way waits for."""
    with reporting(as_json) as report, front_client(config) as client:
        found = client.get(PATH)
        report.result(found, _text(found))


def abandon(config: Config, as_json: JsonFlag = False) -> None:
    """Give up the round under way. The shares in force stay as they are."""
    with reporting(as_json) as report, front_client(config) as client:
        found = client.post(f"{PATH}:abandon", {})
        report.result(found, _text(found))


def approve(
    digest: Annotated[str, typer.Argument(help="The round's digest, as key status shows it; compare threshold and custodians there first.")],
    config: Annotated[Path, typer.Option(help="The custodian's own TOML file.")],
    as_json: JsonFlag = False,
) -> None:
    """Let this custodian deal in a re-sharing. Run by its operator, on its machine; a refresh needs no approval."""
    with reporting(as_json) as report:
        settings = custodian_settings(config)
        Approvals(settings.state_dir / "custodian").add(digest)
        report.result({"member": settings.member, "approved": digest}, f"{settings.member} will deal in round {digest[:16]}…")


def add_commands(app: typer.Typer) -> None:
    """The commands of this module under ``xinqiao key``."""
    for name, command in (("refresh", refresh), ("reshare", reshare), ("status", status), ("approve", approve), ("abandon", abandon)):
        app.command(name)(command)


def custodian_settings(config: Path) -> NodeSettings:
    """Settings of a process that holds a share. Raises SettingsError when it holds none."""
    if role_of(config) == "department":
        department = DepartmentSettings.load(config)
        if department.custodian is None:
            raise SettingsError(f"{config}: this department holds no share")
        return department
    return CustodianSettings.load(config)


def _begin(config: Path, wanted: dict[str, Any], wait_s: float, as_json: bool) -> None:
    with reporting(as_json) as report, front_client(config) as client:
        found = client.post(PATH, wanted)
        if wait_s > 0:
            found = _await(client, found["round"]["generation"], wait_s, report)
        report.result(found, _text(found))


def _await(client: GatewayClient, generation: int, wait_s: float, report: Report) -> dict[str, Any]:
    timer, pause, told = Timer(wait_s), threading.Event(), ""
    while True:
        found = client.get(PATH)
        pending = found["round"]
        if found["generation"] >= generation:
            return found
        if pending is None:
            raise RpcRefusal("KEY_ROUND_STATE", "the round was abandoned", "ABORTED")
        if pending["refused"]:
            first = pending["refused"][0]
            raise RpcRefusal(first["reason"], f"{first['member']} cannot go on: see xinqiao key status, then xinqiao key abandon", "ABORTED")
        now = "; ".join(_awaited(pending))
        if now != told:
            told = now
            report.progress(now)
        if timer.left_s() <= 0:
            raise NotReadyError(f"generation {generation} is not in force after {wait_s:g} s: {now}")
        pause.wait(PAUSE_S)


def _awaited(pending: dict[str, Any]) -> list[str]:
    names = {"receivers": "to take part", "deals": "to deal", "acknowledgements": "to acknowledge"}
    return [f"awaited {what}: {', '.join(pending['awaited'][step])}" for step, what in names.items() if pending["awaited"][step]]


def _text(found: dict[str, Any]) -> str:
    lines = [f"generation {found['generation']}: {found['threshold']} of {len(found['custodians'])} open: {', '.join(found['custodians'])}"]
    pending = found["round"]
    if pending is not None:
        lines.append(f"{pending['action']} to generation {pending['generation']} is under way: {pending['digest']}")
        if pending["action"] == "reshare":
            lines.append(f"  then {pending['threshold']} of {len(pending['custodians'])}: {', '.join(pending['custodians'])}")
            lines.append(f"  dealers, whose operators approve: {', '.join(pending['dealers'])}")
        lines += [f"  {line}" for line in _awaited(pending)]
        lines += [f"  {item['member']} refuses: {item['reason']}" for item in pending["refused"]]
    return "\n".join(lines)
