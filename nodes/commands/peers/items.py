"""``xinqiao peer items|adopt``: what peer zones let this one have, and a pack of theirs taken as the base of one's own [F16, F18]."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from crypto.encoding import sha256
from nodes.commands.output import ExitCode, JsonFlag, of_form, reporting
from nodes.errors import NotFoundError, SettingsError
from nodes.peering.members_now import MembersNow
from nodes.peering.mirrored import MirroredLog
from nodes.runtime.files import write_public
from scoring.federation.errors import SharedItemError
from scoring.federation.items import Shared, read_shared
from scoring.indicators.model import load_pack
from scoring.statements import Name

Public = Annotated[Path, typer.Option(help="This zone's public directory: peers/<zone>/public and peers/<zone>/mirror lie in it.")]
Zone = Annotated[str, typer.Argument(help="The peer zone, as it is pinned here.", callback=of_form(Name))]
MODELS = "models"


def items(
    zone: Zone,
    public: Public,
    kind: Annotated[str, typer.Option(help="Only of this kind: models, catalog, policies or statistics.")] = "",
    as_json: JsonFlag = False,
) -> None:
    """List what a peer zone let this one have, each item judged by its signature, under the keys that its authority has by the mirrored log now.

    Exit code 1 when one is not that zone's own."""
    with reporting(as_json) as report:
        peer = _Peer(public, zone)
        found = [_judged(peer, each, name, place) for each, names in peer.index().items() if kind in {"", each} for name, place in names.items()]
        lines = [f"{item['kind']:10} {item['name']:40} {item['sha256'][:16] or '–':16} {item['fault'] or 'signed by ' + zone}" for item in found]
        holds = not any(item["fault"] for item in found)
        report.result({"zone": zone, "items": found}, "\n".join(lines) or "nothing yet", ExitCode.DONE if holds else ExitCode.NOT_HOLDING)


def adopt(
    zone: Zone,
    pack: Annotated[str, typer.Argument(metavar="ID@VERSION", help="The pack, as `peer items --kind models` names it.")],
    public: Public,
    packs: Annotated[Path, typer.Option("-o", "--packs", help="The folder of this zone's packs; the base goes into its own folder there.")],
    as_json: JsonFlag = False,
) -> None:
    """Take a pack of a peer zone as a base: its exact bytes, verified, where a pack that `extends` it finds them. It is admitted by nobody here:
    your own pack is, once its owners have accepted it."""
    with reporting(as_json) as report:
        item = _Peer(public, zone).item(MODELS, pack)
        model = load_pack(item.content)
        if f"{model.id}@{model.version}" != pack:
            raise SharedItemError(f"{zone} shares {model.id}@{model.version} under the name {pack}")
        path = packs / model.id / f"{pack}.yaml"
        if path.exists() and path.read_bytes() != item.content:
            raise SettingsError(f"{path} is there already with other bytes: a base never changes under its version")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_public(path, item.content)
        base = {"id": model.id, "version": model.version, "sha256": model.sha256}
        text = f'{path}: of {zone}\nextends:\n  id: {model.id}\n  version: "{model.version}"\n  sha256: {model.sha256}'
        report.result({"zone": zone, "file": str(path), "extends": base}, text)


class _Peer:
    """A peer zone by what is pinned and mirrored of it. Raises SettingsError when it is not pinned."""

    def __init__(self, public: Path, zone: str) -> None:
        place = public / "peers" / zone
        if not (place / "public").is_dir():
            raise SettingsError(f"{zone} is not pinned in {place}: xinqiao peer pin")
        self._mirror = MirroredLog(place / "mirror")
        self._members = MembersNow(place / "public", self._mirror)
        if self._members.zone != zone:
            raise SettingsError(f"{place} pins zone {self._members.zone}")

    def index(self) -> dict[str, dict[str, dict[str, Any]]]:
        return self._mirror.items()

    def item(self, kind: str, name: str) -> Shared:
        """Raises NotFoundError, SharedItemError."""
        place = self.index().get(kind, {}).get(name)
        if place is None:
            raise NotFoundError(f"no item {name} of {kind} has come: {', '.join(sorted(self.index().get(kind, {}))) or 'there is none'}")
        return read_shared(self._mirror.item(kind, str(place["digest"])), kind, name, self._members.registry())


def _judged(peer: _Peer, kind: str, name: str, place: dict[str, Any]) -> dict[str, Any]:
    said = {"kind": kind, "name": name, "sequence": place["sequence"], "digest": place["digest"]}
    try:
        return {**said, "bytes": len(content := peer.item(kind, name).content), "sha256": sha256(content).hex(), "fault": ""}
    except (SharedItemError, NotFoundError) as error:
        return {**said, "bytes": 0, "sha256": "", "fault": str(error)}
