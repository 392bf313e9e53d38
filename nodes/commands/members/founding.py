"""``xinqiao member entry`` and ``xinqiao zone found | registry``: several organisations found a zone, no private key leaves its machine."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from pydantic import StringConstraints

from connectors.outside import shown
from crypto.encoding import canonical_json, sha256
from nodes.ceremony.founding import REGISTRY, Terms, assemble, faults_of_entry, faults_of_own, make_entry, publish_registry, read_entry
from nodes.commands.keys.key import read_registry
from nodes.commands.output import ExitCode, JsonFlag, of_form, reporting
from nodes.errors import SettingsError
from nodes.runtime.files import write_public
from nodes.runtime.peers.identity import load_signing_key, member_uri
from scoring.exchange.peers import PEER
from scoring.exchange.registry import MemberRegistry
from scoring.exchange.validity import DAY_S, VALIDITY_S
from scoring.statements import DisclosurePolicy, Member, MemberId, Name, Registry, Role, Title, parse_record

ROLES = tuple(role for role in get_args(Role) if role != PEER)
Division = Annotated[str, StringConstraints(pattern=r"^([0-9]{6})?$")]
Zone = Annotated[str, typer.Option(help="The zone's id.", callback=of_form(Name))]
Chinese = Annotated[str, typer.Option("--zh", help="What it is called, in Chinese.")]
English = Annotated[str, typer.Option("--en", help="The same in English.")]
Public = Annotated[Path, typer.Option(help="The zone's public directory.")]


def entry(
    keys: Annotated[Path, typer.Argument(help="Your keys directory: sign.pem, hpke.pem, and note.pem for a log or witness. It is read, no more.")],
    zone: Zone,
    member: Annotated[str, typer.Option(help="Your id in the zone.", callback=of_form(MemberId))],
    zh: Chinese,
    en: English,
    role: Annotated[list[str], typer.Option(help=f"What you do there: {', '.join(ROLES)}; may be repeated.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the entry goes; it holds public keys alone.")],
    division: Annotated[str, typer.Option(help="GB/T 2260, six digits, where the role has a territory.", callback=of_form(Division))] = "",
    level: Annotated[str, typer.Option(help="province, city or county, of a department.")] = "",
    department: Annotated[str, typer.Option(help="Of a department: tax, market, science, ip, credit, …")] = "",
    as_json: JsonFlag = False,
) -> None:
    """Write your entry for the registry of a zone that is being founded. It goes to the authority; read it the digest over another way."""
    with reporting(as_json) as report:
        if unknown := set(role) - set(ROLES):
            raise SettingsError(f"{', '.join(sorted(unknown))}: roles are {', '.join(ROLES)}")
        if "department" in role and not (department and level):
            raise SettingsError("a department says which one it is: --department and --level")
        said = {"id": member, "title": {"zh": zh, "en": en}, "roles": role, "division": division, "level": level, "department": department}
        blank = {"keys": [], "hpke": "00" * 32, "uri": member_uri(zone, member)}
        made = make_entry(zone, parse_record(Member, canonical_json({**said, **blank})), keys)
        write_public(output, canonical_json(made.model_dump(mode="json")))
        text = f"{output}: {member} as {', '.join(role)} of {zone}\nentry {made.digest()}\nTell the authority this digest over another way."
        report.result({"zone": zone, "member": member, "roles": role, "digest": made.digest(), "file": str(output)}, text)


def found(
    entries: Annotated[list[Path], typer.Argument(help="The members' entries (xinqiao member entry), custodians in the order of their shares.")],
    zone: Zone,
    zh: Chinese,
    en: English,
    key: Annotated[Path, typer.Option(help="The authority's sign.pem.")],
    required: Annotated[int, typer.Option(help="How many of the witnesses must cosign.")],
    public: Public,
    authority: Annotated[str, typer.Option(help="Member id of the authority.")] = "authority",
    outside: Annotated[
        list[str] | None, typer.Option(help="A witness that is no part of the zone; may be repeated.", callback=of_form(list[MemberId]))
    ] = None,
    development: Annotated[bool, typer.Option("--development", help="A zone for trials: fewer than three witnesses, or none outside.")] = False,
    disclosure: Annotated[Path | None, typer.Option(help="Disclosure policy as JSON; what it does not name keeps its default.")] = None,
    days: Annotated[int, typer.Option(help="How long the registry holds before it is renewed.", min=1, max=((1 << 32) - 1) // DAY_S)] = VALIDITY_S
    // DAY_S,
    as_json: JsonFlag = False,
) -> None:
    """Put the members' entries together into the zone's registry and sign it, as the authority. Then everybody compares its digest."""
    with reporting(as_json) as report:
        said = [read_entry(path) for path in entries]
        policy = DisclosurePolicy() if disclosure is None else parse_record(DisclosurePolicy, disclosure.read_bytes())
        terms = Terms(zone, Title(zh=zh, en=en), required, tuple(outside or ()), development, policy, days * DAY_S)
        registry = assemble(terms, said)
        digest = publish_registry(registry, load_signing_key(authority, key), public)
        told = {item.member.id: item.digest() for item in said}
        lines = [f"{item.member.id} ({', '.join(item.member.roles)}): entry {told[item.member.id]}" for item in said]
        lines += [
            f"registry {digest}",
            "Compare each entry's digest with what its people say, then have everybody pin this registry. Where one differs:",
        ]
        text = "\n".join([*lines, f"nobody pins it, {public} is removed, and the zone is founded again with the right entry."])
        report.result({"zone": zone, "registry": digest, "entries": told, "members": _roles(registry), "directory": str(public)}, text)


def registry(
    public: Public,
    keys: Annotated[Path | None, typer.Option(help="Your keys directory: compare your own entry with it.")] = None,
    member: Annotated[str | None, typer.Option(help="Your id in the zone, else that of --entry; with --keys.", callback=of_form(MemberId))] = None,
    entry: Annotated[Path | None, typer.Option(help="Your entry as you gave it to the authority: compare all of it with the registry.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show a zone's registry before you pin it: digest, members, witnesses; with --keys and --entry whether what it says of you is yours, and
    what you said (exit code 1 when not)."""
    with reporting(as_json) as report:
        found = read_registry(public)
        known, digest = MemberRegistry(found), sha256((public / REGISTRY).read_bytes()).hex()
        given = None if entry is None else read_entry(entry)
        own = member or ("authority" if given is None else given.member.id)
        faults = [] if keys is None else faults_of_own(found, own, keys)
        faults += [] if given is None else faults_of_entry(found, given)
        document = {"zone": found.zone, "registry": digest, "members": _roles(found), "approvals_needed": known.threshold, "faults": faults}
        document |= {"witnesses": len(found.witness_policy.witnesses), "witnesses_required": found.witness_policy.required}
        report.result(document, _text(found, document), ExitCode.NOT_HOLDING if faults else ExitCode.DONE)


def _roles(found: Registry) -> dict[str, list[str]]:
    return {member.id: list(member.roles) for member in found.members}


def _text(found: Registry, document: dict[str, Any]) -> str:
    policy = found.witness_policy
    counted = Counter(role for member in found.members for role in member.roles)
    lines = [f"zone {found.zone}, {found.title.zh} {found.title.en}", f"registry {document['registry']}"]
    lines += [" ".join((f"{member.id:24} {', '.join(member.roles):32}", member.title.zh, _office(member))).rstrip() for member in found.members]
    lines += [f"{policy.required} of {len(policy.witnesses)} witnesses, outside: {', '.join(policy.outside) or 'none'}"]
    lines += [f"{document['approvals_needed']} of {counted['custodian']} custodians approve changes until the key is made"]
    lines += [f"NOT YOURS: {fault}" for fault in document["faults"]]
    return "\n".join(map(shown, lines))  # a title that has lines of its own makes none here, where the digest stands


def _office(member: Member) -> str:
    return " ".join(said for said in (member.department, member.level, member.division) if said)
