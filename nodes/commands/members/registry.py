"""``xinqiao zone expiry | renew | extend``: until when the registry holds, and who lets it hold longer [P9].

A renewal is the authority's, an extension the custodians' alone; both are written down, approved with ``xinqiao member approve``, then made.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from nodes.ceremony.countersigning import read_members
from nodes.commands.epoch import front_client
from nodes.commands.keys.rounds import custodian_settings
from nodes.commands.output import ExitCode, JsonFlag, reporting
from nodes.errors import SettingsError
from nodes.runtime.clock import now
from nodes.runtime.files import write_public
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from scoring.disclosure.countersigning import embed
from scoring.exchange.validity import DAY_S, EXTENSION_S, VALIDITY_S
from scoring.statements import RegistryExtension, RegistryRenewal, parse_record

Front = Annotated[Path, typer.Option("--config", help="The gateway's TOML file: its public base and token file are read from it.")]
Written = Annotated[Path | None, typer.Argument(help="What was written down and approved; absent: write one down.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="Where to write it down, for the custodians to approve.")]
Public = Annotated[Path | None, typer.Option(help="The zone's public directory; needed to write one down.")]
Approvals = Annotated[list[Path] | None, typer.Option("--approval", help="A custodian's approval (xinqiao member approve); once for each.")]


def expiry(config: Front, as_json: JsonFlag = False) -> None:
    """Until when the zone's registry holds. Exit code 1 once it has expired, since nothing is opened then."""
    with reporting(as_json) as report, front_client(config) as client:
        found = client.get("/v1/registry")
        report.result(found, _text(found), ExitCode.NOT_HOLDING if found["state"] == "expired" else ExitCode.DONE)


def renew(
    written: Written = None,
    config: Annotated[Path | None, typer.Option(help="The gateway's TOML file; needed to make an approved renewal.")] = None,
    approval: Approvals = None,
    days: Annotated[int, typer.Option(help="How long the registry is to hold from now.", min=1)] = VALIDITY_S // DAY_S,
    public: Public = None,
    output: Output = None,
    as_json: JsonFlag = False,
) -> None:
    """Let the registry hold longer: first write a renewal down (-o), then, with the custodians' approvals, have the authority make it."""
    with reporting(as_json) as report:
        if written is None:
            said = RegistryRenewal(zone=_zone_of(public), nonce=fresh_nonce(), until=now() + days * DAY_S)
            report.result(*_write(said, output))
            return
        if config is None:
            raise SettingsError("--config is missing: the gateway signs and logs an approved renewal")
        document = {"renewal": written.read_text(), "approvals": [base64.b64encode(path.read_bytes()).decode() for path in approval or ()]}
        with front_client(config) as client:
            found = client.post("/v1/registry:renew", document)
        report.result(found, f"renewed at leaf {found['leaf_index']}; {_text(found)}")


def extend(
    written: Written = None,
    config: Annotated[Path | None, typer.Option(help="A custodian's own TOML file; needed to make an approved extension.")] = None,
    approval: Approvals = None,
    days: Annotated[int, typer.Option(help="How long the registry is to hold from now.", min=1)] = EXTENSION_S // DAY_S,
    number: Annotated[int, typer.Option(help="Which extension in a row this is; `xinqiao zone expiry` tells how many were made.", min=1)] = 1,
    public: Public = None,
    output: Output = None,
    as_json: JsonFlag = False,
) -> None:
    """In an emergency, t custodians alone let the registry hold up to 30 days longer, where the authority cannot renew it: near its end, and
    few times in a row. First write it down (-o), have custodians approve it, then one of them makes it."""
    with reporting(as_json) as report:
        if written is None:
            said = RegistryExtension(zone=_zone_of(public), nonce=fresh_nonce(), number=number, until=now() + days * DAY_S)
            report.result(*_write(said, output))
            return
        if config is None:
            raise SettingsError("--config is missing: one of the custodians signs and logs an approved extension")
        asked, settings = parse_record(RegistryExtension, written.read_bytes()), custodian_settings(config)
        identity = Identity.load(settings)
        envelope = sign_statement(asked.model_copy(update={"approvals": embed(path.read_bytes() for path in approval or ())}), identity.signer)
        client = ExchangeClient(identity, settings.peer("coordinator"))
        try:
            index = client.submit(envelope).leaf_index
        finally:
            client.close()
        document = {"leaf_index": index, "until": asked.until, "number": asked.number, "by": identity.member}
        report.result(document, f"extension {asked.number} until {_day(asked.until)} is in the log at leaf {index}")


def _zone_of(public: Path | None) -> str:
    if public is None:
        raise SettingsError("--public is missing: the zone's public directory says which zone this is for")
    return read_members(public).genesis.zone


def _write(said: RegistryRenewal | RegistryExtension, output: Path | None) -> tuple[dict[str, Any], str]:
    if output is None:
        raise SettingsError("-o FILE is missing: custodians approve what is written there")
    write_public(output, said.payload())
    document = {"kind": said.kind, "until": said.until, "digest": said.digest(), "file": str(output)}
    return (
        document,
        f"{output}: the registry holds until {_day(said.until)}; custodians approve it with `xinqiao member approve` ({said.digest()[:16]}…)",
    )


def _text(found: dict[str, Any]) -> str:
    if found["valid_until"] is None:
        return f"zone {found['zone']}: the registry holds without end"
    day, days = _day(found["valid_until"]), found["left_s"] // DAY_S
    if found["state"] == "expired":
        text = f"zone {found['zone']}: the registry EXPIRED on {day}: nothing is opened or published until it is renewed or extended"
    else:
        text = f"zone {found['zone']}: the registry holds until {day}, {days} more days"
    if found["state"] == "ageing":
        text += "; past half of its life: renew it (xinqiao zone renew)"
    if found["extensions"]:
        text += f"; extension {found['extensions']} of {found['extensions_at_most']} in a row"
    return text


def _day(time: int) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M UTC")
