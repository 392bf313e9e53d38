"""A query from the bank's own people: ask the gateway, wait for rows, open, read, verify, keep the receipt [P5.1, P5.4, P5.5]."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from typing import Any

from crypto.encoding import canonical_json
from crypto.errors import CryptoError, PackingError
from nodes.bank.consents import Consents
from nodes.bank.receipts import ReceiptStore, build_receipt
from nodes.errors import NodeError, NotReadyError, PeerUnavailableError, RpcRefusal
from nodes.runtime import logging
from nodes.runtime.clock import Timer
from nodes.runtime.failures import FailureReports
from nodes.runtime.peers.identity import Identity
from nodes.runtime.peers.log_client import LogClient
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica.releases import Released, ReleaseOpener
from nodes.runtime.web.gateway_client import GatewayClient
from nodes.runtime.web.request_document import SCORES, RequestDocument
from scoring.errors import ConsentMissingError, RangeError, ScoringError
from scoring.statements import Failure, Refusal

PAUSE_S = 0.25
NO_CONSENT = "0" * 32
OPENING_FAILED = "OPENING_FAILED"  # says neither gated, vetoed nor out of range [P5.3]
WHAT_FAILED = "what the custodians sent does not open to a possible, verifiable result"
QUERY_ANSWERED, QUERY_FAILED = "query.answered", "query.failed"
_log = logging.logger("bank.queries")


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked: one enterprise, by subject id or by its code where it consented; one product; one purpose."""

    product: str
    purpose: str
    subject: str = ""
    uscc: str = ""
    wait_s: float = 20.0


class Queries:
    """Answers queries, one after the other or at once from many threads."""

    def __init__(
        self, identity: Identity, gateway: GatewayClient, opener: ReleaseOpener, consents: Consents, receipts: ReceiptStore, log: LogClient,
        reports: FailureReports, stopping: threading.Event,
    ) -> None:  # fmt: skip
        self._identity, self._gateway, self._opener, self._log = identity, gateway, opener, log
        self._consents, self._receipts, self._reports, self._stopping = consents, receipts, reports, stopping

    def answer(self, query: Query) -> dict[str, Any]:
        """The receipt's id and what it shows.

        Raises GatewayRefusal with the zone's reason, ConsentMissingError when the code is of no enterprise that consented,
        NotReadyError while rows are awaited for longer than ``wait_s``, PeerUnavailableError, and RpcRefusal OPENING_FAILED, logged,
        when what came does not open, is impossible, or does not verify.
        """
        body = self._body(query)
        document, answer = self._ask(body, query.wait_s)
        released = None
        try:
            released = self._opener.open(answer, self._identity.hpke_private)
            receipt = build_receipt(released, self._opener.key, query.product, document)
            receipt_id = released.digest[:32]
            verified = self._receipts.keep(receipt_id, receipt)
        except (ScoringError, CryptoError, NodeError, ValueError, LookupError) as error:  # the answer is the gateway's word: anything may be in it
            raise self._failed(error, released) from error
        _log.info(QUERY_ANSWERED, receipt=receipt_id, leaf_index=verified.ticket_leaf_index)
        return {"receipt_id": receipt_id, **asdict(verified)}

    def _body(self, query: Query) -> bytes:
        held = self._consents.find(subject=query.subject, uscc=query.uscc, product=query.product, purpose=query.purpose)
        subject = query.subject or (held.subject if held else "")
        if not subject:
            raise ConsentMissingError("no enterprise with this code has consented to this bank")
        consent_id = held.id if held else NO_CONSENT  # the zone, not this bank, judges and logs that there is none
        return canonical_json({"subject": subject, "product": query.product, "purpose": query.purpose, "consent_id": consent_id})

    def _ask(self, body: bytes, wait_s: float) -> tuple[RequestDocument, dict[str, Any]]:
        timer = Timer(wait_s)
        while True:
            answer = self._gateway.ask(SCORES, body, self._identity.signer)
            if answer.body is not None:
                return answer.document, answer.body
            if timer.left_s() <= 0 or self._stopping.wait(PAUSE_S):
                raise NotReadyError("rows of this enterprise are still awaited: ask again later")

    def _failed(self, error: Exception, released: Released | None) -> RpcRefusal:
        """Log that a ticket's answers were of no use, under a code that does not tell why; an impossible value freezes its enterprise [P2.4]."""
        about = "" if released is None else released.digest
        _log.error(QUERY_FAILED, error=type(error).__name__, ticket=about)
        if released is not None and isinstance(error, RangeError | PackingError):
            failure = Failure(zone=self._identity.zone, nonce=fresh_nonce(), ticket=released.digest)
            self._reports.report(sign_statement(failure, self._identity.signer))
            return RpcRefusal(OPENING_FAILED, WHAT_FAILED, "INTERNAL")
        statement = Refusal(zone=self._identity.zone, nonce=fresh_nonce(), member=self._identity.member, reason=OPENING_FAILED, about=about)
        try:
            self._log.append(sign_statement(statement, self._identity.signer))
        except (RpcRefusal, PeerUnavailableError) as unreachable:
            _log.error(QUERY_FAILED, error=type(unreachable).__name__, reason=OPENING_FAILED)
        return RpcRefusal(OPENING_FAILED, WHAT_FAILED, "INTERNAL")
