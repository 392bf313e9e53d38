"""A peer's mirror of a log, served by this zone's gateway while the origin is away: any auditor judges it by the origin's keys [F8]."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import typer
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import FastAPI
from typer.testing import CliRunner, Result

from crypto.checkpoint import Checkpoint, WitnessedCheckpoint, check_witnessed, cosign, sign_checkpoint
from crypto.encoding import sha256
from crypto.merkle import root
from crypto.tiles import TILE_WIDTH
from gateway.mirrors import peer_logs
from gateway.recognition.peers import Peers
from nodes.commands.auditing.audit import audit
from nodes.peering.files import MirrorFiles
from nodes.peering.mirrored import MirroredLog
from nodes.runtime.database import open_database
from nodes.runtime.peers.identity import Identity, log_name
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.replica.store import Entry, LogReplica
from nodes.runtime.web import problems
from nodes.runtime.web.server import WebServer
from scoring.statements import Refusal
from simulators.zone.authority import CertificateAuthority
from tests.support.artifacts import write_zone
from tests.support.key_2048 import private_key_2048
from tests.support.members import ZONE
from tests.support.zone import MemoryZone

pytestmark = pytest.mark.slow

app = typer.Typer()
app.command("audit")(audit)


@dataclass
class Mirrored:
    """A zone's log, its replica at a peer, the files, and the address at which the peer's gateway serves them."""

    zone: MemoryZone
    replica: LogReplica
    files: MirrorFiles
    run: Path
    ca: Path
    url: str

    @property
    def mirror(self) -> MirroredLog:
        return MirroredLog(self.run / "peers" / ZONE / "mirror")

    def grow(self, count: int) -> WitnessedCheckpoint:
        """Log more, mirror it under the next checkpoint and show that; the log is gone after that, as before."""
        for _ in range(count):
            self.zone.say(Refusal(zone=ZONE, nonce=fresh_nonce(), member="bank-b", reason="CONSENT_MISSING"), "bank-b")
        leaves = [leaf for leaf, _ in self.zone.entries]
        note = sign_checkpoint(Checkpoint(log_name(ZONE), len(leaves), root(leaves)), self.zone.log_signer)
        note += cosign(note, self.zone.witness_signer, self.zone.now)
        start = self.replica.next_index()
        self.replica.accept([Entry(index, *entry) for index, entry in enumerate(self.zone.entries[start:], start)], note)
        policy = self.zone.view.registry.genesis.witness_policy
        shown = check_witnessed(note, self.replica.log_vkey, policy.witnesses, policy.required)
        self.files.publish(note, shown)
        return shown

    def audited(self, *more: object) -> Result:
        arguments = ["audit", self.url, "--keys", self.run / "public", "--ca", self.ca, "--json", *more]
        return CliRunner().invoke(app, [str(item) for item in arguments][1:])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, authority: CertificateAuthority, make_identity: Callable[..., Identity]) -> Iterator[Mirrored]:
    zone = MemoryZone(private_key_2048())
    zone.found()
    run = write_zone(zone, tmp_path_factory.mktemp("run"))
    identity = make_identity("gateway", listens=True)
    ca, chain, key = run / "other-ca.pem", run / "chain.pem", run / "key.pem"
    ca.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    chain.write_bytes(identity.tls.chain)
    key.write_bytes(identity.tls.key)
    served = FastAPI()
    problems.install(served)
    served.include_router(peer_logs(Peers(run / "peers")))
    server = WebServer(served, "127.0.0.1:0", chain, key)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    replica = LogReplica(open_database(run / "state", "peering"), run / "state" / "replica", zone.log_signer.key.to_vkey())
    files = MirrorFiles(run / "peers" / ZONE / "mirror", replica)
    yield Mirrored(zone, replica, files, run, ca, f"https://127.0.0.1:{server.port}/peers/{ZONE}")
    server.stop()
    thread.join(20)


def test_an_audit_of_the_served_mirror_passes_as_it_grows(place: Mirrored) -> None:
    for count in (1, 255, 300):
        shown = place.grow(count)
        ended = place.audited("--mirror", place.run / "copy")
        document = json.loads(ended.stdout)
        assert (ended.exit_code, document["verdict"], document["tree_size"]) == (0, "pass", shown.size), ended.stdout


def test_a_reader_in_the_midst_of_an_older_checkpoint_goes_on(place: Mirrored) -> None:
    """Partial tiles of earlier sizes are read out of the wider ones that replaced them."""
    before = place.grow(3)
    place.grow(5)
    leaves = [leaf for leaf, _ in place.zone.entries]
    width = before.size % 256
    part = place.mirror.read_path(f"tile/entries/00{before.size // 256}.p/{width}")
    assert leaves[before.size - width].hex() in part.hex()
    assert place.mirror.read_tile(0, before.size // 256, width)[-32:] == place.mirror.read_tile(0, before.size // 256, width + 1)[-64:-32]


def test_a_node_that_starts_again_goes_on_from_its_files_and_makes_missing_ones_again(place: Mirrored) -> None:
    size = place.grow(2).size
    again = MirrorFiles(place.mirror.directory, place.replica)
    assert again.size == size
    (place.mirror.directory / "log" / "checkpoint").unlink()
    place.files = MirrorFiles(place.mirror.directory, place.replica)
    assert place.files.size == 0
    place.grow(1)
    assert json.loads(place.audited().stdout)["verdict"] == "pass"


def test_statements_that_the_node_may_read_are_there_for_its_own_zone_alone(place: Mirrored) -> None:
    place.grow(1)
    genesis = place.zone.entries[0][1]
    assert place.mirror.statement(sha256(genesis).hex()) == genesis
    with httpx.Client(verify=False) as client:
        for path in ("statements/" + sha256(genesis).hex(), "log/../status.json", "log/statements/x", "log/tile/0/999", "status.json"):
            assert client.get(f"{place.url}/{path}").status_code == 404
        assert client.get(place.url.replace(ZONE, "nowhere") + "/log/checkpoint").status_code == 404
        assert client.get(f"{place.url}/log/checkpoint").headers["cache-control"] == "no-store"


def test_a_mirror_that_was_changed_is_found(place: Mirrored) -> None:
    place.grow(max(1, TILE_WIDTH - place.replica.next_index()))
    tile = place.mirror.directory / "log" / "tile" / "0" / "000"
    data = tile.read_bytes()
    tile.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    try:
        ended = place.audited()
        assert (ended.exit_code, json.loads(ended.stdout)["findings"][0]["code"]) == (1, "TILE_HASH_MISMATCH")
    finally:
        tile.write_bytes(data)
