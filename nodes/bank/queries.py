"""A query from the bank's own people: ask the gateway, wait for rows, open, read, verify, keep the receipt [P5.1, P5.4, P5.5]."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import httpx

from crypto.encoding import canonical_json
from crypto.errors import CryptoError, PackingError
from nodes.bank.consents import Consents, HeldConsent
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
from nodes.runtime.web.request_document import SCORES, SCORES_BATCH, RequestDocument
from protos.errors import refusal_of
from scoring.errors import ConsentMissingError, RangeError, ScoringError
from scoring.statements import Failure, Refusal

PAUSE_S = 0.25
BATCH = 50  # under one signature: what is opened within a call's time
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
        held = self._consents.find(subject=query.subject, uscc=query.uscc, product=query.product, purpose=query.purpose)
        document, answer = self._ask(canonical_json(_wanted(query, held)), query.wait_s)
        return self._opened(answer, document, query.product)

    def codes(self) -> dict[str, str]:
        """The codes (USCC) of all enterprises that ever consented, by subject id."""
        return {held.subject: held.uscc for held in self._consents.all()}

    def batch(self, product: str, purpose: str, codes: Sequence[str]) -> Iterator[dict[str, Any]]:
        """For each code (USCC), in order: what ``answer`` gives, or the ``reason`` why there is nothing. So many as fit one signature are asked
        about at once; of rows that are still awaited the reason is ROWS_AWAITED. Raises GatewayRefusal and PeerUnavailableError.
        """
        for start in range(0, len(codes), BATCH):
            yield from self._part(product, purpose, tuple(dict.fromkeys(codes[start : start + BATCH])))

    def _part(self, product: str, purpose: str, codes: Sequence[str]) -> Iterator[dict[str, Any]]:
        held = {code: self._consents.find(subject="", uscc=code, product=product, purpose=purpose) for code in codes}
        items = {code: _wanted(Query(product, purpose, uscc=code), consent) for code, consent in held.items() if consent is not None}
        results: dict[str, dict[str, Any]] = {}
        document = None
        if items:
            answered = self._gateway.ask(SCORES_BATCH, canonical_json({"items": list(items.values())}), self._identity.signer)
            document, results = answered.document, {result["subject"]: result for result in (answered.body or {})["results"]}
        for code in codes:
            result = results.get(items[code]["subject"]) if code in items else None
            yield {"uscc": code, **self._result(result, document, product)}

    def _result(self, result: dict[str, Any] | None, document: RequestDocument | None, product: str) -> dict[str, Any]:
        if result is None or document is None:
            return {"reason": refusal_of(ConsentMissingError()).reason}
        if result["status"] != httpx.codes.OK:
            return {"reason": str(result["reason"])}
        try:
            return self._opened(result, document, product)
        except RpcRefusal as refusal:
            return {"reason": refusal.reason}

    def _opened(self, answer: dict[str, Any], document: RequestDocument, product: str) -> dict[str, Any]:
        released = None
        try:
            released = self._opener.open(answer, self._identity.hpke_private)
            receipt = build_receipt(released, self._opener.key, product, document)
            receipt_id = receipt.id
            verified = self._receipts.keep(receipt_id, receipt)
        except (ScoringError, CryptoError, NodeError, ValueError, LookupError) as error:  # the answer is the gateway's word: anything may be in it
            raise self._failed(error, released) from error
        _log.info(QUERY_ANSWERED, receipt=receipt_id, leaf_index=verified.ticket_leaf_index)
        return {"receipt_id": receipt_id, **asdict(verified)}

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


def _wanted(query: Query, held: HeldConsent | None) -> dict[str, str]:
    """The body of a score request. Raises ConsentMissingError for a code that nobody consented under."""
    subject = query.subject or (held.subject if held else "")
    if not subject:
        raise ConsentMissingError("no enterprise with this code has consented to this bank")
    consent_id = held.id if held else NO_CONSENT  # the zone, not this bank, judges and logs that there is none
    return {"subject": subject, "product": query.product, "purpose": query.purpose, "consent_id": consent_id}
