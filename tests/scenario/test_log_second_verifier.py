"""A verifier built on Go's x/mod/sumdb packages, ignorant of Xinqiao, accepts the log's static tree and no changed one [L1]."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from crypto import tiles
from crypto.checkpoint import open_checkpoint
from crypto.encoding import sha256
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


def verify(verifier: Path, zone: Zone, directory: Path) -> subprocess.CompletedProcess[str]:
    vkeys = [zone.registry.log_vkey, *zone.registry.witness_policy.witnesses]
    return subprocess.run([str(verifier), str(directory), *vkeys], check=False, capture_output=True, text=True, timeout=120)


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
