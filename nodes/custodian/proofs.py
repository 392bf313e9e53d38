"""The custodian's answers to those who could not open: proofs that its partials come from its share, in the log for all to check [P1.4]."""

from __future__ import annotations

import secrets
import threading

from crypto.blame import prove_partial
from crypto.errors import CryptoError
from nodes.custodian.examination import Examiner
from nodes.custodian.shares.keeper import ShareKeeper
from nodes.errors import NodeError, NotReadyError, PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.zone import Zone
from protos.errors import refusal_of
from scoring.custody.blame import proof_context
from scoring.errors import ScoringError
from scoring.exchange.view import Logged
from scoring.statements import PartialProof, ProofDemand, Ticket

RETRY_PAUSE_S = 2.0

_log = logging.logger("proofs")


class ProofDesk:
    """Answers every demand that names this custodian, once. A proof shows nothing of the share or the partial, so it needs no consent."""

    def __init__(
        self, identity: Identity, zone: Zone, examiner: Examiner, keeper: ShareKeeper, exchange: ExchangeClient, stopping: threading.Event
    ) -> None:
        self._identity, self._zone, self._examiner, self._keeper = identity, zone, examiner, keeper
        self._exchange, self._stopping, self._wake = exchange, stopping, threading.Event()

    def observe(self, logged: Logged) -> None:
        """Look again when somebody demands proofs of us."""
        if isinstance(logged.statement, ProofDemand) and self._identity.member in logged.statement.custodians:
            self._wake.set()

    def run(self) -> None:
        """Answer what the log asks until the process stops; what could not be answered now is tried again."""
        while not self._stopping.is_set():
            self._wake.clear()
            if self.answer_all():
                self._wake.wait()
            else:
                self._stopping.wait(RETRY_PAUSE_S)

    def stop(self) -> None:
        """Wake ``run`` so that it ends."""
        self._wake.set()

    def answer_all(self) -> bool:
        """Answer the demands that stand; whether none is left that could be answered later."""
        done = True
        for demand in self._standing():
            try:
                self._answer(demand)
            except (PeerUnavailableError, RpcRefusal, NotReadyError) as error:
                _log.info(logging.PROOF_DELAYED, leaf_index=demand.index, cause=type(error).__name__, reason=getattr(error, "reason", ""))
                done = False
            except (ScoringError, CryptoError, NodeError) as error:
                _log.error(logging.PROOF_DELAYED, leaf_index=demand.index, reason=refusal_of(error).reason)
        return done

    def _standing(self) -> list[Logged]:
        """Demands that we have not answered, of the generation in force: shares of earlier ones are erased."""
        me = self._identity.member
        with self._zone.reading() as view:
            return [
                logged
                for digest, logged in view.demands.items()
                if me in logged.statement.custodians
                and logged.statement.generation == view.generation().number
                and (digest, me) not in view.partial_proofs
            ]

    def _answer(self, demand: Logged) -> None:
        said: ProofDemand = demand.statement
        me = self._identity.member
        sharing, share = self._keeper.in_force()
        if share.generation != said.generation:
            return
        with self._zone.reading() as view:
            ticket: Ticket = view.tickets[said.ticket].statement
        aggregate = self._examiner.aggregate_of(ticket, said.opening)
        context = proof_context(said.ticket, said.opening, me, said.generation)
        found = prove_partial(sharing, share, aggregate, context, secrets.randbits)
        proof = PartialProof(
            zone=self._identity.zone,
            nonce=fresh_nonce(),
            demand=demand.digest,
            custodian=me,
            challenge=f"{found.challenge:x}",
            response=f"{found.response:x}",
        )
        self._exchange.submit(sign_statement(proof, self._identity.signer))
        _log.info(logging.PROOF_GIVEN, leaf_index=demand.index)
