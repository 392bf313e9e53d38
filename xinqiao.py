"""The ``xinqiao`` command: one door to everything that a person or a script does with a zone."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer

from nodes.commands.output import run

NODES, SIMULATORS = "nodes.commands", "simulators.commands"
COMMANDS: Mapping[str, str] = {
    "demo": f"{SIMULATORS}.demo:demo",
    "sandbox": f"{SIMULATORS}.sandbox:app",
    "zone": f"{SIMULATORS}.zone:app",
    "simulate": f"{SIMULATORS}.simulate:app",
    "node": f"{NODES}.node:app",
    "key": f"{NODES}.keys.key:app",
    "epoch": f"{NODES}.epoch:app",
    "score": f"{NODES}.score:app",
    "policy": f"{NODES}.policy:app",
    "department": f"{NODES}.departments.department:app",
    "model": f"{NODES}.models.model:app",
    "member": f"{NODES}.members.countersign:members",
    "peer": f"{NODES}.peers.peer:app",
    "verify": f"{NODES}.auditing.verify:verify",
    "audit": f"{NODES}.auditing.audit:audit",
    "draw": f"{NODES}.auditing.draw:app",
    "connector": f"{NODES}.departments.connector:app",
    "values": f"{NODES}.departments.values:app",
    "account": f"{NODES}.account:app",
    "database": f"{NODES}.storage.database:app",
    "doctor": f"{NODES}.doctor.command:doctor",
    "backup": f"{NODES}.storage.backup:app",
    "bench": f"{SIMULATORS}.bench:bench",
}
"""Command → module and what it has there: a group of commands, or the one function of a command."""

FURTHER: Mapping[str, Mapping[str, str]] = {
    "backup": {
        "key": f"{NODES}.storage.recovery:key",
        "open": f"{NODES}.storage.recovery:open_",
        "recover": f"{NODES}.storage.recovery:recover",
        "hand-back": f"{NODES}.storage.hand_back:hand_back_",
        "seal-receipts": f"{NODES}.storage.receipts:seal_receipts_",
        "open-receipts": f"{NODES}.storage.receipts:open_receipts_",
    },
    "model": {
        "export": f"{NODES}.models.files:export",
        "import": f"{NODES}.models.files:import_",
        "overview": f"{NODES}.models.files:overview",
        "sign": f"{NODES}.members.countersign:sign",
        "admit": f"{NODES}.members.countersign:admit",
    },
    "member": {"entry": f"{NODES}.members.founding:entry"},
    "zone": {
        "found": f"{NODES}.members.founding:found",
        "registry": f"{NODES}.members.founding:registry",
        "expiry": f"{NODES}.members.registry:expiry",
        "renew": f"{NODES}.members.registry:renew",
        "extend": f"{NODES}.members.registry:extend",
    },
    "peer": {"items": f"{NODES}.peers.items:items", "adopt": f"{NODES}.peers.items:adopt"},
    "connector": {
        "run": f"{NODES}.departments.quarantine:run",
        "quarantine": f"{NODES}.departments.quarantine:app",
        "declarations": f"{NODES}.departments.declarations:declarations",
    },
}
"""What other modules add to a group."""


def application(*names: str) -> typer.Typer:
    """The command with these of its commands, all when none is named. Only their modules are imported, which is what starting takes long for."""
    app = typer.Typer(
        name="xinqiao",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="信桥 Xinqiao: innovation points and credit lines from encrypted contributions, without pooling raw data.",
    )
    app.callback()(_root)
    for name in names or COMMANDS:
        _add(app, name)
    return app


def main() -> None:
    """Entry point of the console script."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:  # needs no command's modules
        print(version("xinqiao"))
        sys.exit()
    sys.exit(run(application(*(name for name in arguments[:1] if name in COMMANDS)), arguments))


def __getattr__(name: str) -> typer.Typer:
    """``app``: the whole command, made when it is asked for."""
    if name == "app":
        return application()
    raise AttributeError(name)


def _add(app: typer.Typer, name: str) -> None:
    found = _loaded(COMMANDS[name])
    if isinstance(found, typer.Typer):
        app.add_typer(_completed(name), name=name)
    else:
        app.command(name)(found)


@cache
def _completed(name: str) -> typer.Typer:
    """A group with what other modules add to it."""
    group: typer.Typer = _loaded(COMMANDS[name])
    for other, place in FURTHER.get(name, {}).items():
        added = _loaded(place)
        if isinstance(added, typer.Typer):
            group.add_typer(added, name=other)
        else:
            group.command(other)(added)
    return group


def _loaded(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("xinqiao"))
        raise typer.Exit


def _root(
    _version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")] = False,
) -> None:
    """信桥 Xinqiao: innovation points and credit lines from encrypted contributions, without pooling raw data."""


if __name__ == "__main__":
    main()
