"""The custodian at work: proves contributions ahead of time, examines tickets and answers them sealed, or refuses in the log."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

from crypto.encoding import sha256
from crypto.errors import CryptoError
from crypto.sealing import seal
from crypto.threshold import Share, Sharing, partial
from nodes.custodian.examination import Admitted, Examiner
from nodes.custodian.revocations import Revocations
from nodes.custodian.shares.keeper import ShareKeeper
from nodes.errors import NodeError, NotReadyError, PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.material import Ciphertexts
from protos.errors import refusal_of
from protos.v1 import exchange_pb2 as wire
from scoring.errors import ScoringError
from scoring.exchange.view import Logged
from scoring.release.partials import sealing_aad, sealing_info
from scoring.statements import Partial, Refusal, Row

RETRY_PAUSE_S = 0.5
PARTIALS_PER_MESSAGE = 256

_log = logging.logger("custodian")


class Custodian:
    """Answers the tickets that the coordinator sends down the work stream."""

    def __init__(
        self, identity: Identity, examiner: Examiner, keeper: ShareKeeper, revocations: Revocations, exchange: ExchangeClient, log: LogClient,
        stopping: threading.Event,
    ) -> None:  # fmt: skip
        self._identity, self._examiner, self._keeper, self._revocations = identity, examiner, keeper, revocations
        self._exchange, self._log, self._stopping = exchange, log, stopping

    def open(self, work: wire.OpenTicket) -> None:
        """Answer one ticket: partials sealed to its audience, or a signed refusal in the log. Idempotent.

        While log, coordinator or witnesses are awaited it tries again, until the ticket expires; any other failure is a refusal.
        """
        while not self._stopping.is_set():
            try:
                admitted = self._examiner.examine(work)
                answers = list(self._answers(admitted))
                with self._revocations.sending():
                    self._examiner.still_admitted(admitted)
                    self._exchange.submit_partials(answers)
            except (PeerUnavailableError, NotReadyError):
                self._stopping.wait(RETRY_PAUSE_S)
                continue
            except (ScoringError, CryptoError, NodeError) as error:
                if isinstance(error, RpcRefusal) and error.passing:  # of a document or ciphertexts: it says nothing about the ticket
                    self._stopping.wait(RETRY_PAUSE_S)
                    continue
                self._refuse(work, error)
                return
            _log.info(logging.TICKET_ANSWERED, leaf_index=work.leaf_index, openings=len(admitted.aggregates))
            return

    def _answers(self, admitted: Admitted) -> Iterator[wire.PartialsPart]:
        ticket, held = admitted.logged, self._keeper.in_force()
        for start in range(0, len(admitted.aggregates), PARTIALS_PER_MESSAGE):
            chunk = admitted.aggregates[start : start + PARTIALS_PER_MESSAGE]
            partials = [self._seal(admitted, held, start + place, value) for place, value in enumerate(chunk)]
            yield wire.PartialsPart(ticket=bytes.fromhex(ticket.digest), partials=partials)

    def _seal(self, admitted: Admitted, held: tuple[Sharing, Share], opening: int, aggregate: int) -> wire.SealedPartial:
        (sharing, share), ticket = held, admitted.logged
        statement = Partial(
            zone=self._identity.zone,
            nonce=fresh_nonce(),
            ticket=ticket.digest,
            opening=opening,
            aggregate=ticket.statement.openings[opening].aggregate,
            custodian=self._identity.member,
            index=share.index,
            generation=share.generation,
            x=f"{partial(sharing, share, aggregate):x}",
        )
        info = sealing_info(ticket.digest, self._identity.member, share.generation)
        enc, ciphertext = seal(admitted.audience_key, info, sealing_aad(opening), sign_statement(statement, self._identity.signer))
        return wire.SealedPartial(opening=opening, enc=enc, ciphertext=ciphertext, generation=share.generation)

    def _refuse(self, work: wire.OpenTicket, error: Exception) -> None:
        reason = refusal_of(error).reason
        digest = sha256(work.ticket_envelope).hex()
        _log.warning(logging.TICKET_REFUSED, leaf_index=work.leaf_index, reason=reason)
        refusal = Refusal(zone=self._identity.zone, nonce=fresh_nonce(), member=self._identity.member, reason=reason, about=digest)
        appended = self._log.append(sign_statement(refusal, self._identity.signer))
        self._exchange.refuse_ticket(digest, reason, appended.index)


class Prover:
    """Fetches and proves rows as their leaves come, so that a bank's query finds them proven."""

    def __init__(self, ciphertexts: Ciphertexts, stopping: threading.Event) -> None:
        self._ciphertexts, self._stopping = ciphertexts, stopping
        self._waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.live = False  # set after the replay at start: rows of the past are proven when a ticket needs them

    def observe(self, logged: Logged) -> None:
        """Note a new row."""
        if self.live and isinstance(logged.statement, Row):
            self._waiting.put(logged.index)

    def run(self) -> None:
        """Prove what waits, until the process stops. A row that fails is left for the ticket that needs it to refuse."""
        while not self._stopping.is_set():
            index = self._waiting.get()
            if index < 0:
                return
            try:
                self._ciphertexts.prepare(index)
            except (ScoringError, CryptoError, NodeError) as error:
                _log.warning(logging.CONTRIBUTION_UNPROVEN, leaf_index=index, reason=refusal_of(error).reason)

    def stop(self) -> None:
        """Wake ``run`` so that it ends."""
        self._waiting.put(-1)
