"""``xinqiao account``: people who may sign in to a process's pages, with what they may see there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nodes.commands.output import JsonFlag, of_form, reporting
from nodes.errors import SettingsError
from nodes.runtime.clock import now
from nodes.runtime.files import read_private
from nodes.runtime.pages.accounts import AUDITOR, AUTHORITY, CITY, CLERK, COUNTY, PROVINCE, Accounts, Person
from nodes.runtime.pages.sessions import Sessions
from nodes.runtime.pages.site import open_pages
from nodes.runtime.settings import AnyRoleSettings, role_of
from scoring.statements import Name

app = typer.Typer(no_args_is_help=True, help="People who may sign in to a process's pages (账号).")
ROLES = {"gateway": (AUTHORITY, COUNTY, CITY, PROVINCE, AUDITOR), "bank": (CLERK,)}
Config = Annotated[Path, typer.Option(help="The TOML file of the process whose pages they are: the gateway's or a bank's.")]
AccountName = Annotated[str, typer.Argument(help="One word, such as li-wei.", callback=of_form(Name))]

Divisions = Annotated[
    list[str] | None,
    typer.Option("--division", help="Whose enterprises the person may see: a GB/T 2260 code or its beginning (330108, 33), or all; may be repeated."),
]
Trades = Annotated[
    list[str] | None,
    typer.Option("--trade", help="Of which trades: a GB/T 4754 code or its beginning (C, I65), or all, which it is by default; may be repeated."),
]


@app.callback()
def _group() -> None:
    """People who may sign in to a process's pages."""


@app.command("add")
def add(
    name: AccountName,
    config: Config,
    role: Annotated[list[str], typer.Option(help="What the person is; may be repeated. A wrong one is answered with those there are.")],
    title: Annotated[str, typer.Option(help="How people write the name, such as 李伟.")] = "",
    division: Divisions = None,
    trade: Trades = None,
    password_file: Annotated[Path | None, typer.Option(help="File (0600) with the password; without it the command asks.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make an account with a password of 12 characters or more."""
    with reporting(as_json) as report:
        possible = ROLES.get(role_of(config), ())
        if wrong := set(role) - set(possible):
            raise SettingsError(
                f"--role {', '.join(sorted(wrong))}: the pages of {config} know {', '.join(possible) or 'no accounts with passwords'}"
            )
        person = Person(name, title or name, frozenset(role), _prefixes(division or []), _prefixes(trade or ["all"]))
        _accounts(config).add(person, _password(password_file))
        report.result(person.to_json(), f"{name} may sign in as {', '.join(sorted(role))}")


@app.command("list")
def listed(config: Config, as_json: JsonFlag = False) -> None:
    """Everyone who may sign in, and as what."""
    with reporting(as_json) as report:
        people = _accounts(config).listed()
        report.result({"accounts": [each.to_json() for each in people]}, "\n".join(map(_line, people)) or "nobody yet")


@app.command("remove")
def remove(name: AccountName, config: Config, as_json: JsonFlag = False) -> None:
    """Take an account away: the person's sessions end at once, also where another account of the name is made, such as for a new password."""
    with reporting(as_json) as report:
        engine = open_pages(AnyRoleSettings.load(config))
        Accounts(engine).remove(name)
        ended = Sessions(engine, now, lambda person: person).end_of(name)
        report.result({"account": name, "sessions_ended": ended}, f"{name} may not sign in any more; {ended} sessions were ended")


def _line(person: Person) -> str:
    seen = f"divisions {_words(person.divisions)}  trades {_words(person.trades)}"
    return f"{person.name:20} {person.title:12} {', '.join(sorted(person.roles))}  {seen}"


def _accounts(config: Path) -> Accounts:
    return Accounts(open_pages(AnyRoleSettings.load(config)))


def _prefixes(words: list[str]) -> tuple[str, ...]:
    return tuple("" if word == "all" else word for word in words)


def _words(prefixes: tuple[str, ...]) -> str:
    return ", ".join(prefix or "all" for prefix in prefixes) or "none"


def _password(file: Path | None) -> str:
    if file is not None:
        return read_private(file).decode().rstrip("\r\n")
    asked: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return asked
