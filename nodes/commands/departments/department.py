"""``xinqiao department``: the people of a department: who they are, what leaves their node, and what they let go."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from nodes.commands.output import JsonFlag, Report, of_form, reporting
from nodes.contributing.four_eyes.people import add_person, remove_person
from nodes.department.desk.settings import DeskTable
from nodes.department.settings import DepartmentSettings
from nodes.errors import NotReadyError, SettingsError
from nodes.runtime.files import read_private
from nodes.runtime.process import READY_FILE
from nodes.runtime.web.gateway_client import GatewayClient
from scoring.statements import Name

app = typer.Typer(no_args_is_help=True, help="A department's people: who they are, what leaves their node, what they let go (四眼).")
people = typer.Typer(no_args_is_help=True, help="Who may sign in to the department's page.")
app.add_typer(people, name="person")
Config = Annotated[Path, typer.Option(help="The department process's TOML file.")]
PersonName = Annotated[str, typer.Argument(help="One word, such as li-wei; it stands in decisions and in the settings.", callback=of_form(Name))]
Signer = Annotated[str, typer.Option("--person", help="Who asks or decides.", callback=of_form(Name))]
PasswordFile = Annotated[Path | None, typer.Option(help="File (0600) with the password; without it the command asks.")]
Chosen = Annotated[list[str], typer.Argument(help="Contributions by their first hex digits, 8 or more, as `xinqiao department outgoing` names them.")]


@app.callback()
def _group() -> None:
    """A department's people: who they are, what leaves their node, what they let go."""


@people.callback()
def _people_group() -> None:
    """Who may sign in to the department's page."""


@people.command("add")
def add(
    name: PersonName,
    config: Config,
    title: Annotated[str, typer.Option(help="How people write the name, such as 李伟.")] = "",
    password_file: PasswordFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a person's key, sealed under a password of 12 characters or more. It counts once the settings name the person too."""
    with reporting(as_json) as report:
        desk = _desk(DepartmentSettings.load(config), config)
        person = add_person(desk.people_dir, name, title, asked_password(password_file, confirm=True))
        named = name in desk.people
        text = f"{name} added, key {person.public.hex()}"
        report.result(
            {"person": name, "public": person.public.hex(), "named": named},
            text if named else f'{text}\nadd "{name}" to people in [department.desk] of {config} and start the process again',
        )


@people.command("remove")
def remove(name: PersonName, config: Config, as_json: JsonFlag = False) -> None:
    """Take a person's key away: from the next request on the person is nobody, and proposals that wait do not count."""
    with reporting(as_json) as report:
        remove_person(_desk(DepartmentSettings.load(config), config).people_dir, name)
        report.result({"person": name}, f"{name} removed; take the name out of people in {config} as well")


@app.command("outgoing")
def outgoing(config: Config, person: Signer, password_file: PasswordFile = None, as_json: JsonFlag = False) -> None:
    """What leaves the node, epoch by epoch: state, subjects, missing data, what is unusual, digest and leaf."""
    with reporting(as_json) as report, _client(config, person, password_file) as client:
        found = client.get("/api/outgoing")
        report.result(found, _text(found))


@app.command("approve")
def approve(contributions: Chosen, config: Config, person: Signer, password_file: PasswordFile = None, as_json: JsonFlag = False) -> None:
    """Let contributions go: the first person proposes, another one approves, and only then each is signed and sent."""
    with reporting(as_json) as report, _client(config, person, password_file) as client:
        _decide(report, client, contributions, "approve", "")


@app.command("reject")
def reject(
    contributions: Chosen,
    config: Config,
    person: Signer,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the decision.")],
    password_file: PasswordFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Keep contributions back until their records change."""
    with reporting(as_json) as report, _client(config, person, password_file) as client:
        if not reason.strip():
            raise SettingsError("a rejection gives its reason: --reason TEXT")
        _decide(report, client, contributions, "reject", reason.strip())


def asked_password(file: Path | None, *, confirm: bool) -> str:
    """A person's password, of ``file`` or asked for at the terminal."""
    if file is not None:
        return read_private(file).decode().rstrip("\r\n")
    asked: str = typer.prompt("Password", hide_input=True, confirmation_prompt=confirm, err=True)
    return asked


def _decide(report: Report, client: GatewayClient, contributions: list[str], verdict: str, reason: str) -> None:
    found = client.post("/api/decisions", {"contributions": _whole(client, contributions), "verdict": verdict, "reason": reason})
    report.result(found, "\n".join(f"{item['act']:8} {item['contribution']} by {item['person']}" for item in found["decisions"]))


def _whole(client: GatewayClient, names: list[str]) -> list[str]:
    """The names of contributions in full. Raises SettingsError for a name that fits none of what is held, or several."""
    if any(not re.fullmatch(r"[0-9a-f]{8,64}", name) for name in names):
        raise SettingsError("a contribution is named by its first hex digits, 8 to 64 of them")
    if all(len(name) == 64 for name in names):
        return names
    held = [item["contribution"] for epoch in client.get("/api/outgoing")["epochs"] for item in epoch["contributions"] if item["state"] == "held"]
    found = [[name for name in held if name.startswith(begin)] for begin in names]
    for begin, fitting in zip(names, found, strict=True):
        if len(fitting) != 1:
            raise SettingsError(f"{begin} names {len(fitting)} of the contributions that wait: xinqiao department outgoing lists them")
    return [fitting[0] for fitting in found]


def _client(config: Path, person: str, password_file: Path | None) -> GatewayClient:
    settings = DepartmentSettings.load(config)
    host, _, port = _desk(settings, config).listen.rpartition(":")
    if port == "0":
        ready = settings.state_dir / READY_FILE
        if not ready.exists():
            raise NotReadyError(f"{settings.member} does not run: xinqiao node run {config} starts it")
        port = json.loads(read_private(ready))["port"]
    return GatewayClient(f"http://{host}:{port}", login=(person, asked_password(password_file, confirm=False)))


def _desk(settings: DepartmentSettings, config: Path) -> DeskTable:
    desk = settings.department.desk
    if desk is None:
        raise SettingsError(f"{config} has no [department.desk]: it says where the page is served and where people's keys lie")
    return desk


def _text(found: dict[str, Any]) -> str:
    lines = []
    for epoch in found["epochs"]:
        lines.append(f"epoch {epoch['epoch']}{' (closed)' if epoch['closed'] else ''}")
        for item in epoch["contributions"]:
            summary = item["summary"]
            numbers = "" if summary is None else f", {sum(stage['subjects'] for stage in summary['stages'].values())} subjects"
            lacking = "" if summary is None else f", {sum(stage['incomplete'] for stage in summary['stages'].values())} without data"
            leaf = f", leaf {item['leaf_index']}" if item["leaf_index"] >= 0 else ""
            lines.append(f"  {item['state']:10} {' '.join(item['about'])} revision {item['revision']}{numbers}{lacking}{leaf}")
            lines.append(f"             {item['contribution']}")
            lines += [f"             {decision['act']} by {decision['person']} {decision['reason']}".rstrip() for decision in item["decisions"]]
            lines += [f"             look: {remark}" for remark in item["remarks"]]
    return "\n".join(lines) or "no epoch has asked this node for contributions yet"
