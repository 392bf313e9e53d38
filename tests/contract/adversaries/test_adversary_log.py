"""A log with its real key and certificate shows a custodian a history without a revocation. Its signature alone would not betray it.

The control is a follower without a past and without witnesses; what stops the others is their own last head, and the witness's.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from crypto.checkpoint import open_checkpoint, parse_checkpoint
from crypto.keygen import PrivateKey
from crypto.merkle import MemoryTree, consistency_proof
from crypto.notes import parse_note
from nodes.auditor.witness import Witness
from nodes.auditor.witness_state import WitnessState
from nodes.errors import LogForkError, NotReadyError
from nodes.runtime.clock import now
from nodes.runtime.files import make_private_directory
from nodes.runtime.peers.identity import Identity
from nodes.runtime.replica.follower import LogFollower
from nodes.runtime.replica.store import LogReplica
from nodes.runtime.replica.zone import Zone
from nodes.runtime.settings import Peer
from scoring.errors import ConsentRevokedError
from scoring.exchange.consent import check_consent
from scoring.exchange.view import Logged
from simulators.adversaries.sequencer import ForkingLog, History
from tests.support.coordinator import member_identity, write_public
from tests.support.custodian import MakeIdentity
from tests.support.databases import database_in
from tests.support.ledger import SMALL_BITS
from tests.support.zone import MemoryZone

CUSTODIAN = "notary"


@dataclass
class Site:
    """A hostile log with an honest history, in which the last leaf revokes a consent, and a fork in which another leaf is there instead."""

    memory: MemoryZone
    log: ForkingLog
    consent: Logged
    honest: History
    fork: History
    identity: Identity
    public: Path
    directory: Path

    def follower(self, name: str) -> tuple[LogFollower, Zone]:
        """A custodian's real follower, on what it has stored under ``name``."""
        directory = make_private_directory(self.directory / name)
        zone = Zone(self.public)
        zone._view.min_key_bits = SMALL_BITS
        replica = LogReplica(database_in(directory, "replica"), directory / "replica", zone.genesis.log_vkey)
        peer = Peer(member="log", address=self.log.address)
        follower = LogFollower(self.identity, peer, replica, zone, zone.genesis.witness_policy)
        follower.replay()
        return follower, zone

    def follow(self, name: str, history: History) -> tuple[LogFollower, Zone]:
        """As ``follower``, after it was shown a history. Raises what stopped it."""
        self.log.shown[CUSTODIAN] = history
        follower, zone = self.follower(name)
        ended: list[BaseException] = []
        thread = threading.Thread(target=lambda: ended.extend(outcome(follower)), daemon=True)
        thread.start()
        try:
            follower.wait_for(len(history) - 1, 5.0)
        except NotReadyError:
            thread.join(5.0)
        if not ended:
            follower.cancel()
        thread.join(20.0)
        if ended:
            raise ended[0]
        return follower, zone

    def stands(self, zone: Zone) -> bool:
        """Whether the consent is in force in a view."""
        said = self.consent.statement
        with zone.reading() as view:
            try:
                check_consent(
                    view.consents[said.id], audience=said.audience, purpose=said.purpose, functionals=said.functionals, product=said.products[0],
                    time=self.memory.now,
                )  # fmt: skip
            except ConsentRevokedError:
                return False
        return True


def outcome(follower: LogFollower) -> list[BaseException]:
    try:
        follower.run()
    except LogForkError as error:
        return [error]
    return []


@pytest.fixture
def site(small_private_key: PrivateKey, make_identity: MakeIdentity, tmp_path: Path) -> Iterator[Site]:
    memory = MemoryZone(small_private_key, now=now() - 600)
    memory.found()
    memory.open_epoch()
    consent = memory.consent(memory.subjects[0], rows=False)
    other = memory.fork()
    other.enrol(other.subjects[1])
    memory.say(memory.revocation(consent), memory.own_key[memory.subjects[0]])
    log = ForkingLog(member_identity(make_identity("log", listens=True), memory), memory.log_signer)  # type: ignore[abstract] # followers call no others
    identity = member_identity(make_identity(CUSTODIAN), memory)
    yield Site(memory, log, consent, memory.entries, other.entries, identity, write_public(memory, tmp_path / "public"), tmp_path)
    log.stop()


def test_a_custodian_without_a_past_believes_a_signed_fork(site: Site) -> None:
    """The control: both histories are of one key and hold by themselves, and the revocation is in one of them only."""
    vkey = site.memory.view.registry.genesis.log_vkey
    roots = {open_checkpoint(site.log.note(history), vkey).root for history in (site.honest, site.fork)}
    assert (len(site.honest), len(roots)) == (len(site.fork), 2)
    assert not site.stands(site.follow("first", site.honest)[1])
    follower, deceived = site.follow("second", site.fork)
    assert site.stands(deceived)
    assert follower.witnessed is None  # and yet it opens nothing: no witness has signed this


def test_a_custodian_that_has_seen_the_revocation_stops_at_the_fork(site: Site) -> None:
    site.follow("custodian", site.honest)
    with pytest.raises(LogForkError):
        site.follow("custodian", [*site.fork, site.honest[-1]])


def test_a_witness_signs_one_history_and_a_custodian_waits_for_its_signature(site: Site) -> None:
    state = WitnessState(site.directory / "witness", site.directory / "witness.pin")
    witness = Witness(site.memory.view.registry.genesis.log_vkey, site.memory.witness_signer, state, now)
    for history, status in ((site.honest, 200), (site.fork, 409)):
        note = site.log.note(history)
        answer = witness.add(0 if witness.size == 0 else witness.size, [], note)
        assert answer.status == status
        if answer.cosignature:
            head = parse_checkpoint(parse_note(note).text)
            site.log.cosignatures[head.size, head.root] = answer.cosignature
    longer = [*site.fork, site.honest[-1]]
    tree = MemoryTree([leaf for leaf, _ in longer])
    proof = consistency_proof(len(site.fork), len(longer), tree.hashes)
    assert witness.add(witness.size, proof, site.log.note(longer)).status == 422
    assert site.follow("first", site.honest)[0].witnessed is not None
    assert site.follow("second", site.fork)[0].witnessed is None
