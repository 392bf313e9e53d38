"""The custodian at work: accepts its share, proves contributions ahead of time, examines tickets and answers them sealed, or refuses in the log."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

from crypto.encoding import sha256
from crypto.errors import CryptoError
from crypto.sealing import seal
from crypto.threshold import Share, Sharing, partial
from nodes.custodian.examination import Admitted, Examiner
from nodes.custodian.revocations import Revocations
from nodes.custodian.share_file import read_share, write_share
from nodes.errors import NodeError, NotReadyError, PeerUnavailableError
from nodes.runtime import logging
from nodes.runtime.files import make_private_directory, read_private
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.material import Ciphertexts
from nodes.runtime.replica.zone import Zone
from protos.errors import refusal_of
from protos.v1 import exchange_pb2 as wire
from scoring.custody.generations import sharing_of
from scoring.errors import ScoringError
from scoring.exchange.view import Logged
from scoring.release.ceremony import open_share
from scoring.release.partials import sealing_aad, sealing_info
from scoring.statements import Ceremony, Partial, Refusal, Row, ShareAccepted

RETRY_PAUSE_S = 0.5
PARTIALS_PER_MESSAGE = 256

_log = logging.logger("custodian")


class ShareHolder:
    """The custodian's share: unsealed from the ceremony once, kept in a file under a passphrase, acknowledged in the log [P1.5]."""

    def __init__(self, identity: Identity, zone: Zone, log: LogClient, path: Path, passphrase_file: Path) -> None:
        self._identity, self._zone, self._log, self._path = identity, zone, log, path
        self._passphrase = read_private(passphrase_file).strip()
        self._share: Share | None = None
        self._ready = threading.Event()

    def accept(self, ceremony: Logged) -> None:
        """Check the share sealed to us against the transcript, keep it, and log the acceptance. Does nothing when that is done.

        Raises KeyFormatError or SealingError for a bad share: the ceremony has failed and this custodian does not go on.
        """
        statement: Ceremony = ceremony.statement
        make_private_directory(self._path.parent)
        if not self._path.exists():
            write_share(self._path, open_share(statement, self._identity.member, self._identity.hpke_private), self._passphrase)
        share = self._share = read_share(self._path, self._passphrase)
        with self._zone.reading() as view:
            accepted = self._identity.member in view.shares
        self._ready.set()
        if accepted:
            return
        acceptance = ShareAccepted(
            zone=self._identity.zone, nonce=fresh_nonce(), ceremony=ceremony.digest, custodian=self._identity.member, index=share.index
        )
        self._log.append(sign_statement(acceptance, self._identity.signer))

    def wait(self) -> None:
        """Return once the share is in place, or ``cancel`` was called."""
        self._ready.wait()

    def cancel(self) -> None:
        """End every ``wait``."""
        self._ready.set()

    @property
    def share(self) -> Share:
        """The share. Raises NotReadyError before the ceremony's transcript was accepted."""
        if self._share is None:
            raise NotReadyError("this custodian has not accepted its share yet")
        return self._share

    def sharing(self) -> Sharing:
        """The public side of the sharing, from the log. Raises NotReadyError."""
        with self._zone.reading() as view:
            if view.ceremony is None or view.public_key is None:
                raise NotReadyError("no key ceremony is in the log")
            return sharing_of(view.ceremony.statement, view.public_key)


class Custodian:
    """Answers the tickets that the coordinator sends down the work stream."""

    def __init__(
        self, identity: Identity, examiner: Examiner, holder: ShareHolder, revocations: Revocations, exchange: ExchangeClient, log: LogClient,
        stopping: threading.Event,
    ) -> None:  # fmt: skip
        self._identity, self._examiner, self._holder, self._revocations = identity, examiner, holder, revocations
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
                self._refuse(work, error)
                return
            _log.info(logging.TICKET_ANSWERED, leaf_index=work.leaf_index, openings=len(admitted.aggregates))
            return

    def _answers(self, admitted: Admitted) -> Iterator[wire.PartialsPart]:
        ticket = admitted.logged
        for start in range(0, len(admitted.aggregates), PARTIALS_PER_MESSAGE):
            chunk = admitted.aggregates[start : start + PARTIALS_PER_MESSAGE]
            partials = [self._seal(admitted, start + place, value) for place, value in enumerate(chunk)]
            yield wire.PartialsPart(ticket=bytes.fromhex(ticket.digest), partials=partials)

    def _seal(self, admitted: Admitted, opening: int, aggregate: int) -> wire.SealedPartial:
        share, ticket = self._holder.share, admitted.logged
        statement = Partial(
            zone=self._identity.zone,
            nonce=fresh_nonce(),
            ticket=ticket.digest,
            opening=opening,
            aggregate=ticket.statement.openings[opening].aggregate,
            custodian=self._identity.member,
            index=share.index,
            generation=share.generation,
            x=f"{partial(self._holder.sharing(), share, aggregate):x}",
        )
        info = sealing_info(ticket.digest, self._identity.member, share.generation)
        enc, ciphertext = seal(admitted.audience_key, info, sealing_aad(opening), sign_statement(statement, self._identity.signer))
        return wire.SealedPartial(opening=opening, enc=enc, ciphertext=ciphertext)

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
