"""A zone's coordinator and log as contributors meet them, and contributions to send there: such as hold, and the ways to change them.

The zone is one in memory with its 512-bit key and a dozen firms; ``tests.support.coordinator`` runs the real services on it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crypto.keygen import PrivateKey
from crypto.merkle import root
from crypto.statements import parse_envelope
from nodes.coordinator.settings import CoordinatorTable
from nodes.runtime.clock import now
from nodes.runtime.peers import rpc, tls
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.limits import RateLimit
from protos.v1.exchange_pb2 import ContributionPart, Receipt
from protos.v1.exchange_pb2_grpc import ExchangeStub
from scoring.exchange.contributions import owed_entries
from scoring.exchange.view import Logged
from scoring.statements import Column, Entry, Row
from tests.support.coordinator import TABLE, Coordinator, RunningLog, member_identity, write_public
from tests.support.epoch import EPOCH, changed
from tests.support.zone import MemoryZone

CLOSED, RACED = "epoch-closed", "epoch-raced"
SENDER = "market"  # owns one indicator, which is no gate
TIMEOUT_S = 60.0
MakeIdentity = Callable[..., Identity]


@dataclass(frozen=True)
class Sent:
    """A contribution on its way: who calls, and what it sends."""

    caller: str
    envelope: bytes
    ciphertexts: bytes

    def parts(self) -> list[ContributionPart]:
        """In their order: the envelope, then all ciphertexts."""
        return [ContributionPart(envelope=self.envelope), ContributionPart(ciphertexts=self.ciphertexts)]

    @property
    def root(self) -> str:
        """The Merkle root that it announces."""
        merkle_root: str = json.loads(parse_envelope(self.envelope).payload)["header"]["merkle_root"]
        return merkle_root


@dataclass
class Site:
    """The two services with the way to call them. ``consents``: standing, other (standing too) and revoked."""

    memory: MemoryZone
    consents: dict[str, Logged]
    identities: Callable[[str], Identity]
    log: RunningLog
    coordinator: Coordinator
    state: Path
    public: Path
    coordinator_table: CoordinatorTable
    revisions: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    # --- calling ---

    def contribute(self, sent: Sent) -> Receipt:
        """As a department sends it."""
        client = self.client(sent.caller)
        try:
            return client.contribute(sent.envelope, sent.ciphertexts)
        finally:
            client.close()

    def send(self, caller: str, parts: list[ContributionPart]) -> Receipt:
        """Call Contribute with exactly these parts."""
        with tls.channel(self.identities(caller), self.coordinator.peer.address, "coordinator") as channel:
            receipt: Receipt = rpc.call(ExchangeStub(channel).Contribute, lambda: iter(parts), timeout_s=TIMEOUT_S)
        return receipt

    def client(self, caller: str) -> ExchangeClient:
        return ExchangeClient(self.identities(caller), self.coordinator.peer)

    def restart(self) -> None:
        """End the coordinator at once and start another one on its state."""
        self.coordinator.end()
        self.coordinator = Coordinator.start(self.identities("coordinator"), self.log.peer, self.public, self.state, table=self.coordinator_table)

    def traces(self) -> dict[str, object]:
        """All that a contribution could leave behind."""
        files = sorted(path.name for path in (self.state / "blobs").rglob("*") if path.is_file())
        return {"leaves": self.log.size, "work": self.coordinator.work(), "files": files}

    # --- contributions ---

    def entries(self, sender: str = SENDER) -> list[Entry]:
        """What ``sender`` owes an epoch."""
        memory = self.memory
        return list(owed_entries(memory.model, memory.keys.member(sender), memory.model.disclosures("authority")))

    def column(self, entry: Entry | None = None, sender: str = SENDER, revision: int | None = None, epoch: str = EPOCH) -> Column:
        """A column that holds; by default of the sender's first entry, with a revision later than all before."""
        return self.memory.column(sender, entry or self.entries(sender)[0], next(self.revisions) if revision is None else revision, epoch)

    def row(self, sender: str, consent: str = "standing") -> Row:
        """The sender's row under one of ``consents``."""
        row = self.memory.row(sender, self.consents[consent])
        assert row is not None
        return row

    def sent(self, statement: Column | Row, *, signer: str = "", caller: str = "", ciphertexts: bytes | None = None, **header: Any) -> Sent:
        """The statement and its own ciphertexts, signed and sent by its sender, unless said otherwise; with its header changed by ``header``."""
        data = self.memory.blobs[statement.header.merkle_root] if ciphertexts is None else ciphertexts
        said = changed(statement, **header) if header else statement
        sender = said.header.sender
        return Sent(caller or sender, self.memory.envelope(said, signer or sender), data)

    def split(self, statement: Column | Row) -> list[bytes]:
        """The statement's ciphertexts, one by one."""
        data, width = self.memory.blobs[statement.header.merkle_root], self.memory.public_key.ciphertext_size
        return [data[start : start + width] for start in range(0, len(data), width)]

    def over(self, statement: Column | Row, ciphertexts: list[bytes], **header: Any) -> Sent:
        """The statement with other ciphertexts and the Merkle root that belongs to them."""
        return self.sent(statement, ciphertexts=b"".join(ciphertexts), merkle_root=root(ciphertexts).hex(), **header)

    def recounted(self, revision: int) -> Sent:
        """The default column with another point of one firm: other ciphertexts, all in order."""
        memory, subject, entry = self.memory.fork(), self.memory.subjects[0], self.entries()[0]
        memory.points[subject] = {**memory.points[subject], entry.indicator: memory.points[subject][entry.indicator] ^ 1}
        statement = memory.column(SENDER, entry, revision)
        return Sent(SENDER, memory.envelope(statement, SENDER), memory.blobs[statement.header.merkle_root])


@contextmanager
def intake_site(
    private_key: PrivateKey, make_identity: MakeIdentity, directory: Path, table: CoordinatorTable = TABLE, appends: RateLimit | None = None
) -> Iterator[Site]:
    """Both services, running; ended at the end of the block. ``table`` and ``appends`` bound what members may send."""
    memory, consents = _memory(private_key)

    def identities(name: str) -> Identity:
        return member_identity(make_identity(name, listens=name in {"coordinator", "log"}), memory)

    log = RunningLog(memory, identities("log"), directory / "log", appends)
    public, state = write_public(memory, directory / "public"), directory / "coordinator"
    coordinator = Coordinator.start(identities("coordinator"), log.peer, public, state, table=table)
    site = Site(memory, consents, identities, log, coordinator, state, public, table)
    try:
        site.coordinator.wait_for(log.size - 1)
        yield site
    finally:
        site.coordinator.end()
        log.stop()


def _memory(private_key: PrivateKey) -> tuple[MemoryZone, dict[str, Logged]]:
    """A zone with a closed epoch, two open ones, and consents; its leaves are in the past, so that everything is in force now."""
    zone = MemoryZone(private_key, now=now() - 3600)
    zone.found()
    zone.open_epoch(CLOSED)
    zone.close_epoch(CLOSED)
    zone.open_epoch(RACED)
    zone.open_epoch(EPOCH)
    consents = {name: zone.consent(zone.subjects[place], rows=False) for place, name in enumerate(("standing", "other", "revoked"))}
    zone.say(zone.revocation(consents["revoked"]), zone.own_key[consents["revoked"].statement.subject])
    return zone, consents
