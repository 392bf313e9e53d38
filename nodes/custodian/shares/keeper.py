"""The custodian's keeper of shares: takes its share at the ceremony, and its part in every round that renews the shares [P1.5, P1.7].

It looks at the log and at what it holds, and does the next thing; then again. Each thing is on disk before it is said, and said again with the same
bytes after a crash. The share in force is replaced only when the log shows that the round is activated: until then it stays whole.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from crypto.bignum import secret_power
from crypto.errors import CryptoError
from crypto.paillier import DEFAULT_MIN_BITS
from crypto.sealing import generate_key, public_key
from crypto.threshold import Share, Sharing
from nodes.custodian.shares.approvals import Approvals
from nodes.custodian.shares.holding import Holding, Part, read_holding, write_holding
from nodes.errors import NotReadyError, PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.files import make_private_directory, read_private
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.zone import Zone
from protos.errors import refusal_of
from scoring.custody.generations import Generation
from scoring.custody.rounds import PendingRound, make_deal, new_share
from scoring.errors import BadDealError, KeyNotReadyError, KeyRoundError
from scoring.exchange.view import Logged
from scoring.release.ceremony import open_share
from scoring.statements import (
    Ceremony,
    KeyAbandoned,
    KeyAcknowledged,
    KeyActivated,
    KeyDeal,
    KeyReceiver,
    KeyRound,
    Refusal,
    ShareAccepted,
    Statement,
)

RETRY_PAUSE_S = 0.5
WATCHED = (Ceremony, KeyRound, KeyReceiver, KeyDeal, KeyAcknowledged, KeyActivated, KeyAbandoned)

_log = logging.logger("keeper")


class ShareKeeper:
    """One custodian's shares. ``run`` works in a thread of its own; the others ask ``in_force``."""

    def __init__(
        self, identity: Identity, zone: Zone, log: LogClient, exchange: ExchangeClient, directory: Path, passphrase_file: Path,
        min_bits: int = DEFAULT_MIN_BITS,
    ) -> None:  # fmt: skip
        self._identity, self._zone, self._log, self._exchange, self._min_bits = identity, zone, log, exchange, min_bits
        self._path = make_private_directory(directory) / "share.json"
        self._passphrase = read_private(passphrase_file).strip()
        self._approvals = Approvals(directory)
        self._holding = read_holding(self._path, self._passphrase) if self._path.exists() else Holding()
        self._refused: set[str] = set()  # rounds whose deals did not hold
        self._wake, self._ready = threading.Event(), threading.Event()

    # --- the other threads ---

    def observe(self, logged: Logged) -> None:
        """Look again when the log says something about the key."""
        if isinstance(logged.statement, WATCHED):
            self._wake.set()

    def in_force(self) -> tuple[Sharing, Share]:
        """The sharing that is in force by our view of the log, and our share of it.

        Raises NotReadyError before the ceremony and in the moment after an activation, KeyNotReadyError when this custodian holds no such share.
        """
        with self._zone.reading() as view:
            if not view.generations:
                raise NotReadyError("no key ceremony is in the log")
            sharing = view.generation().sharing
        holding = self._holding
        if holding.share is not None and holding.share.generation == sharing.generation:
            return sharing, holding.share
        coming = None if holding.part is None else holding.part.share
        if not self._ready.is_set() or (coming is not None and coming.generation == sharing.generation):
            raise NotReadyError(f"the share of generation {sharing.generation} is being put in force")
        raise KeyNotReadyError(f"{self._identity.member} holds no share of generation {sharing.generation}: it needs a re-sharing")

    def wait(self) -> None:
        """Return once a share was accepted or the log's key has gone on without us, or ``cancel`` was called."""
        self._ready.wait()

    def cancel(self) -> None:
        """End every ``wait`` and, after the process is told to stop, ``run``."""
        self._ready.set()
        self._wake.set()

    # --- the keeper's own thread ---

    def run(self, stopping: threading.Event) -> None:
        """Do what the log asks for until the process stops. What could not be said is said again after a pause.

        Raises KeyFormatError or SealingError when the ceremony's share is bad: the ceremony has failed and this custodian does not go on.
        """
        while not stopping.is_set():
            self._wake.clear()
            try:
                outstanding = self.advance()
            except (PeerUnavailableError, RpcRefusal) as error:
                _log.info(logging.KEY_STEP_DELAYED, cause=type(error).__name__, reason=getattr(error, "reason", ""))
                outstanding = True
            if outstanding:
                stopping.wait(RETRY_PAUSE_S)
            else:
                self._wake.wait()

    def advance(self) -> bool:
        """Do everything that can be done now; whether something waits that the log will not tell of. Idempotent.

        Raises RpcRefusal and PeerUnavailableError when a step could not be said; what was done before it stays done.
        """
        with self._zone.reading() as view:
            if view.ceremony is None:
                return False
            ceremony, present, pending = view.ceremony, view.generation(), view.round
            accepted = self._identity.member in view.shares
        self._settle(ceremony.statement, present, pending)
        self._ready.set()
        if present.number == 0 and not accepted and self._holding.share is not None:
            self._accept(ceremony, self._holding.share)
        return False if pending is None else self._take_part(present, pending)

    def _settle(self, ceremony: Ceremony, present: Generation, pending: PendingRound | None) -> None:
        """Put in force what the log has activated, and erase what is over, in one write."""
        before = holding = self._holding
        part = holding.part
        if part is not None and part.share is not None and _fits(present, part.share):
            holding = Holding(part.share)
        elif part is not None and (pending is None or part.round != pending.digest):
            holding = replace(holding, part=None)
        if self._identity.member not in present.custodians and holding.share is not None:
            holding = replace(holding, share=None)
        if holding == Holding() and present.number == 0 and self._identity.member in ceremony.custodians:
            holding = Holding(open_share(ceremony, self._identity.member, self._identity.hpke_private, self._min_bits))
        if holding != before:
            self._keep(holding)
            generation = None if holding.share is None else holding.share.generation
            _log.info(logging.SHARE_KEPT, generation=generation, part=holding.part is not None)

    def _accept(self, ceremony: Logged, share: Share) -> None:
        said = ShareAccepted(
            zone=self._identity.zone, nonce=fresh_nonce(), ceremony=ceremony.digest, custodian=self._identity.member, index=share.index
        )
        self._log.append(sign_statement(said, self._identity.signer))

    def _take_part(self, present: Generation, pending: PendingRound) -> bool:
        me, statement = self._identity.member, pending.statement
        if me in statement.custodians and me not in pending.receivers:
            self._say(pending, KeyReceiver.kind, lambda part: (part, self._receiver(pending, part)))
        if me in statement.dealers and me not in pending.deals and pending.may_deal:
            if statement.action == "reshare" and not self._approvals.has(pending.digest):
                return True  # the operator's word comes from outside: look again
            self._try(pending, KeyDeal.kind, lambda part: (part, self._deal(present, pending)))
        if me in statement.custodians and me not in pending.acknowledged and pending.is_dealt:
            self._try(pending, KeyAcknowledged.kind, lambda part: self._acknowledged(pending, part))
        return False

    def _try(self, pending: PendingRound, kind: str, make: Callable[[Part], tuple[Part, Statement]]) -> None:
        """As ``_say``, for a step that others can make impossible: then a refusal, once."""
        if pending.digest in self._refused:
            return
        try:
            self._say(pending, kind, make)
        except (KeyRoundError, KeyNotReadyError, CryptoError) as error:
            self._refuse(pending, error)

    def _say(self, pending: PendingRound, kind: str, make: Callable[[Part], tuple[Part, Statement]]) -> None:
        """Make a statement of the round once, keep it with what belongs to it, then have it logged."""
        part = self._holding.part
        if part is None or part.round != pending.digest:
            part = Part(pending.digest, generate_key(secrets.randbits)[0])
        if kind not in part.said:
            part, statement = make(part)
            part = replace(part, said={**part.said, kind: sign_statement(statement, self._identity.signer)})
            self._keep(replace(self._holding, part=part))
        self._exchange.submit(part.said[kind])
        _log.info(logging.KEY_STEP_SAID, kind=kind, generation=pending.statement.generation)

    def _receiver(self, pending: PendingRound, part: Part) -> KeyReceiver:
        public = public_key(part.private).hex()
        return KeyReceiver(zone=self._identity.zone, nonce=fresh_nonce(), round=pending.digest, custodian=self._identity.member, hpke=public)

    def _deal(self, present: Generation, pending: PendingRound) -> KeyDeal:
        share = self._holding.share
        if share is None or share.generation != present.number:
            raise KeyNotReadyError("this custodian has no share to deal with")
        return make_deal(pending, self._identity.member, share, fresh_nonce(), secrets.randbits)

    def _acknowledged(self, pending: PendingRound, part: Part) -> tuple[Part, Statement]:
        share = new_share(pending, self._identity.member, part.private, self._holding.share)
        said = KeyAcknowledged(
            zone=self._identity.zone, nonce=fresh_nonce(), round=pending.digest, custodian=self._identity.member, deals=pending.deals_digest
        )
        return replace(part, share=share), said

    def _refuse(self, pending: PendingRound, error: Exception) -> None:
        """Say in the log that the round cannot go on, and which deal is at fault; the authority gives the round up."""
        self._refused.add(pending.digest)
        reason, about = refusal_of(error).reason, error.deal if isinstance(error, BadDealError) else pending.digest
        _log.error(logging.KEY_STEP_REFUSED, reason=reason, generation=pending.statement.generation)
        with self._zone.reading() as view:
            if any((item.statement.member, item.statement.about) == (self._identity.member, about) for item in view.refusals):
                return
        refusal = Refusal(zone=self._identity.zone, nonce=fresh_nonce(), member=self._identity.member, reason=reason, about=about)
        self._log.append(sign_statement(refusal, self._identity.signer))

    def _keep(self, holding: Holding) -> None:
        write_holding(self._path, holding, self._passphrase)
        self._holding = holding


def _fits(present: Generation, share: Share) -> bool:
    """Whether ``share`` is of the generation in force: not only its number, but its verification value."""
    sharing = present.sharing
    return share.generation == present.number and secret_power(sharing.v, share.value, sharing.public_key.n) == sharing.v_i[share.index - 1]
