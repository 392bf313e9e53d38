"""``xinqiao peer export|pin|entry|propose|status``: peering with another zone, up to the change that custodians approve by ``xinqiao member``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from crypto.encoding import canonical_json, sha256
from crypto.notes import COSIGNATURE_V1
from nodes.ceremony.countersigning import read_members
from nodes.commands.output import ExitCode, JsonFlag, of_form, reporting
from nodes.commands.peers.roots import REGISTRY, export_roots, pin_roots, registry_in
from nodes.errors import SettingsError
from nodes.peering.mirrored import MirroredLog
from nodes.runtime.clock import now
from nodes.runtime.files import write_public
from nodes.runtime.peers.identity import load_identity, load_note_signer, member_uri, witness_name
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.replica.zone import read_public
from scoring.exchange.peers import check_peer
from scoring.statements import Grant, Hex32, Member, MemberChange, MemberId, PeerZone, SigningKey, Title, parse_record

app = typer.Typer(no_args_is_help=True, help="Other zones as peers: roots of trust, the node's entry, how they stand.")

Public = Annotated[Path, typer.Option(help="This zone's public directory.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="Where to write it.")]
STALE_S = 60
GRANTS = get_args(Grant)


@app.callback()
def _group() -> None:
    """Other zones as peers: roots of trust, the node's entry, how they stand."""


@app.command("export")
def export(public: Public, output: Output, as_json: JsonFlag = False) -> None:
    """Write this zone's roots of trust as one file for another zone. Hand it over in person, or read the digest to each other."""
    with reporting(as_json) as report:
        zone, digest, content = export_roots(public)
        write_public(output, content)
        text = f"{output}: roots of zone {zone}\nregistry {digest}\nTell this digest to the other zone over another way than the file takes."
        report.result({"zone": zone, "registry": digest, "file": str(output)}, text)


@app.command("pin")
def pin(
    file: Annotated[Path, typer.Argument(help="The other zone's roots, as made by its xinqiao peer export.")],
    registry: Annotated[str, typer.Option(help="The digest of its registry, as its people told it.", callback=of_form(Hex32))],
    public: Public,
    as_json: JsonFlag = False,
) -> None:
    """Pin another zone's roots of trust, after comparing the digest: from now on everything of that zone is checked against them."""
    with reporting(as_json) as report:
        zone, place = pin_roots(file.read_bytes(), registry, public)
        report.result({"zone": zone, "registry": registry, "directory": str(place)}, f"zone {zone} is pinned in {place}")


@app.command("entry")
def entry(
    keys: Annotated[
        Path, typer.Argument(help="The node's keys directory: sign.pem, hpke.pem, its certificate of the other zone's CA, note.pem to witness.")
    ],
    zone: Annotated[str, typer.Option(help="The other zone, pinned here, of which the node becomes a member.")],
    member: Annotated[str, typer.Option(help="The node's member id there.", callback=of_form(MemberId))],
    public: Public,
    output: Output,
    as_json: JsonFlag = False,
) -> None:
    """Write the entry by which this zone's node asks to be a member of another zone. It goes to that zone's authority."""
    with reporting(as_json) as report:
        home, digest, genesis = registry_in(public)
        identity = load_identity(zone, member, keys, public / "peers" / zone / "public" / "ca.pem")
        signer, note = identity.signer, keys / "note.pem"
        witness = load_note_signer(witness_name(zone, member), COSIGNATURE_V1, note).key.to_vkey() if note.exists() else ""
        made = Member(
            id=member,
            title=Title(zh=genesis.title.zh, en=genesis.title.en),
            roles=("peer", "witness") if witness else ("peer",),
            keys=(SigningKey(key_id=signer.key_id, algorithm=signer.algorithm, public=signer.public.hex()),),
            hpke=identity.hpke_public.hex(),
            uri=member_uri(zone, member),
            peer=PeerZone(zone=home, registry=digest, log_vkey=genesis.log_vkey, witness_vkey=witness, grants=()),
        )
        write_public(output, canonical_json(made.model_dump(mode="json")))
        text = f"{output}: entry of {member} in {zone}, for zone {home} (registry {digest}){', as a witness too' if witness else ''}"
        report.result({"zone": zone, "member": member, "home": home, "registry": digest, "witness": bool(witness)}, text)


@app.command("propose")
def propose(
    file: Annotated[Path, typer.Argument(metavar="ENTRY", help="The node's entry, as made by the other zone's xinqiao peer entry.")],
    public: Public,
    output: Output,
    grant: Annotated[list[str] | None, typer.Option(help=f"What the other zone may have, of {', '.join(GRANTS)}; may be repeated.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write down the change that makes another zone a peer, or changes what it may have. Custodians then approve it (`xinqiao member approve`).

    The entry has to name the registry and log key that are pinned here for that zone (`xinqiao peer pin`).
    """
    with reporting(as_json) as report:
        members, asked = read_members(public), parse_record(Member, file.read_bytes())
        if asked.peer is None:
            raise SettingsError(f"{file} is no entry of a peer zone")
        raw = read_public(public / "peers" / asked.peer.zone / "public" / REGISTRY)
        pinned = registry_in(public / "peers" / asked.peer.zone / "public")[2]
        if (asked.peer.registry, asked.peer.log_vkey) != (sha256(raw).hex(), pinned.log_vkey):
            raise SettingsError(f"the entry names another registry or log key of {asked.peer.zone} than the ones pinned here")
        granted = tuple(dict.fromkeys(grant or ()))
        if unknown := set(granted) - set(GRANTS):
            raise SettingsError(f"{', '.join(sorted(unknown))} cannot be granted; these can: {', '.join(GRANTS)}")
        made = asked.model_copy(update={"peer": asked.peer.model_copy(update={"grants": granted})})
        check_peer(members, made)
        action: Any = "rekey" if made.id in members.members else "join"
        change = MemberChange(zone=members.genesis.zone, nonce=fresh_nonce(), action=action, member=made)
        write_public(output, change.payload())
        document = {"member": made.id, "zone": asked.peer.zone, "action": action, "grants": list(granted), "digest": change.digest()}
        report.result(document, f"{output}: {made.id} ({asked.peer.zone}) may have {', '.join(granted) or 'nothing'} ({change.digest()[:16]}…)")


@app.command("status")
def status(public: Public, as_json: JsonFlag = False) -> None:
    """How this zone's nodes stand with the zones that are pinned here. Exit code 1 when a log split, a node is behind, full or says nothing."""
    with reporting(as_json) as report:
        registry_in(public)
        names = sorted(path.name for path in (public / "peers").glob("*") if (path / "public").is_dir())
        found = [_standing(name, MirroredLog(public / "peers" / name / "mirror").status()) for name in names]
        text = "\n".join(f"{item['zone']}: {item['said']}" for item in found) or "no zone is pinned here: xinqiao peer pin"
        holds = all(item["holds"] for item in found)
        report.result({"peers": found}, text, ExitCode.DONE if holds else ExitCode.NOT_HOLDING)


def _standing(zone: str, said: dict[str, Any]) -> dict[str, Any]:
    age = now() - int(said.get("time", 0))
    if not said:
        told = "no node of ours has written anything: is its mirror_dir peers/<zone>/mirror here?"
    elif said["state"] == "split":
        told = f"SPLIT: {said['split']['detail']}; evidence in {said['split']['evidence']}; operator guide, When the log has split"
    elif age > STALE_S:
        told = f"the node has said nothing for {age} s: is it running?"
    elif said.get("full"):
        told = f"FULL: more of its {' and '.join(said['full'])} was sent than is kept; operator guide, What a peer zone may send"
    elif said["state"] != "mirroring":
        told = "the node is no member there yet, or has left"
    else:
        items = ", ".join(f"{kind} {number}" for kind, number in sorted(said["items"].items())) or "none"
        told = f"mirroring, {said['size']} leaves, {said['shown_size']} shown; items: {items}"
    holds = bool(said) and said["state"] == "mirroring" and age <= STALE_S and not said.get("full")
    return {"zone": zone, "holds": holds, "said": told, "status": json.loads(json.dumps(said))}
