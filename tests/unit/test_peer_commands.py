"""``xinqiao peer``: two zones become each other's peers by files and digests, as their people type it; and what is refused on the way."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from typer.testing import CliRunner, Result

from crypto.encoding import canonical_json, sha256
from nodes.ceremony.countersigning import approve_change, enact_change, read_members
from nodes.commands.peers.peer import STALE_S, app
from nodes.runtime.clock import now
from scoring.statements import MemberChange, Title, parse_record
from simulators.zone.authority import CertificateAuthority, make_member
from simulators.zone.layout import MemberPlan
from tests.support.artifacts import put, write_public
from tests.support.key_2048 import private_key_2048
from tests.support.members import CUSTODIANS
from tests.support.zone import MemoryZone

NODE = "river-node"


@dataclass
class Zones:
    """``here`` and ``river``: public directories of two zones; ``zones`` their keys. ``keys``: of the river zone's node, certified here."""

    here: Path
    river: Path
    zones: dict[str, MemoryZone]
    keys: Path
    files: Path

    def digest(self, public: Path) -> str:
        return sha256((public / "registry.dsse.json").read_bytes()).hex()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Zones:
    root = tmp_path_factory.mktemp("zones")
    zones = {name: MemoryZone(private_key_2048(), name=name) for name in ("test-zone", "river-zone")}
    for name, zone in zones.items():
        zone.found()
        write_public(zone, root / name)
        authority = CertificateAuthority.create(name)
        put(root / name / "ca.pem", authority.certificate.public_bytes(Encoding.PEM))
        if name == "test-zone":
            make_member(authority, name, MemberPlan(NODE, Title(zh=NODE, en=NODE), ("witness",)), root / "keys")
    return Zones(root / "test-zone", root / "river-zone", zones, root / "keys", root)


def call(*words: object) -> Result:
    return CliRunner().invoke(app, [*map(str, words), "--json"])


def done(*words: object) -> dict[str, Any]:
    ended = call(*words)
    assert ended.exit_code == 0, ended.output
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def refused(code: int, *words: object) -> str:
    ended = call(*words)
    assert ended.exit_code == code, ended.output
    return str(json.loads(ended.stdout)["detail"])


def pinned(made: Zones, public: Path, other: Path) -> None:
    """``public`` pins ``other``."""
    given = done("export", "--public", other, "-o", made.files / "roots.tar")
    assert given["registry"] == made.digest(other)
    done("pin", made.files / "roots.tar", "--registry", given["registry"], "--public", public)


def test_two_zones_become_peers_by_files_digests_and_approvals(made: Zones) -> None:
    pinned(made, made.here, made.river)
    pinned(made, made.river, made.here)
    assert (made.here / "peers" / "river-zone" / "public" / "key.json").read_bytes() == (made.river / "key.json").read_bytes()
    entry, change = made.files / "entry.json", made.files / "change.json"
    said = done("entry", made.keys, "--zone", "test-zone", "--member", NODE, "--public", made.river, "-o", entry)
    assert (said["home"], said["registry"], said["witness"]) == ("river-zone", made.digest(made.river), True)
    said = done("propose", entry, "--grant", "log", "--grant", "models", "--public", made.here, "-o", change)
    assert (said["action"], said["grants"]) == ("join", ["log", "models"])
    zone, proposed = made.zones["test-zone"], parse_record(MemberChange, change.read_bytes())
    approvals = [approve_change(proposed, name, zone.keys.signers[name]) for name in CUSTODIANS]
    enact_change(proposed, read_members(made.here), approvals, zone.keys.signers["authority"], made.here)
    found = read_members(made.here).member(NODE)
    assert found.roles == ("peer", "witness")
    assert found.peer is not None
    assert (found.peer.zone, found.peer.grants) == ("river-zone", ("log", "models"))
    assert done("propose", entry, "--grant", "log", "--public", made.here, "-o", change)["action"] == "rekey"
    assert "backup" in refused(2, "propose", entry, "--grant", "rows", "--public", made.here, "-o", change)


def test_the_same_roots_give_the_same_file(made: Zones) -> None:
    for name in ("a", "b"):
        done("export", "--public", made.river, "-o", made.files / name)
    assert (made.files / "a").read_bytes() == (made.files / "b").read_bytes()


def test_roots_whose_digest_is_not_what_was_told_are_not_pinned(made: Zones) -> None:
    done("export", "--public", made.river, "-o", made.files / "roots.tar")
    assert made.digest(made.river) in refused(2, "pin", made.files / "roots.tar", "--registry", "0" * 64, "--public", made.here)


def test_a_zone_does_not_pin_itself_and_another_registry_not_over_the_pinned_one(made: Zones, tmp_path: Path) -> None:
    done("export", "--public", made.here, "-o", made.files / "own.tar")
    assert "itself" in refused(2, "pin", made.files / "own.tar", "--registry", made.digest(made.here), "--public", made.here)
    other = MemoryZone(private_key_2048(), name="river-zone")
    other.found()
    write_public(other, tmp_path)
    put(tmp_path / "ca.pem", b"another")
    pinned(made, made.here, made.river)
    given = done("export", "--public", tmp_path, "-o", made.files / "other.tar")
    assert "pins another registry" in refused(2, "pin", made.files / "other.tar", "--registry", given["registry"], "--public", made.here)


HOSTILE = {
    "a path outside": {"../evil": b"x"},
    "an absolute path": {"/tmp/evil": b"x"},
    "another file": {"sign.pem": b"x"},
    "a path within packs": {"packs/../../evil": b"x"},
    "a directory's name": {"packs/": b"x"},
    "too much together": {f"packs/{number}.yaml": bytes(8 << 20) for number in range(9)},
}


@pytest.mark.parametrize("added", [*HOSTILE, "a link", "a file twice", "too little", "no tar"])
def test_a_file_that_is_none_of_roots_is_refused_and_writes_nothing(made: Zones, tmp_path: Path, added: str) -> None:
    done("export", "--public", made.river, "-o", tmp_path / "roots.tar")
    public = tmp_path / "public"
    public.mkdir()
    put(public / "registry.dsse.json", (made.here / "registry.dsse.json").read_bytes())
    with tarfile.open(tmp_path / "roots.tar") as tar:
        files = {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]  # all are files
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, data in {**files, **HOSTILE.get(added, {})}.items():
            if added == "too little" and name == "ca.pem":
                continue
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
            if added == "a file twice" and name == "key.json":
                tar.addfile(entry, io.BytesIO(data))
        if added == "a link":
            entry = tarfile.TarInfo("packs/link.yaml")
            entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
            tar.addfile(entry)
    (tmp_path / "hostile.tar").write_bytes(b"no tar" if added == "no tar" else content.getvalue())
    said = refused(2, "pin", tmp_path / "hostile.tar", "--registry", made.digest(made.river), "--public", public)
    assert added not in HOSTILE or "has no place" in said, "nothing of it is read further"
    assert not (public / "peers").exists()
    assert not (tmp_path / "evil").exists()


def test_an_entry_that_names_other_roots_than_the_pinned_ones_is_not_proposed(made: Zones, tmp_path: Path) -> None:
    pinned(made, made.here, made.river)
    pinned(made, made.river, made.here)
    entry = tmp_path / "entry.json"
    done("entry", made.keys, "--zone", "test-zone", "--member", NODE, "--public", made.river, "-o", entry)
    said = json.loads(entry.read_bytes())
    for changed in ({"registry": "ab" * 32}, {"log_vkey": said["peer"]["witness_vkey"]}):
        put(entry, canonical_json({**said, "peer": {**said["peer"], **changed}}))
        assert "pinned here" in refused(2, "propose", entry, "--public", made.here, "-o", tmp_path / "c")
    put(entry, canonical_json({key: value for key, value in said.items() if key != "peer"}))
    refused(2, "propose", entry, "--public", made.here, "-o", tmp_path / "c")


def test_status_tells_how_each_node_stands_and_what_to_do(made: Zones) -> None:
    pinned(made, made.here, made.river)
    place = made.here / "peers" / "river-zone" / "mirror" / "status.json"
    said = {"state": "mirroring", "size": 9, "shown_size": 8, "items": {"models": 2}, "time": now(), "split": None}
    split = {"detail": "two histories", "evidence": "/var/lib/x/heads"}
    cases = (
        (None, 1, "mirror_dir"),
        (said, 0, "9 leaves, 8 shown; items: models 2"),
        ({**said, "time": now() - STALE_S - 5}, 1, "is it running"),
        ({**said, "full": ["backup"]}, 1, "FULL: more of its backup"),
        ({**said, "state": "not-a-member"}, 1, "no member there"),
        ({**said, "state": "split", "split": split}, 1, "/var/lib/x/heads"),
    )
    for status, code, told in cases:
        if status is not None:
            put(place, canonical_json(status))
        ended = call("status", "--public", made.here)
        assert (ended.exit_code, told in json.loads(ended.stdout)["peers"][0]["said"]) == (code, True), ended.stdout
