"""``xinqiao key``: the zone's key ceremony; renewing its shares is ``rounds``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crypto.statements import parse_envelope
from nodes.ceremony.dealer import CeremonyPlan, hold_ceremony
from nodes.commands.keys import rounds
from nodes.commands.keys.plan import plan
from nodes.commands.output import JsonFlag, reporting
from nodes.errors import SettingsError
from nodes.runtime.peers.identity import SigningKeyPair, load_signing_key
from scoring.release.ceremony import Recipient
from scoring.statements import Registry, parse_statement

app = typer.Typer(no_args_is_help=True, help="The zone's key: made once, in shares that are renewed.")


@app.callback()
def _group() -> None:
    """The zone's key: made once, in shares that are renewed."""


@app.command("ceremony")
def ceremony(
    public: Annotated[Path, typer.Option(help="The zone's public directory: registry.dsse.json is read, the transcript written.")],
    dealer_keys: Annotated[Path, typer.Option(help="Keys directory of the dealer, a member with role authority.")],
    dealer: Annotated[str, typer.Option(help="Member id of the dealer.")] = "authority",
    witness: Annotated[list[str] | None, typer.Option(help="MEMBER=KEYS_DIR of a signing witness; may be repeated.")] = None,
    threshold: Annotated[int, typer.Option(help="Custodians needed to open anything; more than half.")] = 3,
    key_bits: Annotated[int, typer.Option(help="Length of the key: 3072 (128-bit security) or 2048 (112-bit).")] = 3072,
    as_json: JsonFlag = False,
) -> None:
    """Make the zone's key, seal a share to each custodian of the registry, sign the transcript, forget the key.

    Run it on a machine booted from RAM and switch that off afterwards; see the operator's guide.
    """
    with reporting(as_json) as report:
        if key_bits not in {2048, 3072}:
            raise SettingsError("--key-bits is 3072, or 2048 for 112-bit security")
        if (public / "ceremony.dsse.json").exists():
            raise SettingsError(f"{public / 'ceremony.dsse.json'} exists: a zone's key is made once")
        registry = read_registry(public)
        signers = [load_signing_key(dealer, dealer_keys / "sign.pem"), *(_witness(item) for item in witness or [])]
        plan = CeremonyPlan(registry.zone, key_bits, threshold, recipients_of(registry))
        key = hold_ceremony(plan, signers, public, lambda step: report.progress(f"ceremony: {step}"))
        custodians = [recipient.member for recipient in plan.recipients]
        report.result(
            {"zone": registry.zone, "bits": key.bits, "key": key.key_hash.hex(), "threshold": threshold, "custodians": custodians},
            f"key {key.key_hash.hex()[:16]}… of {key.bits} bits, {threshold} of {len(custodians)} custodians open; transcript in {public}",
        )


rounds.add_commands(app)
app.command("plan")(plan)


def read_registry(public: Path) -> Registry:
    """The pinned registry of a public directory. Raises SettingsError when it is missing or is none."""
    path = public / "registry.dsse.json"
    try:
        envelope = parse_envelope(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    statement = parse_statement(envelope.payload_type, envelope.payload)
    if not isinstance(statement, Registry):
        raise SettingsError(f"{path} is a {statement.kind} statement, not a registry")
    return statement


def recipients_of(registry: Registry) -> tuple[Recipient, ...]:
    """The registry's custodians in its order: the order of their shares."""
    return tuple(Recipient(member.id, bytes.fromhex(member.hpke)) for member in registry.members if "custodian" in member.roles)


def _witness(item: str) -> SigningKeyPair:
    member, separator, keys_dir = item.partition("=")
    if not separator:
        raise SettingsError(f"--witness {item}: expected MEMBER=KEYS_DIR")
    return load_signing_key(member, Path(keys_dir) / "sign.pem")
