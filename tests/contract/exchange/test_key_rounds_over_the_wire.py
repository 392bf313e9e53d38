"""Rounds of the key and quarrels about partials over real mutual TLS, with a real coordinator and log; the key has 512 bits [P1.4, P1.7]."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from crypto.blame import prove_partial
from crypto.encoding import sha256
from crypto.keygen import PrivateKey
from gateway.evaluation.rounds import KeyRounds
from nodes.custodian.shares import holding
from nodes.custodian.shares.keeper import ShareKeeper
from nodes.errors import RpcRefusal
from nodes.runtime.clock import now
from nodes.runtime.files import make_private_directory, write_private
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from scoring.custody.blame import ANSWER_S, proof_context
from scoring.exchange.view import Logged
from scoring.statements import KeyRound, PartialProof, ProofDemand
from tests.support.coordinator import Coordinator, RunningLog, member_identity, write_public
from tests.support.intake import MakeIdentity
from tests.support.ledger import SMALL_BITS
from tests.support.members import CUSTODIANS, ZONE
from tests.support.zone import MemoryZone


@dataclass
class Site:
    """The services, and a client of each member."""

    memory: MemoryZone
    coordinator: Coordinator
    log: RunningLog
    clients: dict[str, ExchangeClient]
    keepers: dict[str, ShareKeeper]
    rounds: KeyRounds
    ticket: Logged
    aggregate: int

    def turn(self, generation: int) -> None:
        """Everybody does what there is to do until the generation is in force, and its shares are."""
        for _ in range(40):
            for keeper in self.keepers.values():
                keeper.advance()
            self.rounds.activate()
            with self.coordinator.zone.reading() as view:
                if view.generation().number == generation:
                    break
            self.coordinator.wait_for(self.log.size - 1)
        for keeper in self.keepers.values():
            keeper.advance()
        assert {keeper.in_force()[1].generation for keeper in self.keepers.values()} == {generation}


@pytest.fixture(scope="module")
def site(small_private_key: PrivateKey, make_identity: MakeIdentity, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("rounds")
    memory = MemoryZone(small_private_key, now=now() - 120)  # its ticket is still alive when the log takes it
    memory.found()
    memory.open_epoch()
    memory.contribute_columns()
    memory.close_epoch()
    memory.open_totals()
    memory.say(memory.release_statement(), "authority")
    asked = memory.asked(memory.consent(memory.subjects[0]))
    ticket = memory.say(asked.ticket, "coordinator")

    def identity(name: str) -> Identity:
        return member_identity(make_identity(name, listens=name in {"coordinator", "log"}), memory)

    with ExitStack() as stack:
        stack.callback(setattr, holding, "SCRYPT_N", holding.SCRYPT_N)
        holding.SCRYPT_N = 1 << 4  # the cost of one guess is for thieves
        log = RunningLog(memory, identity("log"), make_private_directory(directory / "log"))
        stack.callback(log.stop)
        coordinator = Coordinator.start(identity("coordinator"), log.peer, write_public(memory, directory / "public"), directory / "coordinator")
        stack.callback(coordinator.end)
        coordinator.wait_for(log.size - 1)
        clients = {name: ExchangeClient(identity(name), coordinator.peer) for name in (*CUSTODIANS, "authority", "bank-a", "bank-b")}
        logs = {name: LogClient(identity(name), log.peer) for name in CUSTODIANS}
        for close in (*(client.close for client in clients.values()), *(client.close for client in logs.values())):
            stack.callback(close)
        keepers = {}
        for name, share in zip(CUSTODIANS, memory.shares, strict=True):
            folder, passphrase = make_private_directory(directory / name), directory / f"{name}.passphrase"
            write_private(passphrase, b"secret")
            holding.write_holding(folder / "share.json", holding.Holding(share), b"secret")
            keepers[name] = ShareKeeper(identity(name), coordinator.zone, logs[name], clients[name], folder, passphrase, SMALL_BITS)
        rounds = KeyRounds(identity("authority"), coordinator.zone, clients["authority"])
        yield Site(memory, coordinator, log, clients, keepers, rounds, ticket, asked.aggregates[0])


def test_shares_are_refreshed_over_the_wire(site: Site) -> None:
    site.rounds.refresh()
    site.turn(1)
    assert site.rounds.status()["custodians"] == list(CUSTODIANS)
    with site.coordinator.zone.reading() as view:
        assert view.void == {}


def test_a_round_is_not_put_into_the_log_past_the_coordinator(site: Site) -> None:
    """The log takes such steps from the coordinator alone, which judges them: a void one would only be in the way."""
    with site.coordinator.zone.reading() as view:
        present = view.generation()
    statement = KeyRound(
        zone=ZONE, nonce=fresh_nonce(), action="refresh", generation=present.number + 1, threshold=2, custodians=CUSTODIANS, dealers=CUSTODIANS
    )
    envelope = sign_statement(statement, site.memory.keys.signers["authority"])
    size = site.log.size
    with pytest.raises(RpcRefusal) as refused:
        site.keepers["tax"]._log.append(envelope)
    assert refused.value.reason == "ROLE_MISSING"
    wrong = statement.model_copy(update={"generation": 9, "nonce": fresh_nonce()})
    with pytest.raises(RpcRefusal) as judged:
        site.clients["authority"].submit(sign_statement(wrong, site.memory.keys.signers["authority"]))
    assert (judged.value.reason, site.log.size) == ("KEY_ROUND_STATE", size)


def test_only_the_audience_gets_more_partials(site: Site) -> None:
    assert site.clients["bank-a"].more_partials(site.ticket.digest) == [], "no custodian is connected: nobody is waited for"
    for caller, digest, reason in (("bank-b", site.ticket.digest, "ROLE_MISSING"), ("bank-a", "ab" * 32, "TICKET_UNKNOWN")):
        with pytest.raises(RpcRefusal) as refused:
            site.clients[caller].more_partials(digest)
        assert refused.value.reason == reason


def test_a_demand_is_answered_in_the_log_and_shown_to_who_made_it(site: Site) -> None:
    sharing, share = site.keepers["tax"].in_force()
    demand = ProofDemand(
        zone=ZONE, nonce=fresh_nonce(), ticket=site.ticket.digest, opening=0, generation=share.generation, custodians=("tax",),
        answer_by=now() + ANSWER_S + 60,
    )  # fmt: skip
    envelope = sign_statement(demand, site.memory.keys.signers["bank-a"])
    site.clients["bank-a"].submit(envelope)
    digest = sha256(envelope).hex()
    assert site.clients["bank-a"].proofs(digest) == []
    context = proof_context(site.ticket.digest, 0, "tax", share.generation)
    found = prove_partial(sharing, share, site.aggregate, context, secrets.randbits)
    statement = PartialProof(
        zone=ZONE, nonce=fresh_nonce(), demand=digest, custodian="tax", challenge=f"{found.challenge:x}", response=f"{found.response:x}"
    )
    proof = sign_statement(statement, site.memory.keys.signers["tax"])
    site.clients["tax"].submit(proof)
    assert site.clients["bank-a"].proofs(digest) == [proof]
    with pytest.raises(RpcRefusal) as refused:
        site.clients["bank-b"].proofs(digest)
    assert refused.value.reason == "ROLE_MISSING"
