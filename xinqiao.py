"""The ``xinqiao`` command: one door to everything that a person or a script does with a zone."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from nodes.commands import account, countersign, epoch, key, node, policy, score
from nodes.commands.auditing import audit, draw, verify
from nodes.commands.departments import connector, department, quarantine, values
from nodes.commands.models import files as model_files
from nodes.commands.models import model
from nodes.commands.output import run
from simulators.commands import bench, demo, simulate, zone

app = typer.Typer(
    name="xinqiao",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="信桥 Xinqiao: innovation points and credit lines from encrypted contributions, without pooling raw data.",
)
app.command("demo")(demo.demo)
app.add_typer(zone.app, name="zone")
app.add_typer(simulate.app, name="simulate")
app.add_typer(node.app, name="node")
app.add_typer(key.app, name="key")
app.add_typer(epoch.app, name="epoch")
app.add_typer(score.app, name="score")
app.add_typer(policy.app, name="policy")
app.add_typer(department.app, name="department")
model.app.command("export")(model_files.export)
model.app.command("import")(model_files.import_)
model.app.command("overview")(model_files.overview)
model.app.command("sign")(countersign.sign)
model.app.command("admit")(countersign.admit)
app.add_typer(model.app, name="model")
app.add_typer(countersign.members, name="member")
app.command("verify")(verify.verify)
app.command("audit")(audit.audit)
app.add_typer(draw.app, name="draw")
connector.app.command("run")(quarantine.run)
connector.app.add_typer(quarantine.app, name="quarantine")
app.add_typer(connector.app, name="connector")
app.add_typer(values.app, name="values")
app.add_typer(account.app, name="account")
app.command("bench")(bench.bench)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("xinqiao"))
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")] = False,
) -> None:
    """信桥 Xinqiao: innovation points and credit lines from encrypted contributions, without pooling raw data."""


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run(app, sys.argv[1:]))


if __name__ == "__main__":
    main()
