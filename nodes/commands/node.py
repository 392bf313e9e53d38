"""``xinqiao node``: run one process of a zone from its configuration."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from nodes.commands.output import reporting
from nodes.runtime.settings import role_of

app = typer.Typer(no_args_is_help=True, help="Run one process of a zone.")


@app.callback()
def _group() -> None:
    """Run one process of a zone."""


@app.command("run")
def run(config: Annotated[Path, typer.Argument(help="The process's TOML file; its role table says which program runs it.")]) -> None:
    """Run the process that CONFIG describes until it is told to stop (SIGTERM or Ctrl-C)."""
    with reporting(as_json=False):
        _become(role_of(config), config)


def program_of(role: str) -> str:
    """The Python module that runs a role."""
    return "gateway" if role == "gateway" else f"nodes.{role}"


def _become(role: str, config: Path) -> NoReturn:
    """Replace this process by the role's program, so that signals and exit codes are its own."""
    os.execv(sys.executable, [sys.executable, "-m", program_of(role), str(config)])  # noqa: S606 - our own program, no shell
