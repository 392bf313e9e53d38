"""``xinqiao verify``: a receipt checked offline, against a pinned public directory."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from nodes.commands.output import ExitCode, JsonFlag, reporting
from nodes.evidence.receipt import Verified, verify_receipt
from nodes.evidence.roots import Roots
from scoring.errors import ReceiptError


def verify(
    receipt: Annotated[Path, typer.Argument(help="A receipt (JSON), as a bank stores it.")],
    keys: Annotated[Path, typer.Option(help="The zone's public directory, pinned by you: never taken from who hands you the receipt.")],
    as_json: JsonFlag = False,
) -> None:
    """Verify RECEIPT offline: recompute the aggregate, the opening, the line, and check every signature and proof in it.

    Exit code 0: it holds; 1: it does not (the reason is printed); 2: a file cannot be read.
    """
    with reporting(as_json) as report:
        roots = Roots.load(keys)
        try:
            found = verify_receipt(receipt.read_bytes(), roots)
        except ReceiptError as error:
            document = {"verdict": "fail", "reason": error.reason, "detail": str(error)}
            report.result(document, f"凭证不成立 receipt does not hold: {error.reason}: {error}", ExitCode.NOT_HOLDING)
        else:
            report.result({"verdict": "pass", **dataclasses.asdict(found)}, _text(found))


def _text(found: Verified) -> str:
    percentile = f", percentile band {found.percentile}" if found.percentile else ""
    gated = " (gated)" if found.gated else ""
    return (
        f"凭证成立 receipt holds: subject {found.subject[:8]}…, stage {found.stage}, total {found.total}{gated}{percentile}, "
        f"{found.product} line {found.line_fen // 100:,} yuan, ticket at leaf {found.ticket_leaf_index} of {found.zone}"
    )
