"""Takes steps of claims to the log and tells the store when they are there. What was signed and kept is sent again after a restart [O5]."""

from __future__ import annotations

import json
import math
import threading

from crypto.encoding import sha256
from crypto.statements import parse_envelope
from gateway.policies.store import PolicyStore, Sending
from gateway.woken import Woken
from nodes.errors import PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.clock import Timer
from nodes.runtime.peers.exchange_client import ExchangeClient
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from scoring.policies.claims import Claim
from scoring.statements import PaperPayee, PolicyPaper, PolicyStep

RETRY_S = 5.0
STEP_LOGGED, STEP_DELAYED, STEP_REFUSED = "policy.step_logged", "policy.step_delayed", "policy.step_refused"

_log = logging.logger("policies")


def paper_of(claim: Claim) -> PolicyPaper:
    """What the last step of a claim says, with a fresh nonce."""
    step, payee = claim.history[-1], claim.payee
    said = {"claim": claim.id, "policy": claim.policy, "subject": claim.subject, "amount_fen": claim.amount_fen, "file": claim.file}
    said |= {"step": step.name, "by": step.by, "at": step.at, "note": step.note, "notice_ends": claim.notice_ends, "nonce": fresh_nonce()}
    paid_to = None if payee is None else PaperPayee(name=payee.name, bank=payee.bank, account=payee.account)
    return PolicyPaper.model_validate(said | {"payee": paid_to})


class Courier:
    """Signs the authority's steps and sends everybody's. Thread-safe: one sends at a time, in the order in which steps were kept."""

    def __init__(self, identity: Identity, exchange: ExchangeClient, store: PolicyStore) -> None:
        self._identity, self._exchange, self._store = identity, exchange, store
        self._turn = threading.Lock()
        self.sender = Woken(self._again)  # woken when there is something to send

    def signed(self, claim: Claim, previous: str) -> Sending:
        """The claim's last step as the authority says it. ``previous``: digest of the step before."""
        paper = paper_of(claim).to_bytes()
        step = claim.history[-1].name
        said = {"zone": self._identity.zone, "nonce": fresh_nonce(), "claim": claim.id, "step": step, "previous": previous}
        ends = claim.notice_ends if step == "noticed" else 0
        statement = PolicyStep.model_validate(said | {"paper": sha256(paper).hex(), "notice_ends": ends})
        return Sending(claim, paper, sign_statement(statement, self._identity.signer))

    def send_now(self, sending: Sending) -> int:
        """Send one kept step of an enterprise; its leaf. Raises RpcRefusal, and then the claim stays as it was, or PeerUnavailableError: it is
        sent again later."""
        with self._turn:
            try:
                return self._send(sending)
            except RpcRefusal as refusal:
                if not refusal.passing:
                    self._store.refused(sending)
                raise

    def drain(self, limit_s: float = math.inf) -> int:
        """Send what is kept, for as long as ``limit_s``; how many steps are still on their way.

        The authority's own steps are never given up: the log's clock may be a little behind, and a notice that has ended here ends there too.
        """
        timer = Timer(limit_s)
        with self._turn:
            kept, left = self._store.sendings(), 0
            for place, sending in enumerate(kept):
                if timer.left_s() <= 0:
                    return left + len(kept) - place
                try:
                    self._send(sending)
                except (RpcRefusal, PeerUnavailableError) as error:
                    left += 1
                    if isinstance(error, PeerUnavailableError) or error.passing:
                        _log.warning(STEP_DELAYED, error=type(error).__name__)
                        return len(self._store.sendings())
                    self._judge_refused(sending, error)
            return left

    def _again(self) -> float:
        self.drain()
        return RETRY_S

    def _send(self, sending: Sending) -> int:
        receipt = self._exchange.submit(sending.envelope)
        self._store.arrived(sending, receipt.digest.hex(), receipt.leaf_index, sha256(sending.paper).hex())
        _log.info(STEP_LOGGED, step=sending.claim.state, leaf_index=receipt.leaf_index)
        return int(receipt.leaf_index)

    def _judge_refused(self, sending: Sending, refusal: RpcRefusal) -> None:
        _log.error(STEP_REFUSED, step=sending.claim.state, reason=refusal.reason)
        said = json.loads(parse_envelope(sending.envelope).payload)
        if said["service"]:
            self._store.refused(sending)
