"""Takes score credentials of other zones: judges them, keeps them, tells the log that one was taken and not whose [F10–F14]."""

from __future__ import annotations

import threading

from gateway.recognition.peers import Peer, Peers
from gateway.recognition.store import Kept, Proof, RecognitionStore
from gateway.woken import Woken
from nodes.errors import PeerUnavailableError, QuotaFullError, RateLimitedError, RpcRefusal
from nodes.peering.trust import SPLIT
from nodes.runtime import logging
from nodes.runtime.clock import Clock
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.zone import Zone
from scoring.federation.credential import DAY_S, DEFAULT_POLICY, Recognised, RecognitionPolicy, judge_credential, presentation_digest
from scoring.statements import Recognition

RETRY_S = 5.0
MOST_A_DAY = 20  # presentations of one enterprise that are kept: each is up to 3 MiB here and a statement in the log
MOST_BYTES = 5_000_000_000
RECOGNISED, RECOGNITION_LOGGED, RECOGNITION_DELAYED = "credential.recognised", "recognition.logged", "recognition.delayed"
_log = logging.logger("recognition")


class RecognitionDesk:
    """The credentials of one gateway. Thread-safe."""

    def __init__(
        self, identity: Identity, zone: Zone, exchange: ExchangeClient, store: RecognitionStore, peers: Peers, now: Clock,
        policy: RecognitionPolicy = DEFAULT_POLICY, most_bytes: int = MOST_BYTES,
    ) -> None:  # fmt: skip
        """``most_bytes``: how much of each peer zone's is kept [F24]."""
        self._identity, self._zone, self._exchange, self.store, self.peers = identity, zone, exchange, store, peers
        self._now, self._policy, self._most_bytes = now, policy, most_bytes
        self._sending = threading.Lock()
        self.sender = Woken(self._again)  # of what is kept

    def take(self, credential: bytes, presentation: bytes) -> Kept:
        """What the credential shows, kept; in the log too, unless the log cannot be reached now: then it is sent later. The same presentation
        again is answered as it was, and judged anew where it comes in another envelope. Raises as ``judge_credential``; RateLimitedError for
        an enterprise that shows more than ``MOST_A_DAY``; QuotaFullError for a zone of which as much is here as is kept."""
        shown = presentation_digest(presentation)
        known = self.store.proof(shown)
        if known is None or known.presentation != presentation:
            peers = self.recognised()
            pinned = {name: peer.pinned for name, peer in peers.items()}
            shows = judge_credential(credential, presentation, pinned, here=self._identity.zone, now=self._now(), policy=self._policy)
            if known is None and self.store.taken_since(shows.origin, shows.uscc, self._now() - DAY_S) >= MOST_A_DAY:
                raise RateLimitedError(f"an enterprise shows at most {MOST_A_DAY} scores a day", DAY_S / MOST_A_DAY)
            if known is None and self.store.kept_bytes(shows.origin) + len(credential) + len(presentation) > self._most_bytes:
                _log.error(logging.PEER_FULL, peer=shows.origin, part="credentials", detail=f"{self._most_bytes} bytes are kept at most")
                raise QuotaFullError(f"of {shows.origin} no more scores are kept here")
            peer = peers[shows.origin]
            kept = Kept(shows, peer.title, peer.model_title(shows.model_sha256), self._now())
            self.store.keep(kept, Proof(credential, presentation, self._statement(shows)))
            _log.info(RECOGNISED, origin=shows.origin, model=shows.model)
        self.drain()
        found = self.store.find(shown)
        assert found is not None  # it was kept
        return found

    def recognised(self) -> dict[str, Peer]:
        """The zones whose scores are taken: pinned here, peers of the registry under the same registry of theirs [F1, F12], and not found by
        our own node to have shown two histories [F7]."""
        with self._zone.reading() as view:
            approved = {member.peer.zone: member.peer.registry for member in view.registry.members.values() if member.peer is not None}
        found = {name: peer for name, peer in self.peers.pinned().items() if approved.get(name) == peer.pinned.registry_sha256}
        return {name: peer for name, peer in found.items() if self.peers.mirror(name).status().get("state") != SPLIT}

    def drain(self) -> None:
        """Send kept statements in their order, as far as the zone takes them now."""
        with self._sending:
            for shown, envelope in self.store.unsent():
                try:
                    receipt = self._exchange.submit(envelope)
                except (RpcRefusal, PeerUnavailableError) as error:
                    _log.warning(RECOGNITION_DELAYED, error=type(error).__name__, reason=getattr(error, "reason", ""))
                    return
                self.store.sent(shown, receipt.leaf_index)
                _log.info(RECOGNITION_LOGGED, leaf_index=receipt.leaf_index)

    def _again(self) -> float:
        self.drain()
        return RETRY_S

    def _statement(self, shows: Recognised) -> bytes:
        statement = Recognition(
            zone=self._identity.zone, nonce=fresh_nonce(), origin=shows.origin, model=shows.model, model_sha256=shows.model_sha256,
            shown=shows.shown, scored=shows.scored,
        )  # fmt: skip
        return sign_statement(statement, self._identity.signer)
