"""The log's figures of L8: durable appends from 64 clients, batches, warm proofs, on SQLite in a temporary directory.

Two more for comparison: one commit for each append instead of groups, and the whole way over mutual TLS to a log in a process of
its own, whose clients share the machine.
"""

from __future__ import annotations

import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from crypto.encoding import sha256
from crypto.notes import ED25519, NoteSigner
from nodes.log.admission import Admission
from nodes.log.publication import FilePin, Publication
from nodes.log.reader import Reader
from nodes.log.sequencer import Sequencer, Submission
from nodes.log.storage import LogStore
from nodes.runtime.clock import now
from nodes.runtime.database import open_database
from nodes.runtime.peers.identity import Identity, load_identity, load_note_signer, log_name
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.settings import Peer
from scoring.statements import Refusal, Role, Title
from simulators.benchmarks.processes import measured_process
from simulators.benchmarks.rows import Figure
from simulators.zone.authority import make_zone
from simulators.zone.layout import MemberPlan, ZonePlan

ZONE, MEMBER = "bench", "bank"
CLIENTS, CHANNELS, BATCH = 64, 8, 1000
_ROLES: dict[str, tuple[Role, ...]] = {"authority": ("authority",), "log": ("log",), MEMBER: ("bank",), "witness": ("witness",)}


@dataclass(frozen=True, slots=True)
class _Zone:
    """A zone with one member that submits statements."""

    root: Path
    genesis: bytes
    identity: Identity
    signer: NoteSigner

    def statement(self) -> bytes:
        """A small signed statement, another each time."""
        statement = Refusal(zone=ZONE, nonce=fresh_nonce(), member=MEMBER, reason="NOT_READY")
        return sign_statement(statement, self.identity.signer)


def run(quick: bool) -> list[Figure]:
    """Measures every figure; ``quick`` appends less. Takes about 20 s, a third of it when quick."""
    turns, batches = (10, 5) if quick else (40, 25)
    with tempfile.TemporaryDirectory(prefix="xinqiao-bench-") as directory:
        zone = make_bench_zone(Path(directory) / "zone")
        with sequencing(zone, "groups") as (sequencer, _, _):
            admission = Admission(zone.genesis)
            singles = _from_clients(zone, turns, lambda _client, raw: sequencer.append(admission.admit(MEMBER, raw, sha256(raw).hex())))
        with sequencing(zone, "one") as (sequencer, _, _):
            alone = _one_by_one(sequencer, 20 * turns)
        with sequencing(zone, "batches") as (sequencer, reader, _):
            batched = _batched(sequencer, batches)
            proof_s = _proofs(reader, batches * BATCH, 50 * turns)
        network = _over_network(zone, turns)
    return [
        Figure(f"log: durable single appends, {CLIENTS} clients, signatures checked", singles, "/s", "≥1500"),
        Figure(f"log: durable appends in batches of {BATCH:,}", batched, "/s", "≥20000"),
        Figure(f"log: inclusion proof out of {batches * BATCH:,} leaves, warm", 1000 * proof_s, "ms", "≤2"),
        Figure("log: durable appends, one after the other", alone, "/s"),
        Figure(f"log: appends over gRPC with mutual TLS, {CLIENTS} clients beside it", network, "/s"),
    ]


def make_bench_zone(root: Path) -> _Zone:
    """A zone in ``root`` whose one member submits statements."""
    members = tuple(MemberPlan(name, Title(zh=name, en=name), roles, listens="log" in roles) for name, roles in _ROLES.items())
    make_zone(ZonePlan(ZONE, Title(zh="测量", en="bench"), members, ()), root, [])
    (root / "state").mkdir(mode=0o700)
    identity = load_identity(ZONE, MEMBER, root / "members" / MEMBER, root / "public" / "ca.pem")
    signer = load_note_signer(log_name(ZONE), ED25519, root / "members" / "log" / "note.pem")
    return _Zone(root, (root / "public" / "registry.dsse.json").read_bytes(), identity, signer)


@contextmanager
def sequencing(zone: _Zone, name: str) -> Iterator[tuple[Sequencer, Reader, Publication]]:
    """A log of its own in the zone's state, and who reads it."""
    state = zone.root / "state" / name
    engine = open_database(state, "log")
    store, publication = LogStore(engine), Publication()
    reader = Reader(store, publication)
    sequencer = Sequencer(store, FilePin(state / "head.pin"), zone.signer, publication, now, reader.remember)
    thread = threading.Thread(target=sequencer.run)
    thread.start()
    try:
        yield sequencer, reader, publication
    finally:
        sequencer.close()
        thread.join()
        engine.dispose()


def _from_clients(zone: _Zone, turns: int, append: Callable[[int, bytes], object]) -> float:
    """Appends a second when ``CLIENTS`` threads append ``turns`` statements each; the statements are made before."""
    statements = [[zone.statement() for _ in range(turns)] for _ in range(CLIENTS)]

    def client(number: int) -> None:
        for raw in statements[number]:
            append(number, raw)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return CLIENTS * turns / (time.perf_counter() - start)


def _one_by_one(sequencer: Sequencer, count: int) -> float:
    made = submissions(count)
    start = time.perf_counter()
    for submission in made:
        sequencer.append(submission)
    return count / (time.perf_counter() - start)


def _batched(sequencer: Sequencer, batches: int) -> float:
    made = [submissions(BATCH) for _ in range(batches)]
    start = time.perf_counter()
    for batch in made:
        sequencer.submit(batch).result()
    return batches * BATCH / (time.perf_counter() - start)


def _proofs(reader: Reader, size: int, count: int) -> float:
    """Seconds a proof, once every tile has been read."""
    indices = [secrets.randbelow(size) for _ in range(count)]
    for index in range(0, size, 256):
        reader.inclusion_proof(index, size)
    start = time.perf_counter()
    for index in indices:
        reader.inclusion_proof(index, size)
    return (time.perf_counter() - start) / count


def submissions(count: int) -> list[Submission]:
    """Admitted statements of the usual size; their signatures are not the sequencer's matter."""
    raws = [secrets.token_bytes(500) for _ in range(count)]
    return [Submission(MEMBER, sha256(raw).hex(), raw, sha256(raw), "refusal", MEMBER, (MEMBER,)) for raw in raws]


def _over_network(zone: _Zone, turns: int) -> float:
    config = zone.root / "log.toml"
    config.write_text(
        f'member = "log"\nzone = "{ZONE}"\nstate_dir = "state/log"\nkeys_dir = "members/log"\npublic_dir = "public"\n'
        'log_level = "error"\n[log]\nlisten = "127.0.0.1:0"\nappends_per_minute_per_member = 100_000_000\n'
    )
    with measured_process("nodes.log", config, zone.root / "state" / "log") as port:
        peer = Peer(member="log", address=f"127.0.0.1:{port}")
        clients = [LogClient(zone.identity, peer) for _ in range(CHANNELS)]
        for client in clients:
            client.append(zone.statement())
        rate = _from_clients(zone, turns, lambda number, raw: clients[number % CHANNELS].append(raw))
        for client in clients:
            client.close()
        return rate
