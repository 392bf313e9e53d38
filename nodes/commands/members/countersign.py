"""``xinqiao model sign|admit`` and ``xinqiao member …``: what several members sign together, each with its own key. Works on files alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from crypto.encoding import canonical_json
from nodes.ceremony.countersigning import accept_model, admit_model, approve_change, enact_change, lint_for, pinned_members, read_members
from nodes.ceremony.told import ToldMembers, keep_told
from nodes.commands.models.lint_report import lint_text
from nodes.commands.output import ExitCode, JsonFlag, of_form, reporting
from nodes.errors import SettingsError
from nodes.packs import pack_bytes, read_pack
from nodes.runtime.files import write_public
from nodes.runtime.peers.identity import load_signing_key
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.replica.zone import read_ceremony
from nodes.runtime.web.gateway_client import GatewayClient
from scoring.disclosure.countersigning import adds_power, exposures_of, owners_of
from scoring.disclosure.report import LintReport
from scoring.errors import StatementFormatError
from scoring.exchange.contributions import owns
from scoring.exchange.registry import MemberRegistry
from scoring.indicators.model import Model
from scoring.statements import Hex32, Member, MemberChange, MemberId, RegistryExtension, RegistryRenewal, parse_record

members = typer.Typer(no_args_is_help=True, help="Changes of the registry: proposed, approved by custodians, made by the authority.")

PackArgument = Annotated[str, typer.Argument(help="A shipped pack's id (or id@version), or the path of a pack.")]
Public = Annotated[Path, typer.Option(help="The zone's public directory: registry, ceremony, packs and changes are read.")]
Key = Annotated[Path, typer.Option(help="The signer's private key, sign.pem of its keys directory.")]
MemberName = Annotated[str, typer.Option("--member", help="Who signs.", callback=of_form(MemberId))]
Authority = Annotated[str, typer.Option(help="Member id of the authority.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="Where the signed envelope goes.")]
PreviousOption = Annotated[list[str] | None, typer.Option("--previous", help="A model used before on the same data period, newest first.")]
ChangeFile = Annotated[Path, typer.Argument(help="A change, as made by xinqiao member propose.")]
ApprovableFile = Annotated[Path, typer.Argument(help="What to approve: made by xinqiao member propose, or by xinqiao zone renew or extend with -o.")]


@members.callback()
def _group() -> None:
    """Changes of the registry: proposed, approved by custodians, made by the authority."""


def sign(
    pack: PackArgument,
    key: Key,
    member: MemberName,
    public: Public,
    output: Output,
    accept: Annotated[list[str] | None, typer.Option(help="An indicator of yours whose named exposures you accept; may be repeated.")] = None,
    previous: PreviousOption = None,
    lint_report: Annotated[str, typer.Option("--report", help="SHA-256 of the lint report read.", callback=of_form(Hex32 | Literal[""]))] = "",
    as_json: JsonFlag = False,
) -> None:
    """Accept a model in the name of an owner of its indicators: a signature over the pack's exact bytes [P7.1]. Read the pack first.

    The model is linted as by `xinqiao model lint --public`; nothing is signed, and the exit code is 1, when it does not pass.
    """
    with reporting(as_json) as report:
        registry, model = read_members(public), read_pack(pack)
        signer = _signer(registry, member, key)
        if member not in owners_of(registry, model):
            raise SettingsError(f"{member} owns no indicator of {model.id}@{model.version}: nobody waits for its acceptance")
        own = [name for name in model.indicators if owns(model, registry.member(member), name)]
        exposures, exposed = sorted(set(accept or [])), exposures_of(registry, model).get(member, ())
        if foreign := set(exposures) - set(own):
            raise SettingsError(f"{member} can accept exposures of {', '.join(own)}, not of {', '.join(sorted(foreign))}")
        if silent := set(exposed) - set(exposures):
            raise SettingsError(f"the pack exposes {', '.join(sorted(silent))} of {member}: --accept each of them, or do not sign")
        found = _linted(registry, model, previous)
        if not found.admissible:
            report.result(found.document(), lint_text(model, found), ExitCode.NOT_HOLDING)
            return
        if lint_report not in {"", found.sha256}:
            raise SettingsError(f"the report that was read is another one: for this zone it is {found.sha256} (`xinqiao model lint --public`)")
        write_public(output, accept_model(model, registry.genesis.zone, member, signer, exposures, found.sha256))
        document = {"model": f"{model.id}@{model.version}", "sha256": model.sha256, "member": member, "indicators": own, "exposures": exposures}
        report.result(document, f"{member} accepts {model.id}@{model.version} ({model.sha256[:16]}…) as the owner of {', '.join(own)}: {output}")


def admit(
    pack: PackArgument,
    key: Key,
    public: Public,
    acceptance: Annotated[list[Path], typer.Option(help="An owner's acceptance, as made by xinqiao model sign; once for each owner.")],
    authority: Authority = "authority",
    previous: PreviousOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Admit a model, once all owners have accepted it: pack and admission go into the public directory, and are logged when the gateway
    starts. Nothing is admitted, and the exit code is 1, when the model does not pass the lint."""
    with reporting(as_json) as report:
        registry, model = read_members(public), read_pack(pack)
        signer = _signer(registry, authority, key)
        found = _linted(registry, model, previous)
        if not found.admissible:
            report.result(found.document(), lint_text(model, found), ExitCode.NOT_HOLDING)
            return
        accepted = [path.read_bytes() for path in acceptance]
        admit_model(pack_bytes(pack), registry, found, accepted, signer, public)
        owners = sorted(owners_of(registry, model))
        document = {"model": f"{model.id}@{model.version}", "sha256": model.sha256, "accepted_by": owners}
        report.result(document, f"{model.id}@{model.version} is admitted, accepted by {', '.join(owners)}; the gateway logs it when it starts")


@members.command("propose")
def propose(
    entry: Annotated[Path, typer.Argument(help="The member's entry for the registry, as JSON.")],
    action: Annotated[Literal["join", "leave", "rekey"], typer.Option(help="What the member does.")],
    public: Public,
    output: Output,
    as_json: JsonFlag = False,
) -> None:
    """Write down a change of the registry, for custodians to approve."""
    with reporting(as_json) as report:
        registry = read_members(public)
        change = MemberChange(zone=registry.genesis.zone, nonce=fresh_nonce(), action=action, member=parse_record(Member, entry.read_bytes()))
        write_public(output, change.payload())
        report.result(*_described(registry, change))


@members.command("approve")
def approve(change: ApprovableFile, key: Key, member: MemberName, public: Public, output: Output, as_json: JsonFlag = False) -> None:
    """Approve exactly this change, as a custodian [P7.1, P9]. Says what it changes: read it first."""
    with reporting(as_json) as report:
        registry, proposed = read_members(public), _approvable(change.read_bytes())
        signer = _signer(registry, member, key)
        if member not in registry.approvers:
            raise SettingsError(f"{member} is not one of the custodians who approve changes: {', '.join(sorted(registry.approvers))}")
        write_public(output, approve_change(proposed, member, signer))
        report.result(*(_described(registry, proposed) if isinstance(proposed, MemberChange) else _lasting(registry, proposed)))


@members.command("enact")
def enact(
    change: ChangeFile,
    key: Key,
    public: Public,
    approval: Annotated[list[Path] | None, typer.Option(help="A custodian's approval; once for each. Leaving and giving up keys need none.")] = None,
    authority: Authority = "authority",
    as_json: JsonFlag = False,
) -> None:
    """Make an approved change, as the authority: it goes into the public directory, and is logged by the gateway, within seconds where it runs."""
    with reporting(as_json) as report:
        registry, proposed = read_members(public), parse_record(MemberChange, change.read_bytes())
        signer = _signer(registry, authority, key)
        path = enact_change(proposed, registry, [item.read_bytes() for item in approval or []], signer, public)
        document, text = _described(registry, proposed)
        report.result(document | {"file": str(path)}, f"{text}; the gateway logs {path.name}, within seconds where it runs")


@members.command("update")
def update(
    gateway: Annotated[str, typer.Argument(help="Where the zone's gateway is: https://HOST:PORT.")],
    public: Annotated[Path, typer.Option(help="The zone's public directory, with ca.pem: members.json is written there.")],
    as_json: JsonFlag = False,
) -> None:
    """Take from the gateway which members and custodians the log has now: others may have made changes, or the key's shares may have passed to
    other custodians. Every statement is checked; approvals are judged by it from then on."""
    with reporting(as_json) as report:
        pinned = pinned_members(public)
        with GatewayClient(gateway, public / "ca.pem") as client:
            told = parse_record(ToldMembers, canonical_json(client.get("/v1/members")))
        if told.zone != pinned.genesis.zone:
            raise SettingsError(f"{gateway} is the gateway of zone {told.zone}, {public} is of {pinned.genesis.zone}")
        found = told.judged(pinned, read_ceremony(public)).now
        keep_told(told, public)
        approvers = sorted(found.approvers)
        document = {"zone": told.zone, "statements": len(told.statements), "members": sorted(found.members), "approvers": approvers}
        report.result(
            document | {"threshold": found.threshold}, f"{found.threshold} of {', '.join(approvers)} approve changes; {len(found.members)} members"
        )


def _linted(registry: MemberRegistry, model: Model, previous: list[str] | None) -> LintReport:
    """The admission lint as custodians of the zone make it."""
    return lint_for(tuple(registry.members.values()), registry.genesis.disclosure, model, [read_pack(name) for name in previous or ()])


def _signer(registry: MemberRegistry, member: str, key: Path) -> Any:
    """The key of ``member``, which must be registered: what another key signs counts for nothing."""
    signer = load_signing_key(member, key)
    registry.key(signer.key_id)
    return signer


def _approvable(data: bytes) -> MemberChange | RegistryRenewal | RegistryExtension:
    """A change of members, a renewal or an extension, by the fields that it has. Raises StatementFormatError."""
    try:
        found: set[str] = set(json.loads(data))
    except (ValueError, TypeError) as error:
        raise StatementFormatError(f"this is no JSON object: {error}") from error
    if "member" in found:
        return parse_record(MemberChange, data)
    return parse_record(RegistryExtension, data) if "number" in found else parse_record(RegistryRenewal, data)


def _lasting(registry: MemberRegistry, asked: RegistryRenewal | RegistryExtension) -> tuple[dict[str, Any], str]:
    """What a renewal or extension says: as a document and as a sentence."""
    day = datetime.fromtimestamp(asked.until, UTC).strftime("%Y-%m-%d %H:%M UTC")
    document = {"kind": asked.kind, "until": asked.until, "digest": asked.digest(), "approvals_needed": registry.threshold}
    who = "the authority makes it" if isinstance(asked, RegistryRenewal) else f"extension {asked.number} in a row, by custodians alone"
    return document, f"{asked.kind} until {day}: {who}; {registry.threshold} custodians have to approve ({asked.digest()[:16]}…)"


def _described(registry: MemberRegistry, change: MemberChange) -> tuple[dict[str, Any], str]:
    """What a change changes: as a document and as a sentence."""
    before = registry.members.get(change.member.id)
    old = {} if before is None else json.loads(canonical_json(before.model_dump(mode="json")))
    new = {} if change.action == "leave" else json.loads(canonical_json(change.member.model_dump(mode="json")))
    changed = {name: {"before": old.get(name), "after": new.get(name)} for name in {*old, *new} if old.get(name) != new.get(name)}
    needed = registry.threshold if adds_power(before, change) else 0
    document = {"member": change.member.id, "action": change.action, "changes": changed, "digest": change.digest(), "approvals_needed": needed}
    what = ", ".join(sorted(changed)) or "nothing"
    return document, f"{change.member.id} {change.action}: changes {what}; {needed} custodians have to approve ({change.digest()[:16]}…)"
