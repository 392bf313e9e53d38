"""``xinqiao policy``: the authority's staff enter policies, have flags evaluated, and exchange files with their bank, through the gateway.

Tags are decided, and claims brought to payment, by officials on the gateway's pages: there every step has a person's name.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from nodes.commands.epoch import PAUSE_S, Config, front_client
from nodes.commands.output import JsonFlag, Report, of_form, reporting
from nodes.errors import NotReadyError, RpcRefusal
from nodes.policies import read_policy, shipped_policies
from nodes.runtime.clock import Timer
from nodes.runtime.files import write_private
from nodes.runtime.web.gateway_client import GatewayClient
from scoring.policies.accounts import yuan
from scoring.policies.errors import PolicyFormatError, PolicyUnknownError
from scoring.policies.policy import Policy
from scoring.statements import Name

app = typer.Typer(no_args_is_help=True, help="Policies for enterprises: texts, encrypted flags, files of the bank.")
BankFile = Annotated[str, typer.Argument(metavar="FILE", help="The bank file's number, as `policy list` shows it.")]


@app.callback()
def _group() -> None:
    """Policies for enterprises: texts, encrypted flags, files of the bank."""


@app.command("add")
def add(
    policy: Annotated[str, typer.Argument(help="A policy's YAML file, or the id of one that comes with the program.")],
    config: Config,
    as_json: JsonFlag = False,
) -> None:
    """Enter a policy. Its text is read into tags, which officials decide on the gateway's pages before it is in force."""
    with reporting(as_json) as report, front_client(config) as client:
        found = client.post("/v1/policies", _policy(policy).model_dump(mode="json"))
        report.result(found, f"{found['id']}: {found['tags']} tags proposed, {found['undecided']} to be decided on the page /policies/{found['id']}")


@app.command("list")
def listed(config: Config, as_json: JsonFlag = False) -> None:
    """Every policy with its claims, its money and its bank files."""
    with reporting(as_json) as report, front_client(config) as client:
        found = client.get("/v1/policies")
        lines = [line for item in found["policies"] for line in _lines(item)]
        report.result(found, "\n".join([*lines, f"steps on their way to the log: {found['sending']}"]))


@app.command("evaluate")
def evaluate(
    model: Annotated[str, typer.Argument(help="A flag model: a policy's or a library's, such as policy-listing or gazelle.", callback=of_form(Name))],
    config: Config,
    period: Annotated[str, typer.Option(help="Data period, such as 2023.")],
    wait: Annotated[float, typer.Option(help="Seconds to wait for columns, and again for the opening.", min=1)] = 600.0,
    as_json: JsonFlag = False,
) -> None:
    """Count criteria met over the roster, under encryption: an epoch of the flag model, opened, closed and released."""
    with reporting(as_json) as report, front_client(config) as client:
        epoch = f"{model}-{period}"
        client.post("/v1/epochs", {"epoch": epoch, "period": period, "model": model})
        _await(client, epoch, wait, report, "columns", lambda found: all(item["received"] for item in found["columns"]))
        client.post(f"/v1/epochs/{epoch}:close", {"allow_absent": False})
        found = _await(client, epoch, wait, report, "the opening", lambda found: found["state"] == "RELEASED")
        report.result(found, f"epoch {epoch} is RELEASED: the numbers of criteria met are on the gateway's pages")


@app.command("bank-file")
def bank_file(
    file: BankFile, config: Config, out: Annotated[Path, typer.Option("-o", "--out", help="Where to write it, 0600.")], as_json: JsonFlag = False
) -> None:
    """Write a file of payment orders, exactly as it is to reach the bank."""
    with reporting(as_json) as report, front_client(config) as client:
        content = client.read(f"/v1/policies/files/{file}")
        write_private(out, content)
        report.result({"file": file, "bytes": len(content), "out": str(out)}, f"{out}: {len(content)} bytes")


@app.command("answer")
def answer(
    file: BankFile,
    answered: Annotated[Path, typer.Argument(metavar="CSV", help="The bank's answer.")],
    config: Config,
    as_json: JsonFlag = False,
) -> None:
    """Take the bank's answer to a file: whole, or, where it does not agree to the fen, not at all. The same answer again changes nothing."""
    with reporting(as_json) as report, front_client(config) as client:
        if not answered.is_file():
            raise PolicyFormatError(f"{answered} is no file")
        found = client.submit("POST", f"/v1/policies/files/{file}:answer", answered.read_bytes())
        report.result(found, f"{found['orders']} orders of {file} are answered")


def _policy(name: str) -> Policy:
    shipped = {policy.id: policy for policy in shipped_policies()}
    if name in shipped:
        return shipped[name]
    if not Path(name).is_file():
        raise PolicyUnknownError(f"{name} is neither a file nor a policy that comes with the program: {', '.join(shipped)}")
    return read_policy(Path(name))


def _await(client: GatewayClient, epoch: str, wait_s: float, report: Report, what: str, done: Any) -> dict[str, Any]:
    timer, pause, told = Timer(wait_s), threading.Event(), ""
    while True:
        found = client.get(f"/v1/epochs/{epoch}")
        if done(found):
            return found
        if found["opening"]["failed"]:
            raise RpcRefusal(found["opening"]["failed"], f"opening the totals of {epoch} failed", "ABORTED")
        if timer.left_s() <= 0:
            raise NotReadyError(f"{what} of {epoch} did not come in {wait_s:g} s; xinqiao epoch status tells more")
        missing = sorted({item["member"] for item in found["columns"] if not item["received"]})
        if (text := f"{epoch}: waiting for {what} {', '.join(missing)}".strip()) != told:
            told = text
            report.progress(text)
        pause.wait(PAUSE_S)


def _lines(item: dict[str, Any]) -> list[str]:
    state = "in force" if item["in_force"] else f"{item['undecided']} of {item['tags']} tags undecided"
    claims = ", ".join(f"{count} {name}" for name, count in sorted(item["claims"].items())) or "no claims"
    money = ", ".join(f"{name} {yuan(fen)}" for name, fen in item["money_fen"].items())
    return [f"{item['id']}: {state}; {claims}", f"  yuan: {money}", *(f"  bank file {file}" for file in item["files"])]
