"""``xinqiao backup seal-receipts|open-receipts``: a bank's receipts in a form that others may keep and cannot read [F20]."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nodes.bank.receipts import ReceiptStore
from nodes.bank.settings import BankSettings
from nodes.commands.output import JsonFlag, reporting
from nodes.errors import SettingsError
from nodes.evidence.roots import Roots
from nodes.recovery.keys import read_recovery_key, read_recovery_public_key
from nodes.recovery.receipts import open_receipts, seal_receipts
from nodes.runtime.database import open_database
from nodes.runtime.files import make_private_directory, write_private
from scoring.release.receipt import Receipt


def seal_receipts_(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The bank's TOML file.")],
    recovery_key: Annotated[
        Path, typer.Option(help="The public half of a recovery key: the bank's own, made with `xinqiao backup key`, or the zone's.")
    ],
    to: Annotated[Path, typer.Option("--to", help="The directory of chunks: made, or gone on with.")],
    as_json: JsonFlag = False,
) -> None:
    """Seal a bank's receipts into a directory that anybody may keep for it. Again, it goes on with what is new. The process may run meanwhile."""
    with reporting(as_json) as report:
        settings = BankSettings.load(config)
        key = read_recovery_public_key(recovery_key, settings.zone)
        engine = open_database(settings.state_dir, "bank", settings.database_url)
        store = ReceiptStore(engine, settings.state_dir / "receipts", Roots.load(settings.public_dir))
        sealed = seal_receipts(store.documents(), to, key, settings.zone, settings.member)
        engine.dispose()
        report.result({"bank": settings.member, "sealed": sealed, "directory": str(to)}, f"{to}: {sealed} receipts of {settings.member} more")


def open_receipts_(
    chunks: Annotated[Path, typer.Argument(metavar="CHUNKS", help="The directory of chunks.")],
    keys: Annotated[Path, typer.Option(help="The zone's public directory, as it was pinned.")],
    recovery_key: Annotated[Path, typer.Option(help="The private half of the recovery key.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the receipts go, a file each; must be absent.")],
    config: Annotated[Path | None, typer.Option(help="The bank's TOML file: the receipts are put back into its state too.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Open a bank's sealed receipts. Every one of them is verified as by a stranger."""
    with reporting(as_json) as report:
        if out.exists():
            raise SettingsError(f"{out} is there already: receipts are opened into a fresh directory")
        roots = Roots.load(keys)
        found = list(open_receipts(chunks, read_recovery_key(recovery_key, roots.zone), roots))
        make_private_directory(out)
        for name, document in found:
            write_private(out / f"{name}.json", document)
        if config is not None:
            _put_back(BankSettings.load(config), roots, found)
        back = f", put back into the state of {config}" if config is not None else ""
        report.result({"receipts": len(found), "directory": str(out)}, f"{out}: {len(found)} receipts, each verified{back}")


def _put_back(settings: BankSettings, roots: Roots, receipts: list[tuple[str, bytes]]) -> None:
    engine = open_database(settings.state_dir, "bank", settings.database_url)
    store = ReceiptStore(engine, settings.state_dir / "receipts", roots)
    for name, document in receipts:
        store.keep(name, Receipt.model_validate_json(document))
    engine.dispose()
