"""A verifier built on Go's x/mod/sumdb packages, ignorant of Xinqiao, accepts the log's static tree and no changed one [L1]."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from crypto import tiles
from crypto.checkpoint import Checkpoint, cosign, open_checkpoint, sign_checkpoint
from crypto.encoding import sha256
from crypto.merkle import root
from nodes.runtime.peers import rpc
from protos.v1 import log_pb2 as pb
from protos.v1 import log_pb2_grpc
from tests.scenario.log_witness import WitnessDouble
from tests.scenario.log_zone import Zone, connect, make_zone, running_log

GO = Path("/usr/lib/go-1.19/bin/go")
MODULES = Path("/usr/share/gocode/src/golang.org/x/mod/sumdb")
SIZE = 300  # more than a full tile

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not GO.exists() or not MODULES.exists(), reason="needs golang-1.19-go and golang-golang-x-mod-dev of Debian"),
]


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled second verifier."""
    built = tmp_path_factory.mktemp("go") / "second_verifier"
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "CGO_ENABLED": "0", "GOCACHE": str(built.parent / "cache")}
    source = Path(__file__).parent / "second_verifier"
    subprocess.run([str(GO), "build", "-o", str(built), "."], check=True, cwd=source, env=environment, timeout=300)
    return built


@pytest.fixture(scope="module")
def zone(tmp_path_factory: pytest.TempPathFactory) -> Zone:
    return make_zone(tmp_path_factory.mktemp("zone") / "z", ("auditor", "peer-zone"), required=2)


@pytest.fixture(scope="module")
def mirror(zone: Zone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The static tree of a log of ``SIZE`` leaves, witnessed twice, as plain files."""
    directory = tmp_path_factory.mktemp("mirror")
    doubles = [WitnessDouble(zone.identities[name], zone.witness_signer(name), zone.registry.log_vkey) for name in ("auditor", "peer-zone")]
    with running_log(zone) as log, connect(zone.identities["bank-a"], log.peer) as channel:
        stub = log_pb2_grpc.LogStub(channel)
        for _ in range(SIZE - 1):
            envelope = zone.refusal("bank-a")
            rpc.call(stub.Append, pb.AppendRequest(envelope=envelope, idempotency_key=sha256(envelope).hex()), timeout_s=20)
        for double in doubles:
            double.start(log.peer)
        rpc.call(stub.Checkpoint, pb.CheckpointRequest(min_size=SIZE), timeout_s=20)
        for path in ["checkpoint", *(address.path() for address in tiles.tiles_of(SIZE))]:
            file = directory / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(rpc.call(stub.ReadTile, pb.ReadTileRequest(path=path), timeout_s=20).content)
        for double in doubles:
            double.stop()
    return directory


def verify(verifier: Path, zone: Zone, directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    vkeys = [zone.registry.log_vkey, *zone.registry.witness_policy.witnesses]
    return subprocess.run([str(verifier), *options, str(directory), *vkeys], check=False, capture_output=True, text=True, timeout=120)


def without_signatures(note: bytes, count: int) -> bytes:
    """The note without its last ``count`` signature lines."""
    return b"\n".join(note.split(b"\n")[: -count - 1]) + b"\n"


def test_the_second_verifier_accepts_the_log(verifier: Path, zone: Zone, mirror: Path) -> None:
    head = open_checkpoint((mirror / "checkpoint").read_bytes(), zone.registry.log_vkey)
    result = verify(verifier, zone, mirror)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"ok {SIZE} ")
    assert head.size == SIZE


@pytest.mark.parametrize("path", ["checkpoint", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/44"])
def test_the_second_verifier_refuses_a_changed_file(verifier: Path, zone: Zone, mirror: Path, tmp_path: Path, path: str) -> None:
    copy = tmp_path / "mirror"
    shutil.copytree(mirror, copy)
    data = bytearray((copy / path).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / path).write_bytes(data)
    assert verify(verifier, zone, copy).returncode == 1


def test_the_second_verifier_counts_the_witnesses(verifier: Path, zone: Zone, mirror: Path, tmp_path: Path) -> None:
    copy = tmp_path / "mirror"
    shutil.copytree(mirror, copy)
    (copy / "checkpoint").write_bytes(without_signatures((mirror / "checkpoint").read_bytes(), 1))
    short = verify(verifier, zone, copy)
    assert (short.returncode, "1 of the required 2 witnesses" in short.stderr) == (1, True)
    assert verify(verifier, zone, copy, "-required", "1").returncode == 0


def head_of(zone: Zone, leaves: list[bytes]) -> bytes:
    """A note of the tree of ``leaves`` under the log's own signature and both witnesses'."""
    name = zone.registry.log_vkey.partition("+")[0]
    note = sign_checkpoint(Checkpoint(name, len(leaves), root(leaves)), zone.log_signer)
    return note + b"".join(cosign(note, zone.witness_signer(witness), 1_700_000_000) for witness in ("auditor", "peer-zone"))


def test_the_second_verifier_sees_whether_the_log_only_grew(verifier: Path, zone: Zone, mirror: Path, tmp_path: Path) -> None:
    leaves = tiles.decode_entries((mirror / "tile" / "entries" / "000").read_bytes(), 256)[:100]
    old = tmp_path / "old"
    old.write_bytes(head_of(zone, leaves))
    assert verify(verifier, zone, mirror, "-old", str(old)).returncode == 0
    old.write_bytes(head_of(zone, [*leaves[:-1], b"another history"]))
    assert verify(verifier, zone, mirror, "-old", str(old)).returncode == 1


CORPUS = Path(__file__).parents[1] / "vectors" / "artifacts"
LOGS = [entry for entry in json.loads((CORPUS / "index.json").read_text(encoding="utf-8")) if entry["kind"] == "log"]
OF_THE_TREE = {
    "CHECKPOINT_SIGNATURE", "WITNESS_POLICY", "ROOT_MISMATCH", "ENTRY_HASH_MISMATCH", "ENTRY_BUNDLE_INVALID", "ENTRY_MISSING",
    "TILE_HASH_MISMATCH", "TILE_MISSING",
}  # fmt: skip


@pytest.mark.parametrize("entry", LOGS, ids=lambda entry: entry["file"])
def test_the_second_verifier_refuses_what_is_wrong_with_a_tree_and_nothing_else(verifier: Path, entry: dict[str, Any]) -> None:
    """What members said is behind the leaves: a verifier that knows nothing of Xinqiao sees a sound tree there."""
    vkeys = [line for name in ("log.vkey", "witnesses.vkey") for line in (CORPUS / "public" / name).read_text(encoding="utf-8").split()]
    done = subprocess.run([str(verifier), str(CORPUS / entry["file"]), *vkeys], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == (1 if entry["reason"] in OF_THE_TREE else 0), done.stderr
